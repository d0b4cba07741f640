"""Triggers, Brokers and their dead letters: which events a Trigger takes, where they are sent, and who is there."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cluster.rules.findings import Finding, apply_or_write, fault, fault_of_value, kubectl
from cluster.rules.objects import EVENTING, SERVING, SOURCES, ClusterObject, ClusterObjects, Path, Reference
from cluster.rules.product import CALL_EVENT, DEAD_LETTERS

Json = Mapping[str, Any]


class Takes(NamedTuple):
    """Of all events of one type: does the filter take any (``some``), does it take each (``every``)?

    Other attributes than the type are unknown, so a filter on them takes some and not every.
    """

    some: bool
    every: bool


def takes(spec: Json, event_type: str) -> Takes:
    """A Trigger's ``spec``. ``filters`` wins over ``filter`` where both are there, as in Knative."""
    filters = spec.get("filters")
    if isinstance(filters, list) and filters:
        return _all([_one(one, event_type) for one in filters])
    attributes = spec.get("filter")
    attributes = attributes.get("attributes") if isinstance(attributes, Mapping) else None
    return _attributes(attributes if isinstance(attributes, Mapping) else {}, event_type)


def _one(expression: Any, event_type: str) -> Takes:
    if not isinstance(expression, Mapping) or not expression:
        return Takes(True, True)
    found = []
    for dialect, value in expression.items():
        match dialect, value:
            case "exact", Mapping():
                found.append(_compare(value, lambda expected: event_type == expected))
            case "prefix", Mapping():
                found.append(_compare(value, event_type.startswith))
            case "suffix", Mapping():
                found.append(_compare(value, event_type.endswith))
            case "all", list():
                found.append(_all([_one(one, event_type) for one in value]))
            case "any", list():
                parts = [_one(one, event_type) for one in value]
                found.append(Takes(any(one.some for one in parts), any(one.every for one in parts)))
            case "not", _:
                inner = _one(value, event_type)
                found.append(Takes(not inner.every, not inner.some))
            case _:  # cesql, or a Broker's own dialect: it may take anything
                found.append(Takes(True, False))
    return _all(found)


def _attributes(attributes: Json, event_type: str) -> Takes:
    """An empty value asks only that the attribute is there, and every event has a type."""
    if attributes.get("type", "") not in ("", event_type):
        return Takes(False, False)
    return Takes(True, not [key for key in attributes if key != "type"])


def _compare(expected: Json, matches: Any) -> Takes:
    if "type" in expected and not matches(str(expected["type"])):
        return Takes(False, False)
    return Takes(True, not [key for key in expected if key != "type"])


def _all(parts: list[Takes]) -> Takes:
    return Takes(all(one.some for one in parts), all(one.every for one in parts))


DEAD_LETTER_PATH = ("spec", "delivery", "deadLetterSink")


class SinkUse(NamedTuple):
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


def sink_use(holder: ClusterObject, *path: str) -> SinkUse | None:
    value = holder.at(*path)
    return SinkUse(holder, path, value) if isinstance(value, Mapping) and value else None


def sink_uses(objects: ClusterObjects) -> Iterator[SinkUse]:
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
                found = sink_use(holder, *path)
                if found is not None:
                    yield found


def triggers(objects: ClusterObjects) -> list[ClusterObject]:
    return objects.all(EVENTING, "Trigger")


def no_trigger_takes_the_call(objects: ClusterObjects) -> Iterator[Finding]:
    for trigger in triggers(objects):
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
    for trigger in triggers(objects):
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
        if sink_use(broker, *DEAD_LETTER_PATH) is None:
            yield fault_of_value(broker, DEAD_LETTER_PATH, "not set", why, _keeper(objects, broker))
        else:
            covered.add((broker.namespace, broker.name))
    for trigger in triggers(objects):
        its_broker = trigger.namespace, str(trigger.at("spec", "broker") or "default")
        if its_broker not in covered and sink_use(trigger, *DEAD_LETTER_PATH) is None:
            found = "not set, and its Broker has none"
            yield fault_of_value(trigger, DEAD_LETTER_PATH, found, why, _keeper(objects, trigger))


def every_destination_is_there(objects: ClusterObjects) -> Iterator[Finding]:
    for one in sink_uses(objects):
        target = one.target
        if target is None:
            if not str(one.value.get("uri", "")).startswith(("http://", "https://")):
                fix = apply_or_write(one.holder, "name an object in ref, or an address in uri")
                yield fault(one.holder, one.path, "neither a ref nor an absolute uri", "events go nowhere", fix)
        elif objects.is_absent(target):
            why = "the source sends nowhere"
            if one.path == DEAD_LETTER_PATH:
                why = "a dead letter that nobody takes is none: one failing subscriber turns every publish into a 500"
            elif one.holder.kind == "Trigger":
                why = "its events fail until they are dead letters; nothing does the work"
            known = sorted(other.name for other in objects.all(target.group, target.kind, target.namespace))
            fix = apply_or_write(one.holder, f"create it, or name one that is there: {', '.join(known) or '(none)'}")
            yield fault(one.holder, (*one.path, "ref", "name"), f"there is no {target}", why, fix)


def _keeper(objects: ClusterObjects, holder: ClusterObject) -> dict[str, Any]:
    keeper = objects.named(SERVING, "Service", DEAD_LETTERS)
    ref = {"apiVersion": f"{SERVING}/v1", "kind": "Service", "name": DEAD_LETTERS}
    if keeper is not None and keeper.namespace != holder.namespace:
        ref["namespace"] = keeper.namespace
    return {"ref": ref}
