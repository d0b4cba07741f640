"""One attempt of the call lane against a handler that does what a test says, in one process."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from devstack.edge.handler_app import HandledCall, HandlerApp
from devstack.servers.ports import free_port
from edge_bridge.calls import lane as bridge_lane
from edge_bridge.calls.lane import Attempt, LaneClient
from edge_bridge.calls.retries import AttemptRefused, CallerGone, LaneEnded, Lost, Result, Silent
from edge_bridge.media.audio import CallAudio
from edge_bridge.media.server import MediaServer
from edge_bridge.media.stream import MediaStream
from eventing.catalogue import CallIncoming
from eventing.cloudevents import Event
from protocols import call_lane as lane
from protocols import media
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

BAD_MEDIA = b'{"event":"media","media":{"payload":"%%%"}}'


@dataclass
class Listener:
    """The session's side: of the lane and of the stream."""

    workers: list[str] = field(default_factory=list)
    connected_times: int = 0
    answers: list[float] = field(default_factory=list)

    def accepted(self, worker: str) -> None:
        self.workers.append(worker)

    def connected(self) -> None:
        self.connected_times += 1

    def model_answered(self, seconds: float) -> None:
        self.answers.append(seconds)

    def stream_joined(self) -> None: ...

    def transfer_wanted(self, wish: media.TransferBody) -> None: ...

    def whispered(self, ulaw: bytes) -> None: ...

    def hold_wanted(self, on: bool) -> None: ...

    def prompt_wanted(self, name: str) -> None: ...

    def hangup_wanted(self, reason: str) -> None: ...


class Lane:
    """A bridge's two ends of a call: it POSTs to ``handler`` and takes its media socket."""

    def __init__(self, handler: HandlerApp, client: LaneClient, server: MediaServer) -> None:
        self.handler = handler
        self.listener = Listener()
        self.caller_gone = asyncio.Event()
        self._client = client
        self._server = server

    async def attempt(self, deadline_s: float = PATIENCE_S) -> Result:
        """The result; a test that hangs here fails after PATIENCE_S."""
        call_id = str(uuid.uuid4())
        audio = CallAudio()
        stream = MediaStream(call_id, audio, self.listener)
        url, token = self._server.open_door(call_id, 1, stream)
        deadline = time.monotonic() + deadline_s
        attempt = Attempt(self._client, incoming(call_id, url, token), stream, self.listener, deadline)
        async with asyncio.timeout(PATIENCE_S):
            return await attempt.run(self.caller_gone, asyncio.Event(), lambda: "caller_hung_up")


def incoming(call_id: str, url: str, token: str) -> Event:
    payload = CallIncoming(
        call_id=call_id,
        restaurant_id=str(uuid.uuid4()),
        phone_line_id=str(uuid.uuid4()),
        bridge_node_id="edge-test",
        attempt=1,
        caller="+33600000001",
        called="+33100000001",
        codec="PCMU",
        audio_stream_url=url,
        audio_stream_token=token,
        greeting="Hello.",
        received_at=datetime(2026, 11, 20, 19, 2, tzinfo=UTC),
    )
    return Event.of(payload, source="/edge/edge-test", subject=call_id)


@pytest.fixture
async def bridge() -> AsyncIterator[Lane]:
    port = free_port()
    client, server = LaneClient(f"http://127.0.0.1:{port}/", {}), MediaServer("127.0.0.1")
    await client.open()
    await server.start("127.0.0.1", 0)
    async with HandlerApp(port) as handler:
        yield Lane(handler, client, server)
    server.stop()
    await client.close()


async def test_a_final_line_just_after_the_end_of_the_media_socket_still_counts(bridge: Lane) -> None:
    async def close_and_then_say_so(call: HandledCall) -> None:
        await call.join()
        await call.close()
        await asyncio.sleep(0.4)  # well within the grace
        await call.end("order_confirmed", "an-order")

    bridge.handler.behave = close_and_then_say_so

    assert await bridge.attempt() == LaneEnded("order_confirmed", "an-order")


async def test_a_handler_that_closed_its_media_socket_and_says_no_more_is_lost(bridge: Lane) -> None:
    async def close_and_stay(call: HandledCall) -> None:
        await call.join()
        await call.close()
        await asyncio.sleep(60)

    bridge.handler.behave = close_and_stay

    assert await bridge.attempt() == Lost("closed by the handler")


