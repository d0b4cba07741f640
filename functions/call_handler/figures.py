"""The call's figures, kept back until somebody scrapes them: prometheus-client costs 40 ms and 2 MB, a call nothing."""

import sys
from collections import deque
from collections.abc import Callable
from types import ModuleType

Record = Callable[[ModuleType], None]

MAX_WAITING = 10_000  # a few a call: a process that nobody scrapes forgets its oldest


class Figures:
    """``add(lambda metrics: metrics.some_counter.inc())`` at any time; ``settle()`` before each scrape is answered."""

    def __init__(self) -> None:
        self._waiting: deque[Record] = deque(maxlen=MAX_WAITING)

    def add(self, record: Record) -> None:
        self._waiting.append(record)
        if "process.metrics" in sys.modules:
            self.settle()

    def settle(self) -> None:
        """Count everything, loading what that takes."""
        from process import metrics

        while self._waiting:
            self._waiting.popleft()(metrics)
