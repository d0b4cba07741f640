"""The call's figures for /metrics, kept back until prometheus-client is loaded: a call never waits for an import."""

from collections.abc import Callable
from types import ModuleType

Record = Callable[[ModuleType], None]


class Figures:
    """``add(lambda metrics: metrics.some_counter.inc())`` at any time; counted from ``ready()`` on."""

    def __init__(self) -> None:
        self._metrics: ModuleType | None = None
        self._waiting: list[Record] = []

    def ready(self) -> None:
        """``process.metrics`` is imported."""
        from process import metrics

        self._metrics = metrics
        for record in self._waiting:
            record(metrics)
        self._waiting.clear()

    def add(self, record: Record) -> None:
        if self._metrics is not None:
            record(self._metrics)
        else:
            self._waiting.append(record)
