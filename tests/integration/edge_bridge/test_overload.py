"""Three times as many callers as there is room for: everybody hears something useful, and nobody is refused."""

import asyncio
import contextlib
from collections.abc import Iterable

import pytest

from devstack.edge.bridge_process import BridgeProcess
from devstack.edge.handler_app import HandledCall, HandlerApp, serve_to_the_end
from edge_bridge.prompts import prompt
from softphone.caller import Caller
from tests.conftest import Database
from tests.hearing import has_heard, hears
from tests.integration.edge_bridge.conftest import BUSY, MESSAGE, Start, tone
from tests.integration.edge_bridge.missed_calls import missed
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

HANDLERS = 2
USEFUL_WITHIN_S = 3.0


class FullHandlers:
    """HANDLERS at max-scale: whoever comes then is kept waiting, as Knative does."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(HANDLERS)

    async def serve(self, call: HandledCall) -> None:
        async with self._free:
            await serve_to_the_end(call)


async def ring(callers: contextlib.AsyncExitStack, bridge: BridgeProcess, line: str, number: str) -> Caller:
    caller = await callers.enter_async_context(Caller(bridge.target, line, from_user=number))
    assert (await caller.invite(PATIENCE_S)).status == 200
    await caller.rtp.wait_for_voice(caller.invited_at, USEFUL_WITHIN_S)
    return caller


async def leave_message(caller: Caller) -> None:
    await hears(caller, prompt("en", "cannot_serve"))
    await hears(caller, prompt("en", "leave_message"))
    await hears(caller, prompt("en", "beep"))
    caller.say(tone(1000))
    await caller.rtp.until_said(5)
    caller.press("#")
    await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)


async def until_step(bridge: BridgeProcess, *steps: float) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await asyncio.to_thread(bridge.metric, "overload_step") not in steps:
            await asyncio.sleep(0.05)


def numbers(digit: int, count: int) -> Iterable[str]:
    return (f"+336112{digit}{place:04d}" for place in range(count))


async def test_callers_whom_no_handler_is_left_for_leave_messages_that_are_stored(
    start: Start, seeded: Database
) -> None:
    waits = {"HANDLER_WAIT_S": "30", "OVERLOAD_WAIT_S": "0.3,0.6,1,-", "OVERLOAD_CALM_S": "2"}
    bridge = await asyncio.to_thread(start, MAX_CALLS="12", **waits)
    async with (
        HandlerApp(bridge.sink_port) as handler,
        contextlib.AsyncExitStack() as phones,
        contextlib.AsyncExitStack() as first,
    ):
        handler.behave = FullHandlers().serve
        await ring(first, bridge, MESSAGE, "+33611210001")
        served = await ring(phones, bridge, MESSAGE, "+33611210002")
        async with asyncio.timeout(PATIENCE_S):
            while sum(call.joined.is_set() for call in handler.calls) < HANDLERS:
                await asyncio.sleep(0.02)
        late = await asyncio.gather(*(ring(phones, bridge, MESSAGE, number) for number in numbers(2, 2 * HANDLERS)))
        await asyncio.gather(*(hears(caller, prompt("en", "cannot_serve")) for caller in late))
        leaving = [asyncio.create_task(leave_message(caller)) for caller in late]
        # One waits for whoever is free next, and it is that caller's turn; the next one need not wait in vain.
        waiting = await ring(phones, bridge, MESSAGE, "+33611230001")
        diverted = await ring(phones, bridge, MESSAGE, "+33611230002")
        await first.aclose()
        async with asyncio.timeout(PATIENCE_S):
            while not any(call.joined.is_set() and call.event.caller == "+33611230001" for call in handler.calls):
                await asyncio.sleep(0.02)
        await asyncio.gather(*leaving, leave_message(diverted))
        assert not has_heard(diverted, prompt("en", "greeting"))
        assert not has_heard(waiting, prompt("en", "cannot_serve"))
        assert not served.hung_up.is_set()
        assert {call.event.economy for call in handler.calls if call.event.caller == "+33611230001"} == {2}
        await until_step(bridge, 0)
    taken = 'calls_ended_total{bridge_id="edge-test",outcome="message_taken",reason="no_handler"}'
    async with asyncio.timeout(PATIENCE_S):
        while await asyncio.to_thread(bridge.metric, taken) < len(late) + 1:
            await asyncio.sleep(0.05)
    assert len(list(bridge.recordings.glob("*/*.wav"))) == len(late) + 1
    assert await asyncio.to_thread(bridge.metric, "overload_diverted_total") >= len(late) + 1


async def test_beyond_all_places_nobody_is_refused_and_no_message_is_promised_that_nobody_keeps(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start, MAX_CALLS="2", RECORDINGS_DIR="/proc/nowhere")
    async with HandlerApp(bridge.sink_port) as handler, contextlib.AsyncExitStack() as phones:
        for number in numbers(4, 2):
            await ring(phones, bridge, BUSY, number)
        await handler.call(2)
        third = await ring(phones, bridge, MESSAGE, "+33611250003")
        leaving = asyncio.create_task(leave_message(third))
        fourth = await ring(phones, bridge, MESSAGE, "+33611250004")
        others = [await ring(phones, bridge, BUSY, number) for number in numbers(6, 2)]
        await until_step(bridge, 4)
        # All six places are taken: this one rings until one of them is free.
        seventh = await phones.enter_async_context(Caller(bridge.target, BUSY, from_user="+33611250007"))
        ringing = asyncio.create_task(seventh.invite(PATIENCE_S))
        for caller in (fourth, *others):
            await hears(caller, prompt("en", "call_back"))
            assert not has_heard(caller, prompt("en", "leave_message"))
        assert (await ringing).status == 200
        await hears(seventh, prompt("en", "call_back"))
        await leaving
        assert has_heard(third, prompt("en", "call_back"))
    (event,) = await missed(seeded, "+33611250003")
    assert event["reason"] == "node_full"
    taken = 'calls_ended_total{bridge_id="edge-test",outcome="message_taken",reason="node_full"}'
    assert not await asyncio.to_thread(bridge.metric, taken)
    assert await asyncio.to_thread(bridge.metric, "sip_gate_refused_total") == 0
