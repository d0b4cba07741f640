import pytest

from edge_bridge.node.restarts import FROZEN_TICKS, LOOPING_DEATHS, START_TICKS, Restarts, Silence

pytestmark = pytest.mark.unit


def test_pauses_double_up_to_the_longest_one_and_begin_anew_after_a_healthy_life() -> None:
    restarts = Restarts(0.5, 3.0, 10.0)
    assert [restarts.pause_s(1.0) for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert restarts.pause_s(11.0) == 0.5


def test_what_dies_early_several_times_in_a_row_is_looping_and_what_lived_before_is_not() -> None:
    restarts = Restarts(0.5, 3.0, 10.0)
    for _ in range(LOOPING_DEATHS):
        assert not restarts.is_looping
        restarts.pause_s(1.0)
    assert restarts.is_looping
    restarts.pause_s(11.0)
    assert not restarts.is_looping


def test_a_process_may_take_long_to_its_first_word_and_not_so_long_to_the_next() -> None:
    silence = Silence()
    assert [silence.is_too_long() for _ in range(START_TICKS + 1)] == [False] * START_TICKS + [True]
    silence.heard()
    assert [silence.is_too_long() for _ in range(FROZEN_TICKS + 1)] == [False] * FROZEN_TICKS + [True]


def test_every_word_begins_the_silence_anew() -> None:
    silence = Silence()
    for _ in range(3 * FROZEN_TICKS):
        silence.heard()
        assert not silence.is_too_long()
