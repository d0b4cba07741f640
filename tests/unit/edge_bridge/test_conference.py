"""When the clock runs that lets pjsip's conference forget ports."""

import pytest

from edge_bridge.entrances.sip.conference import (
    CLOCK_RUNS_S,
    IN_USE,
    PORTS,
    TIDY_ANYHOW_AT,
    TIDY_AT,
    Conference,
)

pytestmark = pytest.mark.unit


class Library:
    """A conference whose ports go when the clock gets to tick."""

    def __init__(self) -> None:
        self.ports = 1
        self.clock = ["off"]
        self.refuses = False

    def audDevManager(self) -> "Library":  # noqa: N802 - pjsua2's name
        return self

    def mediaActivePorts(self) -> int:  # noqa: N802
        return self.ports

    def setNullDev(self) -> None:  # noqa: N802
        if self.refuses:
            raise OSError("no clock")
        self.clock.append("on")

    def setNoDev(self) -> None:  # noqa: N802
        self.clock.append("off")


def test_the_clock_runs_when_enough_ports_wait_and_stops_when_they_are_gone() -> None:
    library = Library()
    conference = Conference(library)
    library.clock.clear()
    library.ports = TIDY_AT
    conference.tidy(0.0, has_calls=True)
    assert library.clock == []
    conference.tidy(0.0, has_calls=False)
    library.ports = IN_USE
    conference.tidy(0.02, has_calls=False)
    assert library.clock == ["on", "off"]


def test_under_calls_the_clock_waits_until_it_must_run() -> None:
    library = Library()
    conference = Conference(library)
    library.clock.clear()
    library.ports = TIDY_ANYHOW_AT - 1
    conference.tidy(60.0, has_calls=True)
    assert library.clock == []
    library.ports = TIDY_ANYHOW_AT
    conference.tidy(60.02, has_calls=True)
    assert library.clock == ["on"]


def test_a_clock_that_did_not_get_to_tick_runs_again() -> None:
    library = Library()
    conference = Conference(library)
    library.clock.clear()
    library.ports = TIDY_ANYHOW_AT
    for now in (0.0, CLOCK_RUNS_S, 2 * CLOCK_RUNS_S):
        conference.tidy(now, has_calls=True)
    assert library.clock == ["on", "off", "on"]
    assert IN_USE < TIDY_AT < TIDY_ANYHOW_AT < PORTS


def test_a_clock_that_could_not_be_started_is_tried_again_later_not_at_once() -> None:
    library = Library()
    conference = Conference(library)
    library.clock.clear()
    library.ports = TIDY_ANYHOW_AT
    library.refuses = True
    with pytest.raises(OSError, match="no clock"):
        conference.tidy(0.0, has_calls=True)
    library.refuses = False
    for now in (0.01, CLOCK_RUNS_S, CLOCK_RUNS_S + 0.01):
        conference.tidy(now, has_calls=True)
    assert library.clock == ["off", "on"]
