"""Knative's time: every constant and every duration of a manifest is in its seconds.

Tests run the same manifests with a faster clock (``Clock(speed=20)``: a 30 s window passes in 1.5 s)
instead of editing durations that Knative itself would refuse.
"""

import asyncio
import time
from dataclasses import dataclass

from ops.knative import autoscaler


@dataclass(frozen=True, slots=True)
class Clock:
    """``speed`` Knative seconds pass in one real second."""

    speed: float = 1.0

    def now(self) -> float:
        """Monotonic, in Knative seconds."""
        return time.monotonic() * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """``asyncio.timeout`` in Knative seconds; None never ends."""
        return asyncio.timeout(None if seconds is None else seconds / self.speed)

    def real(self, seconds: float) -> float:
        """How many real seconds that is."""
        return seconds / self.speed


@dataclass(frozen=True, slots=True)
class Constants(autoscaler.Constants):
    """Knative's and the kubelet's own times and ratios, in (Knative) seconds; sources in docs/knative-contract.md."""

    drain_s: float = 30.0
    """From a pod's deletion to its SIGTERM."""
    tunnels_cut_s: float = 90.0
    """From a pod's deletion to the end of its WebSockets: the drain, then 60 s more."""
    minimum_grace_s: float = 2.0
    """From SIGTERM to SIGKILL when the grace period is already over."""
    restart_delays_s: tuple[float, ...] = (0.8, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
    """Before each restart of a container that ended; the last one repeats."""
    restart_reset_s: float = 600.0
    """A container that ran this long starts again at the first delay."""
    unready_after_crash_s: float = 1.3
    """A pod whose process died still gets requests (502) for this long."""
    start_probe_period_s: float = 0.01
