"""The ladder under overload: from load to step, and back with patience."""

import math

import pytest

from domain.overload import Ladder, Limits, Load, Step, step_for, thresholds

LIMITS = Limits()


@pytest.mark.parametrize(
    ("load", "step"),
    [
        (Load(), Step.NORMAL),
        (Load(wait_s=2.9, model_s=1.4, unserved=1, places=0.89), Step.NORMAL),
        (Load(wait_s=3), Step.SHORTER),
        (Load(model_s=1.5), Step.SHORTER),
        (Load(places=0.9), Step.SHORTER),
        (Load(wait_s=6), Step.CHEAPER),
        (Load(model_s=60), Step.CHEAPER),
        (Load(unserved=2), Step.CHEAPER),
        (Load(wait_s=10), Step.MESSAGES),
        (Load(unserved=3), Step.MESSAGES),
        (Load(places=1.2), Step.SHORTER),
        (Load(places=1.25), Step.MESSAGES),
        (Load(wait_s=600, model_s=600, unserved=600, places=1.9), Step.MESSAGES),
        (Load(places=2), Step.FORWARDING),
    ],
)
def test_each_measure_leads_to_the_steps_that_relieve_it(load: Load, step: Step) -> None:
    assert step_for(load, LIMITS) is step


def test_it_goes_up_at_once_and_down_one_step_at_a_time_after_quiet() -> None:
    ladder = Ladder(LIMITS)
    assert ladder.look(Load(places=2), 100.0) is Step.FORWARDING
    assert ladder.look(Load(), 129.9) is Step.FORWARDING
    assert ladder.look(Load(), 130.0) is Step.MESSAGES
    assert ladder.look(Load(), 159.9) is Step.MESSAGES
    assert [ladder.look(Load(), at) for at in (160.0, 190.0, 220.0, 250.0)] == [2, 1, 0, 0]


def test_a_load_just_below_its_threshold_holds_the_step() -> None:
    ladder = Ladder(LIMITS)
    ladder.look(Load(wait_s=10), 0.0)
    assert ladder.look(Load(wait_s=8), 60.0) is Step.MESSAGES
    assert ladder.look(Load(wait_s=7.9), 89.0) is Step.MESSAGES
    assert ladder.look(Load(wait_s=7.9), 90.0) is Step.CHEAPER


def test_whom_it_diverts_holds_the_step() -> None:
    ladder = Ladder(LIMITS)
    ladder.look(Load(unserved=3), 0.0)
    ladder.diverted(29.0)
    assert ladder.look(Load(), 58.0) is Step.MESSAGES
    assert ladder.look(Load(), 59.0) is Step.CHEAPER


def test_few_wait_for_a_handler_from_messages_on_and_not_for_long() -> None:
    ladder = Ladder(LIMITS)
    ladder.look(Load(wait_s=9.9), 0.0)
    assert not ladder.diverts(waiting=200, served=0)
    assert ladder.waits_at_most_s == math.inf
    ladder.look(Load(wait_s=10), 1.0)
    assert not ladder.diverts(waiting=0, served=0)
    assert ladder.diverts(waiting=1, served=15)
    assert not ladder.diverts(waiting=1, served=16)
    assert ladder.waits_at_most_s == 10.0


def test_thresholds_are_read_and_what_is_wrong_is_told() -> None:
    assert thresholds("3, 6,10,-") == (3.0, 6.0, 10.0, math.inf)
    assert thresholds("-,-,-,-") == (math.inf,) * 4
    for wrong in ("", "1,2,3", "1,2,3,4,5", "3,2,4,5", "0,1,2,3", "-1,1,2,3", "a,b,c,d", "nan,1,2,3"):
        with pytest.raises(ValueError, match="four numbers"):
            thresholds(wrong)
