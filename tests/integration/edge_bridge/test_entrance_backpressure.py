"""A far end that stops reading holds neither audio nor its call."""

import asyncio
import ipaddress
import socket

import pytest

from devstack.servers.ports import free_port
from edge_bridge.entrances.audiosocket.server import AudioSocketServer
from edge_bridge.entrances.twilio.server import TwilioServer
from tests.integration.edge_bridge.desk import NUMBER, PUBLIC_URL, TOKEN, UUID, Desk
from tests.integration.edge_bridge.twilio_side import TwilioSide
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

SLIN192 = 0x18  # fills the buffers 24 times as fast as 8 kHz


async def until_over(desk: Desk) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not desk.over:
            await asyncio.sleep(0.02)
    assert desk.over == desk.taken


async def test_an_asterisk_that_stops_reading_is_hung_up_on() -> None:
    desk = Desk()
    server = AudioSocketServer(desk, (ipaddress.ip_network("127.0.0.0/8"),))
    port = free_port()
    await server.start("127.0.0.1", port)
    loop = asyncio.get_running_loop()
    with socket.socket() as asterisk:
        asterisk.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asterisk.setblocking(False)
        await loop.sock_connect(asterisk, ("127.0.0.1", port))
        await loop.sock_sendall(asterisk, b"\x01\x00\x10" + bytes.fromhex(UUID.replace("-", "")))
        await loop.sock_sendall(asterisk, bytes([SLIN192]) + (7680).to_bytes(2) + bytes(7680))
        await until_over(desk)
    server.stop()


async def test_a_twilio_that_stops_reading_is_hung_up_on() -> None:
    desk = Desk()
    server = TwilioServer(desk, PUBLIC_URL)
    port = free_port()
    await server.start("127.0.0.1", port)
    loop = asyncio.get_running_loop()
    async with TwilioSide(port, PUBLIC_URL, TOKEN, NUMBER) as twilio:
        _, body = await twilio.ask(f"{PUBLIC_URL}/voice")
        path = body.partition("edge-test.example")[2].partition('"')[0]
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            await loop.sock_connect(deaf, ("127.0.0.1", port))
            await loop.sock_sendall(deaf, upgrade(path))
            await loop.sock_sendall(deaf, text_frame('{"event":"connected"}'))
            start = f'{{"event":"start","streamSid":"MZ","start":{{"streamSid":"MZ","callSid":"{twilio.sid}"}}}}'
            await loop.sock_sendall(deaf, text_frame(start))
            silence = text_frame('{"event":"media","streamSid":"MZ","media":{"payload":"/////w=="}}')
            async with asyncio.timeout(PATIENCE_S):
                while not desk.audios:
                    await asyncio.sleep(0.02)
                desk.audios[0].play(bytes(8 * 60_000))  # a minute
                while not desk.over:
                    await loop.sock_sendall(deaf, silence)
                    await asyncio.sleep(0.02)
    await server.stop()


def upgrade(path: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def text_frame(text: str) -> bytes:
    """Masked with zeros, as a client may."""
    body = text.encode()
    size = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2)
    return b"\x81" + size + bytes(4) + body
