"""The edge bridge's pods: they leave when their calls are over, and protect the handlers that are in one."""

from collections.abc import Iterator

from cluster.rules.findings import Finding
from cluster.rules.handler import has_what_it_reads
from cluster.rules.mending import apply_or_write, fault, fault_of_value, set_value, set_variable
from cluster.rules.objects import ClusterObject, ClusterObjects
from cluster.rules.product import (
    EDGE_DRAIN_S,
    EDGE_LEAVES_WITHIN_S,
    HANDLER,
    POD_GRACE_S,
    POD_SPEC,
    REQUIRED_ENVIRONMENT,
    edge,
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
    if objects.missed or any(_covers(budget, labels) for budget in budgets):
        return
    why = "the drain of a node, or of several at once, may end every bridge together: no line is registered then"
    fix = apply_or_write(bridge, "add the PodDisruptionBudget of manifests/base")
    found = "no PodDisruptionBudget selects its pods"
    yield fault(bridge, ("spec", "template", "metadata", "labels"), found, why, fix, warning=True)


def _covers(budget: ClusterObject, labels: object) -> bool:
    wanted = budget.mapping("spec", "selector", "matchLabels")
    return isinstance(labels, dict) and bool(wanted) and wanted.items() <= labels.items()


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
