"""Pods that may do nothing they need not: the restricted Pod Security standard, tokens, rights, Secrets, images."""

import pytest

from tests.unit.manifests.rendered import (
    MANIFESTS,
    OPTIONS,
    OVERLAYS,
    Object,
    container_of,
    environment,
    identity,
    is_knative,
    objects,
    of_kind,
    pod_of,
    workloads,
)

pytestmark = pytest.mark.unit

EVERYWHERE = [*OVERLAYS, *OPTIONS]
OURS = {f"alloresto-{name}" for name in ("backup", "edge", "functions", "synthetic", "web")}
RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
EXCEPT = {  # what is not restricted: the overlay, the namespace that permits it, and only these fields
    "production": {"alloresto-edge/StatefulSet/edge-bridge": {"hostNetwork"}},
    "standby": {"alloresto-standby-edge/StatefulSet/edge-bridge": {"hostNetwork"}},
    "kamailio": {"alloresto-edge/StatefulSet/edge-bridge": {"hostNetwork"}},
    "real-time-audio": {"alloresto-edge/StatefulSet/edge-bridge": {"hostNetwork", "runAsNonRoot", "runAsUser", "add"}},
}


PREWARM = [
    {
        "apiGroups": ["serving.knative.dev"],
        "resources": ["services"],
        "resourceNames": ["call-handler"],
        "verbs": ["get"],
    },
    {"apiGroups": ["serving.knative.dev"], "resources": ["revisions"], "verbs": ["patch"]},
]
PATCH = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}]


def named(body: Object) -> str:
    return str(body["metadata"]["name"])


def refers(binding: Object) -> str:
    return str(binding["roleRef"]["name"])


def unrestricted(workload: Object) -> set[str]:
    """The fields that the restricted standard refuses, by its list."""
    pod, container = pod_of(workload), container_of(workload)
    context = container.get("securityContext", {})
    found = {field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field)}
    for volume in pod.get("volumes", []):
        found |= set(volume) - {"name"} - RESTRICTED_VOLUMES
    required = {
        "runAsNonRoot": context.get("runAsNonRoot") is True,
        "runAsUser": context.get("runAsUser") != 0,
        "allowPrivilegeEscalation": context.get("allowPrivilegeEscalation") is False,
        "drop": context.get("capabilities", {}).get("drop") == ["ALL"],
        "add": set(context.get("capabilities", {}).get("add", [])) <= {"NET_BIND_SERVICE"},
        "seccompProfile": context.get("seccompProfile", {}).get("type") == "RuntimeDefault",
        "privileged": not context.get("privileged"),
    }
    return found | {field for field, holds in required.items() if not holds}


@pytest.mark.parametrize("overlay", EVERYWHERE)
def test_every_pod_is_restricted_but_for_what_is_named(overlay: str) -> None:
    found = {identity(workload): unrestricted(workload) for workload in workloads(overlay)}
    assert {name: fields for name, fields in found.items() if fields} == EXCEPT.get(overlay, {})


@pytest.mark.parametrize("overlay", EVERYWHERE)
def test_every_root_file_system_is_read_only(overlay: str) -> None:
    for workload in workloads(overlay):
        # Where ``skaffold dev`` replaces sources; rabbitmq-broker is tested on top of that overlay.
        replaced = overlay in ("dev-cluster", "rabbitmq-broker") and workload["metadata"]["name"] == "web"
        read_only = container_of(workload)["securityContext"]["readOnlyRootFilesystem"]
        assert read_only is not replaced, identity(workload)


@pytest.mark.parametrize("overlay", EVERYWHERE)
def test_every_namespace_enforces_what_its_pods_keep_to(overlay: str) -> None:
    namespaces = {body["metadata"]["name"]: body["metadata"]["labels"] for body in of_kind(overlay, "Namespace")}
    assert namespaces.keys() == {
        body["metadata"]["namespace"] for body in objects(overlay) if body["kind"] != "Namespace"
    }
    for name, labels in namespaces.items():
        exceptions = any(key.startswith(f"{name}/") for key in EXCEPT.get(overlay, {}))
        # The pods that eventing-rabbitmq makes in our namespace set no seccompProfile.
        others = "baseline" if overlay == "rabbitmq-broker" else "restricted"
        assert labels["pod-security.kubernetes.io/enforce"] == ("privileged" if exceptions else others)
        assert labels["pod-security.kubernetes.io/warn"] == "restricted"


