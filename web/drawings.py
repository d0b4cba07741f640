"""Drawn parts of pages, used again for a moment while all that they show is as it was.

Whether it is, Postgres says each time (``stores.board_states``): a drawing is kept under the versions of what was read
for it, and those are read first. Two screens that are drawn after one another can't disagree, in whichever process.
A drawing is also given up after KEPT_S, because the clocks in it go on; a browser that runs our script moves them on.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from web.assets import Packed, packed

KEPT_S = 2.0
MOST = 200
# A new connection plans over every month there is: while the first one does that, the others had better wait than do
# the same on connections of their own.
WAIT_S = 2.0


@dataclass(frozen=True)
class Drawing:
    """``versions``: of what it shows, read before that was."""

    html: str
    versions: str
    drawn_at: float = field(default_factory=time.monotonic)

    @cached_property
    def part(self) -> Packed:
        return packed(self.html.encode())

    def serves(self, versions: str) -> bool:
        return versions == self.versions and not self.old

    @property
    def old(self) -> bool:
        return time.monotonic() - self.drawn_at > KEPT_S


class Drawings:
    """The last MOST by what they are of. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Drawing] = OrderedDict()
        self._drawing: dict[Hashable, tuple[threading.Lock, int]] = {}

    def get(self, key: Hashable) -> Drawing | None:
        with self._lock:
            return self._kept.get(key)

    def put(self, key: Hashable, drawing: Drawing) -> None:
        with self._lock:
            self._kept[key] = drawing
            self._kept.move_to_end(key)
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)

    @contextmanager
    def one_at_a_time(self, key: Hashable) -> Iterator[None]:
        """Those who come while one draws wait for it, and find what it has drawn; not for ever (WAIT_S)."""
        with self._lock:
            lock, waiting = self._drawing.get(key, (threading.Lock(), 0))
            self._drawing[key] = lock, waiting + 1
        mine = lock.acquire(timeout=WAIT_S)
        try:
            yield
        finally:
            if mine:
                lock.release()
            with self._lock:
                lock, waiting = self._drawing[key]
                if waiting == 1:
                    del self._drawing[key]
                else:
                    self._drawing[key] = lock, waiting - 1
