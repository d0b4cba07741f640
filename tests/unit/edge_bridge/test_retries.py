import pytest

from edge_bridge.calls.retries import (
    ATTEMPTS_PER_WAIT,
    LONGEST_PAUSE_S,
    LOSSES_PER_CALL,
    Again,
    AttemptRefused,
    CallerGone,
    Done,
    FallBack,
    LaneEnded,
    Lost,
    Result,
    RetryPolicy,
    Silent,
)

pytestmark = pytest.mark.unit

WAIT_S = 30.0


def policy() -> RetryPolicy:
    return RetryPolicy(now=0.0, wait_s=WAIT_S)


@pytest.mark.parametrize("outcome", ["order_confirmed", "answered", "reservation_made", "transferred"])
def test_the_final_line_of_a_handler_ends_the_call(outcome: str) -> None:
    assert policy().next_step(LaneEnded(outcome, "an-order"), 5.0) == Done(outcome, "an-order")  # type: ignore[arg-type]


def test_a_caller_who_hung_up_is_not_tried_for_again() -> None:
    assert policy().next_step(CallerGone(), 1.0) == Done("abandoned")


@pytest.mark.parametrize(
    "result",
    [
        AttemptRefused(409),
        AttemptRefused(502),
        AttemptRefused(503),
        AttemptRefused(504),
        AttemptRefused(0),
        LaneEnded("busy"),
    ],
)
def test_busy_and_broken_handlers_are_tried_again_after_a_short_pause(result: Result) -> None:
    step = policy().next_step(result, 0.0)
    assert isinstance(step, Again)
    assert 0 < step.pause_s <= 0.2
    assert not step.one_moment


def test_pauses_double_up_to_the_longest() -> None:
    one = policy()
    steps = [one.next_step(AttemptRefused(503), 0.0) for _ in range(7)]
    assert [step.pause_s for step in steps if isinstance(step, Again)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 3.0]


def test_a_refused_event_is_not_sent_a_second_time() -> None:
    assert policy().next_step(AttemptRefused(400), 0.0) == FallBack("ai_down")


def test_no_first_line_is_tried_again_at_once() -> None:
    assert policy().next_step(Silent(), 4.0) == Again(0.0)


def test_an_engine_that_never_came_up_ends_in_the_fallback() -> None:
    assert policy().next_step(LaneEnded("failed", connected=False), 2.0) == FallBack("ai_down")


@pytest.mark.parametrize("result", [Lost("gone"), LaneEnded("failed", connected=True), LaneEnded("superseded")])
def test_a_lost_handler_is_replaced_and_the_caller_told(result: Result) -> None:
    assert policy().next_step(result, 60.0) == Again(0.0, one_moment=True)


def test_handlers_may_be_lost_only_so_often_in_a_call() -> None:
    one = policy()
    for _ in range(LOSSES_PER_CALL):
        assert isinstance(one.next_step(Lost("gone"), 60.0), Again)
    assert one.next_step(Lost("gone"), 60.0) == FallBack("handler_lost")


def test_a_loss_gives_the_caller_a_new_time_to_wait() -> None:
    one = policy()
    one.next_step(Lost("gone"), 600.0)
    assert one.deadline == 600.0 + WAIT_S
    assert isinstance(one.next_step(AttemptRefused(503), 601.0), Again)
    assert one.next_step(Silent(), 600.0 + WAIT_S) == FallBack("handler_lost")


def test_waiting_ends_at_the_deadline() -> None:
    assert policy().next_step(Silent(), WAIT_S) == FallBack("no_handler")


@pytest.mark.parametrize("result", [AttemptRefused(503), Silent(), AttemptRefused(0)])
def test_every_wait_ends_and_pauses_stay_short(result: Result) -> None:
    one, now = policy(), 0.0
    for _ in range(ATTEMPTS_PER_WAIT):
        step = one.next_step(result, now)
        if isinstance(step, FallBack):
            break
        assert isinstance(step, Again)
        assert step.pause_s <= LONGEST_PAUSE_S
        now += step.pause_s
    assert isinstance(one.next_step(result, now), FallBack)
    assert now <= WAIT_S


def test_a_pod_that_has_just_died_and_still_gets_requests_costs_the_caller_little() -> None:
    policy = RetryPolicy(0.0, 20.0)
    now = 10.0
    policy.next_step(Lost("killed"), now)

    while now < 11.0:
        step = policy.next_step(AttemptRefused(502), now)
        assert isinstance(step, Again)
        assert step.pause_s <= 0.2
        now += step.pause_s


def test_short_pauses_after_a_loss_end_at_the_deadline_too() -> None:
    policy = RetryPolicy(0.0, 1.0)
    policy.next_step(Lost("killed"), 0.0)

    assert policy.next_step(AttemptRefused(502), 0.9) == FallBack("handler_lost")
