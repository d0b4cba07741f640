"""The edge bridge's pods: they leave when their calls are over, and may mark the handlers that are in one.

RBAC objects are evaluated as the API server does, for where it may not be asked.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cluster.client import DELETION_COST, IN_CALL, SAFE_TO_EVICT
from cluster.rules.findings import (
    APPLY,
    Finding,
    apply_or_write,
    create_or_replace,
    fault,
    fault_of_value,
    set_value,
    set_variable,
)
from cluster.rules.handler import has_what_it_reads
from cluster.rules.objects import Access, ClusterObject, ClusterObjects, Reference
from cluster.rules.product import (
    EDGE,
    EDGE_DRAIN_S,
    EDGE_LEAVES_WITHIN_S,
    HANDLER,
    POD_GRACE_S,
    POD_SPEC,
    REQUIRED_ENVIRONMENT,
    edge,
    edge_autoscaler,
    environment,
    first_container,
    handler,
    longest_call_s,
    seconds,
    workloads,
)


def calls_end_before_the_bridge_does(objects: ClusterObjects) -> Iterator[Finding]:
    bridge = edge(objects)
    if bridge is None:
        return
    drain_s = seconds(objects, bridge, "DRAIN_S", EDGE_DRAIN_S)
    path = (*POD_SPEC, "terminationGracePeriodSeconds")
    grace_s = bridge.integer(*path)
    needed_s = round(drain_s + EDGE_LEAVES_WITHIN_S)
    if (POD_GRACE_S if grace_s is None else grace_s) < needed_s:
        found = f"{f'not set, which means {POD_GRACE_S}' if grace_s is None else grace_s}, while DRAIN_S is {drain_s:g}"
        why = "the pod is killed while its calls go on: each is cut, and its lines are not given up in time"
        yield fault_of_value(bridge, path, found, why, needed_s)
    longest_s = longest_call_s(objects)
    if drain_s < longest_s:
        found = f"DRAIN_S is {drain_s:g}, for calls of {longest_s:g} s (MAX_CALL_S)"
        why = "at each rollout the bridge hangs up on callers who are on the phone for longer"
        container = first_container(bridge).path
        fix = set_variable(bridge, container, "DRAIN_S", f"{longest_s:g}")
        fix += f"\n{set_value(bridge, path, max(needed_s, round(longest_s + EDGE_LEAVES_WITHIN_S)))}"
        yield fault(bridge, (*container, "env"), found, why, fix, warning=True)


def a_node_drain_takes_one_bridge_at_a_time(objects: ClusterObjects) -> Iterator[Finding]:
    bridge = edge(objects)
    if bridge is None:
        return
    labels = bridge.mapping("spec", "template", "metadata", "labels")
    budgets = objects.all("policy", "PodDisruptionBudget", bridge.namespace)
    wanted = [budget.mapping("spec", "selector", "matchLabels") for budget in budgets]
    if objects.missed or any(one and one.items() <= labels.items() for one in wanted):
        return
    why = "the drain of a node, or of several at once, may end every bridge together: no line is registered then"
    fix = apply_or_write(bridge, "add the PodDisruptionBudget of manifests/base")
    found = "no PodDisruptionBudget selects its pods"
    yield fault(bridge, ("spec", "template", "metadata", "labels"), found, why, fix, warning=True)


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def the_autoscaler_alone_says_how_many(objects: ClusterObjects) -> Iterator[Finding]:
    """In a cluster the StatefulSet always has replicas, the autoscaler's; what ``kubectl apply`` set it remembers."""
    bridge, autoscaler = edge(objects), edge_autoscaler(objects)
    if bridge is None or autoscaler is None:
        return
    why = (
        f"each deployment puts it back, until {autoscaler.kind}/{autoscaler.name} looks again: bridges drain that are "
        "needed, and their lines are registered nowhere where the others are full"
    )
    path = ("spec", "replicas")
    if bridge.file:
        if bridge.at(*path) is not None:
            yield fault_of_value(bridge, path, str(bridge.at(*path)), why, None)
        return
    applied = _last_applied(bridge)
    spec = applied.get("spec")
    if isinstance(spec, Mapping) and "replicas" in spec:
        found = f"{spec['replicas']} in the manifest that was applied last"
        without = {**applied, "spec": {key: value for key, value in spec.items() if key != "replicas"}}
        place = ("metadata", "annotations", LAST_APPLIED)
        # Only then: an apply that finds a field gone which it had set itself makes it the default, one bridge.
        fix = "take spec.replicas out of the StatefulSet's manifest, and before that is applied, out of what was\n"
        fix += set_value(bridge, place, json.dumps(without, separators=(",", ":")))
        yield fault(bridge, path, found, why, fix)


