"""Whatever comes over AudioSocket or a Media Stream, the server stays up, tells each call's end once, and lets go."""

import asyncio
import base64
import contextlib
import ipaddress
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devstack.servers.ports import free_port
from edge_bridge.entrances.audiosocket.server import AudioSocketServer
from edge_bridge.entrances.twilio.server import TwilioServer
from tests.integration.edge_bridge.desk import NUMBER, PUBLIC_URL, TOKEN, UUID, Desk
from tests.integration.edge_bridge.twilio_side import TwilioSide

pytestmark = pytest.mark.integration

WITHIN_S = 10.0
EXAMPLES = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def examine(caplog: pytest.LogCaptureFixture, scene: Callable[[Desk], Awaitable[None]]) -> None:
    """Run the scene in a loop of its own; no exception may be left in it or in a log."""

    async def run() -> None:
        desk = Desk()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: desk.failures.append(str(context)))
        async with asyncio.timeout(WITHIN_S):
            await scene(desk)
            while len(desk.over) < len(desk.taken):
                await asyncio.sleep(0.005)
        assert desk.failures == []
        assert desk.over == desk.taken

    caplog.clear()
    asyncio.run(run())
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


frame = st.one_of(
    st.builds(
        lambda kind, payload: bytes([kind]) + len(payload).to_bytes(2) + payload,
        st.one_of(st.sampled_from([0x00, 0x01, 0x03, *range(0x10, 0x19), 0xFF]), st.integers(0, 255)),
        st.binary(max_size=400),
    ),
    st.binary(max_size=40),
)


@given(identified=st.booleans(), chunks=st.lists(frame, max_size=12))
@settings(parent=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_audiosocket(caplog: pytest.LogCaptureFixture, identified: bool, chunks: list[bytes]) -> None:
    async def scene(desk: Desk) -> None:
        server = AudioSocketServer(desk, (ipaddress.ip_network("127.0.0.0/8"),))
        port = free_port()
        await server.start("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if identified:
            writer.write(b"\x01\x00\x10" + bytes.fromhex(UUID.replace("-", "")))
        try:
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()
            await reader.read()
        except ConnectionError:
            pass
        writer.close()
        assert not identified or len(desk.taken) == 1
        while server.waiting:
            await asyncio.sleep(0.005)
        server.stop()

    examine(caplog, scene)


text = st.text(st.characters(codec="utf-8"), max_size=20)
scalar = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), text)
message = st.one_of(
    st.builds(
        lambda event, body, more: {"event": event, event: body, "streamSid": "MZ", **more},
        st.sampled_from(["connected", "start", "media", "dtmf", "mark", "clear", "transfer", "nonsense"]),
        st.one_of(
            scalar,
            st.dictionaries(st.sampled_from(["payload", "digit", "name", "callSid", "streamSid", "track"]), scalar),
            st.builds(lambda audio: {"payload": base64.b64encode(audio).decode()}, st.binary(max_size=700)),
        ),
        st.dictionaries(text, scalar, max_size=3),
    ),
    st.recursive(scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3)),
)


@given(started=st.booleans(), messages=st.lists(st.one_of(message.map(json.dumps), text, st.binary()), max_size=15))
@settings(parent=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_media_stream(caplog: pytest.LogCaptureFixture, started: bool, messages: list[Any]) -> None:
    async def scene(desk: Desk) -> None:
        server = TwilioServer(desk, PUBLIC_URL)
        port = free_port()
        await server.start("127.0.0.1", port)
        async with TwilioSide(port, PUBLIC_URL, TOKEN, NUMBER) as twilio, aiohttp.ClientSession() as http:
            status, body = await twilio.ask(f"{PUBLIC_URL}/voice")
            assert status == 200
            path = body.partition("edge-test.example")[2].partition('"')[0]
            async with http.ws_connect(f"ws://127.0.0.1:{port}{path}") as socket:
                if started:
                    await socket.send_str('{"event":"connected","protocol":"Call","version":"1.0.0"}')
                    start = {"streamSid": "MZ", "callSid": twilio.sid}
                    await socket.send_str(json.dumps({"event": "start", "streamSid": "MZ", "start": start}))
                for one in messages:
                    try:
                        await (socket.send_bytes(one) if isinstance(one, bytes) else socket.send_str(one))
                    except ConnectionError:
                        break
        await server.stop()

    examine(caplog, scene)


@given(body=st.binary(max_size=300), headers=st.dictionaries(st.sampled_from(["X-Twilio-Signature"]), st.just("x")))
@settings(parent=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_webhook(caplog: pytest.LogCaptureFixture, body: bytes, headers: dict[str, str]) -> None:
    async def scene(desk: Desk) -> None:
        server = TwilioServer(desk, PUBLIC_URL)
        port = free_port()
        await server.start("127.0.0.1", port)
        async with aiohttp.ClientSession() as http:
            for path in ("voice", "next", "dialled", "status"):
                async with http.post(f"http://127.0.0.1:{port}/twilio/{path}", data=body, headers=headers) as answer:
                    assert answer.status in (400, 403)
        await server.stop()
        assert desk.taken == []

    examine(caplog, scene)


def test_an_asterisk_that_stays_connected_after_a_faulty_frame_is_sent_nothing_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene(desk: Desk) -> None:
        server = AudioSocketServer(desk, (ipaddress.ip_network("127.0.0.0/8"),))
        port = free_port()
        await server.start("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x01\x00\x10" + bytes.fromhex(UUID.replace("-", "")) + b"\x03\x00\x01\x00")
        received = await reader.read()  # to the end: the server's side is closed
        assert received.endswith(b"\xff\x00\x00")
        while not desk.over:
            await asyncio.sleep(0.005)
        writer.close()
        server.stop()

    examine(caplog, scene)


def test_strangers_who_connect_again_and_again_write_no_log_full(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(desk: Desk) -> None:
        server = AudioSocketServer(desk, (ipaddress.ip_network("192.0.2.0/24"),))
        port = free_port()
        await server.start("127.0.0.1", port)
        for _ in range(50):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        server.stop()

    examine(caplog, scene)
    assert len(caplog.records) == 1
