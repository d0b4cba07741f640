"""The caller's audio at the bridge: whom it hears, whom it never hears, and how long it waits for somebody."""

import asyncio
import audioop
import random
import re
import socket
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest

from devstack.edge.handler_app import HandledCall, HandlerApp
from protocols import call_lane
from softphone.caller import Caller
from softphone.media import PCMA, PCMU, VOICE_RMS
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, FORWARD, MESSAGE, Scene, Start, tone
from tests.integration.edge_bridge.dying import replace_signallers
from tests.integration.edge_bridge.late_offers import LateOffer
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

ENDED_WITHIN_S = 35.0  # the bridge waits for half a minute
MUTED_S = 62.0
OTHER_HOST = "127.0.0.77"
LISTENED_S = 1.0


def voice_in(ulaw: bytes) -> float:
    """Seconds of it."""
    frames = (audioop.ulaw2lin(ulaw[start : start + 160], 2) for start in range(0, len(ulaw), 160))
    return sum(0.02 for frame in frames if audioop.rms(frame, 2) > VOICE_RMS)


def seconds_heard(call: HandledCall) -> float:
    return voice_in(bytes(call.heard))


async def until_heard(call: HandledCall, seconds: float) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while seconds_heard(call) < seconds:
            await asyncio.sleep(0.05)


