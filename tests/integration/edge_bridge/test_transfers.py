"""Putting a caller through: whatever the trunk makes of it, the caller is never left in silence."""

import asyncio
import audioop
import contextlib
import json
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from devstack.edge.handler_app import Behaviour, HandledCall, HandlerApp, serve_to_the_end
from edge_bridge.entrances.sip.signals import MAX_CALLS
from edge_bridge.prompts import prompt
from protocols.media import TransferMode
from softphone.caller import Caller
from softphone.media import PCMA, RtpStream
from tests.conftest import Database
from tests.hearing import hears
from tests.integration.edge_bridge.conftest import BUSY, FORWARD, HUMAN, RECORDED, Scene, Start, needs_kamailio, tone
from tests.integration.edge_bridge.trunk import Human, Trunk
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

CALLERS_HZ, HUMANS_HZ = 700, 1100


def put_through(target: str = HUMAN, mode: TransferMode = "auto", whisper: bytes = b"") -> Behaviour:
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
    async with asyncio.timeout(PATIENCE_S):
        while strength(rtp, hertz, since) < 0.5:
            await asyncio.sleep(0.05)


async def hears_it(listener: RtpStream, speaker: RtpStream, hertz: int, since: float) -> None:
    """``speaker`` says it until then: most of what comes at once, after a machine stood still, is dropped as flood."""
    async with asyncio.timeout(PATIENCE_S):
        while strength(listener, hertz, since) < 0.5:
            speaker.say(tone(500, hertz))
            await speaker.until_said(PATIENCE_S)
            await asyncio.sleep(0.05)


async def both_hear_each_other(trunk: Trunk) -> None:
    since, human = time.monotonic() + 0.2, trunk.human.rtp
    await asyncio.gather(hears_it(human, trunk.rtp, CALLERS_HZ, since), hears_it(trunk.rtp, human, HUMANS_HZ, since))


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
        await asyncio.wait_for(trunk.human.answered.wait(), PATIENCE_S)
        assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "transferred"
        await both_hear_each_other(trunk)
        await trunk.bye()
        await asyncio.wait_for(trunk.human.hung_up.wait(), PATIENCE_S)
    assert trunk.refer_to


@pytest.mark.parametrize("state", ["", "Subscription-State: active;expires=60\r\n"])
async def test_a_trunk_that_puts_through_without_saying_that_it_is_over_is_believed(
    scene: Scene, handler: HandlerApp, state: str
) -> None:
    handler.behave = put_through()
    async with Trunk(scene.bridge.target, BUSY, Human()) as trunk:
        trunk.notify_state = state
        await trunk.invite()
        call = await handler.call(1)
        assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "transferred"
        await asyncio.wait_for(trunk.hung_up.wait(), PATIENCE_S)
    assert not trunk.human.invited.is_set()


async def test_the_caller_hears_it_ring_within_two_seconds_of_a_refer_that_nothing_follows(
    scene: Scene, handler: HandlerApp
) -> None:
    handler.behave = put_through()
    async with Trunk(scene.bridge.target, BUSY, Human(180)) as trunk:
        trunk.notify_status = ""
        await trunk.invite()
        async with asyncio.timeout(PATIENCE_S):
            while not trunk.refer_to:
                await asyncio.sleep(0.01)
        referred = time.monotonic()
        await hears(trunk, prompt("en", "ringback"), 2.0)
        await asyncio.wait_for(trunk.human.invited.wait(), PATIENCE_S)
        assert time.monotonic() - referred < 5


async def test_the_human_hangs_up_and_the_caller_is_hung_up_on(scene: Scene, handler: HandlerApp) -> None:
    handler.behave = put_through(mode="second_leg")
    async with Trunk(scene.bridge.target, BUSY, Human(codec=PCMA)) as trunk:
        await trunk.invite()
        await asyncio.wait_for(trunk.human.answered.wait(), PATIENCE_S)
        await both_hear_each_other(trunk)
        trunk.human_asks("BYE")
        await asyncio.wait_for(trunk.hung_up.wait(), PATIENCE_S)
    assert trunk.refer_to is None


