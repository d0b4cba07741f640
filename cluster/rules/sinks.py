"""What SinkBindings inject: calls go to the call handler itself, every other event to the Broker."""

from collections.abc import Iterator, Mapping

from cluster.rules.events import SinkUse, sink_use
from cluster.rules.findings import Finding, apply_or_write, fault, patch, set_value
from cluster.rules.objects import EVENTING, SERVING, SOURCES, ClusterObject, ClusterObjects
from cluster.rules.product import BROKER, HANDLER, edge, environment, first_container, handler, relay

THROUGH_THE_BROKER = (
    "a call would go through the Broker: it takes the handler's stream of lines for a failure and invokes it again, "
    "and holds the POST until every subscriber and its retries are done"
)
NOWHERE = "without K_SINK it has nowhere to send: the bridge ends with status 2, the relay never becomes ready"


def calls_go_straight_to_the_handler(objects: ClusterObjects) -> Iterator[Finding]:
    bridge = edge(objects)
    if bridge is None:
        return
    service = handler(objects)
    namespace = service.namespace if service is not None else bridge.namespace
    wanted = _reference(SERVING, "Service", HANDLER, namespace)
    yield from _bound_to(objects, bridge, wanted, THROUGH_THE_BROKER)


def events_go_to_the_broker(objects: ClusterObjects) -> Iterator[Finding]:
    publisher = relay(objects)
    if publisher is not None:
        wanted = _reference(EVENTING, "Broker", BROKER, publisher.namespace)
        why = "the outbox's events go past the Broker: no Trigger sees them, and no function does its work"
        yield from _bound_to(objects, publisher, wanted, why)


def _reference(group: str, kind: str, name: str, namespace: str) -> dict[str, str]:
    named = {"apiVersion": f"{group}/v1", "kind": kind, "name": name}
    return named | ({"namespace": namespace} if namespace else {})


def _bound_to(
    objects: ClusterObjects, workload: ClusterObject, wanted: Mapping[str, str], elsewhere: str
) -> Iterator[Finding]:
    """One SinkBinding has the workload as its subject, and its sink is the wanted object."""
    bindings = [one for one in objects.all(SOURCES, "SinkBinding", workload.namespace) if _binds(one, workload)]
    if not bindings:
        yield from _unbound(objects, workload, wanted, elsewhere)
    for binding in bindings:
        sink = sink_use(binding, "spec", "sink")
        if not _leads_to(sink, wanted, workload):
            found = f"points at {(sink and (sink.target or sink.value.get('uri'))) or 'nothing'}"
            fix = set_value(binding, ("spec", "sink"), {"ref": wanted})
            if not binding.file:  # the whole sink: a merge would leave the old namespace, or an address, in it
                operation = {"op": "replace", "path": "/spec/sink", "value": {"ref": wanted}}
                fix = patch(binding.reference, [operation], "json")
            yield fault(binding, ("spec", "sink"), found, elsewhere, fix)


def _unbound(
    objects: ClusterObjects, workload: ClusterObject, wanted: Mapping[str, str], elsewhere: str
) -> Iterator[Finding]:
    """A K_SINK written into the workload does as well, where it leads to the right place."""
    if objects.missed:
        return
    path = (*first_container(workload).path, "env")
    sink = environment(objects, workload)[0].get("K_SINK")
    if sink is None:
        found = f"no SinkBinding has {workload.kind}/{workload.name} as its subject"
        fix = apply_or_write(workload, f"add the SinkBinding to {wanted['kind']}/{wanted['name']} of manifests/base")
        yield fault(workload, ("spec",), found, NOWHERE, fix)
    elif ("broker" in sink) != (wanted["kind"] == "Broker"):
        fix = f"remove K_SINK: the SinkBinding injects the address of {wanted['kind']}/{wanted['name']}"
        yield fault(workload, path, f"K_SINK is {sink}", elsewhere, apply_or_write(workload, fix))


def _binds(binding: ClusterObject, workload: ClusterObject) -> bool:
    subject = binding.mapping("spec", "subject")
    if subject.get("kind") != workload.kind:
        return False
    if subject.get("name"):
        return bool(subject["name"] == workload.name)
    labels = binding.mapping("spec", "subject", "selector", "matchLabels")
    return bool(labels) and labels.items() <= workload.mapping("metadata", "labels").items()


def _leads_to(sink: SinkUse | None, wanted: Mapping[str, str], workload: ClusterObject) -> bool:
    target = sink.target if sink is not None else None
    if target is None:
        return False
    namespace = wanted.get("namespace", workload.namespace)
    return (f"{target.group}/v1", target.kind, target.name, target.namespace) == (
        wanted["apiVersion"],
        wanted["kind"],
        wanted["name"],
        namespace,
    )
