"""The Knative pod autoscaler's arithmetic, without clocks or processes: concurrency in, wanted pods out.

Kept: the time-weighted mean over the stable window and over a panic window of a tenth of it, panic mode
that never scales down, the scale-down delay (the highest proposal of the last so-many seconds), min and max
bounds, a pod's stay for at least one stable window, and the last pod's retention period.
"""

import math
from collections import deque
from dataclasses import dataclass, replace

from ops.knative.scaling import Scaling

_BUCKET_S = 1.0
_EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Constants:
    """The autoscaler's own times and ratios; sources in docs/knative-contract.md."""

    autoscaler_period_s: float = 2.0
    panic_window_ratio: float = 0.1
    panic_threshold: float = 2.0
    max_scale_down_rate: float = 2.0


@dataclass
class _Bucket:
    """One second's requests times seconds, between the first and the last moment with any."""

    second: int
    begin: float
    end: float = 0.0
    area: float = 0.0

    def area_after(self, start: float) -> float:
        if self.end <= start:
            return 0.0
        return self.area * (self.end - max(self.begin, start)) / (self.end - self.begin)


class ConcurrencyMeter:
    """Requests in flight or queued, as a time-weighted mean over a window; one bucket a second."""

    def __init__(self, longest_window_s: float, now: float) -> None:
        self._keep = math.ceil(longest_window_s / _BUCKET_S) + 1
        self._buckets: deque[_Bucket] = deque()
        self._updated = now
        self._since = now
        self.level = 0

    def change(self, delta: int, now: float) -> None:
        """A request came (+1) or ended (-1)."""
        self._advance(now)
        if self.level == 0 and not self._buckets:
            self._since = now
        self.level += delta

    def mean(self, window_s: float, now: float) -> float:
        """Over the window, or over the time since the first request if that is shorter."""
        self._advance(now)
        start = max(now - window_s, self._since)
        if now - start < _EPSILON:
            return float(self.level)
        return sum(bucket.area_after(start) for bucket in self._buckets) / (now - start)

    def _advance(self, now: float) -> None:
        while self._updated < now:
            second = math.floor(self._updated / _BUCKET_S)
            until = min(now, (second + 1) * _BUCKET_S) if self.level else now
            if self.level:
                self._add(second, self._updated, until)
            self._updated = until
        oldest = math.floor(now / _BUCKET_S) - self._keep
        while self._buckets and self._buckets[0].second < oldest:
            self._buckets.popleft()

    def _add(self, second: int, begin: float, end: float) -> None:
        if not self._buckets or self._buckets[-1].second != second:
            self._buckets.append(_Bucket(second, begin))
        self._buckets[-1].end = end
        self._buckets[-1].area += self.level * (end - begin)


@dataclass(frozen=True, slots=True)
class Observed:
    """Of the last decision. ``desired`` is before the bounds and the last pod's stay, as Knative's own metric."""

    stable: float = 0.0
    panic: float = 0.0
    desired: int = 0


@dataclass
class Autoscaler:
    """One Revision's decider. ``decide`` is called every autoscaler period and once when a request finds no pod."""

    scaling: Scaling
    container_concurrency: int
    constants: Constants
    min_scale: int = 0
    """The bound in force: the template's annotation or the Revision's (pre-warming)."""
    observed: Observed = Observed()
    """What the last decision saw."""
    _panic_since: float | None = None
    _panic_pods: int = 0
    _active_since: float | None = None
    _inactive_since: float | None = None

    def __post_init__(self) -> None:
        self.min_scale = self.scaling.min_scale
        self._proposals: deque[tuple[float, int]] = deque()

    @property
    def panicking(self) -> bool:
        return self._panic_since is not None

    @property
    def panic_window_s(self) -> float:
        return max(self.scaling.window_s * self.constants.panic_window_ratio, _BUCKET_S)

    def first_request(self, now: float, pods: int) -> int:
        """A request found no pod: the activator reports one request at once, before any window has passed."""
        wanted = math.ceil(1 / self.scaling.per_pod(self.container_concurrency) - _EPSILON)
        return self._bounded(now, max(wanted, self.scaling.activation_scale), pods)

    def decide(self, now: float, stable: float, panic: float, ready: int, pods: int) -> int:
        """How many pods there should be; ``ready`` and ``pods`` are how many there are (not terminating)."""
        self.observed = replace(self.observed, stable=stable, panic=panic)
        per_pod = self.scaling.per_pod(self.container_concurrency)
        wanted_stable = math.ceil(stable / per_pod - _EPSILON)
        wanted_panic = math.ceil(panic / per_pod - _EPSILON)
        at_least = math.floor(ready / self.constants.max_scale_down_rate)
        wanted = self._in_panic(now, max(at_least, wanted_stable), wanted_panic, max(1, ready))
        return self._bounded(now, wanted, pods)

    def _in_panic(self, now: float, wanted_stable: int, wanted_panic: int, ready: int) -> int:
        if wanted_panic / ready >= self.constants.panic_threshold:
            self._panic_since = now
        elif self._panic_since is not None and now - self._panic_since > self.scaling.window_s:
            self._panic_since, self._panic_pods = None, 0
        if self._panic_since is None:
            return wanted_stable
        self._panic_pods = max(self._panic_pods, wanted_stable, wanted_panic)
        return self._panic_pods

    def _bounded(self, now: float, wanted: int, pods: int) -> int:
        wanted = self._delayed(now, wanted)
        if 0 < wanted < self.scaling.activation_scale:
            wanted = self.scaling.activation_scale
        self.observed = replace(self.observed, desired=wanted)
        if self.min_scale:
            wanted = max(wanted, self.min_scale)
            self._inactive_since = None
        if self.scaling.max_scale:
            wanted = min(wanted, self.scaling.max_scale)
        return wanted if wanted else self._scale_to_zero(now, pods)

    def _delayed(self, now: float, wanted: int) -> int:
        """The highest number proposed in the last ``scale-down-delay`` seconds."""
        while self._proposals and (self._proposals[0][0] < now - self.scaling.scale_down_delay_s):
            self._proposals.popleft()
        while self._proposals and self._proposals[-1][1] <= wanted:
            self._proposals.pop()
        self._proposals.append((now, wanted))
        highest = self._proposals[0][1]
        if highest:
            self._inactive_since = None
            self._active_since = self._active_since if self._active_since is not None else now
        return highest

    def _scale_to_zero(self, now: float, pods: int) -> int:
        """The last pod stays a stable window after the activation, then the retention period."""
        if not pods:
            self._active_since = self._inactive_since = None
            return 0
        if self._active_since is not None and now - self._active_since < self.scaling.window_s:
            return 1
        if self._inactive_since is None:
            self._inactive_since = now
        self._active_since = None
        return 1 if now - self._inactive_since < self.scaling.retention_s else 0
