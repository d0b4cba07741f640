"""As much of an HTTP client as measuring needs: one connection, whole answers, and event streams read as they come."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

TIMEOUT_S = 30.0
_SET_COOKIE = re.compile(r"^set-cookie: ([^=\r\n]+)=([^;\r\n]*)", re.IGNORECASE | re.MULTILINE)


class Client:
    """A keep-alive connection that keeps the cookies it is given, as a browser does.

    ``get`` returns the status, the compressed body and how long it took in ms.
    """

    def __init__(self, port: int, cookie: str) -> None:
        self._port = port
        self._cookies = dict(one.split("=", 1) for one in cookie.split("; "))
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> tuple[int, bytes, float]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        began = time.perf_counter()
        writer.write(request(path, "; ".join(f"{name}={value}" for name, value in self._cookies.items())))
        async with asyncio.timeout(TIMEOUT_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            body = await _body(reader, head.lower())
        took_ms = (time.perf_counter() - began) * 1000
        for name, value in _SET_COOKIE.findall(head):
            self._cookies[name] = value
        if "connection: close" in head.lower():
            await self.close()
        return int(head.split(" ", 2)[1]), body, took_ms

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _body(reader: asyncio.StreamReader, head: str) -> bytes:
    if "transfer-encoding: chunked" in head:
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readexactly(2)
        return b"".join(parts)
    _, found, rest = head.partition("content-length: ")
    return await reader.readexactly(int(rest.split("\r\n")[0])) if found else b""


def request(path: str, cookie: str, accept: str = "text/html") -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: bench.example\r\nCookie: {cookie}\r\nAccept: {accept}\r\n"
        "Accept-Encoding: gzip\r\nAccept-Language: fr\r\n\r\n"
    ).encode()


class LivePage(asyncio.Protocol):
    """An open event stream; ``heard`` is called with each piece that comes."""

    def __init__(self, path: str, cookie: str, heard: Callable[[bytes], None]) -> None:
        self._request = request(path, cookie, "text/event-stream")
        self._heard = heard
        self.open = False
        self.drawings = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.open = True
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.drawings += data.count(b"\ndata: <")
        self._heard(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self.open = False
