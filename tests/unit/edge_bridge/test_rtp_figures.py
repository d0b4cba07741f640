"""What a stream says of its line, on a line whose faults are known: a clock of its own, so the figures are exact."""

import random
import struct

import pytest

from edge_bridge.media.rtp import packets, rtcp
from edge_bridge.media.rtp.arrivals import Arrivals
from edge_bridge.media.rtp.packets import PCMU
from edge_bridge.media.rtp.ports import PortPair
from edge_bridge.media.rtp.sdp import Agreement
from edge_bridge.media.rtp.stream import RtpStream
from tests.unit.edge_bridge.test_rtp_fuzz import PHONE, Listener, Wire

pytestmark = pytest.mark.unit

PACKETS = 3000  # a minute
LOSS = 0.05
JITTER_S = 0.06
SSRC = 7


class Line:
    """A stream whose sockets are a test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Arrivals, "add", lambda *_: None)
        monkeypatch.setattr(Arrivals, "remove", lambda *_: None)
        self.rtp, self.control, self.ear = Wire(1), Wire(2), Listener()
        pair = PortPair(4000, self.rtp, self.control, 0.0)  # type: ignore[arg-type]
        self.stream = RtpStream(pair, self.ear, lambda _: None)
        self.stream.agree(Agreement("PCMU", PCMU, 101, PHONE, PHONE, rtcp_mux=False, held=False), PHONE[0])

    def arrives(self, number: int, at: float) -> None:
        self.rtp.next = (packets.build(PCMU, False, number & 0xFFFF, number * 160, SSRC, bytes(160)), PHONE)
        self.stream._read_rtp(at)

    def reports(self) -> list[rtcp.Report]:
        return [report for data in self.control.sent for report in rtcp.parse(data) or ()]


def disturbed(seed: int) -> tuple[list[tuple[float, int]], int]:
    """(arrival in s, number) of the packets that arrive, and how many do not."""
    chance = random.Random(seed)
    kept = [number for number in range(PACKETS) if number in (0, PACKETS - 1) or chance.random() >= LOSS]
    return sorted((number * 0.02 + chance.uniform(0, JITTER_S), number) for number in kept), PACKETS - len(kept)


async def test_loss_and_jitter_are_told_as_they_are_and_nothing_that_came_in_time_is_lost_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Line(monkeypatch)
    arrivals, lost = disturbed(seed=3)
    ticks = 0
    for at, number in arrivals:
        while ticks * 0.02 <= at:
            line.stream.tick(1000 + ticks * 0.02, 0)
            ticks += 1
        line.arrives(number, 1000 + at)
    for extra in range(300):  # the last report comes after all
        line.stream.tick(1000 + (ticks + extra) * 0.02, 0)

    blocks = [block for report in line.reports() for block in report.blocks]
    fractions = [block.fraction_lost / 256 for block in blocks[1:11]]
    assert abs(line.stream.lost - lost) <= 1  # the first to come need not be the first that was sent
    assert sum(fractions) / len(fractions) == pytest.approx(lost / PACKETS, abs=0.01)
    # RFC 3550 smooths |D|, whose mean is a third of the range for two uniform delays.
    assert line.stream.jitter_ms == pytest.approx(1000 * JITTER_S / 3, rel=0.35)
    assert [block.jitter / 8 for block in blocks[1:11]] == pytest.approx([1000 * JITTER_S / 3] * 10, rel=0.6)
    assert line.stream.late < 0.02 * PACKETS


async def test_a_clean_line_has_no_loss_and_no_jitter_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(monkeypatch)
    for number in range(500):
        line.arrives(65_400 + number, 1000 + number * 0.02)  # across a rollover
        line.stream.tick(1000 + number * 0.02, 0)
    assert (line.stream.lost, line.stream.late) == (0, 0)
    assert line.stream.jitter_ms < 0.2
    assert {block.fraction_lost for report in line.reports() for block in report.blocks} == {0}


@pytest.mark.parametrize("held_s", [0.0, 1.5])
async def test_the_round_trip_is_without_the_time_that_the_far_end_took(
    monkeypatch: pytest.MonkeyPatch, held_s: float
) -> None:
    line = Line(monkeypatch)
    clock = [4_000_000_000.0]
    monkeypatch.setattr(rtcp, "ntp_now", lambda: int(clock[0] * (1 << 32)))
    line.arrives(1, 1000.0)
    for number in range(250):
        line.stream.tick(1000 + number * 0.02, 0)
    ours = line.reports()[-1]
    clock[0] += held_s + 0.08
    ssrc = struct.unpack_from(">I", line.control.sent[-1], 4)[0]
    delay = int(held_s * 65_536)
    back = struct.pack(">BBHIIIIIII", 0x81, 201, 7, SSRC, ssrc, 13 << 24 | 40, 0, 96, ours.ntp_middle, delay)
    line.control.next = (back, PHONE)
    line.stream._read_rtcp(1006.0)
    figures = line.stream.figures
    assert figures.rtt_s == pytest.approx(0.08, abs=0.001)
    assert figures.far_fraction_lost == pytest.approx(0.05, abs=0.002)
    assert figures.far_jitter_s == 0.012
