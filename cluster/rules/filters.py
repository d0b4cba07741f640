"""Which events a Trigger takes: both filter fields of Knative, for one event type."""

from collections.abc import Mapping
from typing import Any, NamedTuple

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
