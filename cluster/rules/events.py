"""Triggers, Brokers and their dead letters; where events are sent, and whether anybody is there."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cluster.rules.filters import takes
from cluster.rules.findings import Finding
from cluster.rules.mending import apply_or_write, fault, fault_of_value, kubectl
from cluster.rules.objects import EVENTING, SERVING, SOURCES, ClusterObject, ClusterObjects, Path, Reference
from cluster.rules.product import CALL_EVENT, DEAD_LETTERS

DEAD_LETTER_PATH = ("spec", "delivery", "deadLetterSink")


class Destination(NamedTuple):
    """A place that events go to, and where that is written."""

    holder: ClusterObject
    path: Path
    value: Mapping[str, Any]

    @property
    def target(self) -> Reference | None:
        """The object it refers to; None for a bare address. Its namespace is the holder's unless it names one."""
        ref = self.value.get("ref")
        if not isinstance(ref, Mapping):
            return None
        api_version = str(ref.get("apiVersion") or f"{ref.get('group', '')}/v1".lstrip("/"))
        namespace = str(ref.get("namespace") or self.holder.namespace)
        return Reference(api_version, str(ref.get("kind", "")), namespace, str(ref.get("name", "")))


def destination(holder: ClusterObject, *path: str) -> Destination | None:
    value = holder.at(*path)
    return Destination(holder, path, value) if isinstance(value, Mapping) and value else None


def destinations(objects: ClusterObjects) -> Iterator[Destination]:
    """Every subscriber, dead-letter sink and source's sink."""
    places = (
        (EVENTING, "Broker", (DEAD_LETTER_PATH,)),
        (EVENTING, "Trigger", (("spec", "subscriber"), DEAD_LETTER_PATH)),
        (SOURCES, "SinkBinding", (("spec", "sink"),)),
        (SOURCES, "PingSource", (("spec", "sink"),)),
    )
    for group, kind, paths in places:
        for holder in objects.all(group, kind):
            for path in paths:
                found = destination(holder, *path)
                if found is not None:
                    yield found


def no_trigger_takes_the_call(objects: ClusterObjects) -> Iterator[Finding]:
    for trigger in objects.all(EVENTING, "Trigger"):
        if not takes(trigger.mapping("spec"), CALL_EVENT).some:
            continue
        why = (
            f"a Broker takes the handler's stream of lines for a failure, and invokes it again for the same call: "
            f"{CALL_EVENT} goes from the bridge straight to the call handler's Service"
        )
        field = "filters" if trigger.at("spec", "filters") else "filter"
        found = f"takes {CALL_EVENT}, or every type: {trigger.at('spec', field) or 'no filter'}"
        fix = "name the type in filter.attributes.type (another than the call's), or remove the Trigger"
        if not trigger.file:
            fix = kubectl("delete", trigger.reference)
        yield fault(trigger, ("spec", field), found, why, fix)


def every_trigger_has_its_broker(objects: ClusterObjects) -> Iterator[Finding]:
    for trigger in objects.all(EVENTING, "Trigger"):
        name = str(trigger.at("spec", "broker") or "default")
        broker = Reference(f"{EVENTING}/v1", "Broker", trigger.namespace, name)
        if objects.is_absent(broker):
            why = "its subscriber gets no event"
            known = ", ".join(one.name for one in objects.all(EVENTING, "Broker", trigger.namespace)) or "none"
            fix = apply_or_write(trigger, f"create the Broker {name}, or name one that is there ({known})")
            yield fault(trigger, ("spec", "broker"), f"there is no {broker}", why, fix)


def failures_go_to_the_dead_letters(objects: ClusterObjects) -> Iterator[Finding]:
    why = (
        "one failing subscriber turns every publish into a 500 and repeats the event for all the others; "
        "with a dead-letter sink the publish is a 202 and the event is kept"
    )
    covered = set()
    for broker in objects.all(EVENTING, "Broker"):
        if destination(broker, *DEAD_LETTER_PATH) is None:
            yield fault_of_value(broker, DEAD_LETTER_PATH, "not set", why, _keeper(objects, broker))
        else:
            covered.add((broker.namespace, broker.name))
    for trigger in objects.all(EVENTING, "Trigger"):
        its_broker = trigger.namespace, str(trigger.at("spec", "broker") or "default")
        if its_broker not in covered and destination(trigger, *DEAD_LETTER_PATH) is None:
            found = "not set, and its Broker has none"
            yield fault_of_value(trigger, DEAD_LETTER_PATH, found, why, _keeper(objects, trigger))


def every_destination_is_there(objects: ClusterObjects) -> Iterator[Finding]:
    for one in destinations(objects):
        target = one.target
        if target is None:
            if not str(one.value.get("uri", "")).startswith(("http://", "https://")):
                fix = apply_or_write(one.holder, "name an object in ref, or an address in uri")
                yield fault(one.holder, one.path, "neither a ref nor an absolute uri", "events go nowhere", fix)
        elif objects.is_absent(target):
            why = _nobody_there(one)
            known = sorted(other.name for other in objects.all(target.group, target.kind, target.namespace))
            fix = apply_or_write(one.holder, f"create it, or name one that is there: {', '.join(known) or '(none)'}")
            yield fault(one.holder, (*one.path, "ref", "name"), f"there is no {target}", why, fix)


def _nobody_there(one: Destination) -> str:
    if one.path == DEAD_LETTER_PATH:
        return "a dead letter that nobody takes is none: one failing subscriber turns every publish into a 500"
    if one.holder.kind == "Trigger":
        return "its events fail until they are dead letters; nothing does the work"
    return "the source sends nowhere"


def _keeper(objects: ClusterObjects, holder: ClusterObject) -> dict[str, Any]:
    keeper = objects.named(SERVING, "Service", DEAD_LETTERS)
    ref = {"apiVersion": f"{SERVING}/v1", "kind": "Service", "name": DEAD_LETTERS}
    if keeper is not None and keeper.namespace != holder.namespace:
        ref["namespace"] = keeper.namespace
    return {"ref": ref}
