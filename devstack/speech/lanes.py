"""Bounded worker threads for the models, so that the event loop never waits for one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Overloaded(Exception):  # noqa: N818 - a refusal, nothing is broken
    """The lane's queue is full; the work was not taken."""


class Lane:
    """One worker thread and at most ``waiting`` jobs behind it, served in order."""

    def __init__(self, name: str, waiting: int) -> None:
        self._name = name
        self._bound = waiting + 1
        self._taken = 0
        self._counting = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, work: Callable[[], T], timeout_s: float) -> T:
        """Raises Overloaded at once when the lane is full, TimeoutError after ``timeout_s``.

        A job whose caller is cancelled before it starts never runs; one that runs is let finish, unheard.
        """
        with self._counting:
            if self._taken >= self._bound:
                raise Overloaded(f"{self._name} has {self._taken} jobs waiting; try again later")
            self._taken += 1
        job = self._pool.submit(work)
        job.add_done_callback(self._release)
        return await asyncio.wait_for(asyncio.wrap_future(job), timeout_s)

    def _release(self, _: Future[T]) -> None:
        with self._counting:
            self._taken -= 1

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
