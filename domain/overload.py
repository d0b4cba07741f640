"""What a call gets while there is more to do than can be done: a ladder of five steps, and when each is taken. Pure.

0 ``NORMAL``; 1 ``SHORTER``: new calls have a shorter prompt; 2 ``CHEAPER``: and the engines that the operator named for
this; 3 ``MESSAGES``: few callers wait for a handler, for a short time, and the others get what the restaurant chose for
callers whom nobody can serve; 4 ``FORWARDING``: no messages either, as each takes a place for long.

Each step has a threshold of its own for each measure. Up it goes at once, down one step at a time, after ``calm_s``
in which the load stayed below RELEASE of that step's thresholds and nobody was diverted.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

RELEASE = 0.8
WAITING_TOGETHER = 3
"""A pod that is slow to start lets one caller wait; so many waiting at once are an overload."""
SERVED_PER_WAITING = 16


class Step(IntEnum):
    NORMAL = 0
    SHORTER = 1
    CHEAPER = 2
    MESSAGES = 3
    FORWARDING = 4


class Load(NamedTuple):
    """Of one bridge. ``wait_s`` is how long WAITING_TOGETHER callers, at least, have waited for a handler now;
    ``model_s`` how late nine in ten answers of the last minute's came at most; ``unserved`` how many callers of the
    last minute got no handler, or one without a model; ``places`` the callers as a share of ``MAX_CALLS``."""

    wait_s: float = 0.0
    model_s: float = 0.0
    unserved: float = 0.0
    places: float = 0.0


Thresholds = tuple[float, float, float, float]
"""Of the steps 1 to 4; infinite where the measure does not lead to that step."""


class Limits(NamedTuple):
    """Thresholds by the names of ``Load``."""

    wait_s: Thresholds = (3.0, 6.0, 10.0, math.inf)
    model_s: Thresholds = (1.5, 2.5, math.inf, math.inf)
    unserved: Thresholds = (math.inf, 2.0, 3.0, math.inf)
    places: Thresholds = (0.9, math.inf, 1.25, 2.0)
    calm_s: float = 30.0


def thresholds(text: str) -> Thresholds:
    """``3,6,10,-``: for each step from when on, ``-`` for never. Raises ValueError with what is expected."""
    parts = [part.strip() for part in text.split(",")]
    try:
        values = [math.inf if part == "-" else float(part) for part in parts]
    except ValueError:
        values = []
    finite = [value for value in values if value < math.inf]
    if len(values) != len(Step) - 1 or any(not value > 0 for value in values) or finite != sorted(finite):
        raise ValueError(f"{text!r}: four numbers above 0 that do not fall, such as 3,6,10,-; - is never")
    return values[0], values[1], values[2], values[3]


def step_for(load: Load, limits: Limits, share: float = 1.0) -> Step:
    """The highest step of which some measure has reached ``share`` of the threshold."""
    reached = Step.NORMAL
    by_measure = (limits.wait_s, limits.model_s, limits.unserved, limits.places)
    for measure, steps in zip(load, by_measure, strict=True):
        for step, threshold in zip(tuple(Step)[1:], steps, strict=True):
            if measure >= threshold * share:
                reached = max(reached, step)
    return reached


class Ladder:
    """Where one bridge stands. Times are seconds of one monotonic clock."""

    def __init__(self, limits: Limits) -> None:
        self.step = Step.NORMAL
        self._limits = limits
        self._calm_since = -math.inf

    @property
    def waits_at_most_s(self) -> float:
        """How long a caller waits for a handler before the restaurant's fallback, as far as the ladder has a say."""
        return self._limits.wait_s[Step.MESSAGES - 1] if self.step >= Step.MESSAGES else math.inf

    def look(self, load: Load, now: float) -> Step:
        """The step from now on."""
        if (wanted := step_for(load, self._limits)) > self.step:
            self.step, self._calm_since = wanted, now
        elif step_for(load, self._limits, RELEASE) >= self.step:
            self._calm_since = now
        elif self.step and now - self._calm_since >= self._limits.calm_s:
            self.step, self._calm_since = Step(self.step - 1), now
        return self.step

    def diverted(self, now: float) -> None:
        """A caller got no handler because of the step: there is still more to do than can be done."""
        self._calm_since = now

    def diverts(self, waiting: int, served: int) -> bool:
        """Whether a new caller gets no handler. A few always wait for the next one that is free: so all handlers stay
        at work, and one more than there was is found."""
        return self.step >= Step.MESSAGES and waiting >= 1 + served // SERVED_PER_WAITING
