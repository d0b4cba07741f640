"""SRV records (RFC 2782), which the system's resolver has no call for: one question, over UDP, or TCP when truncated.

The nameservers are those of ``/etc/resolv.conf``, asked in their order. What comes back is believed when its id, its
question and its sender are those of the question.
"""

import asyncio
import contextlib
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path

RESOLV_CONF = Path("/etc/resolv.conf")
PORT = 53
SRV, CNAME, IN = 33, 5, 1
WITHIN_S = 1.0  # a nameserver's answer; each is asked TRIES times
TRIES = 2
MOST_SERVERS = 3
MOST_RECORDS = 64
MOST_LABELS = 128
NO_SUCH_NAME = 3
TRUNCATED = 0x0200
ANSWERS = 0x8000
UNKNOWN_TTL_S = 60  # of a name without SRV records

Address = tuple[str, int]


class DnsError(Exception):
    """No nameserver gave an answer that can be read."""


@dataclass(frozen=True, slots=True)
class Srv:
    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class SrvAnswer:
    """No ``records``: the name has none. ``ttl_s`` is the shortest of them."""

    records: tuple[Srv, ...]
    ttl_s: int


class SrvQuestions:
    """``servers`` in place of those of ``/etc/resolv.conf``, which is read again for each question."""

    def __init__(self, servers: tuple[Address, ...] = ()) -> None:
        self._servers = servers

    async def ask(self, name: str) -> SrvAnswer:
        """Raises DnsError."""
        asked = secrets.randbelow(1 << 16)
        try:
            question = _question(asked, name)
        except UnicodeError:
            raise DnsError("no name") from None
        for server in (self._servers or _system_servers()) * TRIES:
            with contextlib.suppress(OSError, TimeoutError, ValueError, struct.error, IndexError, UnicodeError):
                async with asyncio.timeout(WITHIN_S):
                    data = await _over_udp(server, question)
                    if struct.unpack_from("!H", data, 2)[0] & TRUNCATED:
                        data = await _over_tcp(server, question)
                return _read(data, question)
        raise DnsError("no nameserver answers")


def _system_servers() -> tuple[Address, ...]:
    try:
        lines = RESOLV_CONF.read_text(errors="replace").splitlines()
    except OSError:
        return ()
    words = (line.split() for line in lines)
    return tuple((parts[1], PORT) for parts in words if len(parts) > 1 and parts[0] == "nameserver")[:MOST_SERVERS]


def _question(asked: int, name: str) -> bytes:
    """With recursion desired. Raises UnicodeError for a label that is none."""
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".")]
    if not all(0 < len(label) < 64 for label in labels):
        raise UnicodeError("a label is too long")
    wire = b"".join(bytes((len(label),)) + label for label in labels)
    return struct.pack("!6H", asked, 0x0100, 1, 0, 0, 0) + wire + b"\0" + struct.pack("!2H", SRV, IN)


class _OneAnswer(asyncio.DatagramProtocol):
    def __init__(self, asked: bytes) -> None:
        self._asked = asked
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _: object) -> None:
        if data[:2] == self._asked and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


async def _over_udp(server: Address, question: bytes) -> bytes:
    """From a socket of its own and connected: its port is a second number to guess, and no other sender is heard."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: _OneAnswer(question[:2]), remote_addr=server)
    try:
        transport.sendto(question)
        return await protocol.answer
    finally:
        transport.close()


async def _over_tcp(server: Address, question: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*server)
    try:
        writer.write(struct.pack("!H", len(question)) + question)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        return await reader.readexactly(length)
    finally:
        writer.close()


def _read(data: bytes, question: bytes) -> SrvAnswer:
    """Raises ValueError, IndexError, struct.error or UnicodeError for what cannot be read, ValueError for an error."""
    asked, flags, questions, answers = struct.unpack_from("!4H", data)
    code = flags & 0x000F
    if struct.pack("!H", asked) != question[:2] or not flags & ANSWERS or code not in (0, NO_SUCH_NAME):
        raise ValueError("no answer to the question")
    if questions != 1 or data[12 : len(question)].lower() != question[12:].lower():
        raise ValueError("another question")
    at, found, ttls = len(question), [], []
    for _ in range(min(answers, MOST_RECORDS)):
        _, at = _name(data, at)
        kind, kin, ttl, length = struct.unpack_from("!2HIH", data, at)
        at += 10
        if kind == SRV and kin == IN:
            target, _ = _name(data, at + 6)
            priority, weight, port = struct.unpack_from("!3H", data, at)
            found.append(Srv(priority, weight, port, target))
        if kind in (SRV, CNAME):
            ttls.append(ttl)
        at += length
    return SrvAnswer(tuple(found), min(ttls, default=UNKNOWN_TTL_S))


def _name(data: bytes, at: int) -> tuple[str, int]:
    """The name at ``at``, and where it ends there. Compression points backwards only, so it ends."""
    labels: list[str] = []
    end, limit = 0, at
    while (length := data[at]) != 0:
        if length >= 0xC0:
            pointed = struct.unpack_from("!H", data, at)[0] & 0x3FFF
            end = end or at + 2
            if pointed >= limit:
                raise ValueError("a name that points forwards")
            at = limit = pointed
            continue
        if length > 63 or len(labels) >= MOST_LABELS:
            raise ValueError("a name that is none")
        labels.append(data[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels), end or at + 1
