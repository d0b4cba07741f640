from datetime import UTC, datetime, timedelta

import pytest

from stores.live import CallChanged, Spoke
from web.active_calls import FORGET_AFTER, ActiveCalls

pytestmark = pytest.mark.unit

NOW = datetime.now(UTC)


def test_a_call_is_there_from_its_first_ring_to_its_end() -> None:
    calls = ActiveCalls()

    calls.apply(CallChanged(call_id="a", state="ringing", at=NOW))
    calls.apply(CallChanged(call_id="a", state="joined", at=NOW + timedelta(seconds=1)))
    calls.apply(Spoke(call_id="a", who="caller", text="A pizza, please", at=NOW))
    (call,) = calls.now()
    calls.apply(CallChanged(call_id="a", state="ended", at=NOW + timedelta(minutes=1)))

    assert (call.state, call.since, call.words) == ("joined", NOW, "A pizza, please")
    assert calls.now() == ()


def test_words_of_a_call_that_has_ended_do_not_bring_it_back() -> None:
    calls = ActiveCalls()

    calls.apply(Spoke(call_id="a", who="assistant", text="Goodbye", at=NOW))

    assert calls.now() == ()


def test_a_call_whose_end_was_missed_is_forgotten() -> None:
    calls = ActiveCalls()

    calls.apply(CallChanged(call_id="a", state="joined", at=NOW - FORGET_AFTER - timedelta(seconds=1)))

    assert calls.now() == ()