def _last_applied(item: ClusterObject) -> Mapping[str, Any]:
    try:
        applied = json.loads(str(item.mapping("metadata", "annotations").get(LAST_APPLIED, "")))
    except ValueError:
        return {}
    return applied if isinstance(applied, Mapping) else {}


def a_pod_in_a_call_is_not_evicted(objects: ClusterObjects) -> Iterator[Finding]:
    """A PodDisruptionBudget for the handler pods that the bridge marks, and on a cluster the marks themselves."""
    service = handler(objects)
    if service is None:
        return
    why = (
        "a node that is emptied ends a handler in the middle of its call: the call may end within the pod's grace, "
        "but the cluster autoscaler waits ten minutes at most"
    )
    budgets = objects.all("policy", "PodDisruptionBudget", service.namespace)
    mine = [one for one in budgets if one.mapping("spec", "selector", "matchLabels") == {IN_CALL: "true"}]
    if not mine and not objects.missed:
        fix = apply_or_write(service, "add the PodDisruptionBudget call-handler of manifests/base")
        found = f"no PodDisruptionBudget selects {IN_CALL}: true"
        yield fault(service, ("spec", "template", "metadata", "labels"), found, why, fix, warning=True)
    for budget in mine:
        if budget.at("spec", "maxUnavailable") not in (0, "0", "0%"):
            found = str(budget.at("spec", "maxUnavailable"))
            yield fault_of_value(budget, ("spec", "maxUnavailable"), found, why, 0, warning=True)
    for pod in objects.all("", "Pod", service.namespace):
        annotations, labels = pod.mapping("metadata", "annotations"), pod.mapping("metadata", "labels")
        if str(annotations.get(DELETION_COST, "0")) in ("0", ""):
            continue
        if annotations.get(SAFE_TO_EVICT) != "false" or labels.get(IN_CALL) != "true":
            found = f"in a call, without {SAFE_TO_EVICT}: false or {IN_CALL}: true"
            fix = f"bring the bridges to the release of these manifests, which sets both\n{APPLY}"
            yield fault(pod, ("metadata",), found, why, fix, warning=True)


def the_bridge_finds_the_handlers_pods(objects: ClusterObjects) -> Iterator[Finding]:
    """HANDLER_NAMESPACE, where the bridge has a namespace of its own."""
    bridge, service = edge(objects), handler(objects)
    if bridge is None or service is None:
        return
    known, complete = environment(objects, bridge)
    if not complete:
        return
    looked_in = known.get("HANDLER_NAMESPACE") or bridge.namespace
    if looked_in != service.namespace:
        found = f"it patches pods in {looked_in}, {HANDLER} is in {service.namespace}"
        why = "no deletion cost reaches a busy pod: of 3 busy pods scale-down deleted 2, with the cost 0"
        container = first_container(bridge).path
        fix = set_variable(bridge, container, "HANDLER_NAMESPACE", service.namespace)
        yield fault(bridge, (*container, "env"), found, why, fix)


def every_process_has_what_it_reads(objects: ClusterObjects) -> Iterator[Finding]:
    for workload in workloads(objects):
        needed = REQUIRED_ENVIRONMENT.get(workload.name)
        if needed:
            yield from has_what_it_reads(objects, workload, needed)


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
    for binding in bindings:
        kind, name = str(binding.at("roleRef", "kind")), str(binding.at("roleRef", "name"))
        home = binding.namespace if kind == "Role" else ""
        role = objects.find(Reference(f"{RBAC}/v1", kind, home, name))
        if role is not None and _names(binding, access.account) and _grants(role, access):
            return True
    return False


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


def _grants(role: ClusterObject, access: Access) -> bool:
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
