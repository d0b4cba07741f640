"""What a session counts of its callers, and which step follows."""

import math

import pytest

from domain.overload import Limits, Step
from edge_bridge.calls.load_watch import FEWEST_ANSWERS, LoadWatch
from edge_bridge.settings import EdgeSettings
from process import metrics
from process.settings import SettingsError

pytestmark = pytest.mark.unit

NEVER = (math.inf,) * 4
AT_ONCE = Limits((1e-9, 1e-9, 1e-9, math.inf), (1.5, 2.5, math.inf, math.inf), NEVER, NEVER)


def watch(limits: Limits) -> LoadWatch:
    return LoadWatch(limits, max_calls=4, node_id="unit")


def test_three_who_wait_together_are_an_overload_and_one_is_a_slow_pod() -> None:
    load = watch(AT_ONCE)
    for call in ("a", "b"):
        load.waits(call)
    assert load.look() is Step.NORMAL
    load.waits("c")
    assert load.look() is Step.MESSAGES
    assert load.economy == 2
    assert metrics.overload_step.labels("unit")._value.get() == 3


def test_the_next_caller_is_diverted_while_others_wait_and_waits_again_when_they_have_a_handler() -> None:
    load = watch(AT_ONCE)
    for call in ("a", "b", "c"):
        load.waits(call)
    before = metrics.overload_diverted_total.labels("unit", "messages")._value.get()
    assert load.diverts()
    assert metrics.overload_diverted_total.labels("unit", "messages")._value.get() == before + 1
    for call in ("a", "b", "c"):
        load.joined(call)
    assert not load.diverts()


def test_who_has_waited_long_enough_gives_up_once_and_counts_no_more() -> None:
    load = watch(AT_ONCE)
    load.waits("a")
    assert not load.gives_up("a")
    for call in ("b", "c"):
        load.waits(call)
    load.look()
    assert load.gives_up("a")
    assert not load.gives_up("a")
    assert not load.gives_up("unknown")


def test_a_slow_model_is_one_whose_answers_are_late_and_not_one_answer() -> None:
    load = watch(AT_ONCE)
    for _ in range(FEWEST_ANSWERS - 1):
        load.model_answered(9.0)
    assert load.look() is Step.NORMAL
    load.model_answered(2.0)
    assert load.look() is Step.CHEAPER


def test_one_late_answer_among_many_is_none() -> None:
    load = watch(AT_ONCE)
    for seconds in (*(0.5,) * 10, 9.0):
        load.model_answered(seconds)
    assert load.look() is Step.NORMAL


def test_callers_beyond_the_places_and_callers_without_a_handler_lead_up() -> None:
    load = watch(Limits())
    load.callers(4)
    assert load.look() is Step.SHORTER
    load.callers(5)
    assert load.look() is Step.MESSAGES
    load.callers(8)
    assert load.look() is Step.FORWARDING
    other = watch(Limits())
    for step in (Step.NORMAL, Step.CHEAPER, Step.MESSAGES):
        other.not_served()
        assert other.look() is step


def test_thresholds_that_are_none_name_their_variable() -> None:
    needed = {"platform_database_url": "", "redis_url": "", "master_key": "", "k_sink": "http://sink"}
    config = EdgeSettings(**needed, overload_wait_s="3,2,1,0")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="OVERLOAD_WAIT_S: '3,2,1,0'"):
        config.check()
