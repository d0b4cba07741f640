"""How often somebody may try: counted in Redis, so that all workers and replicas count together.

An attempt is counted before anything is looked at: parallel guesses cannot slip past. While Redis is away each worker
counts for itself, so that nobody is kept out and nobody may guess without end: a guesser then has as many times the
limit as there are workers.
"""

import hashlib
import hmac
import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from process import logs
from web import counters, metrics
from web.database import Database, UnavailableError

WINDOW_S = 15 * 60  # then a counter ends by itself
REDIS_WITHIN_S = 1.0
LOCAL_COUNTERS = 10_000

log = logs.get(__name__)


class Limit(NamedTuple):
    """At most ``most`` attempts under ``key`` in a window."""

    key: str
    most: int


class Throttle:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._local = LocalCounters()

    def allow(self, limits: Sequence[Limit], window_s: int = WINDOW_S) -> bool:
        """Count one attempt under each limit; False when one of them is passed."""
        keys = [limit.key for limit in limits]
        try:
            counted = self._database.redis(lambda redis: counters.count(redis, keys, window_s), within_s=REDIS_WITHIN_S)
            counts = [one.times for one in counted]
        except UnavailableError:
            metrics.throttled_locally_total.inc()
            log.warning("attempts are counted by this worker alone: Redis does not answer")
            counts = [self._local.count(limit.key, window_s) for limit in limits]
        return all(count <= limit.most for count, limit in zip(counts, limits, strict=True))

    def forget(self, limit: Limit) -> None:
        """It was right: what was counted under this key is no guess."""
        self._local.forget(limit.key)
        try:
            self._database.redis(lambda redis: redis.delete(limit.key), within_s=REDIS_WITHIN_S)
        except UnavailableError:
            log.warning("attempts that were right stay counted: Redis does not answer")


class LocalCounters:
    """The same counters in this process; the oldest go beyond LOCAL_COUNTERS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def count(self, key: str, window_s: float) -> int:
        now = time.monotonic()
        with self._lock:
            ends_at, count = self._counters.pop(key, (0.0, 0))
            if ends_at <= now:
                ends_at, count = now + window_s, 0
            self._counters[key] = ends_at, count + 1
            if len(self._counters) > LOCAL_COUNTERS:
                self._counters.popitem(last=False)
            return count + 1

    def forget(self, key: str) -> None:
        with self._lock:
            self._counters.pop(key, None)


def account_digest(secret: str, account: str) -> str:
    """An account's name for a key or a cookie, the same however it is written, and readable by nobody."""
    return hmac.new(secret.encode(), account.strip().casefold().encode(), hashlib.sha256).hexdigest()[:32]


def neighbourhood(address: str | None) -> str:
    """Where an address comes from: itself, or the /64 that one IPv6 customer has to choose from."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
