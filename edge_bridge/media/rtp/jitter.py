"""Puts packets back in order. Who listens is a program, so what is in order passes at once and nothing is played out
by a clock: only a packet that is missing makes those after it wait, for as long as this line's packets are late.
"""

from edge_bridge.media.rtp.packets import QUIETER_ULAW

LEAST_WAIT_S = 0.02
MOST_WAIT_S = 0.06
MOST_AHEAD = 50  # packets; further on it is no gap but another numbering
MOST_BEHIND = 100
CONCEALED = 2  # packets in a row that are filled with the sound before them; silence then
SAMPLES_PER_S = 8000


class ReorderBuffer:
    """``push`` and ``expire`` give µ-law payloads in order, with lost ones replaced. An empty payload is a packet
    without sound (a key, comfort noise): it only keeps its place.
    """

    __slots__ = (
        "_after_jump",
        "_ahead",
        "_gap_since",
        "_jitter_s",
        "_last",
        "_last_at",
        "_next",
        "concealed",
        "late",
    )

    def __init__(self) -> None:
        self.late = 0  # dropped: they came twice, or when they were given up
        self.concealed = 0
        self._next = -1
        self._ahead: dict[int, bytes] = {}
        self._gap_since = 0.0
        self._after_jump = -1
        self._last = b""
        self._last_at = 0.0
        self._jitter_s = 0.0

    @property
    def wait_s(self) -> float:
        """How long a missing packet is waited for."""
        return min(max(LEAST_WAIT_S + 2 * self._jitter_s, LEAST_WAIT_S), MOST_WAIT_S)

    def restart(self) -> None:
        """Another source: its numbering begins anywhere."""
        self._next = -1
        self._ahead.clear()

    def push(self, sequence: int, payload: bytes, now: float) -> tuple[bytes, ...]:
        """What can be heard once this packet is there."""
        ahead = (sequence - self._next) & 0xFFFF if self._next >= 0 else 0
        if ahead == 0:
            self._measure(payload, now)
            self._next = (sequence + 1) & 0xFFFF
            return (payload,) if not self._ahead else (payload, *self._in_order(now))
        if ahead <= MOST_AHEAD:
            if not self._ahead:
                self._gap_since = now
            self._ahead[sequence] = payload
            return ()
        if ahead >= 0x10000 - MOST_BEHIND:
            self.late += 1
            return ()
        # Another numbering, once a second packet confirms it: one stray packet changes nothing.
        if sequence != self._after_jump:
            self._after_jump = (sequence + 1) & 0xFFFF
            return ()
        self.restart()
        return self.push(sequence, payload, now)

    def expire(self, now: float) -> tuple[bytes, ...]:
        """What can be heard because what is missing has been waited for long enough."""
        if not self._ahead or now - self._gap_since < self.wait_s:
            return ()
        found = min(self._ahead, key=lambda sequence: (sequence - self._next) & 0xFFFF)
        missing = (found - self._next) & 0xFFFF
        self.concealed += missing
        sound = self._last.translate(QUIETER_ULAW)
        silence = b"\xff" * len(sound)
        filled = [sound if number < CONCEALED else silence for number in range(missing)]
        self._next = found
        return (*filled, *self._in_order(now))

    def _in_order(self, now: float) -> list[bytes]:
        ready: list[bytes] = []
        while self._next in self._ahead:
            payload = self._ahead.pop(self._next)
            ready.append(payload)
            self._next = (self._next + 1) & 0xFFFF
            self._last = payload or self._last
        self._gap_since = now
        self._last_at = now
        return ready

    def _measure(self, payload: bytes, now: float) -> None:
        """Jitter by arrival alone: a phone's timestamps may stand still."""
        if self._last_at and self._last:
            off = abs(now - self._last_at - len(self._last) / SAMPLES_PER_S)
            self._jitter_s += (min(off, MOST_WAIT_S) - self._jitter_s) / 16
        self._last_at = now
        self._last = payload or self._last
