"""When the status page calls a part of the service disturbed or down."""

from dataclasses import replace
from typing import Any

import pytest

from domain.status import Component, Day, Facts, State, judge, uptime

pytestmark = pytest.mark.unit

WELL = Facts(
    bridges=2,
    lines=100,
    registered=100,
    ended=200,
    unserved=0,
    synthetic=("", "", ""),
    orders_pending=0,
    admin=True,
    oldest_event_s=1.0,
    overdue_webhooks=0,
)


def test_where_nothing_is_wrong_everything_is_up() -> None:
    assert set(judge(WELL).values()) == {"up"}
    assert set(judge(replace(WELL, lines=0, registered=0, ended=0, synthetic=())).values()) == {"up"}


@pytest.mark.parametrize(
    ("changed", "component", "state"),
    [
        ({"bridges": 0}, "lines", "down"),
        ({"bridges": 0}, "answering", "down"),
        ({"registered": 94}, "lines", "degraded"),
        ({"registered": 49}, "lines", "down"),
        ({"unserved": 2, "ended": 2}, "answering", "up"),  # two say nothing
        ({"unserved": 11}, "answering", "degraded"),
        ({"unserved": 101}, "answering", "down"),
        ({"synthetic": ("reply", "", "")}, "answering", "degraded"),
        ({"synthetic": ("reply", "answer", "")}, "answering", "down"),
        ({"synthetic": ("", "reply", "reply")}, "answering", "up"),
        ({"synthetic": ("content", "", "")}, "orders", "degraded"),
        ({"synthetic": ("order", "content", "")}, "orders", "down"),
        ({"synthetic": ("order", "order", "")}, "answering", "up"),
        ({"orders_pending": 1}, "orders", "degraded"),
        ({"admin": False}, "admin", "down"),
        ({"oldest_event_s": 61.0}, "messages", "degraded"),
        ({"oldest_event_s": 601.0}, "messages", "down"),
        ({"overdue_webhooks": 1}, "messages", "degraded"),
    ],
)
def test_a_part_is_judged_by_what_a_restaurant_notices(
    changed: dict[str, Any], component: Component, state: State
) -> None:
    assert judge(replace(WELL, **changed))[component] == state


def test_time_that_nobody_looked_at_is_neither_good_nor_bad() -> None:
    assert Day().state is None
    assert Day(up_s=100, down_s=59).state == "up"
    assert Day(up_s=100, degraded_s=30, down_s=30).state == "degraded"
    assert Day(up_s=100, down_s=60).state == "down"
    assert uptime([Day(), Day()]) is None
    assert uptime([Day(up_s=900, down_s=100), Day()]) == pytest.approx(0.9)
