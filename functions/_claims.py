"""Attempts what is due in a table of claims: begins as much as there is room for, and more whenever one has ended.

Any number of processes may do so: each claims what it attempts, for longer than an attempt takes. So something may be
attempted twice (a pod that dies after it), and is never left out.
"""

from __future__ import annotations

import asyncio
import collections
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from eventing.serving import TRANSIENT
from process import logs

PAUSE_S = 1.0
STOP_GRACE_S = 5.0

Claimed = TypeVar("Claimed")

log = logs.get(__name__)


class Claims(ABC, Generic[Claimed]):
    """``start`` before use; ``wake`` when something may be due, ``round`` to attempt what is due and wait for it."""

    def __init__(self, what: str, at_once: int) -> None:
        self._what = what
        self._at_once = at_once
        self._due = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._under_way: dict[asyncio.Task[None], str] = {}  # each attempt's place
        self._running: asyncio.Task[None] | None = None

    @abstractmethod
    async def _claim(self, most: int, under_way: Mapping[str, int]) -> Sequence[Claimed]:
        """Up to ``most``, with regard to how many are under way to each place."""

    @abstractmethod
    async def _attempt(self, one: Claimed) -> None:
        """Raises nothing."""

    @abstractmethod
    def _place(self, one: Claimed) -> str:
        """Where it goes: a place that is slow must not have all the room."""

    async def start(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Let what is under way end, as far as it does in time; the rest is another's once its claim ends."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        if self._under_way:
            _, unfinished = await asyncio.wait(self._under_way, timeout=STOP_GRACE_S)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    def wake(self) -> None:
        self._due.set()

    async def round(self) -> None:
        """Raises what Postgres raises while it is away."""
        while attempts := await self._take():
            await asyncio.wait(attempts)
        if self._under_way:  # what ``wake`` has begun
            await asyncio.wait(list(self._under_way))

    async def _run(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                while await self._take():
                    pass
            except TRANSIENT as error:
                log.warning("what is due waits for Postgres", what=self._what, why=type(error).__name__)
                await asyncio.sleep(PAUSE_S)
                self._due.set()
            except Exception:  # what ends here would be begun by nobody but the tick
                log.exception("what is due can't be claimed", what=self._what)
                await asyncio.sleep(PAUSE_S)
                self._due.set()

    async def _take(self) -> list[asyncio.Task[None]]:
        async with self._claiming:
            free = self._at_once - len(self._under_way)
            if free <= 0:
                return []
            claimed = await self._claim(free, collections.Counter(self._under_way.values()))
            return [self._begin(one) for one in claimed]

    def _begin(self, one: Claimed) -> asyncio.Task[None]:
        task = asyncio.create_task(self._attempt(one))
        self._under_way[task] = self._place(one)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._due.set()  # there is room for another