class Stranger:
    """Somebody who sends a loud tone to a bridge's port and listens."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    async def talk(self, to: tuple[str, int], seconds: float) -> None:
        sound = tone(int(seconds * 1000))
        for start in range(0, len(sound), 160):
            self._sequence += 1
            head = b"\x80\x00" + self._sequence.to_bytes(2) + (self._sequence * 160).to_bytes(4) + b"\0\0\0\7"
            self._socket.sendto(head + sound[start : start + 160], to)
            await asyncio.sleep(0.02)

    def has_heard(self) -> bool:
        try:
            return bool(self._socket.recv(2048))
        except BlockingIOError:
            return False


@contextmanager
def stranger(host: str) -> Iterator[Stranger]:
    made = Stranger(host)
    yield made
    made.close()


@pytest.mark.parametrize("host", [OTHER_HOST, "127.0.0.1"])
async def test_a_stranger_who_sends_before_the_callers_first_packet_neither_hears_nor_is_heard(
    scene: Scene, handler: HandlerApp, host: str
) -> None:
    with stranger(host) as other:
        async with Caller(scene.bridge.target, BUSY) as caller:
            caller.rtp.muted = True
            await caller.invite()
            call = await handler.call(1)
            assert caller.rtp.remote is not None
            await other.talk(caller.rtp.remote, 1.0)
            assert seconds_heard(call) == 0
            assert not other.has_heard()
            assert sum(packet.voice for packet in caller.rtp.received) > 20
            caller.rtp.muted = False
            caller.say(tone(500))
            await until_heard(call, 0.4)


@pytest.mark.parametrize("host", [OTHER_HOST, "127.0.0.1"])
async def test_a_stranger_who_sends_while_the_caller_pauses_neither_hears_nor_is_heard(
    scene: Scene, handler: HandlerApp, host: str
) -> None:
    async def talk(call: HandledCall) -> None:
        await call.join()
        await call.clear()
        await call.play(tone(10_000))
        await call.stopped
        await call.end("answered")

    handler.behave = talk
    with stranger(host) as other:
        async with Caller(scene.bridge.target, BUSY) as caller:
            await caller.invite()
            call = await handler.call(1)
            caller.say(tone(300))
            await until_heard(call, 0.25)
            caller.rtp.muted = True
            heard, received = seconds_heard(call), len(caller.rtp.received)
            assert caller.rtp.remote is not None
            await other.talk(caller.rtp.remote, 1.0)
            assert seconds_heard(call) - heard < 0.1
            assert not other.has_heard()
            assert sum(packet.voice for packet in caller.rtp.received[received:]) > 40


async def test_a_phone_behind_nat_is_heard_and_hears_at_the_address_that_it_sends_from(
    scene: Scene, handler: HandlerApp
) -> None:
    def behind_nat(offer: str) -> str:
        return offer.replace("c=IN IP4 127.0.0.1", "c=IN IP4 10.255.255.1")

    async with Caller(scene.bridge.target, BUSY, rewrite=behind_nat) as caller:
        await caller.invite()
        call = await handler.call(1)
        caller.say(tone(500))
        await until_heard(call, 0.4)
        await caller.rtp.wait_for_voice(caller.invited_at, PATIENCE_S)


def audio_port(sdp: str) -> int:
    found = re.search(r"^m=audio (\d+) ", sdp, re.MULTILINE)
    assert found is not None
    return int(found.group(1))


def ten_pairs() -> dict[str, str]:
    """Of ports, somewhere between those of other bridges."""
    first = 19_000 + 20 * random.randrange(45)
    return {"RTP_PORT_MIN": str(first), "RTP_PORT_MAX": str(first + 19)}


async def test_the_phones_of_dead_signallers_talk_on_and_are_heard_on_no_later_call(
    start: Start, seeded: Database
) -> None:
    # Without care, four calls could hardly miss the four ports that are still sent to.
    bridge = await asyncio.to_thread(start, **ten_pairs())
    lines = (BUSY, BUSY, MESSAGE, FORWARD)
    async with HandlerApp(bridge.sink_port) as handler, AsyncExitStack() as phones:
        old, new = [], []
        for place, line in enumerate(lines):
            caller = await phones.enter_async_context(Caller(bridge.target, line))
            assert (await caller.invite()).status == 200
            await handler.call(place + 1)
            caller.say(tone(60_000))
            old.append(audio_port(caller.answer_sdp))
        old_calls = len(handler.calls)
        await asyncio.sleep(1.2)  # the supervisor is told each second
        await replace_signallers(bridge)
        for place, line in enumerate(lines):
            caller = await phones.enter_async_context(Caller(bridge.target, line))
            assert (await caller.invite()).status == 200
            await handler.call(old_calls + place + 1)
            new.append(audio_port(caller.answer_sdp))
        await asyncio.sleep(LISTENED_S)
        heard = [seconds_heard(call) for call in handler.calls[old_calls:]]
    assert not set(old) & set(new)
    assert len(heard) >= 4  # more, where an attempt was made twice
    assert not any(heard)


async def test_without_a_free_port_a_call_gets_503_and_the_others_go_on(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start, **ten_pairs())
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as staying:
        await staying.invite()
        call = await handler.call(1)
        statuses: list[int] = []
        while 503 not in statuses and len(statuses) < 15:
            async with Caller(bridge.target, BUSY) as caller:
                statuses.append((await caller.invite()).status)
        staying.say(tone(300))
        await until_heard(call, 0.2)
        assert not staying.hung_up.is_set()
    assert statuses == [200] * 9 + [503]


async def test_video_before_audio_is_declined_and_the_audio_heard(scene: Scene, handler: HandlerApp) -> None:
    def with_video(offer: str) -> str:
        video = "m=video 40000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
        return offer.replace("m=audio", f"{video}m=audio", 1)

    async with Caller(scene.bridge.target, BUSY, rewrite=with_video) as caller:
        assert (await caller.invite()).status == 200
        assert re.findall(r"^m=(\w+) (\d+)", caller.answer_sdp, re.MULTILINE)[0] == ("video", "0")
        call = await handler.call(1)
        caller.say(tone(500))
        await until_heard(call, 0.4)
        await caller.rtp.wait_for_voice(caller.invited_at, PATIENCE_S)


async def test_a_phone_that_speaks_ice_is_answered_by_a_lite_endpoint_and_heard(
    scene: Scene, handler: HandlerApp
) -> None:
    def with_ice(offer: str) -> str:
        found = re.search(r"m=audio (\d+)", offer)
        assert found is not None
        return (
            f"{offer}a=ice-ufrag:7sFv\r\na=ice-pwd:dOTZKZNVlO9RSGsEGM63JXT2\r\na=rtcp-mux\r\n"
            f"a=candidate:1 1 UDP 2130706431 127.0.0.1 {found.group(1)} typ host\r\n"
        )

    async with Caller(scene.bridge.target, BUSY, rewrite=with_ice) as caller:
        assert (await caller.invite()).status == 200
        assert "a=ice-lite" in caller.answer_sdp
        assert f" {audio_port(caller.answer_sdp)} typ host" in caller.answer_sdp
        call = await handler.call(1)
        caller.say(tone(500))
        await until_heard(call, 0.4)


async def test_an_offer_of_encrypted_audio_alone_gets_488(scene: Scene) -> None:
    def encrypted(offer: str) -> str:
        key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n"
        return offer.replace("RTP/AVP", "RTP/SAVP") + key

    async with Caller(scene.bridge.target, BUSY, rewrite=encrypted) as caller:
        assert (await caller.invite()).status == 488


@pytest.mark.parametrize("ms", [10, 20, 30, 40])
async def test_offers_of_any_packet_time_are_heard(scene: Scene, handler: HandlerApp, ms: int) -> None:
    async with Caller(
        scene.bridge.target, BUSY, rewrite=lambda offer: offer.replace("a=ptime:20", f"a=ptime:{ms}")
    ) as caller:
        assert (await caller.invite()).status == 200
        assert "a=ptime:20" in caller.answer_sdp
        call = await handler.call(1)
        caller.rtp.muted = True
        sound = tone(600)
        for number, start in enumerate(range(0, len(sound), 8 * ms)):
            caller.rtp.send(PCMU, sound[start : start + 8 * ms], number * 8 * ms)
            await asyncio.sleep(ms / 1000)
        await until_heard(call, 0.5)
        await caller.rtp.wait_for_voice(caller.invited_at, PATIENCE_S)


async def test_timestamps_that_stand_still_are_heard_and_what_was_not_agreed_on_is_not(
    scene: Scene, handler: HandlerApp
) -> None:
    async with Caller(scene.bridge.target, BUSY, codecs=(PCMU,)) as caller:
        await caller.invite()
        call = await handler.call(1)
        caller.rtp.muted = True
        sound = tone(600)
        for kind in (96, PCMA, PCMU):
            for start in range(0, len(sound), 160):
                caller.rtp.send(kind, sound[start : start + 160], 1234)
                await asyncio.sleep(0.02)
        await until_heard(call, 0.5)
        assert seconds_heard(call) < 0.8
        await caller.bye()
        async with asyncio.timeout(PATIENCE_S):
            while '"unagreed": 60' not in scene.bridge.log_text():
                await asyncio.sleep(0.05)


async def test_keys_are_heard_once_with_ends_lost_and_pressed_twice(scene: Scene, handler: HandlerApp) -> None:
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        call = await handler.call(1)
        async with asyncio.timeout(PATIENCE_S):
            while not call.heard:  # it has joined
                await asyncio.sleep(0.02)
        caller.rtp.muted = True
        for began in (8_000, 16_000):
            for number in range(1, 6):
                caller.rtp.send(101, bytes([5, 10]) + (number * 160).to_bytes(2), began)
                await asyncio.sleep(0.02)
        caller.press("5#")
        async with asyncio.timeout(PATIENCE_S):
            while len(call.digits) < 4:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
    assert call.digits == ["5", "5", "5", "#"]


async def test_while_the_caller_holds_nothing_is_sent_and_after_resuming_both_hear_again(
    scene: Scene, handler: HandlerApp
) -> None:
    async def talk(call: HandledCall) -> None:
        await call.join()
        await call.clear()
        await call.play(tone(20_000))
        await call.stopped
        await call.end("answered")

    handler.behave = talk
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        call = await handler.call(1)
        for direction in ("sendonly", "inactive"):
            assert await caller.reinvite(direction) == 200
            assert f"a={'recvonly' if direction == 'sendonly' else 'inactive'}" in caller.answer_sdp
            await asyncio.sleep(0.1)
            received = len(caller.rtp.received)
            await asyncio.sleep(0.5)
            assert len(caller.rtp.received) == received
        assert await caller.reinvite("sendrecv") == 200
        caller.say(tone(400))
        await until_heard(call, 0.3)
        await caller.rtp.wait_for_voice(time.monotonic(), PATIENCE_S)


async def test_after_a_re_invite_from_another_port_the_caller_is_heard_there_and_no_longer_at_the_old_one(
    scene: Scene, handler: HandlerApp
) -> None:
    moved: list[str] = []

    def rewrite(offer: str) -> str:
        return re.sub(r"m=audio \d+", moved[-1], offer) if moved else offer

    async with Caller(scene.bridge.target, BUSY, rewrite=rewrite) as caller:
        await caller.invite()
        call = await handler.call(1)
        assert caller.rtp.remote is not None
        with stranger("127.0.0.1") as other:
            moved.append(f"m=audio {other._socket.getsockname()[1]}")
            assert await caller.reinvite("sendrecv") == 200
            await asyncio.sleep(0.1)
            heard = seconds_heard(call)
            await other.talk(caller.rtp.remote, 0.6)
            await until_heard(call, heard + 0.4)
            assert other.has_heard()


class Unanswering(LateOffer):
    """Acknowledges our offer without an answer."""

    def _agree(self) -> str:
        return ""

    def hung_up(self, within_s: float) -> bool:
        """Whether a BYE comes."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            self._sip.settimeout(max(end - time.monotonic(), 0.01))
            try:
                if self._sip.recv(65_535).startswith(b"BYE "):
                    return True
            except TimeoutError:
                return False
        return False


