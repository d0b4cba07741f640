"""RTCP (RFC 3550, 6): reports built and read, and what a receiver reports about a sender.

The CNAME is random for each process: it says that reports belong together, and nothing about anybody.
"""

import secrets
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

REPORT_EVERY_S = 5.0
CLOCK_HZ = 8000
CNAME = secrets.token_hex(8).encode()

_SENDER_REPORT, _RECEIVER_REPORT, _DESCRIPTION, _BYE = 200, 201, 202, 203
_NTP_UNIX_S = 2_208_988_800  # from 1900 to 1970
_HEADER = struct.Struct(">BBH")
_SENDER = struct.Struct(">IIIII")
_BLOCK = struct.Struct(">IIIIII")
_DISORDER = 0x8000


def ntp_now() -> int:
    """Seconds since 1900, 32 bits before and 32 after the point."""
    return int((time.time() + _NTP_UNIX_S) * (1 << 32))


@dataclass(slots=True)
class Reception:
    """What arrived from one SSRC (RFC 3550, A.1, A.3, A.8). ``jitter`` in timestamp units."""

    ssrc: int
    first: int
    highest: int  # sequence number, with its cycles
    received: int = 0
    jitter: float = 0.0
    _transit: int | None = None
    _expected_before: int = 0
    _received_before: int = 0

    def arrived(self, sequence: int, timestamp: int, at: float) -> None:
        """``at``: arrival, in seconds of a monotonic clock."""
        self.received += 1
        ahead = (sequence - self.highest) & 0xFFFF
        if ahead < _DISORDER:
            self.highest += ahead
        transit = (int(at * CLOCK_HZ) - timestamp) & 0xFFFFFFFF
        if self._transit is not None:
            change = (transit - self._transit) & 0xFFFFFFFF
            change = min(change, (1 << 32) - change)
            if change < CLOCK_HZ:  # a jump of the sender's clock is no jitter
                self.jitter += (change - self.jitter) / 16
        self._transit = transit

    @property
    def lost(self) -> int:
        return max(self.highest - self.first + 1 - self.received, 0)

    def fraction_lost(self) -> int:
        """Since the last call, in 256ths."""
        expected = self.highest - self.first + 1
        due, got = expected - self._expected_before, self.received - self._received_before
        self._expected_before, self._received_before = expected, self.received
        return max(0, min(255, ((due - got) << 8) // due)) if due > 0 else 0


@dataclass(frozen=True, slots=True)
class Sent:
    """A sender's own figures for its report."""

    timestamp: int
    packets: int
    octets: int


@dataclass(slots=True)
class LastReport:
    """The other side's last sender report: the middle of its NTP time, and its arrival, for our blocks."""

    ntp_middle: int = 0
    at: float = 0.0


def report(ssrc: int, sent: Sent | None, reception: Reception | None, last: LastReport, now: float) -> bytes:
    """A compound packet: SR when we sent anything, RR otherwise, and the CNAME."""
    block = b""
    if reception is not None:
        delay = int((now - last.at) * 65536) if last.ntp_middle else 0
        lost = reception.fraction_lost() << 24 | min(reception.lost, 0x7FFFFF)
        highest, jitter = reception.highest & 0xFFFFFFFF, int(reception.jitter)
        block = _BLOCK.pack(reception.ssrc, lost, highest, jitter, last.ntp_middle, delay & 0xFFFFFFFF)
    if sent is None:
        head, kind = b"", _RECEIVER_REPORT
    else:
        ntp = ntp_now()
        octets = sent.octets & 0xFFFFFFFF
        head = _SENDER.pack(ntp >> 32 & 0xFFFFFFFF, ntp & 0xFFFFFFFF, sent.timestamp, sent.packets, octets)
        kind = _SENDER_REPORT
    return _packet(kind, 1 if block else 0, struct.pack(">I", ssrc) + head + block) + _description(ssrc)


def bye(ssrc: int) -> bytes:
    """The end of a stream: an empty receiver report comes first, as the RFC wants of every compound packet."""
    source = struct.pack(">I", ssrc)
    return _packet(_RECEIVER_REPORT, 0, source) + _packet(_BYE, 1, source)


def _description(ssrc: int) -> bytes:
    item = struct.pack(">IBB", ssrc, 1, len(CNAME)) + CNAME + b"\0"
    return _packet(_DESCRIPTION, 1, item + bytes(-len(item) % 4))


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


@dataclass(frozen=True, slots=True)
class Block:
    """What the other side received of ``ssrc``. ``fraction_lost`` in 256ths since its last report, ``lost`` in packets
    since the first; ``jitter`` in timestamp units."""

    ssrc: int
    fraction_lost: int
    jitter: int
    last_report: int
    delay: int  # since then, in 65,536ths of a second
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a compound packet; ``ntp_middle`` is 0 in a receiver's."""

    ntp_middle: int
    blocks: tuple[Block, ...]


def parse(data: bytes) -> tuple[Report, ...] | None:
    """The reports in one datagram; None when it is no RTCP, or a length in it is wrong."""
    reports: list[Report] = []
    at = 0
    while at < len(data):
        if at + _HEADER.size > len(data):
            return None
        first, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 * (words + 1)
        if first >> 6 != 2 or end > len(data) or not 192 <= kind <= 223:
            return None
        if kind in (_SENDER_REPORT, _RECEIVER_REPORT):
            start = at + 8 + (_SENDER.size if kind == _SENDER_REPORT else 0)
            if start > end:
                return None
            middle = 0
            if kind == _SENDER_REPORT:
                seconds, parts = _SENDER.unpack_from(data, at + 8)[:2]
                middle = (seconds & 0xFFFF) << 16 | parts >> 16
            reports.append(Report(middle, tuple(_blocks(data, start, end, first & 0x1F))))
        at = end
    return tuple(reports) if data else None


def _blocks(data: bytes, start: int, end: int, count: int) -> Iterator[Block]:
    for at in range(start, min(end, start + count * _BLOCK.size), _BLOCK.size):
        if at + _BLOCK.size > end:
            return
        ssrc, lost, _, jitter, last, delay = _BLOCK.unpack_from(data, at)
        # The sum is signed: what came twice is taken off it.
        total = (lost & 0xFFFFFF) - (1 << 24 if lost & 0x800000 else 0)
        yield Block(ssrc, lost >> 24, jitter, last, delay, max(total, 0))


def round_trip_s(block: Block) -> float | None:
    """From our report to the arrival of theirs, less what they took; None when they name no report of ours."""
    if not block.last_report:
        return None
    units = ((ntp_now() >> 16) - block.last_report - block.delay) & 0xFFFFFFFF
    return units / 65536 if units < 60 * 65536 else None  # more is a clock that was set meanwhile
