"""Broken messages out of good ones, the same for the same seed.

Half of it knows what it breaks: headers twice or forty times, numbers at their bounds, line ends, media lines by the
dozen, text that is no UTF-8. The other half does not: bits, cuts, insertions.
"""

import random
import re
from collections.abc import Callable

MAX_BYTES = 60_000  # of a datagram
NUMBERS = (
    b"0",
    b"-1",
    b"1",
    b"00000000000000000001",
    b"65535",
    b"65536",
    b"2147483647",
    b"2147483648",
    b"4294967295",
    b"4294967296",
    b"18446744073709551616",
    b"9" * 300,
    b"1e9",
    b"0x7f",
)
PIECES = (
    b"\r\n",
    b"\r\n\r\n",
    b"\r",
    b"\n",
    b"\r\n ",
    b"\x00",
    b"\xff\xfe",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    "é💥\u202e".encode(),
    b";",
    b",",
    b"<",
    b">",
    b'"',
    b"\\",
    b"@",
    b"%00",
    b"%s%n%x",
    b"," * 50,
    b";tag=x",
    b"m=audio 1 RTP/AVP 0\r\n" * 16,
    b"X-Edge-Source: 127.0.0.1:5060\r\n",
    b"Route: <sip:127.0.0.1:1;lr>\r\n",
    b"A" * 5000,
)
_NUMBER = re.compile(rb"[0-9]+")

Mutation = Callable[[bytes, random.Random], bytes]


def mutated(message: bytes, chance: random.Random, most: int = 3) -> bytes:
    """``message`` with one to ``most`` faults, at most MAX_BYTES long."""
    for _ in range(chance.randint(1, most)):
        message = chance.choice(_OF_TEXT if b"\r\n" in message else OF_BYTES)(message or b"\0", chance)
    return message[:MAX_BYTES]


def mutated_packet(packet: bytes, chance: random.Random) -> bytes:
    """The same for a binary packet such as RTP, RTCP or STUN, at most 2,000 bytes."""
    for _ in range(chance.randint(1, 3)):
        packet = chance.choice(OF_BYTES)(packet or b"\0", chance)
    return packet[:2000]


def _flipped(message: bytes, chance: random.Random) -> bytes:
    changed = bytearray(message)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(message: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(message))
    return message[:at] + message[at + chance.randrange(30) :]


def _ended(message: bytes, chance: random.Random) -> bytes:
    return message[: chance.randrange(len(message))]


def _inserted(message: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(message))
    return message[:at] + chance.choice(PIECES) + message[at:]


def _at_bounds(message: bytes, chance: random.Random) -> bytes:
    """One, two or four bytes with their highest, lowest or middle value."""
    at, size = chance.randrange(len(message)), chance.choice((1, 2, 4))
    return message[:at] + chance.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * size + message[at + size :]


def _number(message: bytes, chance: random.Random) -> bytes:
    found = list(_NUMBER.finditer(message))
    if not found:
        return message
    one = chance.choice(found)
    return message[: one.start()] + chance.choice(NUMBERS) + message[one.end() :]


def _lines(message: bytes, chance: random.Random) -> bytes:
    """A line twice, forty times, not at all, elsewhere, folded, or with a value of kilobytes."""
    lines = message.split(b"\r\n")
    at = chance.randrange(len(lines))
    line = lines[at]
    changed: list[list[bytes]] = [
        [line, line],
        [line] * 40,
        [],
        [line.replace(b": ", b":\r\n ", 1)],
        [line + b"A" * chance.choice((200, 600, 4_000, 20_000))],
        [line.partition(b":")[0] + b": "],
        [line.upper()],
    ]
    lines[at : at + 1] = chance.choice(changed)
    if chance.random() < 0.2:
        chance.shuffle(lines)
    return b"\r\n".join(lines)


def _line_ends(message: bytes, chance: random.Random) -> bytes:
    return message.replace(b"\r\n", chance.choice((b"\n", b"\r", b"\n\r", b"\r\r\n")), chance.choice((1, 3, -1)))


OF_BYTES: tuple[Mutation, ...] = (_flipped, _cut, _ended, _inserted, _at_bounds)
_OF_TEXT: tuple[Mutation, ...] = (_flipped, _cut, _ended, _inserted, _number, _number, _lines, _lines, _line_ends)
