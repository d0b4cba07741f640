"""HTTP/1.1 as far as a cascade needs it: POST, an answer that is read as it comes, and connections that are kept.

On httptools, which the process has loaded for its server: aiohttp takes 10 MiB more of a handler that may have 45, and
150 ms of a processor that a joined call shares. No redirects, proxies, cookies or compression.
"""

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httptools

from functions.call_handler.websocket import tls_context

KEPT_S = 60.0  # an idle connection; what stands between may have forgotten it after that
UNREAD_MAX_BYTES = 256 << 10  # then the server has to wait
HEAD_MAX_BYTES = 64 << 10
FIRST_FINAL_STATUS = 200


class HttpDownError(OSError):
    """The server could not be reached, broke off, or sent what is no HTTP."""


class _Place(NamedTuple):
    host: str
    port: int
    is_secure: bool


class Answer:
    """``status`` and ``headers`` (names in lower case) have come; the body comes by ``read``. Use ``async with``: it
    gives the connection back, or closes it if the body was not read to its end."""

    def __init__(self, client: "LeanHttp", place: _Place, connection: "_Connection") -> None:
        self.status = connection.status
        self.headers: Mapping[str, str] = connection.headers
        self._client = client
        self._place = place
        self._connection = connection

    async def read(self) -> bytes:
        """What has come since, at least a byte; b"" at the body's end. Raises HttpDownError when it breaks off."""
        return await self._connection.read()

    async def __aenter__(self) -> "Answer":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.give_back(self._place, self._connection)


class LeanHttp:
    """A client with its connections, for the length of a call. Time limits are for who uses it to set."""

    def __init__(self) -> None:
        self._idle: dict[_Place, list[_Connection]] = {}
        self._is_closed = False

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Until the answer's head has come. Raises HttpDownError, or another OSError (TLS and name errors are).

        A kept connection that its server closes before it says anything is replaced by a new one, once.
        """
        place, request = _request(url, headers, body)
        for connection in (self._kept(place), None):
            if connection is None:
                return await self._ask(place, await _dial(place), request)
            try:
                return await self._ask(place, connection, request)
            except OSError:
                if connection.has_spoken:
                    raise
        raise AssertionError("the last turn of the loop returns or raises")

    async def _ask(self, place: _Place, connection: "_Connection", request: bytes) -> Answer:
        try:
            await connection.ask(request)
        except BaseException:
            connection.abort()
            raise
        return Answer(self, place, connection)

    def _kept(self, place: _Place) -> "_Connection | None":
        idle = self._idle.get(place, [])
        while idle:
            connection = idle.pop()
            if connection.is_reusable and time.monotonic() - connection.idle_since < KEPT_S:
                return connection
            connection.abort()
        return None

    def give_back(self, place: _Place, connection: "_Connection") -> None:
        if self._is_closed or not connection.is_reusable:
            connection.abort()
            return
        connection.idle_since = time.monotonic()
        self._idle.setdefault(place, []).append(connection)

    def close(self) -> None:
        """Closes what is idle, and what is in use when it is given back."""
        self._is_closed = True
        for connections in self._idle.values():
            for connection in connections:
                connection.abort()
        self._idle.clear()


class _Connection(asyncio.Protocol):
    """One request at a time. ``has_spoken``: a byte of the answer has come."""

    def __init__(self) -> None:
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.has_spoken = False
        self._head_bytes = 0
        self._has_head = self._is_whole = self._is_paused = False
        self._keeps_alive = False
        self._body = bytearray()
        self._failure = ""
        self._news = asyncio.Event()

    @property
    def is_reusable(self) -> bool:
        return self._transport is not None and self._is_whole and self._keeps_alive and not self._body

    async def ask(self, request: bytes) -> None:
        """Send, and wait for the answer's head."""
        self._begin()
        if self._transport is None:
            raise HttpDownError("the connection is closed")
        self._transport.write(request)
        while not self._has_head:
            await self._more()

    async def read(self) -> bytes:
        while not self._body and not self._is_whole:
            await self._more()
        body = bytes(self._body)
        self._body.clear()
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return body

    async def _more(self) -> None:
        if self._failure:
            raise HttpDownError(self._failure)
        self._news.clear()
        await self._news.wait()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _fail(self, why: str) -> None:
        self._failure = why
        self._news.set()
        self.abort()

    # --- From the transport ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods alone

    def data_received(self, data: bytes) -> None:
        self.has_spoken = True
        if self._is_whole:  # nothing was asked: whatever this is, the connection is no good any more
            self.abort()
            return
        if not self._has_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("the server sent what is no HTTP")
            return
        if not self._has_head and self._head_bytes > HEAD_MAX_BYTES:
            self._fail("the server sent a head without end")
        elif len(self._body) > UNREAD_MAX_BYTES and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._news.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._has_head and error is None and not {"content-length", "transfer-encoding"} & self.headers.keys():
            self._is_whole = True  # such a body ends with its connection
        elif not self._is_whole:
            self._failure = self._failure or "the server closed the connection"
        self._news.set()

    # --- From the parser ------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._is_whole:  # an answer that nobody asked for
            self._keeps_alive = False
            return
        self.status = self._parser.get_status_code()
        if self.status >= FIRST_FINAL_STATUS:
            self._has_head = True
            self._keeps_alive = self._parser.should_keep_alive()
        else:
            self.headers.clear()

    def on_body(self, piece: bytes) -> None:
        if not self._is_whole:
            self._body += piece

    def on_message_complete(self) -> None:
        self._is_whole = self._has_head


async def _dial(place: _Place) -> _Connection:
    _, connection = await asyncio.get_running_loop().create_connection(
        _Connection, place.host, place.port, ssl=tls_context() if place.is_secure else None
    )
    return connection


def _request(url: str, headers: Mapping[str, str], body: bytes) -> tuple[_Place, bytes]:
    parts = urlsplit(url)
    is_secure = parts.scheme in ("https", "wss")
    place = _Place(parts.hostname or "", parts.port or (443 if is_secure else 80), is_secure)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fields = {
        "host": parts.netloc.rpartition("@")[2],
        "content-type": "application/json",
        "content-length": str(len(body)),
        **headers,
    }
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise HttpDownError("a line's end stands within the address or a header")
    return place, "\r\n".join([*lines, "", ""]).encode() + body
