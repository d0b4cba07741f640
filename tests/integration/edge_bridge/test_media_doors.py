"""Who gets in at the media server, and what happens to those who are in when somebody else knocks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from edge_bridge.media.audio import FRAME_BYTES, CallAudio
from edge_bridge.media.server import MediaServer
from edge_bridge.media.stream import MediaStream
from protocols import media
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


@dataclass
class Owner:
    """The session's side of a stream; ``joined`` counts the handlers that were let in."""

    joined: int = 0

    def stream_joined(self) -> None:
        self.joined += 1

    def transfer_wanted(self, wish: media.TransferBody) -> None: ...

    def whispered(self, ulaw: bytes) -> None: ...

    def hold_wanted(self, on: bool) -> None: ...

    def prompt_wanted(self, name: str) -> None: ...

    def hangup_wanted(self, reason: str) -> None: ...


class Call:
    """One call's audio, stream and open door."""

    def __init__(self, server: MediaServer, call_id: str = "call-1", attempt: int = 1) -> None:
        self.owner = Owner()
        self.audio = CallAudio()
        self.stream = MediaStream(call_id, self.audio, self.owner)
        self.url, self.token = server.open_door(call_id, attempt, self.stream)

    def caller_says(self, ulaw_byte: int) -> None:
        self.audio.heard(bytes([ulaw_byte]) * FRAME_BYTES)


class Handler:
    """A handler's socket that was let in."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.encode = media.HandlerStream("")

    async def message(self) -> media.FromBridge:
        return media.decode_from_bridge(await self.socket.receive_str(timeout=PATIENCE_S))

    async def media(self) -> media.Media:
        message = await self.message()
        assert isinstance(message, media.Media)
        return message


@pytest.fixture
async def server() -> AsyncIterator[MediaServer]:
    server = MediaServer("127.0.0.1")
    await server.start("127.0.0.1", 0)
    yield server
    server.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


@contextlib.asynccontextmanager
async def joined(http: aiohttp.ClientSession, url: str, token: str) -> AsyncIterator[Handler]:
    """Raises aiohttp.WSServerHandshakeError when the door stays shut."""
    async with http.ws_connect(url, headers={"Authorization": f"Bearer {token}"}) as socket:
        handler = Handler(socket)
        assert isinstance(await handler.message(), media.Connected)
        start = await handler.message()
        assert isinstance(start, media.Start)
        handler.encode = media.HandlerStream(start.start.stream_sid)
        yield handler


async def refusal(http: aiohttp.ClientSession, url: str, token: str) -> int:
    """The status that a knock at ``url`` gets instead of a socket."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with joined(http, url, token):
            pass
    return refused.value.status


async def until_played(audio: CallAudio) -> bytes | None:
    """The next frame that the caller is played."""
    async with asyncio.timeout(PATIENCE_S):
        while not audio.ms_to_play:
            await asyncio.sleep(0.005)
    return audio.next_frame()


async def test_a_second_client_is_refused_because_the_door_is_claimed_and_the_first_keeps_its_audio(
    server: MediaServer, http: aiohttp.ClientSession
) -> None:
    call, unclaimed = Call(server), Call(server, "call-2")
    async with joined(http, call.url, call.token) as first:
        status = await refusal(http, call.url, call.token)  # the very request that the first one was let in with

        for _ in range(2):
            call.caller_says(0x10)
        heard = await first.media()
        await first.socket.send_str(first.encode.media(b"\x20" * FRAME_BYTES).decode())
        played = await until_played(call.audio)
        assert not call.stream.lost.is_set()
        async with joined(http, unclaimed.url, unclaimed.token):
            pass  # the server still lets in who knocks at a door that nobody claimed

    assert status == 403
    assert (call.owner.joined, unclaimed.owner.joined) == (1, 1)
    assert len(heard.media.payload) == 2 * FRAME_BYTES
    assert played is not None


async def test_after_the_end_of_a_call_the_handler_is_told_once_and_hears_no_more(
    server: MediaServer, http: aiohttp.ClientSession
) -> None:
    call = Call(server)
    async with joined(http, call.url, call.token) as handler:
        call.stream.stop("caller_hung_up")
        call.stream.stop("caller_hung_up")
        call.caller_says(0x10)
        call.stream.close("the attempt is over")
        told = await handler.message()
        end = await handler.socket.receive(timeout=PATIENCE_S)

    assert isinstance(told, media.Stop)
    assert told.stop.reason == "caller_hung_up"
    assert end.type is aiohttp.WSMsgType.CLOSE


async def test_a_server_that_stopped_takes_no_handler(server: MediaServer, http: aiohttp.ClientSession) -> None:
    call = Call(server)
    server.stop()

    with pytest.raises(aiohttp.ClientConnectorError):
        async with joined(http, call.url, call.token):
            pass


async def test_of_two_that_knock_at_once_one_gets_in(server: MediaServer, http: aiohttp.ClientSession) -> None:
    call = Call(server)
    headers = {"Authorization": f"Bearer {call.token}"}
    answers = await asyncio.gather(
        *(http.ws_connect(call.url, headers=headers) for _ in range(4)), return_exceptions=True
    )
    let_in = [answer for answer in answers if isinstance(answer, aiohttp.ClientWebSocketResponse)]
    refused = [answer.status for answer in answers if isinstance(answer, aiohttp.WSServerHandshakeError)]
    for socket in let_in:
        await socket.close()

    assert (len(let_in), refused) == (1, [403] * 3)
    assert call.owner.joined == 1


async def test_a_door_does_not_open_again_for_a_handler_that_left(
    server: MediaServer, http: aiohttp.ClientSession
) -> None:
    call = Call(server)
    async with joined(http, call.url, call.token):
        pass
    await asyncio.wait_for(call.stream.lost.wait(), PATIENCE_S)

    assert await refusal(http, call.url, call.token) == 403
    assert call.owner.joined == 1


@pytest.mark.parametrize(
    ("path", "token"),
    [
        ("/media/call-1/2", None),  # another attempt
        ("/media/call-2/1", None),  # another call
        ("/call-1/1", None),
        ("/elsewhere/call-1/1", None),
        ("/media/call-1/1/more", None),
        ("/media/call-1/1", "wrong"),
        ("/media/call-1/1", ""),
    ],
)
async def test_a_knock_that_is_not_expected_is_refused_and_leaves_the_door_to_the_right_handler(
    server: MediaServer, http: aiohttp.ClientSession, path: str, token: str | None
) -> None:
    call = Call(server)
    wrong_url = f"ws://127.0.0.1:{server.port}{path}"

    assert await refusal(http, wrong_url, call.token if token is None else token) == 403
    assert call.owner.joined == 0
    async with joined(http, call.url, call.token):
        assert call.owner.joined == 1


async def test_a_new_attempt_shuts_the_last_ones_door(server: MediaServer, http: aiohttp.ClientSession) -> None:
    first = Call(server, attempt=1)
    second = Call(server, attempt=2)
    server.close_door("call-1", 1)  # the first attempt's, late: the second's stays

    assert await refusal(http, first.url, first.token) == 403
    async with joined(http, second.url, second.token):
        assert (first.owner.joined, second.owner.joined) == (0, 1)


async def test_a_closed_door_lets_nobody_in(server: MediaServer, http: aiohttp.ClientSession) -> None:
    call = Call(server)
    server.close_door("call-1", 1)

    assert await refusal(http, call.url, call.token) == 403
    assert call.owner.joined == 0