@pytest.mark.parametrize("overlay", EVERYWHERE)
def test_only_who_is_named_has_rights_in_the_cluster(
    overlay: str,
) -> None:
    for workload in workloads(overlay):
        mounts = pod_of(workload).get("automountServiceAccountToken")
        if workload["metadata"]["name"] == "prewarmer":  # Knative takes only false here: the account says it
            assert mounts is None and pod_of(workload)["serviceAccountName"] == "prewarmer"
            continue
        assert mounts is (workload["metadata"]["name"] in ("edge-bridge", "web-staff")), identity(workload)
    for account in of_kind(overlay, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is (account["metadata"]["name"] in ("edge-bridge", "prewarmer"))
    rights = {
        subject["name"]: next(role["rules"] for role in of_kind(overlay, "Role") if named(role) == refers(binding))
        for binding in of_kind(overlay, "RoleBinding")
        for subject in binding["subjects"]
    }
    read = ["get", "list"]
    assert rights.get("edge-bridge", PATCH) == PATCH
    assert rights.get("web-staff") == (
        [
            {"apiGroups": ["serving.knative.dev"], "resources": ["revisions"], "verbs": read},
            {"apiGroups": [""], "resources": ["pods"], "verbs": read},
        ]
        if any(named(one) == "web-staff" for one in workloads(overlay))
        else None
    )
    assert rights.get("prewarmer", PREWARM) == PREWARM
    assert rights.keys() <= {"edge-bridge", "prewarmer", "web-staff"}
    assert not list(of_kind(overlay, "ClusterRole")) and not list(of_kind(overlay, "ClusterRoleBinding"))


def test_the_bridges_right_is_in_the_handlers_namespace() -> None:
    [binding] = [one for one in of_kind("production", "RoleBinding") if refers(one) == "pod-deletion-cost"]
    [handler] = [
        one
        for one in of_kind("production", "Service", "serving.knative.dev")
        if one["metadata"]["name"] == "call-handler"
    ]
    [bridge] = of_kind("production", "StatefulSet")
    assert binding["metadata"]["namespace"] == handler["metadata"]["namespace"] == "alloresto"
    assert binding["subjects"][0]["namespace"] == bridge["metadata"]["namespace"] == "alloresto-edge"
    assert environment(bridge)["HANDLER_NAMESPACE"]["value"] == "alloresto"


@pytest.mark.parametrize("overlay", EVERYWHERE)
def test_no_image_is_whatever_is_latest(overlay: str) -> None:
    for workload in workloads(overlay):
        image = container_of(workload)["image"]
        name, _, tag = image.partition(":")
        # Ours have no tag here: skaffold, or kustomize edit set image, puts the built one in.
        assert (name in OURS and not tag) or (name not in OURS and tag not in ("", "latest")), identity(workload)


@pytest.mark.parametrize("overlay", EVERYWHERE)
def test_no_secret_is_in_an_overlay_and_none_is_written_as_a_value(overlay: str) -> None:
    assert not list(of_kind(overlay, "Secret"))
    for workload in workloads(overlay):
        for name, variable in environment(workload).items():
            if in_a_secret_volume(workload, variable.get("value", "")):
                continue
            if any(word in name for word in ("PASSWORD", "SECRET", "KEY", "_URL", "TOKEN")) and "PUBLIC" not in name:
                assert "secretKeyRef" in variable.get("valueFrom", {}), f"{identity(workload)}: {name}"


def in_a_secret_volume(workload: Object, path: str) -> bool:
    """A path is no secret; what it leads to must come from one."""
    secret = {volume["name"] for volume in pod_of(workload).get("volumes", []) if "secret" in volume}
    mounts = container_of(workload).get("volumeMounts", [])
    return any(path.startswith(f"{mount['mountPath']}/") and mount["name"] in secret for mount in mounts)


def test_the_example_secrets_are_placeholders() -> None:
    text = (MANIFESTS / "secrets.example.yaml").read_text()
    for line in text.splitlines():
        key, colon, value = line.strip().partition(": ")
        if colon and key.isupper() and not key.startswith("#"):
            assert "CHANGE-ME" in value or value.startswith('""'), line


def test_only_the_admin_is_on_the_internet_and_staffs_at_a_host_of_its_own_for_networks_that_are_named() -> None:
    for overlay in ("staging", "production"):
        ingresses = {named(one): one for one in of_kind(overlay, "Ingress")}
        hosts = {
            name: [rule["host"] for rule in one["spec"]["rules"]]
            for name, one in ingresses.items()
            if [one["spec"]["tls"][0]["hosts"]] == [[rule["host"] for rule in one["spec"]["rules"]]]
        }
        assert hosts.keys() == {"web", "web-staff"}
        assert not set(hosts["web"]) & set(hosts["web-staff"])
        for name, one in ingresses.items():
            backends = {path["backend"]["service"]["name"] for path in one["spec"]["rules"][0]["http"]["paths"]}
            assert backends == {name}
        networks = "nginx.ingress.kubernetes.io/whitelist-source-range"
        assert ingresses["web-staff"]["metadata"]["annotations"][networks] == "10.0.0.0/8"
        for service in of_kind(overlay, "Service", "serving.knative.dev"):
            assert service["metadata"]["labels"]["networking.knative.dev/visibility"] == "cluster-local"
        exposed = {
            one["metadata"]["name"]
            for one in of_kind(overlay, "Service", "")
            if one["spec"].get("type", "ClusterIP") != "ClusterIP"
        }
        assert exposed == ({"edge-bridge-sip"} if overlay == "staging" else set())


def test_every_knative_field_of_production_is_permitted_by_the_cluster_settings() -> None:
    [features] = [
        body
        for body in of_kind("components/knative-settings", "ConfigMap")
        if body["metadata"]["name"] == "config-features"
    ]
    guarded = {  # a field of the pod, and the flag without which Knative refuses it
        "affinity": "kubernetes.podspec-affinity",
        "nodeSelector": "kubernetes.podspec-nodeselector",
        "tolerations": "kubernetes.podspec-tolerations",
        "topologySpreadConstraints": "kubernetes.podspec-topologyspreadconstraints",
        "securityContext": "kubernetes.podspec-securitycontext",
        "priorityClassName": "kubernetes.podspec-priorityclassname",
    }
    needed = {
        guarded[field]
        for overlay in EVERYWHERE
        for workload in workloads(overlay)
        if is_knative(workload)
        for field in pod_of(workload)
        if field in guarded
    }
    assert {key for key, value in features["data"].items() if value == "enabled"} == needed


@pytest.mark.parametrize("overlay", ["staging", "production"])
def test_staffs_admin_is_the_admin_with_the_role_that_sees_all_restaurants(overlay: str) -> None:
    admins = {named(one): one for one in of_kind(overlay, "Deployment") if named(one) in ("web", "web-staff")}
    web, staff = environment(admins["web"]), environment(admins["web-staff"])

    assert staff.pop("PLATFORM_DATABASE_URL")["valueFrom"] == {
        "secretKeyRef": {"name": "alloresto-database", "key": "PLATFORM_DATABASE_URL"}
    }
    for variable in ("PLATFORM_DATABASE_URL", "RECORDINGS_DIR"):
        web.pop(variable)
    assert staff == web
    assert container_of(admins["web"])["command"] == container_of(admins["web-staff"])["command"]
    assert pod_of(admins["web-staff"])["serviceAccountName"] == "web-staff"


@pytest.mark.parametrize("overlay", [*OVERLAYS, *OPTIONS])
def test_no_variable_is_set_twice(overlay: str) -> None:
    for workload in workloads(overlay):
        names = [one["name"] for one in container_of(workload).get("env", [])]
        assert len(names) == len(set(names)), identity(workload)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_admin_sees_more_than_one_restaurant_only_by_a_secret_of_its_own_that_may_be_left_out(overlay: str) -> None:
    (web,) = (one for one in of_kind(overlay, "Deployment") if one["metadata"]["name"] == "web")
    (container,) = web["spec"]["template"]["spec"]["containers"]

    sources = {one["name"]: one["valueFrom"] for one in container["env"] if "valueFrom" in one}

    assert sources["PLATFORM_DATABASE_URL"] == {
        "secretKeyRef": {"name": "alloresto-platform-pages", "key": "PLATFORM_DATABASE_URL", "optional": True}
    }
