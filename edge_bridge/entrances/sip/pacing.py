"""Keeps floods of offers from aborting pjsip.

pjsip's ioqueue has 64 keys and keeps a closed socket's key for 500 ms; the 65th aborts the process. Every INVITE
takes two keys (RTP, RTCP) for each media line it offers, also one that is refused: 33 short calls back to back, or
three INVITEs with 50 lines, are enough; so is a call whose second line comes and goes. The ledger knows how many keys
may be in use and says how long the SIP thread must wait before the next offer; audio is another process's.
"""

import re
from collections import deque

KEYS = 64
KEPT_BY_SIP = 4  # its transport and the resolver, in the same ioqueue (endpoint._library_config)
KEPT_BY_CALLS = 16  # four calls, each once over while it is being replaced by a re-INVITE
RELEASE_S = 0.8  # pjsip's 500 ms, and a margin for its timers
KEYS_PER_MEDIA = 2
MOST_MEDIA = 16  # pjsua looks at no more lines of an offer

_PORT = re.compile(r"^m=\S+ (\d+)", re.MULTILINE)


def media_lines(message: str) -> int:
    """For how many media lines of a SIP message's SDP pjsip opens sockets, at least one."""
    return max(1, message.count("\nm=") - open_lines(message).count(False))


def open_lines(sdp: str) -> tuple[bool, ...]:
    """Of each media line, whether it has a port."""
    return tuple(port != "0" for port in _PORT.findall(sdp))


class KeyLedger:
    """Keys taken lately. Times are seconds of one monotonic clock."""

    def __init__(self, keys: int = KEYS - KEPT_BY_SIP - KEPT_BY_CALLS) -> None:
        self._keys = keys
        self._taken: deque[tuple[float, int]] = deque()
        self._in_use = 0

    def wait_s(self, now: float, media: int) -> float:
        """How long to wait at ``now`` before an offer that opens ``media`` lines may be handled."""
        while self._taken and self._taken[0][0] + RELEASE_S <= now:
            self._in_use -= self._taken.popleft()[1]
        needed = self._in_use + KEYS_PER_MEDIA * min(media, MOST_MEDIA) - self._keys
        for taken_at, keys in self._taken:
            if needed <= 0:
                break
            needed -= keys
            wait = taken_at + RELEASE_S - now
            if needed <= 0:
                return max(wait, 0.0)
        return 0.0

    def take(self, now: float, media: int) -> None:
        keys = KEYS_PER_MEDIA * min(media, MOST_MEDIA)
        self._taken.append((now, keys))
        self._in_use += keys
