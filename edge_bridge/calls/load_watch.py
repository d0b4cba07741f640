"""How much more a node has to do than can be done, and what its callers get for it: the ladder of ``domain.overload``.

A session's own: it counts its own callers, and hears of the models from its own handlers. What all of them together
have to do shows there, in how long callers wait.
"""

import asyncio
import heapq
import time
from collections import deque

from domain.overload import WAITING_TOGETHER, Ladder, Limits, Load, Step
from process import logs, metrics

log = logs.get(__name__)

LOOK_EVERY_S = 1.0
REMEMBERED_S = 60.0
FEWEST_ANSWERS = 5
MOST_ANSWERS = 2000
ECONOMY_AT_MOST = Step.CHEAPER


class LoadWatch:
    """Each call is admitted or diverted, ``waits`` until it is ``joined``, and has ``left`` in the end."""

    def __init__(self, limits: Limits, max_calls: int, node_id: str) -> None:
        self._ladder = Ladder(limits)
        self._max_calls = max_calls
        self._node_id = node_id
        self._callers = 0
        self._waiting: dict[str, float] = {}  # since when
        self._served: set[str] = set()
        self._answers: deque[tuple[float, float]] = deque(maxlen=MOST_ANSWERS)
        self._unserved: deque[float] = deque(maxlen=MOST_ANSWERS)
        self._gauge = metrics.overload_step.labels(node_id)
        for step in Step:  # a series that begins with its first count has no increase
            metrics.overload_diverted_total.labels(node_id, step.name.lower())

    @property
    def step(self) -> Step:
        return self._ladder.step

    @property
    def economy(self) -> int:
        """Of a call that a handler is asked for."""
        return min(self.step, ECONOMY_AT_MOST)

    # --- What is known of the calls --------------------------------------------------------------------------

    def callers(self, count: int) -> None:
        """So many are on the phone."""
        self._callers = count
        self.look()

    def waits(self, call_id: str) -> None:
        """For a handler, from now on if it did not before."""
        self._served.discard(call_id)
        self._waiting.setdefault(call_id, time.monotonic())

    def joined(self, call_id: str) -> None:
        """A handler has the caller."""
        self._waiting.pop(call_id, None)
        self._served.add(call_id)

    def left(self, call_id: str) -> None:
        """No handler is wanted any more."""
        self._waiting.pop(call_id, None)
        self._served.discard(call_id)

    def not_served(self) -> None:
        """A caller has waited for a handler in vain, or got one without a model."""
        self._unserved.append(time.monotonic())
        self.look()

    def model_answered(self, seconds: float) -> None:
        self._answers.append((time.monotonic(), seconds))

    # --- What follows ----------------------------------------------------------------------------------------

    def diverts(self) -> bool:
        """Whether the next caller gets no handler. Counts it, if so."""
        self.look()
        if not self._ladder.diverts(len(self._waiting), len(self._served)):
            return False
        self._count_diverted()
        return True

    def gives_up(self, call_id: str) -> bool:
        """Whether this caller has waited for long enough. Counts it, if so."""
        since = self._waiting.get(call_id)
        if since is None or time.monotonic() - since < self._ladder.waits_at_most_s:
            return False
        self._count_diverted()
        self.left(call_id)
        return True

    def look(self) -> Step:
        """Go up or down, as the load is."""
        before, now = self._ladder.step, time.monotonic()
        load = self._load(now)
        step = self._ladder.look(load, now)
        if step is not before:
            tell = log.warning if step > before else log.info
            tell("another step under overload", step=step.name.lower(), before=before.name.lower(), **load._asdict())
        self._gauge.set(step)
        return step

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    def _count_diverted(self) -> None:
        self._ladder.diverted(time.monotonic())
        metrics.overload_diverted_total.labels(self._node_id, self.step.name.lower()).inc()

    def _load(self, now: float) -> Load:
        while self._answers and now - self._answers[0][0] > REMEMBERED_S:
            self._answers.popleft()
        while self._unserved and now - self._unserved[0] > REMEMBERED_S:
            self._unserved.popleft()
        longest = heapq.nsmallest(WAITING_TOGETHER, self._waiting.values())
        together = now - longest[-1] if len(longest) == WAITING_TOGETHER else 0.0
        late = sorted(seconds for _, seconds in self._answers)
        model_s = late[(len(late) * 9 - 1) // 10] if len(late) >= FEWEST_ANSWERS else 0.0
        return Load(together, model_s, len(self._unserved), self._callers / self._max_calls)
