"""Which engines a call tries, and in which order: the restaurant's wish, and what all handlers know of each engine.

Nothing here keeps a caller waiting: Redis has ORDER_WITHIN_S to say how the engines are, and is told of what happened
in the background.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from functions.call_handler.figures import Figures
from functions.call_handler.remembering.backends import Backends
from functions.call_handler.settings import Endpoint
from process import logs
from stores import breakers
from stores.breakers import BreakerState

log = logs.get(__name__)

ORDER_WITHIN_S = 0.3


def wished_order(endpoints: Sequence[Endpoint], wish: Sequence[str]) -> tuple[Endpoint, ...]:
    """``endpoints`` in the order of the names in ``wish``, and only those; all, as they are, without a usable wish."""
    named = {one.name: one for one in endpoints}
    wished = tuple(named[name] for name in wish if name in named)
    return wished or tuple(endpoints)


def from_next(endpoints: Sequence[Endpoint], lost: str) -> tuple[Endpoint, ...]:
    """The order that begins behind the engine called ``lost``, with that one last."""
    names = [one.name for one in endpoints]
    begin = names.index(lost) + 1 if lost in names else 0
    return (*endpoints[begin:], *endpoints[:begin])


class Breakers:
    """One a call; with a single engine there is nothing to choose, and Redis is not asked."""

    def __init__(self, backends: Backends, figures: Figures) -> None:
        self._backends = backends
        self._figures = figures
        self._states: dict[str, BreakerState] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def order(self, endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
        """``endpoints`` with those last that all handlers leave alone now: better one of them than nobody."""
        if len(endpoints) < 2:
            return tuple(endpoints)
        try:
            async with asyncio.timeout(ORDER_WITHIN_S):
                states = await breakers.states(self._backends.redis, [one.name for one in endpoints])
        except OSError as error:
            log.warning("the engines' breakers are unknown", why=type(error).__name__)
            return tuple(endpoints)
        self._states = {one.name: state for one, state in zip(endpoints, states, strict=True)}
        return tuple(sorted(endpoints, key=lambda one: self._states[one.name] == "open"))

    def failed(self, name: str, why: str) -> None:
        """An engine could not be had, or was lost by its own fault."""
        self._figures.add(lambda metrics: metrics.ai_worker_engine_failures_total.labels(engine=name).inc())
        self._start(self._count(name))

    def heard(self, name: str) -> None:
        """An engine has made a sound: it works."""
        if self._states.get(name, "closed") != "closed":
            self._states[name] = "closed"
            self._start(self._close(name))

    async def settle(self, timeout_s: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)

    async def _count(self, name: str) -> None:
        try:
            opened = await breakers.failed(self._backends.redis, name)
        except OSError as error:
            log.warning("engine failure not counted", engine=name, why=type(error).__name__)
            return
        if opened:
            log.error("engine left alone for a while: it fails too often", engine=name)
            self._figures.add(lambda metrics: metrics.ai_worker_engine_breaker_opened_total.labels(engine=name).inc())

    async def _close(self, name: str) -> None:
        try:
            if await breakers.succeeded(self._backends.redis, name):
                log.info("engine works again", engine=name)
        except OSError as error:
            log.warning("engine's recovery not told", engine=name, why=type(error).__name__)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
