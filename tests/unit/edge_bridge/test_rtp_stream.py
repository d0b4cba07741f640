"""One stream on real sockets: who is heard, what is sent, what is kept for a successor."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from bench.rtp.ours import Owner
from edge_bridge.media.audio import CallAudio
from edge_bridge.media.rtp import packets, rtcp, stream
from edge_bridge.media.rtp.jitter import ReorderBuffer
from edge_bridge.media.rtp.pacer import Pacer
from edge_bridge.media.rtp.packets import PCMA, PCMU
from edge_bridge.media.rtp.ports import PortPair, bind_pair
from edge_bridge.media.rtp.sdp import Agreement
from edge_bridge.media.rtp.stream import RtpStream, StreamState
from edge_bridge.media.stream import MediaStream
from tests.patience import PATIENCE_S
from tests.unit.edge_bridge.test_rtp_ports import HOST, free_range

pytestmark = pytest.mark.unit

SOUND = bytes([0x22]) * 160


class Ear:
    """What the far end said; says what a test gives it."""

    def __init__(self) -> None:
        self.heard_bytes = b""
        self.keys = ""
        self.to_say: list[bytes] = []

    def heard(self, ulaw: bytes) -> None:
        self.heard_bytes += ulaw

    def next_frame(self) -> bytes | None:
        return self.to_say.pop(0) if self.to_say else None

    def pressed(self, key: str) -> None:
        self.keys += key

    @property
    def sound(self) -> bytes:
        """Without the silence that fills what does not come."""
        return self.heard_bytes.replace(b"\xff", b"")


class Phone:
    """The far end: a pair of sockets and a numbering."""

    def __init__(self, host: str = HOST) -> None:
        self.pair = bind_pair(host, free_range(2))
        self.sequence, self.timestamp, self.ssrc = 10, 1000, 77
        self.to = (HOST, 0)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.pair.rtp.getsockname()[:2]
        return str(host), int(port)

    def say(self, payload: bytes = SOUND, kind: int = PCMU, *, step: int = 160, marker: bool = False) -> None:
        self.sequence += 1
        self.timestamp += step
        self.pair.rtp.sendto(packets.build(kind, marker, self.sequence, self.timestamp, self.ssrc, payload), self.to)

    async def hears_raw(self, where: socket.socket | None = None, timeout_s: float = PATIENCE_S) -> bytes:
        receiving = asyncio.get_running_loop().sock_recv(where or self.pair.rtp, 2048)
        return await asyncio.wait_for(receiving, timeout_s)

    async def hears(self) -> packets.RtpPacket:
        packet = packets.parse(await self.hears_raw())
        assert packet is not None
        return packet

    def has_heard(self) -> bool:
        try:
            return bool(self.pair.rtp.recv(2048))
        except BlockingIOError:
            return False


def agreement(phone: Phone, **changed: object) -> Agreement:
    host, port = phone.address
    agreed = Agreement("PCMU", PCMU, 101, (host, port), (host, port + 1), rtcp_mux=False, held=False)
    return msgspec.structs.replace(agreed, **changed)


class Line:
    """Our end with its phone."""

    def __init__(self) -> None:
        self.ear = Ear()
        self.phone = Phone()
        self.pair: PortPair = bind_pair(HOST, free_range(2))
        self.phone.to = (HOST, self.pair.port)
        self.pacer = Pacer()
        self.stream = RtpStream(self.pair, self.ear, self.ear.pressed)

    def agree(self, **changed: object) -> None:
        self.stream.agree(agreement(self.phone, **changed), HOST)
        self.pacer.add(self.stream)

    def close(self) -> None:
        self.pacer.remove(self.stream)
        self.stream.close()
        self.pair.close()
        self.phone.pair.close()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    made = Line()
    yield made
    made.close()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.005)


async def test_a_phone_is_heard_and_hears(line: Line) -> None:
    line.ear.to_say = [SOUND] * 3
    line.agree()
    line.phone.say()
    got = [await line.phone.hears() for _ in range(5)]
    await until(lambda: line.ear.sound == SOUND)
    assert [packet.payload for packet in got] == [SOUND] * 3 + [b"\xff" * 160] * 2
    assert [(packet.sequence - got[0].sequence) & 0xFFFF for packet in got] == [0, 1, 2, 3, 4]
    assert [(packet.timestamp - got[0].timestamp) & 0xFFFFFFFF for packet in got] == [0, 160, 320, 480, 640]
    assert [packet.marker for packet in got] == [True, False, False, False, False]


async def test_a_law_is_spoken_and_heard_as_mu_law(line: Line) -> None:
    line.ear.to_say = [SOUND]
    line.agree(codec="PCMA", payload_type=PCMA)
    line.phone.say(SOUND.translate(packets.ALAW_OF_ULAW), PCMA)
    packet = await line.phone.hears()
    await until(lambda: line.ear.sound == SOUND)
    assert (packet.payload_type, packet.payload) == (PCMA, SOUND.translate(packets.ALAW_OF_ULAW))


async def test_strangers_are_dropped_with_a_count_and_hear_nothing(line: Line) -> None:
    stranger = Phone()
    stranger.to = line.phone.to
    line.agree()
    for _ in range(5):
        stranger.say()
    await until(lambda: line.stream.figures.strangers == 5)
    line.phone.say()
    await until(lambda: line.ear.sound)
    stranger.say()
    await until(lambda: line.stream.figures.strangers == 6)
    assert line.ear.sound == SOUND
    assert not stranger.has_heard()
    stranger.pair.close()


async def test_behind_nat_the_first_sender_is_latched_and_a_new_address_renews_it(line: Line) -> None:
    line.stream.agree(agreement(line.phone, remote=("10.9.8.7", 4000), rtcp=None), HOST)
    line.pacer.add(line.stream)
    second = Phone()
    second.to = line.phone.to
    line.phone.say()
    await until(lambda: line.ear.sound == SOUND)
    assert await line.phone.hears()
    second.say()
    await until(lambda: line.stream.figures.strangers == 1)
    line.stream.agree(agreement(line.phone, remote=("10.9.8.6", 4000), rtcp=None), HOST)
    second.say()
    assert await second.hears()
    second.pair.close()


async def test_timestamps_that_stand_still_are_heard(line: Line) -> None:
    line.agree()
    for _ in range(10):
        line.phone.say(step=0)
    await until(lambda: len(line.ear.sound) == 10 * 160)


async def test_payload_types_that_were_not_agreed_on_are_dropped_with_a_count(line: Line) -> None:
    line.agree()
    for kind in (96, PCMA, PCMU):
        line.phone.say(kind=kind)
    await until(lambda: line.ear.sound == SOUND)
    assert line.stream.figures.unagreed == 2


async def test_comfort_noise_keeps_its_place_and_is_heard_as_silence(line: Line) -> None:
    line.agree()
    line.phone.say()
    for _ in range(3):
        line.phone.say(b"\x40", packets.COMFORT_NOISE)
    line.phone.say()
    await until(lambda: line.ear.sound == SOUND * 2)
    assert line.stream.figures.unagreed == 0


async def test_jumps_of_ssrc_sequence_and_timestamp_do_not_deafen(line: Line) -> None:
    line.agree()
    line.phone.say()
    line.phone.ssrc = 78
    line.phone.sequence, line.phone.timestamp = 60_000, 5
    line.phone.say()
    line.phone.timestamp += 1 << 30
    line.phone.say()
    line.phone.sequence = 20_000
    line.phone.say()
    line.phone.say()
    await until(lambda: line.ear.sound == SOUND * 4)  # one packet is what a jump of the numbering costs


@pytest.mark.parametrize("ms", [10, 20, 30, 40])
async def test_packets_of_any_length_are_heard(line: Line, ms: int) -> None:
    line.agree()
    for _ in range(12):
        line.phone.say(SOUND[:80] * (ms // 10), step=8 * ms)
    await until(lambda: len(line.ear.sound) == 12 * 8 * ms)


async def test_a_muted_phone_is_heard_as_silence_at_the_clocks_pace(line: Line) -> None:
    line.agree()
    began = time.monotonic()
    await until(lambda: len(line.ear.heard_bytes) >= 8000)
    took_s = time.monotonic() - began
    assert 0.95 <= took_s < 1.5
    assert line.ear.sound == b""


async def test_a_flood_of_the_phones_own_is_cut_off(line: Line) -> None:
    line.agree()
    for _ in range(300):
        line.phone.say()
        await asyncio.sleep(0)
    await until(lambda: line.stream.figures.packets_in == 300)
    assert line.stream.figures.flooded > 100
    assert len(line.ear.heard_bytes) < 8000 * (stream.MOST_AHEAD_S + 1)


async def test_while_held_nothing_is_sent_or_heard_and_afterwards_both(line: Line) -> None:
    line.agree()
    await line.phone.hears()
    line.agree(held=True)
    while line.phone.has_heard():
        pass
    line.phone.say()
    await until(lambda: line.stream.figures.packets_in == 1)
    await asyncio.sleep(0.1)
    assert not line.phone.has_heard()
    assert line.ear.sound == b""
    line.agree()
    line.phone.say()
    assert (await line.phone.hears()).marker
    await until(lambda: line.ear.sound == SOUND)


async def test_keys_are_heard_once_and_sent_as_events(line: Line) -> None:
    line.agree()
    for number in range(3):
        line.phone.say(struct.pack(">BBH", 5, 10, 160 * (number + 1)), 101, step=0)
    for _ in range(3):
        line.phone.say(struct.pack(">BBH", 5, 0x8A, 480), 101, step=0)
    await until(lambda: line.ear.keys)
    line.stream.press("7")
    events: list[packets.RtpPacket] = []
    while len(events) < 8:
        packet = await line.phone.hears()
        if packet.payload_type == 101:
            events.append(packet)
    assert line.ear.keys == "5"
    assert {packet.payload[0] for packet in events} == {7}
    assert len({packet.timestamp for packet in events}) == 1
    assert [packet.marker for packet in events] == [True] + [False] * 7
    assert [packet.payload[1] >> 7 for packet in events] == [0] * 5 + [1] * 3
    assert (await line.phone.hears()).payload_type == PCMU


@pytest.mark.parametrize("muxed", [False, True])
async def test_reports_go_out_and_those_that_come_are_read(
    line: Line, monkeypatch: pytest.MonkeyPatch, muxed: bool
) -> None:
    monkeypatch.setattr(stream, "REPORT_TICKS", 5)
    rtcp_host = line.phone.address if muxed else (HOST, line.phone.address[1] + 1)
    line.agree(rtcp_mux=muxed, rtcp=rtcp_host)
    for _ in range(3):
        line.phone.say()
    line.phone.sequence += 1  # lost
    line.phone.say()
    sender = line.phone.pair.rtp if muxed else line.phone.pair.rtcp
    async with asyncio.timeout(PATIENCE_S):
        while True:
            data = await asyncio.get_running_loop().sock_recv(sender, 2048)
            reports = rtcp.parse(data) if packets.is_rtcp(data) else None
            if reports and reports[0].blocks:
                break
    (block,) = reports[0].blocks
    assert block.ssrc == 77
    ours = (await line.phone.hears()).ssrc
    back = struct.pack(">BBHIIIIIII", 0x81, 201, 7, 77, ours, 64 << 24, 0, 80, reports[0].ntp_middle, 0)
    sender.sendto(back, (HOST, line.pair.port + (0 if muxed else 1)))
    await until(lambda: line.stream.figures.rtt_s is not None)
    assert line.stream.figures.far_fraction_lost == 0.25
    assert line.stream.figures.far_jitter_s == 0.01
    assert line.stream.lost == 1


def now_in(seconds: float) -> float:
    return time.monotonic() + seconds


async def test_a_phone_that_never_comes_is_dead_after_half_a_minute_and_one_that_came_after_five(line: Line) -> None:
    assert not line.stream.is_dead(now_in(29))
    assert line.stream.is_dead(now_in(31))
    line.agree()
    assert line.stream.is_dead(now_in(31))
    line.phone.say()
    await until(lambda: line.ear.sound)
    assert not line.stream.is_dead(now_in(290))
    assert line.stream.is_dead(now_in(301))
    line.agree(held=True)
    assert not line.stream.is_dead(now_in(590))
    assert line.stream.is_dead(now_in(601))


async def test_a_hold_that_is_renewed_is_still_the_same_one(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.agree()
    line.phone.say()
    await until(lambda: line.ear.sound)
    line.agree(held=True)
    monkeypatch.setattr(stream, "HELD_AT_MOST_S", 0.0)
    held_until = now_in(0)
    line.agree(held=True)
    line.phone.say()
    assert line.stream.is_dead(held_until)
    line.agree()
    assert not line.stream.is_dead(now_in(1))


async def test_the_music_of_one_who_holds_is_heard_where_that_is_wanted(line: Line) -> None:
    line.stream._hears_on_hold = True
    line.agree(held=True)
    line.phone.say()
    await until(lambda: line.ear.sound)


async def test_rtcp_alone_and_sip_alone_are_signs_of_life(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.agree()
    line.phone.pair.rtcp.sendto(rtcp.report(77, None, None, rtcp.LastReport(), 0.0), (HOST, line.pair.port + 1))
    await until(lambda: not line.stream.is_dead(now_in(31)))
    monkeypatch.setattr(stream, "NEXT_SIGN_WITHIN_S", 0.0)
    await asyncio.sleep(0.01)
    assert line.stream.is_dead(time.monotonic())
    line.stream.sign_of_life()
    assert not line.stream.is_dead(line.stream._signed_at)


async def test_who_only_ever_holds_is_dead_after_half_a_minute(line: Line) -> None:
    line.agree(held=True)
    line.phone.say()
    await until(lambda: line.stream.figures.packets_in)
    assert line.stream.is_dead(now_in(31))


async def test_a_successor_goes_on_in_the_same_stream(line: Line) -> None:
    line.stream.agree(agreement(line.phone, remote=("10.9.8.7", 4000), rtcp=None), HOST)
    line.pacer.add(line.stream)
    line.phone.say()
    before = await line.phone.hears()
    state = line.stream.state()
    assert state is not None
    line.pacer.remove(line.stream)
    line.stream.close()

    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=StreamState)
    line.stream = RtpStream.resume(decoded, line.pair, line.ear, line.ear.pressed)
    line.pacer.add(line.stream)
    while (after := await line.phone.hears()).sequence == before.sequence:
        pass
    assert after.ssrc == before.ssrc
    assert 0 < (after.sequence - before.sequence) & 0xFFFF < 20
    assert 0 < (after.timestamp - before.timestamp) & 0xFFFFFFFF < 20 * 160
    stranger = Phone()
    stranger.to = line.phone.to
    stranger.say()
    await until(lambda: line.stream.figures.strangers == 1)
    line.phone.say()
    await until(lambda: line.ear.sound == SOUND * 2)
    stranger.pair.close()


async def test_nothing_that_a_packet_touches_has_a_dictionary_of_its_own(line: Line) -> None:
    audio = CallAudio()
    touched = (line.stream, ReorderBuffer(), audio, MediaStream("c1", audio, Owner()))
    assert [one for one in touched if hasattr(one, "__dict__")] == []


class Counter:
    def __init__(self) -> None:
        self.at: list[float] = []
        self.skipped = 0

    def tick(self, now: float, skipped: int) -> None:
        self.at.append(now)
        self.skipped += skipped


class Broken:
    def tick(self, now: float, skipped: int) -> None:
        raise RuntimeError("broken")


async def test_the_pacer_does_not_drift_and_one_broken_call_is_not_the_others() -> None:
    pacer, counter = Pacer(), Counter()
    pacer.add(Broken())
    pacer.add(counter)
    async with asyncio.timeout(PATIENCE_S):
        while len(counter.at) < 100:
            await asyncio.sleep(0.01)
    took = counter.at[99] - counter.at[0]
    pacer.remove(counter)
    assert took == pytest.approx(99 * 0.02, abs=0.2)


async def test_the_pacer_catches_up_a_little_and_leaves_out_a_lot() -> None:
    pacer, counter = Pacer(), Counter()
    pacer.add(counter)
    await until(lambda: len(counter.at) == 1)
    time.sleep(0.05)  # noqa: ASYNC251 - the loop is what is to be late
    await until(lambda: len(counter.at) >= 3)
    assert counter.skipped == 0
    time.sleep(0.5)  # noqa: ASYNC251
    counter.at.clear()
    await until(lambda: counter.at)
    pacer.remove(counter)
    assert len(counter.at) <= 2  # no burst of 25
    assert counter.skipped >= 20


def test_sockets_are_left_open_for_a_successor() -> None:
    async def run() -> PortPair:
        made = Line()
        made.agree()
        made.stream.close()
        made.pacer.remove(made.stream)
        made.phone.pair.close()
        return made.pair

    pair = asyncio.run(run())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", (HOST, pair.port))
    assert pair.rtp.recv(1) == b"x"
    pair.close()