async def test_another_phone_than_the_one_that_rang_first_may_answer(scene: Scene, handler: HandlerApp) -> None:
    handler.behave = put_through(mode="second_leg")
    human = Human()
    human.rings_elsewhere = True
    async with Trunk(scene.bridge.target, BUSY, human) as trunk:
        await trunk.invite()
        await asyncio.wait_for(human.answered.wait(), PATIENCE_S)
        await both_hear_each_other(trunk)
        await trunk.bye()
        await asyncio.wait_for(human.hung_up.wait(), PATIENCE_S)
    assert human.heard_from == {scene.bridge.sip_port}  # the signaller's own port reaches nobody but this machine


@pytest.mark.parametrize(("status", "body"), [(486, ""), (603, ""), (404, ""), (486, "they talk to somebody else")])
async def test_a_human_who_declines_leaves_the_caller_with_the_handler_who_is_told(
    scene: Scene, handler: HandlerApp, status: int, body: str
) -> None:
    handler.behave = put_through(mode="second_leg")
    async with Trunk(scene.bridge.target, BUSY, Human(status, refusal_body=body)) as trunk:
        await trunk.invite()
        call = await handler.call(1)
        await asyncio.wait_for(trunk.human.invited.wait(), PATIENCE_S)
        assert await asyncio.wait_for(call.transfer_failed, PATIENCE_S) == "no_answer"
        await hears(trunk, prompt("en", "nobody_answers"))
        assert not trunk.hung_up.is_set()
        heard = len(call.heard)
        async with asyncio.timeout(PATIENCE_S):
            while len(call.heard) < heard + 8 * 400:
                await asyncio.sleep(0.02)


