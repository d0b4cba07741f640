"""When a voice may begin, so that it does not pause between two clauses."""

from __future__ import annotations

import pytest

from devstack.speech.lead import SPEECH_S, Pace, is_enough

pytestmark = pytest.mark.unit

READ_BACK = ["So that's one large margherita with extra olives,", "and two Caesar salads,", "for pickup,", "Right?"]


def pauses(pace: float) -> list[float]:
    """Seconds of silence before each clause but the first, on a voice of that pace."""
    lengths = [len(clause) * SPEECH_S for clause in READ_BACK]
    ready = [sum(lengths[: at + 1]) * pace for at in range(len(lengths))]
    made = next(n for n in range(1, len(lengths) + 1) if is_enough(READ_BACK[n:], sum(lengths[:n]), pace))
    ends, silent = ready[made - 1], list[float]()
    for at, length in enumerate(lengths):
        silent.append(max(0.0, ready[at] - ends))
        ends = max(ends, ready[at]) + length
    return silent[1:]


@pytest.mark.parametrize("pace", [0.1, 0.5, 0.9, 1.2, 1.8, 4.0])
def test_the_voice_does_not_pause_whatever_its_pace(pace: float) -> None:
    assert pauses(pace) == pytest.approx([0.0, 0.0, 0.0])


def test_a_fast_voice_begins_with_its_first_clause() -> None:
    assert is_enough(READ_BACK[1:], len(READ_BACK[0]) * SPEECH_S, 0.5)
    assert not is_enough(READ_BACK[1:], len(READ_BACK[0]) * SPEECH_S, 2.5)
    assert is_enough([], 0.0, 9.0)


def test_what_was_said_before_is_not_waited_for() -> None:
    assert is_enough(READ_BACK[1:], 1.0, 9.0, lambda _: True)
    assert not is_enough(READ_BACK[1:], 1.0, 9.0, lambda clause: clause == "Right?")


def test_the_pace_follows_what_the_last_clauses_took() -> None:
    pace = Pace()
    for _ in range(8):
        pace.made(3.0, 2.0)
    assert pace.value == pytest.approx(1.5, abs=0.01)
    pace.made(1.0, 0.0)
    assert pace.value == pytest.approx(1.5, abs=0.01)
