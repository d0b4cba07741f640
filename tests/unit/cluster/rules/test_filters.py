"""Which Triggers take the call's event, in both of Knative's filter fields."""

from typing import Any

import pytest

from cluster.rules.events import takes

pytestmark = pytest.mark.unit

CALL = "com.alloresto.call.incoming"
OTHER = "com.alloresto.call.ended"


def new(*filters: dict[str, Any]) -> dict[str, Any]:
    return {"filters": list(filters)}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"filter": {}},
        {"filter": {"attributes": {}}},
        {"filter": {"attributes": {"type": ""}}},
        {"filter": {"attributes": {"type": CALL}}},
        {"filter": {"attributes": {"restaurantid": "r1"}}},
        {"filter": {"attributes": {"type": OTHER}}, "filters": [{"exact": {"type": CALL}}]},
        new({"exact": {"type": CALL}}),
        new({"exact": {"source": "x"}}),
        new({"prefix": {"type": "com.alloresto."}}),
        new({"suffix": {"type": ".incoming"}}),
        new({"any": [{"exact": {"type": OTHER}}, {"exact": {"type": CALL}}]}),
        new({"all": [{"prefix": {"type": "com."}}, {"suffix": {"type": "incoming"}}]}),
        new({"not": {"exact": {"type": OTHER}}}),
        new({"not": {"exact": {"type": CALL, "restaurantid": "r1"}}}),
        new({"cesql": "type LIKE 'com.%'"}),
        new({}),
    ],
)
def test_a_filter_that_lets_a_call_through_takes_it(spec: dict[str, Any]) -> None:
    assert takes(spec, CALL).some


@pytest.mark.parametrize(
    "spec",
    [
        {"filter": {"attributes": {"type": OTHER}}},
        {"filter": {"attributes": {"type": OTHER, "restaurantid": "r1"}}},
        {"filter": {}, "filters": [{"exact": {"type": OTHER}}]},
        new({"exact": {"type": OTHER}}),
        new({"prefix": {"type": "com.alloresto.order."}}),
        new({"suffix": {"type": ".ended"}}),
        new({"any": [{"exact": {"type": OTHER}}, {"prefix": {"type": "org."}}]}),
        new({"all": [{"prefix": {"type": "com."}}, {"suffix": {"type": "ended"}}]}),
        new({"exact": {"source": "x"}}, {"exact": {"type": OTHER}}),
        new({"not": {"exact": {"type": CALL}}}),
        new({"not": {"not": {"exact": {"type": OTHER}}}}),
        new({"cesql": "type LIKE 'com.%'"}, {"exact": {"type": OTHER}}),
    ],
)
def test_a_filter_that_keeps_calls_out_takes_none(spec: dict[str, Any]) -> None:
    assert not takes(spec, CALL).some
