"""Anything at all may come to an RTP port. Nothing of it raises, makes memory grow, or is heard where it must not be.

A seed gives one run; a failure names the seed.
"""

import contextlib
import random
import struct
import time
import tracemalloc
from collections import deque
from collections.abc import Callable

import psutil
import pytest
from pylibsrtp import Error

from edge_bridge.media.rtp import ice, packets, rtcp, stream
from edge_bridge.media.rtp.arrivals import Arrivals
from edge_bridge.media.rtp.ice import IceLite
from edge_bridge.media.rtp.packets import PCMU
from edge_bridge.media.rtp.ports import PortPair
from edge_bridge.media.rtp.sdp import Agreement
from edge_bridge.media.rtp.srtp import Keys, Protection
from edge_bridge.media.rtp.stream import RtpStream

pytestmark = pytest.mark.unit

PACKETS = 10_000  # of each kind of stream
WARM_UP = 5_000
GROWTH_BYTES = 100_000
GROWTH_RSS_BYTES = 8 << 20  # libsrtp's memory is not Python's
SEED = 20_260
PHONE, STRANGER = ("192.0.2.1", 4000), ("198.51.100.1", 4000)
CREDENTIALS = IceLite("frag", "password" * 4)
KEYS = Keys("1", "AES_CM_128_HMAC_SHA1_80", bytes(30), bytes(range(30)))