async def test_what_a_handler_says_after_a_malformed_message_no_longer_counts(bridge: Lane) -> None:
    async def stutter(call: HandledCall) -> None:
        await call.join()
        await call.send(BAD_MEDIA)
        await asyncio.sleep(0.4)
        await call.end("answered")

    bridge.handler.behave = stutter
    result = await bridge.attempt()

    assert isinstance(result, Lost)
    assert result.why.startswith("malformed")


async def test_a_caller_who_hangs_up_gives_the_handler_time_for_its_final_line(bridge: Lane) -> None:
    async def order_at_the_last_moment(call: HandledCall) -> None:
        await call.join()
        bridge.caller_gone.set()
        assert await call.stopped == "caller_hung_up"
        await asyncio.sleep(0.4)
        await call.end("order_confirmed", "an-order")

    bridge.handler.behave = order_at_the_last_moment

    assert await bridge.attempt() == LaneEnded("order_confirmed", "an-order")


async def test_a_handler_that_never_ends_does_not_hold_up_the_end_of_a_call_whose_caller_is_gone(
    bridge: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stay(call: HandledCall) -> None:
        await call.join()
        bridge.caller_gone.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(bridge_lane, "FINAL_LINE_WITHIN_S", 0.2)
    bridge.handler.behave = stay

    assert await bridge.attempt() == CallerGone()


async def test_a_caller_who_hangs_up_before_the_first_line_waits_for_nobody(bridge: Lane) -> None:
    async def hesitate(call: HandledCall) -> None:
        bridge.caller_gone.set()
        await asyncio.sleep(60)

    bridge.handler.behave = hesitate

    assert await bridge.attempt() == CallerGone()
    assert bridge.listener.workers == []


async def test_an_answer_without_a_line_of_the_lane_is_a_refusal(bridge: Lane) -> None:
    async def say_nothing(call: HandledCall) -> None:
        return

    bridge.handler.behave = say_nothing

    assert await bridge.attempt() == AttemptRefused(0)


async def test_a_stream_that_ends_before_the_handler_has_the_caller_is_a_refusal(bridge: Lane) -> None:
    async def accept_and_die(call: HandledCall) -> None:
        await call.accept()

    bridge.handler.behave = accept_and_die

    assert await bridge.attempt() == AttemptRefused(0)
    assert bridge.listener.workers == ["pod-1"]


async def test_a_stream_that_ends_while_the_handler_has_the_caller_is_a_loss(bridge: Lane) -> None:
    async def join_and_die(call: HandledCall) -> None:
        await call.join()

    bridge.handler.behave = join_and_die

    assert isinstance(await bridge.attempt(), Lost)
    assert bridge.listener.connected_times == 1


async def test_a_status_is_told_as_it_is(bridge: Lane) -> None:
    bridge.handler.refusals = [503]

    assert await bridge.attempt() == AttemptRefused(503)


async def test_no_first_line_by_the_deadline_is_silence(bridge: Lane) -> None:
    async def hang(call: HandledCall) -> None:
        await asyncio.sleep(60)

    bridge.handler.behave = hang

    assert await bridge.attempt(deadline_s=0.3) == Silent()


async def test_a_handler_that_accepts_and_never_joins_is_given_up(
    bridge: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def only_accept(call: HandledCall) -> None:
        await call.accept()
        while True:
            await call.line(lane.AliveLine())
            await asyncio.sleep(0.05)

    monkeypatch.setattr(bridge_lane, "JOIN_WITHIN_S", 0.3)
    bridge.handler.behave = only_accept

    assert await bridge.attempt() == Silent()


async def test_a_joined_handler_may_be_quiet_for_as_long_as_its_lines_keep_coming(
    bridge: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def live_long(call: HandledCall) -> None:
        await call.join()
        for _ in range(7):
            await asyncio.sleep(0.2)
            await call.line(lane.AliveLine())
        await call.line(lane.AliveLine(model_ms=1800))
        await call.end("answered")

    monkeypatch.setattr(bridge_lane, "JOIN_WITHIN_S", 1.0)
    bridge.handler.behave = live_long

    assert await bridge.attempt() == LaneEnded("answered")
    assert bridge.listener.answers == [1.8]


async def test_a_joined_handler_whose_lines_stop_is_lost(bridge: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    async def freeze(call: HandledCall) -> None:
        await call.join()
        await asyncio.sleep(60)

    monkeypatch.setattr(bridge_lane, "LINE_WITHIN_S", 1.0)
    bridge.handler.behave = freeze

    assert await bridge.attempt() == Lost("no line in time")
