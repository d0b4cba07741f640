"""How long audio is held is known by the count of its bytes."""

from __future__ import annotations

import pytest

from bench.conversation.ends import Passing

pytestmark = pytest.mark.unit


def test_what_is_sent_in_two_and_comes_in_one_is_timed_twice() -> None:
    passing = Passing()
    passing.sent(160)
    passing.sent(160)
    passing.arrived(320)
    first, second = passing.ms
    assert first > second >= 0


def test_what_has_come_in_part_is_still_under_way() -> None:
    passing = Passing()
    passing.sent(320)
    passing.arrived(160)
    assert passing.ms == []
    passing.arrived(160)
    assert len(passing.ms) == 1
