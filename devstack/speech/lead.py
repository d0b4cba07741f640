"""How much of a reply has to be made before its first sound, so that the voice does not pause between two clauses.

A voice that is slower than its own speech, or that speaks for two calls, falls silent in the middle of a read-back; who
hears that answers into the pause. So the first clauses are held back until the others will be made in time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

SPEECH_S = 0.065  # of speech for a character, as all the voices speak
MOST_HELD_S = 1.5  # a caller who hears nothing for longer believes the line to be dead
_AT_FIRST = 0.5
_OF_THE_LAST = 0.5


class Pace:
    """Seconds that a second of speech takes to be made, of late, the waiting behind other calls' speech included."""

    def __init__(self) -> None:
        self.value = _AT_FIRST

    def made(self, took_s: float, speech_s: float) -> None:
        """A clause was made, and not taken from the cache."""
        if speech_s > 0:
            self.value += _OF_THE_LAST * (took_s / speech_s - self.value)


def is_enough(left: Sequence[str], made_s: float, pace: float, kept: Callable[[str], bool] = lambda _: False) -> bool:
    """Whether the voice may begin when there are ``made_s`` of speech and the clauses ``left`` are to be made, but for
    those that are ``kept``."""
    lengths = [len(clause) * SPEECH_S for clause in left]
    ready = accumulate(0.0 if kept(clause) else length * pace for clause, length in zip(left, lengths, strict=True))
    needed = accumulate(lengths[:-1], initial=made_s)
    return all(at <= until for at, until in zip(ready, needed, strict=True)) if lengths else True