async def test_a_phone_that_rings_in_vain_is_cancelled_and_the_caller_told(standing: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(standing, TRANSFER_RING_S="5")
    async with HandlerApp(bridge.sink_port) as handler, Trunk(bridge.target, BUSY, Human(180)) as trunk:
        handler.behave = put_through(mode="second_leg")
        await trunk.invite()
        call = await handler.call(1)
        await asyncio.wait_for(trunk.human.invited.wait(), PATIENCE_S)
        rang = time.monotonic()
        await asyncio.wait_for(trunk.human.cancelled.wait(), PATIENCE_S)
        assert 4 < time.monotonic() - rang < 7
        assert await asyncio.wait_for(call.transfer_failed, PATIENCE_S) == "no_answer"
        await hears(trunk, prompt("en", "nobody_answers"))
        assert not trunk.hung_up.is_set()


async def test_a_trunk_that_does_not_even_answer_the_invite_is_given_up(standing: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(standing, TRANSFER_RING_S="5")
    async with HandlerApp(bridge.sink_port) as handler, Trunk(bridge.target, BUSY, Human(0)) as trunk:
        handler.behave = put_through(mode="second_leg")
        await trunk.invite()
        call = await handler.call(1)
        assert await asyncio.wait_for(call.transfer_failed, PATIENCE_S) == "no_answer"
        handler.behave = serve_to_the_end
        assert not trunk.hung_up.is_set()


async def test_a_caller_who_hangs_up_while_it_rings_leaves_nothing_ringing(scene: Scene, handler: HandlerApp) -> None:
    handler.behave = put_through(mode="second_leg")
    async with Trunk(scene.bridge.target, BUSY, Human(180)) as trunk:
        await trunk.invite()
        call = await handler.call(1)
        await asyncio.wait_for(trunk.human.invited.wait(), PATIENCE_S)
        await trunk.bye()
        await asyncio.wait_for(trunk.human.cancelled.wait(), PATIENCE_S)
        assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "caller_hung_up"


async def test_a_refer_that_succeeds_late_ends_the_bridges_own_ringing(scene: Scene, handler: HandlerApp) -> None:
    handler.behave = put_through()
    async with Trunk(scene.bridge.target, BUSY, Human(180)) as trunk:
        trunk.notify_status = ""
        await trunk.invite()
        await asyncio.wait_for(trunk.human.invited.wait(), PATIENCE_S)
        trunk.notify("200 OK")
        await asyncio.wait_for(trunk.human.cancelled.wait(), PATIENCE_S)
        await asyncio.wait_for(trunk.hung_up.wait(), PATIENCE_S)


async def test_whoever_answers_an_attended_transfer_is_told_first_and_alone(scene: Scene, handler: HandlerApp) -> None:
    whispered_hz = 1900
    handler.behave = put_through(mode="attended", whisper=tone(2000, whispered_hz))
    async with Trunk(scene.bridge.target, BUSY, Human()) as trunk:
        await trunk.invite()
        await asyncio.wait_for(trunk.human.answered.wait(), PATIENCE_S)
        since = time.monotonic()
        trunk.say(tone(1000, CALLERS_HZ))
        await until_heard(trunk.human.rtp, whispered_hz, since)
        assert strength(trunk.human.rtp, CALLERS_HZ, since) < 0.1
        assert strength(trunk.rtp, whispered_hz, since) < 0.1
        async with asyncio.timeout(PATIENCE_S):
            while strength(trunk.human.rtp, whispered_hz, time.monotonic() - 0.3) > 0.1:
                await asyncio.sleep(0.05)
        await both_hear_each_other(trunk)


async def test_nobody_is_called_whom_the_restaurant_has_not_named(scene: Scene, handler: HandlerApp) -> None:
    handler.behave = put_through("+33899123456")
    async with Trunk(scene.bridge.target, BUSY, Human()) as trunk:
        await trunk.invite()
        call = await handler.call(1)
        assert await asyncio.wait_for(call.transfer_failed, PATIENCE_S) == "not_allowed"
        await hears(trunk, prompt("en", "nobody_answers"))
    assert trunk.refer_to is None
    assert not trunk.human.invites


async def test_the_call_is_the_lines_and_its_callers_keys_reach_the_human(scene: Scene, handler: HandlerApp) -> None:
    handler.behave = put_through("0033 6 12 34 00 00", mode="second_leg")
    async with Trunk(scene.bridge.target, BUSY, Human()) as trunk:
        await trunk.invite()
        call = await handler.call(1)
        await asyncio.wait_for(call.stopped, PATIENCE_S)
        trunk.press("5")
        async with asyncio.timeout(PATIENCE_S):
            while not trunk.human.rtp.keys:
                await asyncio.sleep(0.02)
    (invite,) = trunk.human.invites
    line = f"sip:{BUSY}@127.0.0.1"
    assert invite.first("from").startswith(f"<{line}>")
    assert invite.first("p-asserted-identity") == f"<{line}>"
    assert invite.first("diversion").startswith(f"<{line}>")
    assert "127.0.0.1" in invite.vias[0].host
    assert call.digits == []


async def test_the_recording_goes_on_with_the_human(scene: Scene, handler: HandlerApp) -> None:
    handler.behave = put_through(mode="second_leg")
    async with Trunk(scene.bridge.target, RECORDED, Human()) as trunk:
        await trunk.invite()
        call = await handler.call(1)
        await asyncio.wait_for(trunk.human.answered.wait(), PATIENCE_S)
        await both_hear_each_other(trunk)
        await trunk.bye()
    path = scene.bridge.recordings / call.event.restaurant_id / f"{call.event.call_id}.wav"
    async with asyncio.timeout(PATIENCE_S):
        while not path.exists() or not _loudest(path, 1):
            await asyncio.sleep(0.1)
    assert (_loudest(path, 0), _loudest(path, 1)) == (CALLERS_HZ, HUMANS_HZ)


def _loudest(path: Path, channel: int) -> int:
    """The strongest frequency of the last three seconds, to 20 Hz; 0 while the file is not closed."""
    try:
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)[channel::2][-24_000:]
    except (wave.Error, EOFError):
        return 0
    if not samples.any():
        return 0
    spectrum = np.abs(np.fft.rfft(samples))
    return int(round(np.fft.rfftfreq(samples.size, 1 / 8000)[spectrum.argmax()] / 20) * 20)


async def test_a_handler_that_leaves_with_its_request_is_followed_by_another_when_nobody_answers(
    scene: Scene, handler: HandlerApp
) -> None:
    async def leave(call: HandledCall) -> None:
        if call.event.attempt > 1:
            await serve_to_the_end(call)
            return
        await call.join()
        await call.clear()
        await call.transfer(HUMAN, "second_leg")
        await call.end("transferred")

    handler.behave = leave
    async with Trunk(scene.bridge.target, BUSY, Human(486)) as trunk:
        await trunk.invite()
        second = await handler.call(2)
        await hears(trunk, prompt("en", "nobody_answers"))
        async with asyncio.timeout(PATIENCE_S):
            while not second.start:
                await asyncio.sleep(0.02)
        assert not trunk.hung_up.is_set()
    assert second.start["customParameters"]["resumed"] == "true"


async def test_the_human_may_hold_and_resume(scene: Scene, handler: HandlerApp) -> None:
    handler.behave = put_through(mode="second_leg")
    async with Trunk(scene.bridge.target, BUSY, Human()) as trunk:
        await trunk.invite()
        await asyncio.wait_for(trunk.human.answered.wait(), PATIENCE_S)
        await both_hear_each_other(trunk)
        trunk.human_asks("INVITE", trunk.human_offer("sendonly"))
        async with asyncio.timeout(PATIENCE_S):
            while 200 not in trunk.statuses:
                await asyncio.sleep(0.02)
        since = time.monotonic()
        await hears_it(trunk.rtp, trunk.human.rtp, 850, since)  # music on hold
        trunk.human_asks("INVITE", trunk.human_offer("sendrecv"))
        async with asyncio.timeout(PATIENCE_S):
            while trunk.statuses.count(200) < 2:
                await asyncio.sleep(0.02)
        await both_hear_each_other(trunk)


async def test_without_a_handler_the_restaurants_number_is_dialled(scene: Scene) -> None:
    async with Trunk(scene.bridge.target, FORWARD, Human()) as trunk:
        trunk.refer_status = 405
        assert (await trunk.invite()).status == 200
        answered = asyncio.wait_for(trunk.human.answered.wait(), PATIENCE_S)
        assert await trunk.unless_hung_up(answered), f"hung up on, asked {trunk.asked}"
        await both_hear_each_other(trunk)
        await trunk.bye()
        await asyncio.wait_for(trunk.human.hung_up.wait(), PATIENCE_S)


async def test_legs_that_a_dead_trunk_never_answers_keep_no_other_caller_from_being_put_through(
    scene: Scene, handler: HandlerApp
) -> None:
    """pjsip waits 32 s for the answer to each of them, and has places for four."""
    handler.behave = put_through(mode="second_leg")
    for _ in range(MAX_CALLS):
        async with Trunk(scene.bridge.target, BUSY, Human(0)) as dead:
            await dead.invite()
            await asyncio.wait_for(dead.human.invited.wait(), PATIENCE_S)
            await dead.bye()
    async with Trunk(scene.bridge.target, BUSY, Human()) as trunk:
        await trunk.invite()
        assert await trunk.unless_hung_up(asyncio.wait_for(trunk.human.answered.wait(), PATIENCE_S))
        await both_hear_each_other(trunk)


async def test_a_challenge_that_no_password_answers_is_a_refusal(scene: Scene, handler: HandlerApp) -> None:
    handler.behave = put_through(mode="second_leg")
    human = Human()
    human.challenge = 'Digest realm="trunk.test", nonce="n1", algorithm=MD5'
    async with Trunk(scene.bridge.target, BUSY, human) as trunk:
        await trunk.invite()
        call = await handler.call(1)
        assert await asyncio.wait_for(call.transfer_failed, PATIENCE_S) == "no_answer"


async def test_a_registered_line_dials_with_its_account(start: Start, seeded: Database) -> None:
    human = Human()
    human.challenge = 'Digest realm="trunk.test", nonce="n1", algorithm=MD5'
    user = BUSY.removeprefix("+")
    async with Trunk(("127.0.0.1", 9), BUSY, human) as trunk:
        account = {"domain": trunk.address, "username": user, "password": "secret"}
        bridge = await asyncio.to_thread(start, STATIC_LINE=json.dumps(account))
        trunk.aim(bridge.target)
        async with HandlerApp(bridge.sink_port) as handler:
            handler.behave = put_through(mode="second_leg")
            await trunk.invite()
            await asyncio.wait_for(human.answered.wait(), PATIENCE_S)
            await both_hear_each_other(trunk)
            await trunk.bye()
    first, again = human.invites
    assert not first.first("proxy-authorization")
    assert f'username="{user}"' in again.first("proxy-authorization")
    assert again.first("from").startswith(f"<sip:{user}@127.0.0.1>")
    assert again.first("p-asserted-identity") == f"<sip:{BUSY}@127.0.0.1>"


async def test_a_line_that_what_it_forwards_to_rings_is_busy(scene: Scene) -> None:
    async with Trunk(scene.bridge.target, BUSY, Human(), from_user=BUSY.removeprefix("+")) as trunk:
        assert (await trunk.invite()).status == 486


@pytest.mark.parametrize("registrar", ["direct", pytest.param("kamailio", marks=needs_kamailio)])
@pytest.mark.parametrize("rings", [True, False])
async def test_a_dead_signallers_second_leg_is_hung_up(
    start: Start, seeded: Database, rings: bool, registrar: str
) -> None:
    bridge = await asyncio.to_thread(start, REGISTRAR=registrar)
    async with HandlerApp(bridge.sink_port) as handler:
        handler.behave = put_through(mode="second_leg")
        async with Trunk(bridge.target, BUSY, Human(180 if rings else 200)) as trunk:
            await trunk.invite()
            human = trunk.human
            await asyncio.wait_for((human.invited if rings else human.answered).wait(), PATIENCE_S)
            bridge.kill(bridge.signallers())
            await asyncio.wait_for((human.cancelled if rings else human.hung_up).wait(), PATIENCE_S)
            await asyncio.wait_for(trunk.hung_up.wait(), PATIENCE_S)


@pytest.mark.parametrize("rings", [True, False])
async def test_a_dead_sessions_second_leg_is_hung_up_and_its_caller_has_a_handler_again(
    start: Start, seeded: Database, rings: bool
) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler:
        handler.behave = put_through(mode="second_leg")
        async with Trunk(bridge.target, BUSY, Human(180 if rings else 200)) as trunk:
            await trunk.invite()
            human = trunk.human
            await asyncio.wait_for((human.invited if rings else human.answered).wait(), PATIENCE_S)
            if not rings:
                await both_hear_each_other(trunk)
            handler.behave = serve_to_the_end
            bridge.kill(bridge.sessions())
            await asyncio.wait_for((human.cancelled if rings else human.hung_up).wait(), PATIENCE_S)
            await hears(trunk, prompt("en", "one_moment"))
            second = await handler.call(2)
            await asyncio.wait_for(second.joined.wait(), PATIENCE_S)
            assert not trunk.hung_up.is_set()
    assert second.start["customParameters"]["resumed"] == "true"


async def test_all_callers_of_a_node_are_put_through_at_once_and_one_more_is_told(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start, MAX_CALLS="4", BUSY_PLACES="1", SIP_FULL_WAIT_S="0")
    async with HandlerApp(bridge.sink_port) as handler, contextlib.AsyncExitStack() as calls:
        handler.behave = put_through(mode="second_leg")
        lines = (BUSY, RECORDED, BUSY, RECORDED)
        trunks = [await calls.enter_async_context(Trunk(bridge.target, line, Human())) for line in lines]
        results = await asyncio.gather(*(trunk.invite(10) for trunk in trunks))
        assert [result.status for result in results] == [200] * 4
        await asyncio.gather(*(asyncio.wait_for(trunk.human.answered.wait(), PATIENCE_S) for trunk in trunks))
        await asyncio.gather(*map(both_hear_each_other, trunks))
        async with Caller(bridge.target, BUSY) as told, Caller(bridge.target, BUSY) as refused:
            assert (await told.invite()).status == 200
            assert (await refused.invite()).status == 486
            await hears(told, prompt("en", "call_back"))


@needs_kamailio
@pytest.mark.parametrize("human_ends", [True, False])
async def test_behind_kamailio_a_second_leg_is_heard_and_ends_with_the_call(
    standing: Start, seeded: Database, human_ends: bool
) -> None:
    bridge = await asyncio.to_thread(standing, REGISTRAR="kamailio")
    async with HandlerApp(bridge.sink_port) as handler, Trunk(bridge.target, BUSY, Human()) as trunk:
        handler.behave = put_through(mode="second_leg")
        await trunk.invite()
        await asyncio.wait_for(trunk.human.answered.wait(), PATIENCE_S)
        assert trunk.bridge == bridge.target
        await both_hear_each_other(trunk)
        if human_ends:
            trunk.human_asks("BYE")
            await asyncio.wait_for(trunk.hung_up.wait(), PATIENCE_S)
        else:
            await trunk.bye()
            await asyncio.wait_for(trunk.human.hung_up.wait(), PATIENCE_S)