class Wire:
    """Stands for a socket: gives one datagram, and takes what is sent."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.next: tuple[bytes, tuple[str, int]] = (b"", PHONE)
        self.sent: deque[bytes] = deque(maxlen=50)

    def fileno(self) -> int:
        return self.number

    def recvfrom(self, _: int) -> tuple[bytes, tuple[str, int]]:
        return self.next

    def sendto(self, data: bytes, _: tuple[str, int]) -> int:
        self.sent.append(data)
        return len(data)


class Listener:
    def __init__(self) -> None:
        self.heard_bytes = 0

    def heard(self, ulaw: bytes) -> None:
        self.heard_bytes += len(ulaw)

    def next_frame(self) -> bytes | None:
        return None


class Fuzz:
    """Makes datagrams: good ones of each kind, cut, stretched, with bits turned, and noise."""

    def __init__(self, seed: int, protection: Protection | None) -> None:
        self.random = random.Random(seed)
        self.protection = protection
        self.sequence = 0

    def datagram(self) -> bytes:
        make = self.random.choice((self._rtp, self._rtp, self._rtp, self._rtcp, self._stun, self._noise))
        data = make()
        change = self.random.randrange(4)
        if change == 0 and data:
            return data[: self.random.randrange(len(data))]
        if change == 1 and data:
            turned = bytearray(data)
            for _ in range(self.random.randrange(1, 6)):
                turned[self.random.randrange(len(turned))] ^= 1 << self.random.randrange(8)
            return bytes(turned)
        return data

    def _rtp(self) -> bytes:
        pick = self.random
        jump = 30_000 if self.protection is None else 300  # more, and both sides count rollovers differently
        self.sequence = (self.sequence + pick.choice((1, 1, 1, 1, 0, 2, 40, jump))) & 0xFFFF
        kind = pick.choice((PCMU, PCMU, 101, packets.COMFORT_NOISE, pick.randrange(128)))
        payload = pick.randbytes(pick.choice((160, 160, 4, 0, 1, pick.randrange(1400))))
        ssrc = pick.choice((1, 1, 1, pick.getrandbits(32)))
        plain = packets.build(kind, pick.random() < 0.1, self.sequence, pick.getrandbits(32), ssrc, payload)
        if self.protection is not None and pick.random() < 0.7:
            with contextlib.suppress(Error, ValueError):  # no number twice, and none too long
                return self.protection.protect(plain)
        return bytes([plain[0] | pick.choice((0, 0, 0x10, 0x20, 0x0F))]) + plain[1:]

    def _rtcp(self) -> bytes:
        pick = self.random
        last = rtcp.LastReport(pick.getrandbits(32), 0.0)
        report = rtcp.report(1, rtcp.Sent(1, 2, 3), rtcp.Reception(1, 0, pick.getrandbits(20)), last, 1.0)
        if self.protection is not None and pick.random() < 0.7:
            return self.protection.protect_report(report)
        return report

    def _stun(self) -> bytes:
        pick = self.random
        attributes = b"".join(
            struct.pack(">HH", pick.choice((6, 8, 0x25, 0x20, pick.getrandbits(16))), pick.choice((0, 4, 20, 65_535)))
            + pick.randbytes(pick.choice((0, 4, 20)))
            for _ in range(pick.randrange(6))
        )
        return struct.pack(">HHI12s", 1, len(attributes), 0x2112A442, pick.randbytes(12)) + attributes

    def _noise(self) -> bytes:
        return self.random.randbytes(self.random.choice((0, 1, 11, 12, 13, 60, 200, 1500, 2048)))


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Arrivals, "add", lambda *_: None)
    monkeypatch.setattr(Arrivals, "remove", lambda *_: None)


@pytest.mark.usefixtures("no_sockets")
@pytest.mark.parametrize(("keys", "muxed"), [(None, False), (None, True), (KEYS, False), (KEYS, True)])
async def test_forty_thousand_datagrams_neither_raise_nor_stay(keys: Keys | None, muxed: bool) -> None:
    print("seed", SEED)
    theirs = None if keys is None else Protection(Keys("1", keys.suite, keys.ours, keys.theirs))
    fuzz, ear = Fuzz(SEED, theirs), Listener()
    rtp, control = Wire(1), Wire(2)
    pressed: list[str] = []
    under_test = RtpStream(PortPair(4000, rtp, control, 0.0), ear, pressed.append)  # type: ignore[arg-type]
    under_test.agree(
        Agreement("PCMU", PCMU, 101, PHONE, PHONE, rtcp_mux=muxed, held=False, ice=CREDENTIALS, keys=keys), PHONE[0]
    )
    now = time.monotonic()
    tracemalloc.start()
    process = psutil.Process()
    before = rss_before = 0
    for number in range(PACKETS):
        if number == WARM_UP:
            before, rss_before = tracemalloc.get_traced_memory()[0], process.memory_info().rss
        now += 0.005
        wire, read = fuzz.random.choice(((rtp, under_test._read_rtp), (control, under_test._read_rtcp)))
        wire.next = (fuzz.datagram(), fuzz.random.choice((PHONE, PHONE, PHONE, STRANGER)))
        read(now)
        if number % 4 == 0:
            under_test.tick(now, 0)
        pressed.clear()
    grown = tracemalloc.get_traced_memory()[0] - before
    rss_grown = process.memory_info().rss - rss_before
    tracemalloc.stop()
    under_test.close()
    figures = under_test.figures
    assert figures.packets_in > PACKETS / 40 and figures.strangers > PACKETS / 10 and figures.malformed > PACKETS / 50
    assert ear.heard_bytes <= 8000 * (PACKETS * 0.005 + stream.MOST_AHEAD_S)
    assert grown < GROWTH_BYTES and rss_grown < GROWTH_RSS_BYTES


@pytest.mark.parametrize("read", [packets.parse, rtcp.parse])
def test_what_is_read_is_never_longer_than_what_came(read: Callable[[bytes], object]) -> None:
    fuzz = Fuzz(7, None)
    for _ in range(5000):
        data = fuzz.datagram()
        found = read(data)
        if isinstance(found, packets.RtpPacket):
            assert len(found.payload) <= len(data) - packets.HEADER_BYTES
        elif isinstance(found, tuple):
            assert 24 * sum(len(report.blocks) for report in found) <= len(data)


def test_no_check_is_answered_without_our_password() -> None:
    fuzz = Fuzz(11, None)
    for _ in range(5000):
        data = fuzz._stun()
        assert not ice.is_stun(data) or ice.check(data, PHONE, CREDENTIALS) is None
