"""The TCP doors: the handler's WebSocket, and AudioSocket."""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import random
import socket
import struct
import time
import uuid

from bench.fuzz.mutations import mutated, mutated_packet
from bench.fuzz.scene import CALLERS_HOST, PEER_HOST, Budget, Door, Scene, loopback_only, stranger
from bench.fuzz.sip import call, hang_up
from devstack.edge.raw_sip import offer

CONNECTIONS_PER_S = 100.0
PATIENCE_S = 0.02
CALL_FOR_S = 4.0
IDLE_CONNECTIONS = 100
FRAMES_PER_CONNECTION = 8


def _connect(host: str, port: int, source: str = CALLERS_HOST) -> socket.socket:
    made = socket.create_connection((loopback_only(host), port), timeout=1, source_address=(loopback_only(source), 0))
    made.settimeout(PATIENCE_S)
    return made


def _swallow(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.recv(4096)


# --- The handler's WebSocket ---------------------------------------------------------------------------------


def websocket(scene: Scene, chance: random.Random, budget: Budget) -> None:
    """Upgrades that must be refused, and what a handler that was let in might send."""
    budget.per_s = CONNECTIONS_PER_S
    scene.leaves_doors = True
    port = scene.bridge.media_port
    idle = [_connect("127.0.0.1", port) for _ in range(IDLE_CONNECTIONS)]
    try:
        with scene.phone() as phone:
            up_until = 0.0
            while budget.spend():
                if time.monotonic() > up_until:
                    hang_up(phone)
                    up_until = time.monotonic() + CALL_FOR_S
                    call(phone, offer(PEER_HOST, 40_000))
                try:
                    door: Door | None = scene.doors.get_nowait()
                except queue.Empty:
                    door = None
                with contextlib.suppress(OSError), _connect("127.0.0.1", port) as connection:
                    _as_handler(connection, door, chance, budget)
            hang_up(phone)
    finally:
        scene.leaves_doors = False
        for one in idle:
            one.close()


def _as_handler(connection: socket.socket, door: Door | None, chance: random.Random, budget: Budget) -> None:
    path = door.path if door else f"/media/{uuid.UUID(int=chance.getrandbits(128))}/1"
    token = door.token if door else chance.choice(("", "x", "A" * 43, "é" * 20, "A" * 5_000))
    request = _upgrade(path, token, chance)
    if door is None:
        connection.sendall(mutated(request, chance))
        _swallow(connection)
        return
    connection.sendall(request)
    _swallow(connection)
    for _ in range(FRAMES_PER_CONNECTION):
        if not budget.spend():
            return
        connection.sendall(_frame(chance))
        _swallow(connection)


def _upgrade(path: str, token: str, chance: random.Random) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: bridge",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(chance.randbytes(16)).decode()}",
        f"Authorization: Bearer {token}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _frame(chance: random.Random) -> bytes:
    """Text that is the protocol's or nearly, or any other frame, with any mask, length and continuation."""
    good = chance.random() < 0.6
    payload = _message(chance) if good else chance.randbytes(chance.choice((0, 1, 125, 126, 65_536, 2_000_000)))
    code = 0x1 if good else chance.randrange(16)
    final = 0x80 if chance.random() < 0.8 else 0
    reserved = chance.choice((0, 0, 0, 0x10, 0x40))
    size = len(payload) if chance.random() < 0.9 else chance.choice((0, 126, 2**31, 2**63))
    return _header(final | reserved | code, size) + _masked(payload, chance)


def _header(first: int, size: int) -> bytes:
    if size < 126:
        return struct.pack(">BB", first, 0x80 | size)
    if size < 65_536:
        return struct.pack(">BBH", first, 0xFE, size)
    return struct.pack(">BBQ", first, 0xFF, size)


def _masked(payload: bytes, chance: random.Random) -> bytes:
    mask = chance.randbytes(4)
    whole = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return mask + (int.from_bytes(payload) ^ int.from_bytes(whole)).to_bytes(len(payload))


def _message(chance: random.Random) -> bytes:
    audio = base64.b64encode(chance.randbytes(chance.choice((0, 1, 160, 1600, 500_000)))).decode()
    messages: list[dict[str, object]] = [
        {"event": "media", "streamSid": "MZ", "media": {"payload": audio}},
        {"event": "mark", "streamSid": "MZ", "mark": {"name": "x" * chance.choice((0, 1, 300))}},
        {"event": "clear", "streamSid": "MZ"},
        {"event": "hold", "streamSid": "MZ", "hold": {"on": chance.choice((True, False, "yes", None))}},
        {"event": "prompt", "streamSid": "MZ", "prompt": {"name": chance.choice(("beep", "../../etc/passwd", ""))}},
        {"event": "transfer", "streamSid": "MZ", "transfer": {"target": "sip:a@b\r\nX: y", "reason": "\x00"}},
        {"event": "nonsense", "n": 2**70},
    ]
    text = json.dumps(chance.choice(messages)).encode()
    return text if chance.random() < 0.5 else mutated(text, chance)


# --- AudioSocket ---------------------------------------------------------------------------------------------


def audiosocket(scene: Scene, chance: random.Random, budget: Budget) -> None:
    """Frames of an Asterisk that is none, and connections of strangers."""
    budget.per_s = CONNECTIONS_PER_S
    while budget.spend():
        source = CALLERS_HOST if chance.random() < 0.8 else stranger(chance)
        with contextlib.suppress(OSError), _connect("127.0.0.1", scene.audiosocket_port, source) as connection:
            if chance.random() < 0.5:
                connection.sendall(b"\x01\x00\x10" + uuid.UUID(scene.asterisk_uuid).bytes)
            for _ in range(FRAMES_PER_CONNECTION):
                if not budget.spend():
                    return
                connection.sendall(_audio_frame(chance))
                _swallow(connection)


def _audio_frame(chance: random.Random) -> bytes:
    kind = chance.choice((0x00, 0x01, 0x03, 0x10, 0x10, 0x10, 0x12, 0x18, 0x19, 0xFF, chance.randrange(256)))
    payload = chance.randbytes(chance.choice((0, 1, 2, 16, 320, 320, 321, 65_535)))
    frame = bytes((kind,)) + len(payload).to_bytes(2) + payload
    return frame if chance.random() < 0.7 else mutated_packet(frame, chance)
