"""A nameserver on loopback that knows SRV records and nothing else."""

import asyncio
import struct
from collections.abc import Mapping
from typing import cast

from edge_bridge.entrances.sip.registering.dns import NO_SUCH_NAME, SRV, TRUNCATED, Srv

RECURSION = 0x8180  # an answer, recursion desired and available


def _wire(name: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"


PORT_TRIES = 10


class DnsServer(asyncio.DatagramProtocol):
    """``records`` by name. ``silent`` answers nothing; ``truncates`` sends everybody to TCP. ``asked`` counts."""

    def __init__(self, records: Mapping[str, tuple[Srv, ...]], ttl_s: int = 60) -> None:
        self.records = records
        self.ttl_s = ttl_s
        self.silent = self.truncates = False
        self.asked: list[str] = []
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def __aenter__(self) -> "DnsServer":
        loop = asyncio.get_running_loop()
        for tries_left in reversed(range(PORT_TRIES)):  # a port that is free for TCP may be somebody's for UDP
            self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            try:
                await loop.create_datagram_endpoint(lambda: self, local_addr=self.address)
                break
            except OSError:
                self._tcp.close()
                if not tries_left:
                    raise
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._udp is not None and self._tcp is not None
        self._udp.close()
        self._tcp.close()
        await self._tcp.wait_closed()

    @property
    def address(self) -> tuple[str, int]:
        assert self._tcp is not None
        host, port = self._tcp.sockets[0].getsockname()[:2]
        return str(host), int(port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._udp = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        assert self._udp is not None
        if not self.silent:
            answer = self._answer(data)
            if self.truncates:
                answer = answer[:2] + struct.pack("!5H", RECURSION | TRUNCATED, 1, 0, 0, 0) + data[12:]
            self._udp.sendto(answer, source)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        answer = self._answer(await reader.readexactly(length))
        writer.write(struct.pack("!H", len(answer)) + answer)
        await writer.drain()
        writer.close()

    def _answer(self, data: bytes) -> bytes:
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        name = ".".join(labels).lower()
        self.asked.append(name)
        found = self.records.get(name, ())
        head = data[:2] + struct.pack("!5H", RECURSION | (0 if found else NO_SUCH_NAME), 1, len(found), 0, 0)
        answers = b""
        for record in found:
            target = _wire(record.target)
            rest = struct.pack("!3H", record.priority, record.weight, record.port) + target
            answers += struct.pack("!3HIH", 0xC00C, SRV, 1, self.ttl_s, len(rest)) + rest  # the name by a pointer
        return head + data[12 : at + 5] + answers
