"""Putting a caller through: whatever the trunk makes of it, the caller is never left in silence."""

import asyncio
import audioop
import time

import numpy as np
import pytest

from edge_bridge.prompts import prompt
from protocols.media import TransferMode
from softphone.media import PCMA, PCMU, RtpStream
from tests.hearing import has_heard, hears
from tests.integration.edge_bridge.conftest import BUSY, FORWARD, HUMAN, Scene, tone
from tests.integration.edge_bridge.handler_app import HandledCall, HandlerApp
from tests.integration.edge_bridge.trunk import Human, Trunk

pytestmark = pytest.mark.integration

WITHIN_S = 15.0
CALLERS_HZ, HUMANS_HZ = 700, 1100


def put_through(target: str = HUMAN, mode: TransferMode = "auto", whisper: bytes = b""):  # type: ignore[no-untyped-def]
    async def behave(call: HandledCall) -> None:
        await call.join()
        await call.clear()
        if whisper:
            await call.whisper(whisper)
        await call.transfer(target, mode)
        await call.stopped
        await call.end("transferred" if call.stopped.result() == "transferred" else "answered")

    return behave


def strength(rtp: RtpStream, hertz: int, since: float) -> float:
    """How much of what came since then is this tone, from 0 to 1."""
    heard = b"".join(packet.ulaw for packet in rtp.received if packet.at > since)
    samples = np.frombuffer(audioop.ulaw2lin(heard, 2), np.int16).astype(float)
    if not samples.size or not samples.any():
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(samples.size, 1 / 8000)
    return float(spectrum[np.abs(frequencies - hertz) < 15].sum() / spectrum.sum())


async def until_heard(rtp: RtpStream, hertz: int, since: float) -> None:
    async with asyncio.timeout(WITHIN_S):
        while strength(rtp, hertz, since) < 0.5:
            await asyncio.sleep(0.05)


async def both_hear_each_other(trunk: Trunk) -> None:
    since = time.monotonic() + 0.2
    trunk.say(tone(1500, CALLERS_HZ))
    trunk.human.rtp.say(tone(1500, HUMANS_HZ))
    await until_heard(trunk.human.rtp, CALLERS_HZ, since)
    await until_heard(trunk.rtp, HUMANS_HZ, since)


@pytest.mark.parametrize(
    ("refer", "notify"), [(405, ""), (501, ""), (603, ""), (403, ""), (202, "486 Busy Here"), (202, "")]
)
async def test_a_trunk_that_does_not_transfer_gets_a_call_instead(
    scene: Scene, handler: HandlerApp, refer: int, notify: str
) -> None:
    handler.behave = put_through()
    async with Trunk(scene.bridge.target, BUSY, Human()) as trunk:
        trunk.refer_status, trunk.notify_status = refer, notify
        await trunk.invite()
        call = await handler.call(1)
        await asyncio.wait_for(trunk.human.answered.wait(), WITHIN_S)
        assert await asyncio.wait_for(call.stopped, WITHIN_S) == "transferred"
        await both_hear_each_other(trunk)
        await trunk.bye()
        await asyncio.wait_for(trunk.human.hung_up.wait(), WITHIN_S)
    assert trunk.refer_to


async def test_the_caller_hears_it_ring_within_two_seconds_of_a_refer_that_nothing_follows(
    scene: Scene, handler: HandlerApp
) -> None:
    handler.behave = put_through()
    async with Trunk(scene.bridge.target, BUSY, Human(180)) as trunk:
        trunk.notify_status = ""
        await trunk.invite()
        async with asyncio.timeout(WITHIN_S):
            while not trunk.refer_to:
                await asyncio.sleep(0.01)
        referred = time.monotonic()
        await hears(trunk, prompt("en", "ringback"), 2.0)
        await asyncio.wait_for(trunk.human.invited.wait(), WITHIN_S)
        assert time.monotonic() - referred < 5


async def test_the_human_hangs_up_and_the_caller_is_hung_up_on(scene: Scene, handler: HandlerApp) -> None:
    handler.behave = put_through(mode="second_leg")
    async with Trunk(scene.bridge.target, BUSY, Human(codec=PCMA)) as trunk:
        await trunk.invite()
        await asyncio.wait_for(trunk.human.answered.wait(), WITHIN_S)
        await both_hear_each_other(trunk)
        trunk.human_asks("BYE")
        await asyncio.wait_for(trunk.hung_up.wait(), WITHIN_S)
    assert trunk.refer_to is None


@pytest.mark.parametrize("status", [486, 603, 404])
async def test_a_human_who_declines_leaves_the_caller_with_the_handler_who_is_told(
    scene: Scene, handler: HandlerApp, status: int
) -> None:
    handler.behave = put_through(mode="second_leg")
    async with Trunk(scene.bridge.target, BUSY, Human(status)) as trunk:
        await trunk.invite()
        call = await handler.call(1)
        await asyncio.wait_for(trunk.human.invited.wait(), WITHIN_S)
        assert await asyncio.wait_for(call.transfer_failed, 2) == "no_answer"
        await hears(trunk, prompt("en", "nobody_answers"))
        assert not trunk.hung_up.is_set()
        heard = len(call.heard)
        async with asyncio.timeout(WITHIN_S):
            while len(call.heard) < heard + 8 * 400:
                await asyncio.sleep(0.02)
