"""Who sent a datagram, before anything of it is read: strangers cost a look in a dictionary.

Known sources are never banned, for anybody can write a trunk's address on a datagram; they are limited. Strangers get
an answer now and then, so that one who set up a trunk wrongly learns why, and are silence otherwise.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from edge_bridge.entrances.sip.numbers import AddressBook

MOST_KNOWN = 4096
MOST_STRANGERS = 20_000
MOST_ASKED = 4096
ASKED_S = 64 * 0.5 + 8  # RFC 3261's 64 T1, and a slow registrar
COUNTED_S = 10.0

Kind = Literal["peer", "trunk", "dialog", "asked", "stranger"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Requests a second of one known source, outside of dialogs and in them; what a stranger may send in COUNTED_S
    before it is banned for ``ban_s``; how often a stranger is answered."""

    requests_per_s: float
    in_dialog_per_s: float
    stranger_answer_s: float
    stranger_messages: int
    ban_s: float


class Bucket:
    """``rate`` tokens a second, at most two seconds' worth."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: float, now: float) -> None:
        self._rate, self._tokens, self._at = rate, max(2 * rate, 1.0), now

    def take(self, now: float) -> bool:
        self._tokens = min(self._tokens + (now - self._at) * self._rate, max(2 * self._rate, 1.0))
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class _Stranger:
    __slots__ = ("answer_at", "banned_until", "count", "since")

    def __init__(self, now: float) -> None:
        self.answer_at = now
        self.since = now
        self.count = 0
        self.banned_until = 0.0


class Sources:
    """Times are seconds of one monotonic clock."""

    def __init__(self, book: AddressBook, limits: Limits, is_in_dialog: Callable[[str], bool]) -> None:
        self.limits = limits
        self._is_in_dialog = is_in_dialog
        self._book = book
        self._known: dict[str, Kind] = {}  # peers and trunks, and who is neither
        self._buckets: dict[str, tuple[Bucket, Bucket]] = {}
        self._strangers: dict[str, _Stranger] = {}
        self._asked: dict[str, float] = {}
        self._swept_at = float("-inf")

    def use(self, book: AddressBook) -> None:
        self._book = book
        self._known.clear()

    def kind(self, host: str, now: float) -> Kind:
        known = self._known.get(host)
        if known is None:
            known = "peer" if self._book.is_peer(host) else "trunk" if self._book.is_trunk(host) else "stranger"
            if len(self._known) >= MOST_KNOWN + MOST_STRANGERS:
                self._known.clear()
            self._known[host] = known
        if known != "stranger":
            return known
        if self._is_in_dialog(host):
            return "dialog"
        return "asked" if self._asked.get(host, 0.0) > now else "stranger"

    def asks(self, host: str, now: float) -> None:
        """A request of ours goes to ``host``: it may answer."""
        if host not in self._asked and len(self._asked) >= MOST_ASKED:
            self._asked = {known: until for known, until in self._asked.items() if until > now}
        self._asked[host] = now + ASKED_S

    def may_ask(self, host: str, now: float, *, in_dialog: bool) -> bool:
        """Whether a known source is within its limits."""
        buckets = self._buckets.get(host)
        if buckets is None:
            if len(self._buckets) >= MOST_KNOWN:
                self._buckets.clear()
            limits = self.limits
            buckets = (Bucket(limits.requests_per_s, now), Bucket(limits.in_dialog_per_s, now))
            self._buckets[host] = buckets
        return buckets[in_dialog].take(now)

    def stranger(self, host: str, now: float) -> Literal["answer", "silence", "banned"]:
        """What a stranger's message gets."""
        state = self._strangers.get(host)
        if state is None:
            if len(self._strangers) >= MOST_STRANGERS and not self._sweep(now):
                return "silence"
            state = self._strangers[host] = _Stranger(now)
        if state.banned_until > now:
            return "banned"
        if now - state.since > COUNTED_S:
            state.since, state.count = now, 0
        state.count += 1
        if state.count > self.limits.stranger_messages:
            state.banned_until = now + self.limits.ban_s
            return "banned"
        if state.answer_at > now:
            return "silence"
        state.answer_at = now + self.limits.stranger_answer_s
        return "answer"

    def banned(self, now: float) -> int:
        """How many are, at the moment."""
        return sum(state.banned_until > now for state in self._strangers.values())

    def _sweep(self, now: float) -> bool:
        """Forget strangers who have been quiet, at most once in COUNTED_S; False when there is still no room."""
        if now - self._swept_at < COUNTED_S:
            return False
        self._swept_at = now
        quiet = {
            host: state
            for host, state in self._strangers.items()
            if state.banned_until > now or state.answer_at > now or now - state.since < COUNTED_S
        }
        self._strangers = quiet
        return len(quiet) < MOST_STRANGERS
