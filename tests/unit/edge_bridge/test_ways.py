"""Which handler is asked next while a release is on trial, and whom a failure is counted for."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from domain.trials import Failure
from edge_bridge.calls.record import Arrival
from edge_bridge.calls.retries import Again, AttemptRefused, CallerGone, Done, FallBack, LaneEnded, Lost, Result, Silent
from edge_bridge.calls.ways import SERVICE, CallWay, Way, failure_of
from edge_bridge.media.audio import CallAudio

STABLE, CANDIDATE = Way("http://r1", "release"), Way("http://r2", "release", True)
AGAIN, LOST = Again(0.2), Again(0.0, one_moment=True)


class Trial:
    """``way`` is everybody's."""

    def __init__(self, way: Way, on: bool = True) -> None:
        self.way = way
        self.on = on
        self.counted: list[tuple[Way, Failure | None]] = []

    def of(self, restaurant_id: str) -> Way:
        return self.way

    def is_on(self, release_id: str) -> bool:
        return self.on

    def count(self, way: Way, arrival: Arrival, failure: Failure | None) -> None:
        self.counted.append((way, failure))


def a_call(trial: Trial, before: Way | None = None) -> CallWay:
    line = cast(Any, SimpleNamespace(restaurant=SimpleNamespace(id="restaurant")))
    return CallWay(trial, Arrival("call", "", line, CallAudio(), datetime.now(UTC)), before)


@pytest.mark.parametrize("result", [AttemptRefused(0), AttemptRefused(503), Silent(), LaneEnded("failed")])
def test_what_a_candidate_does_not_take_is_asked_of_the_service(result: Result) -> None:
    trial = Trial(CANDIDATE)
    way = a_call(trial)

    assert way.after(result, AGAIN) == AGAIN
    assert way.now == SERVICE
    assert trial.counted == [(CANDIDATE, failure_of(result))]


def test_a_call_that_a_candidate_would_have_ended_is_asked_of_the_service_instead() -> None:
    way = a_call(Trial(CANDIDATE))
    assert way.after(LaneEnded("failed", connected=False), FallBack("ai_down")) == Again(0.0)
    assert way.after(LaneEnded("failed", connected=False), FallBack("ai_down")) == FallBack("ai_down")


def test_the_stable_revisions_fallback_is_one() -> None:
    assert a_call(Trial(STABLE)).after(LaneEnded("failed", connected=False), FallBack("ai_down")) == FallBack("ai_down")


@pytest.mark.parametrize("first", [STABLE, CANDIDATE])
def test_a_death_in_the_call_is_followed_by_the_same_revision_once(first: Way) -> None:
    trial = Trial(first)
    way = a_call(trial)

    assert way.after(Lost("killed"), LOST) == LOST
    assert way.now == first
    assert way.after(Lost("killed"), LOST) == LOST
    assert way.now == SERVICE
    assert trial.counted == [(first, "lost")]  # one call


def test_a_candidate_that_was_returned_meanwhile_does_not_get_its_call_back() -> None:
    way = a_call(Trial(CANDIDATE, on=False))
    way.after(Lost("killed"), LOST)
    assert way.now == SERVICE


@pytest.mark.parametrize("result", [CallerGone(), LaneEnded("answered"), LaneEnded("busy"), AttemptRefused(409)])
def test_what_is_no_versions_fault_changes_nothing(result: Result) -> None:
    trial = Trial(CANDIDATE)
    way = a_call(trial)

    assert way.after(result, Done("answered")) == Done("answered")
    assert way.now == CANDIDATE
    assert trial.counted == []
    way.over()
    assert trial.counted == [(CANDIDATE, None)]


def test_a_call_counts_for_the_revision_that_it_began_with() -> None:
    trial = Trial(CANDIDATE)
    way = a_call(trial)
    way.after(Silent(), AGAIN)
    way.failed("silence")  # the Service's
    way.over()
    assert trial.counted == [(CANDIDATE, "silent")]


def test_without_a_release_nothing_is_counted_and_a_session_that_takes_over_keeps_the_way() -> None:
    trial = Trial(SERVICE)
    way = a_call(trial)
    way.after(Lost("killed"), LOST)
    way.over()
    assert (trial.counted, way.now) == ([], SERVICE)
    assert a_call(trial, CANDIDATE).now == CANDIDATE
