"""The few ``kubectl`` commands that the doctor tells people to run, run against the API server of the tests.

A command with an option that is not known here fails, so that no test passes on a command that nobody understood.
"""

import argparse
import json
import shlex

from cluster.rules import presence
from ops.manifests.patches import apply_operations, merge
from tests.fakes.kubernetes_api import KubernetesApi
from tests.fakes.kubernetes_resources import KINDS, RESOURCES, Object
from tests.integration.doctor.good_cluster import INSTALLED, applied, rendered, settled

RBAC = "rbac.authorization.k8s.io"


def run(api: KubernetesApi, command: str) -> None:
    if command == presence.APPLY_SETTINGS:
        for patched in applied(list(INSTALLED), rendered("components/knative-settings")):
            api.put(settled(patched))
        return
    command, piped, _ = command.partition(" --dry-run=client -o yaml | kubectl apply -f -")
    words = shlex.split(command, comments=True)
    assert words.pop(0) == "kubectl", command
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("-n", "--namespace", default="")
    known, rest = parser.parse_known_args(words)
    verb, *arguments = rest
    if verb == "create":
        _create(api, known.namespace, arguments, may_exist=bool(piped))
    else:
        {"patch": _patch, "delete": _delete, "apply": _apply, "rollout": _restart}[verb](
            api, known.namespace, arguments
        )


def _patch(api: KubernetesApi, namespace: str, arguments: list[str]) -> None:
    target, option, kind, flag, text = arguments
    assert (option, flag) == ("--type", "-p")
    found = _found(api, namespace, target)
    change = json.loads(text)
    changed = merge(found, change, by_key=False) if kind == "merge" else apply_operations(found, change)
    written = changed.pop("stringData", {})  # the API server encodes it into data
    api.put(settled(changed | ({"data": {**changed.get("data", {}), **written}} if written else {})))


def _delete(api: KubernetesApi, namespace: str, arguments: list[str]) -> None:
    [target] = arguments
    found = _found(api, namespace, target)
    api.delete(found["kind"], found["metadata"]["name"], namespace, found["apiVersion"])


def _create(api: KubernetesApi, namespace: str, arguments: list[str], *, may_exist: bool) -> None:
    kind, *rest = arguments
    if kind == "secret":
        assert rest.pop(0) == "generic"
    name, *options = rest
    given = [option.removeprefix("--").split("=", 1) for option in options]
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    made = {"metadata": metadata, **_created(kind, given)}
    assert may_exist or api.get(made["kind"], name, namespace) is None, f"{kind} {name} already exists"
    api.put(made)


def _created(kind: str, given: list[list[str]]) -> Object:
    values = {option: value for option, value in given if option != "from-literal"}
    match kind:
        case "secret" | "configmap":
            data = dict(value.split("=", 1) for option, value in given if option == "from-literal")
            assert not values
            return {"apiVersion": "v1", "kind": "Secret" if kind == "secret" else "ConfigMap", "data": data}
        case "role" | "clusterrole":
            resources = [one.partition(".") for one in values.pop("resource").split(",")]
            verbs = values.pop("verb").split(",")
            rules = [{"apiGroups": [group], "resources": [name], "verbs": verbs} for name, _, group in resources]
            assert not values
            return {"apiVersion": f"{RBAC}/v1", "kind": "Role" if kind == "role" else "ClusterRole", "rules": rules}
        case "rolebinding" | "clusterrolebinding":
            bound = "ClusterRole" if "clusterrole" in values else "Role"
            role = values.pop("clusterrole", "") or values.pop("role")
            binding = "RoleBinding" if kind == "rolebinding" else "ClusterRoleBinding"
            subject = {"kind": "User", "name": values.pop("user")} if "user" in values else _account(values)
            assert not values
            return {
                "apiVersion": f"{RBAC}/v1",
                "kind": binding,
                "roleRef": {"apiGroup": RBAC, "kind": bound, "name": role},
                "subjects": [subject],
            }
    raise AssertionError(f"kubectl create {kind} is not known here")


def _account(values: dict[str, str]) -> Object:
    namespace, _, name = values.pop("serviceaccount").partition(":")
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def _apply(api: KubernetesApi, namespace: str, arguments: list[str]) -> None:
    assert not namespace
    folder = arguments[arguments.index("-k") + 1].removeprefix("manifests/")
    for change in rendered(folder):
        metadata = change["metadata"]
        old = api.get(change["kind"], metadata["name"], metadata.get("namespace", ""), change["apiVersion"])
        api.put(settled(applied([old], [change])[0] if old else change))


def _restart(api: KubernetesApi, namespace: str, arguments: list[str]) -> None:
    verb, target = arguments
    assert verb == "restart"
    assert _found(api, namespace, target)["kind"] == "Deployment"


def _found(api: KubernetesApi, namespace: str, target: str) -> Object:
    """``service.serving.knative.dev/call-handler``: the kind, the group where it is not a built-in one, the name."""
    resource, _, name = target.partition("/")
    singular, _, group = resource.partition(".")
    for api_version, kind in KINDS:
        in_group = api_version.startswith(f"{group}/") if group else "." not in api_version
        if kind.lower() == singular and in_group:
            found = api.get(kind, name, namespace, api_version)
            assert found is not None, f"no {target} in {namespace}"
            return found
    raise AssertionError(f"{resource} is none of {sorted(RESOURCES)}")