async def test_who_offers_no_audio_is_hung_up_within_half_a_minute(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)

    def from_the_start(direction: str) -> Caller:
        return Caller(bridge.target, BUSY, rewrite=lambda offer: offer.replace("a=sendrecv", f"a={direction}"))

    async with from_the_start("inactive") as inactive, from_the_start("sendonly") as holding:
        late = Unanswering(bridge.target, BUSY)
        with late:
            holding.rtp.muted = True
            assert [(await caller.invite()).status for caller in (inactive, holding)] == [200, 200]
            assert await asyncio.to_thread(late.invite) == 200
            ended = asyncio.create_task(asyncio.to_thread(late.hung_up, ENDED_WITHIN_S))
            async with asyncio.timeout(ENDED_WITHIN_S):
                await asyncio.gather(inactive.hung_up.wait(), holding.hung_up.wait())
            assert await ended


async def stay(call: HandledCall) -> None:
    """A handler that says it is alive, as long calls want it."""
    await call.join()
    while not call.stopped.done():
        await call.line(call_lane.AliveLine())
        await asyncio.wait([call.stopped], timeout=call_lane.ALIVE_EVERY_S)
    await call.end("answered")


async def test_a_caller_who_mutes_for_a_minute_with_and_without_rtcp_stays(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    async with (
        HandlerApp(bridge.sink_port) as handler,
        Caller(bridge.target, BUSY) as silent,
        Caller(bridge.target, BUSY) as reporting,
    ):
        handler.behave = stay
        for caller in (silent, reporting):
            await caller.invite()
        calls = [await handler.call(1), await handler.call(2)]
        for caller in (silent, reporting):
            caller.say(tone(300))
        await asyncio.gather(*(until_heard(call, 0.2) for call in calls))
        silent.rtp.muted = reporting.rtp.muted = True
        assert reporting.rtp.remote is not None
        host, port = reporting.rtp.remote
        muted_at = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp:
            while time.monotonic() - muted_at < MUTED_S:
                rtcp.sendto(bytes.fromhex("80c9000100000007"), (host, port + 1))
                await asyncio.sleep(5)
        assert not silent.hung_up.is_set()
        assert not reporting.hung_up.is_set()
        heard = [seconds_heard(call) for call in calls]
        silent.rtp.muted = reporting.rtp.muted = False
        for caller in (silent, reporting):
            caller.say(tone(600))
        await asyncio.gather(*(until_heard(call, was + 0.4) for call, was in zip(calls, heard, strict=True)))
