"""When a silence counts as one that nothing explains."""

import pytest

from edge_bridge.calls.silences import UNEXPLAINED_AFTER_S, SilenceWatch

pytestmark = pytest.mark.unit


def looks(hears: list[bool], every_s: float = 1.0) -> list[bool]:
    watch = SilenceWatch(0.0)
    return [watch.look((at + 1) * every_s, hears_or_waits=one) for at, one in enumerate(hears)]


def test_each_twenty_seconds_without_a_sound_count_once() -> None:
    assert UNEXPLAINED_AFTER_S == 20.0
    assert [at for at, one in enumerate(looks([False] * 45), 1) if one] == [20, 40]


def test_a_sound_in_between_begins_the_count_anew() -> None:
    assert sum(looks([*[False] * 19, True, *[False] * 19])) == 0


def test_a_caller_who_waits_for_longer_is_told_why_by_others() -> None:
    assert sum(looks([True] * 100)) == 0
