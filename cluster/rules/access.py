"""May the edge bridge mark busy handler pods? RBAC objects are evaluated as the API server does."""

from collections.abc import Iterator

from cluster.rules.findings import Finding
from cluster.rules.mending import create_or_replace, fault, fault_of_value
from cluster.rules.objects import Access, ClusterObject, ClusterObjects, Reference
from cluster.rules.product import EDGE, POD_SPEC, edge, handler

RBAC = "rbac.authorization.k8s.io"
WHY = "scale-down deletes pods with live calls: 2 of 3 busy pods without the deletion cost, 0 of 3 with it"


def deletion_cost_access(objects: ClusterObjects) -> Access | None:
    """The question to ask; None where the bridge or the handler is not there."""
    bridge, service = edge(objects), handler(objects)
    if bridge is None or service is None:
        return None
    account = str(bridge.at(*POD_SPEC, "serviceAccountName") or "default")
    return Access(f"{bridge.namespace}/{account}", "patch", "", "pods", service.namespace)


def the_bridge_may_mark_busy_pods(objects: ClusterObjects) -> Iterator[Finding]:
    bridge, access = edge(objects), deletion_cost_access(objects)
    if bridge is None or access is None:
        return
    namespace, _, name = access.account.partition("/")
    allowed = objects.reviews.get(access)
    if allowed is None:
        allowed = is_allowed(objects, access)
        if not allowed and objects.missed:
            return
    if not allowed:
        found = f"ServiceAccount {access.account} may not patch pods in {access.namespace or 'its namespace'}"
        yield fault(bridge, (*POD_SPEC, "serviceAccountName"), found, WHY, _grant(bridge, access))
    account = objects.find(Reference("v1", "ServiceAccount", namespace, name))
    path = (*POD_SPEC, "automountServiceAccountToken")
    mounts = bridge.at(*path)
    if mounts is None and account is not None:
        mounts = account.at("automountServiceAccountToken")
    if mounts is False:
        why = f"the bridge has no token to patch pods with: {WHY}"
        yield fault_of_value(bridge, path, "false", why, True)


def is_allowed(objects: ClusterObjects, access: Access) -> bool:
    """From Roles and bindings alone, without asking the API server."""
    bindings = objects.all(RBAC, "RoleBinding", access.namespace) + objects.all(RBAC, "ClusterRoleBinding")
    return any(_names(binding, access.account) and _grants(_role(objects, binding), access) for binding in bindings)


def _names(binding: ClusterObject, account: str) -> bool:
    namespace, _, name = account.partition("/")
    groups = {"system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}"}
    for _, subject in binding.items("subjects"):
        match subject.get("kind"):
            case "ServiceAccount":
                if (subject.get("namespace", ""), subject.get("name")) == (namespace, name):
                    return True
            case "Group":
                if subject.get("name") in groups:
                    return True
            case "User":
                if subject.get("name") == f"system:serviceaccount:{namespace}:{name}":
                    return True
    return False


def _role(objects: ClusterObjects, binding: ClusterObject) -> ClusterObject | None:
    kind, name = str(binding.at("roleRef", "kind")), str(binding.at("roleRef", "name"))
    namespace = binding.namespace if kind == "Role" else ""
    return objects.find(Reference(f"{RBAC}/v1", kind, namespace, name))


def _grants(role: ClusterObject | None, access: Access) -> bool:
    if role is None:
        return False
    return any(
        _has(rule.get("apiGroups"), access.group)
        and _has(rule.get("resources"), access.resource)
        and _has(rule.get("verbs"), access.verb)
        and not rule.get("resourceNames")  # a handler pod's name is not known beforehand
        for _, rule in role.items("rules")
    )


def _has(values: object, wanted: str) -> bool:
    return isinstance(values, list) and (wanted in values or "*" in values)


def _grant(bridge: ClusterObject, access: Access) -> str:
    if bridge.file:
        return (
            f"write a Role in {access.namespace or 'the handlers’ namespace'} with verbs [patch] on pods, and a "
            f"RoleBinding to ServiceAccount {access.account}, as manifests/base has them"
        )
    inside, account = f"-n {access.namespace}", access.account.replace("/", ":")
    role = f"role pod-deletion-cost {inside} --verb={access.verb} --resource={access.resource}"
    binding = f"rolebinding {EDGE}-pod-deletion-cost {inside} --role=pod-deletion-cost --serviceaccount={account}"
    return f"{create_or_replace(role)}\n{create_or_replace(binding)}"
