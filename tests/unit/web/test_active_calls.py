from datetime import UTC, datetime, timedelta

import pytest

from stores.live import CallChanged, Spoke
from web.active_calls import FORGET_AFTER, ActiveCalls

pytestmark = pytest.mark.unit


@pytest.fixture
def now() -> datetime:
    """Of this test, not of the collection: after FORGET_AFTER its calls would be forgotten."""
    return datetime.now(UTC)


def test_a_call_is_there_from_its_first_ring_to_its_end(now: datetime) -> None:
    calls = ActiveCalls()

    calls.apply(CallChanged(call_id="a", state="ringing", at=now))
    calls.apply(CallChanged(call_id="a", state="joined", at=now + timedelta(seconds=1)))
    calls.apply(Spoke(call_id="a", who="caller", text="A pizza, please", at=now))
    (call,) = calls.now()
    calls.apply(CallChanged(call_id="a", state="ended", at=now + timedelta(minutes=1)))

    assert (call.state, call.since, call.words) == ("joined", now, "A pizza, please")
    assert calls.now() == ()


def test_words_of_a_call_that_has_ended_do_not_bring_it_back(now: datetime) -> None:
    calls = ActiveCalls()

    calls.apply(Spoke(call_id="a", who="assistant", text="Goodbye", at=now))

    assert calls.now() == ()


def test_a_call_whose_end_was_missed_is_forgotten(now: datetime) -> None:
    calls = ActiveCalls()

    calls.apply(CallChanged(call_id="a", state="joined", at=now - FORGET_AFTER - timedelta(seconds=1)))

    assert calls.now() == ()
