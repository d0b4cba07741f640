from datetime import UTC, datetime, timedelta

import pytest

from domain.restaurant import Restaurant
from edge_bridge.calls.record import Arrival, CallSummary
from edge_bridge.lines.directory import LineEntry
from edge_bridge.lines.greetings import GreetingClip
from edge_bridge.media.audio import CallAudio
from eventing.catalogue import CallEnded, CallMissed, CallTransferred

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ID = "0b7a1e4e-6c0e-4b3c-9a51-0c7f7c9f8a11"


@pytest.fixture
async def record() -> CallSummary:
    line = LineEntry(ID, Restaurant(ID, "Chez Test", "fr", "EUR", "Europe/Paris"), "+331", GreetingClip((), ""))
    arrival = Arrival(ID, "+336", line, CallAudio(), NOW)
    made = CallSummary(arrival, "node", answered_at=NOW)
    made.ended_at = NOW + timedelta(seconds=90)
    return made


def kinds(record: CallSummary) -> list[type]:
    return [type(payload) for payload in record.payloads()]


async def test_a_served_call_has_one_event(record: CallSummary) -> None:
    record.outcome = "order_confirmed"
    record.joined(NOW)
    (ended,) = record.payloads()
    assert isinstance(ended, CallEnded)
    assert ended.duration_ms == 90_000


async def test_a_caller_whom_nobody_served_was_missed(record: CallSummary) -> None:
    record.outcome = "abandoned"
    assert kinds(record) == [CallEnded, CallMissed]
    missed = record.payloads()[1]
    assert isinstance(missed, CallMissed)
    assert missed.reason == "caller_hung_up"


async def test_a_call_lost_in_the_middle_was_missed_too(record: CallSummary) -> None:
    record.joined(NOW)
    record.missed_reason = "handler_lost"
    assert kinds(record) == [CallEnded, CallMissed]


async def test_a_call_put_through_to_a_human_was_not_missed(record: CallSummary) -> None:
    record.missed_reason = "no_handler"
    record.transferred("sip:+336@trunk", "no_handler")
    assert kinds(record) == [CallEnded, CallTransferred]


async def test_the_first_handler_to_join_sets_the_time(record: CallSummary) -> None:
    record.joined(NOW)
    record.joined(NOW + timedelta(seconds=30))
    assert record.joined_at == NOW
