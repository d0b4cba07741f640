"""RTP, RTCP and STUN that are none, to the media ports of calls: from where their SDP says, and from elsewhere."""

from __future__ import annotations

import hashlib
import hmac
import random
import re
import socket
import struct
from collections.abc import Callable
from functools import partial

from bench.fuzz.mutations import mutated_packet
from bench.fuzz.scene import CALLERS_HOST, PEER_HOST, Budget, Scene, stranger, udp
from bench.fuzz.sip import call, hang_up, media_port
from devstack.edge.raw_sip import offer

PACKETS_PER_S = 1000.0
PACKETS_PER_CALL = 1000
_COOKIE = 0x2112A442
_ICE_OFFER = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"

Packet = Callable[[random.Random, "Credentials"], bytes]
Credentials = tuple[bytes, bytes]  # the bridge's ufrag and password


def rtp(scene: Scene, chance: random.Random, budget: Budget) -> None:
    _attack(scene, chance, budget, _rtp, 0)


def rtcp(scene: Scene, chance: random.Random, budget: Budget) -> None:
    _attack(scene, chance, budget, _rtcp_or_stun, 1)


def _attack(scene: Scene, chance: random.Random, budget: Budget, packet: Packet, beside: int) -> None:
    """To the ports of a call of one's own, most of it from its own address, and to those of the kept calls."""
    budget.per_s = PACKETS_PER_S
    with scene.phone() as phone:
        while budget.spend():
            own = udp(PEER_HOST)
            port = own.getsockname()[1]
            answer = call(phone, offer(PEER_HOST, port) + _ICE_OFFER + f"a=rtcp:{port}\r\n")
            if answer is None:
                own.close()
                continue
            targets = [(scene.bridge.target[0], media_port(answer) + beside)]
            elsewhere = [udp(stranger(chance)), udp(PEER_HOST), udp(CALLERS_HOST)]
            made = partial(packet, chance, _credentials(answer.body))
            _send(chance, budget, [own, *elsewhere], targets, scene, made, beside)
            for bound in (own, *elsewhere):
                bound.close()
            hang_up(phone)


def _send(
    chance: random.Random,
    budget: Budget,
    sockets: list[socket.socket],
    targets: list[tuple[str, int]],
    scene: Scene,
    packet: Callable[[], bytes],
    beside: int,
) -> None:
    own, *elsewhere = sockets
    kept = [(host, port + beside) for host, port in scene.media]
    for _ in range(PACKETS_PER_CALL):
        if not budget.spend():
            return
        if chance.random() < 0.6:
            own.sendto(packet(), targets[0])
        else:  # a stranger's to a kept call must not be heard; from its own address none is sent
            chance.choice(elsewhere).sendto(packet(), chance.choice((*targets, *kept)))
        for bound in sockets:
            _drain(bound)


def _drain(bound: socket.socket) -> None:
    try:
        while bound.recv(2048):
            pass
    except OSError:
        return


def _rtp(chance: random.Random, _: Credentials) -> bytes:
    payload = chance.randbytes(chance.choice((0, 1, 4, 160, 160, 160, 1400)))
    first = 0x80 | chance.choice((0, 0, 0, 0x10, 0x20, 0x0F, 0x3F))
    kind = chance.choice((0, 0, 8, 13, 101, 127, 200))
    numbers = (
        chance.getrandbits(16),
        chance.choice((0, 160, 2**32 - 1, chance.getrandbits(32))),
        chance.getrandbits(32),
    )
    packet = struct.pack(">BBHII", first, kind, *numbers) + payload
    return packet if chance.random() < 0.3 else mutated_packet(packet, chance)


def _rtcp_or_stun(chance: random.Random, credentials: Credentials) -> bytes:
    packet = _rtcp(chance) if chance.random() < 0.5 else stun(chance, credentials)
    return packet if chance.random() < 0.3 else mutated_packet(packet, chance)


def _rtcp(chance: random.Random) -> bytes:
    packets = []
    for _ in range(chance.randint(1, 4)):
        count, kind = chance.randint(0, 31), chance.choice((200, 201, 202, 203, 204, 207, 192, 223))
        body = chance.randbytes(4 * chance.choice((0, 1, 5, 6, 12, 60)))
        words = len(body) // 4 if chance.random() < 0.8 else chance.choice((0, 1, 0xFFFF))
        packets.append(struct.pack(">BBH", 0x80 | count, kind, words) + body)
    return b"".join(packets)


def stun(chance: random.Random, credentials: Credentials) -> bytes:
    """A binding request; most prove the password, and may nominate."""
    fragment, password = credentials
    attributes = _attribute(0x0006, fragment + b":abcd")
    if chance.random() < 0.5:
        attributes += _attribute(0x0025, b"")
    if chance.random() < 0.3:
        attributes += _attribute(chance.getrandbits(16), chance.randbytes(chance.choice((0, 1, 3, 200))))
    head = struct.pack(">HHI", 0x0001, len(attributes) + 24, _COOKIE) + chance.randbytes(12)
    proof = hmac.digest(password if chance.random() < 0.8 else b"wrong", head + attributes, hashlib.sha1)
    return head + attributes + _attribute(0x0008, proof)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _credentials(description: bytes) -> Credentials:
    found = [re.search(rb"^a=" + name + rb":(\S+)", description, re.MULTILINE) for name in (b"ice-ufrag", b"ice-pwd")]
    fragment, password = (one[1] if one else b"" for one in found)
    return fragment, password
