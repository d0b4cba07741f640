"""A plain ASGI application with the probes every process has, served by uvicorn.

No framework: a function's cold start is its users' wait (uvicorn with a plain app is ready in about
100 ms). Routes are exact paths; a handler gets the request and returns a response or streams one.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from process.health import Health

if TYPE_CHECKING:
    import socket

    from uvicorn.server import Server

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request with its whole body (at most the route's limit). Header names are lower case.

    ``truncated``: the body went on; only on a route that takes the beginning of a longer one.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    _receive: Receive
    truncated: bool = False

    async def until_disconnect(self) -> None:
        """Return once the client is gone. Only one task of a request may wait here."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


@dataclass(frozen=True, slots=True)
class Response:
    """``body`` is sent at once; an async iterator is streamed, a chunk a write, until it ends."""

    status: int = 200
    body: bytes | AsyncIterator[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """The longest body that a route takes. Of a longer one it takes the beginning, or else (413) nothing."""

    max_bytes: int = MAX_BODY_BYTES
    truncates: bool = False


DEFAULT_LIMIT = BodyLimit()


def json_response(value: object, status: int = 200) -> Response:
    return Response(status, msgspec.json.encode(value), {"content-type": "application/json"})


def problem(status: int, detail: str) -> Response:
    """A refusal with its reason, as RFC 9457 problem details."""
    body = msgspec.json.encode({"status": status, "detail": detail})
    return Response(status, body, {"content-type": "application/problem+json"})


class App:
    """Routes plus ``/health``, ``/health/ready`` and ``/metrics``; ``startup`` and ``shutdown`` hooks."""

    def __init__(self, health: Health) -> None:
        self.health = health
        self.startup: list[Callable[[], Awaitable[None]]] = []
        self.shutdown: list[Callable[[], Awaitable[None]]] = []
        self._routes: dict[tuple[str, str], Handler] = {
            ("GET", "/health"): self._live,
            ("GET", "/health/ready"): self._ready,
            ("GET", "/metrics"): self._metrics,
        }
        self._limits: dict[tuple[str, str], BodyLimit] = {}

    def route(self, method: str, path: str, handler: Handler, limit: BodyLimit = DEFAULT_LIMIT) -> None:
        self._routes[method, path] = handler
        self._limits[method, path] = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        while scope["type"] == "lifespan":
            message = await receive()
            if message["type"] == "lifespan.startup":
                for hook in self.startup:
                    await hook()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                for hook in self.shutdown:
                    await hook()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        handler = self._routes.get((method, path))
        limit = self._limits.get((method, path), DEFAULT_LIMIT)
        body, truncated = await _read_body(receive, limit)
        if truncated and not limit.truncates:
            response = problem(413, f"the body is over {limit.max_bytes} bytes; send less")
        elif handler is not None:
            fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            query = scope["query_string"].decode("latin-1")
            response = await handler(Request(method, path, query, fields, body, receive, truncated))
        elif allowed := [known for known, at in self._routes if at == path]:
            response = problem(405, f"{path} takes {', '.join(allowed)}, not {method}")
        else:
            response = problem(404, f"nothing is at {path}")
        headers = [(name.encode(), value.encode()) for name, value in response.headers.items()]
        if isinstance(response.body, bytes):
            headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if isinstance(response.body, bytes):
            await send({"type": "http.response.body", "body": response.body})
            return
        async for chunk in response.body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _live(self, _: Request) -> Response:
        return json_response({"status": "live", "service": self.health.service})

    async def _ready(self, _: Request) -> Response:
        missing = await self.health.missing()
        state = "ready" if not missing else "waiting"
        return json_response(
            {"status": state, "service": self.health.service, "missing": missing}, 200 if not missing else 503
        )

    async def _metrics(self, _: Request) -> Response:
        from process import metrics  # prometheus-client costs 55 ms of import: not before the first scrape

        content_type, text = metrics.render()
        return Response(200, text, {"content-type": content_type})


async def _read_body(receive: Receive, limit: BodyLimit) -> tuple[bytes, bool]:
    """``(body, truncated)``. What is over the limit is left unread, or, on a route that truncates, thrown away."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunk = message.get("body", b"")
        if size < limit.max_bytes:
            chunks.append(chunk[: limit.max_bytes - size])
        size += len(chunk)
        if size > limit.max_bytes and not limit.truncates:
            break
        if not message.get("more_body", False):
            break
    return b"".join(chunks), size > limit.max_bytes


def run(
    app: App, host: str, port: int, *, grace_s: int | None = None, websocket_message_bytes: int | None = None
) -> None:
    """Be a process that serves ``app``: ``serve`` on an event loop of its own."""
    import uvloop  # here, so that what is only imported for its types costs nothing

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(app, host, port, grace_s=grace_s, websocket_message_bytes=websocket_message_bytes))


async def serve(
    app: App, host: str, port: int, *, grace_s: int | None = None, websocket_message_bytes: int | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then let held responses end (at most ``grace_s``; None: as long as they take).

    WebSockets are served when ``websocket_message_bytes``, the largest message, is given.
    """
    server = _server(app, host, port, grace_s, websocket_message_bytes)
    await server.serve()


class GuestServer:
    """Serves ``app`` within a process whose signals and end are its own affair: until ``stop``, and no lifespan."""

    def __init__(self, app: App) -> None:
        self._server = _server(app, lifespan="off")
        # uvicorn would take SIGTERM and SIGINT over, and raise them again at its end.
        self._server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
        self._serving: asyncio.Task[None] | None = None

    def start(self, bound: socket.socket) -> None:
        """``bound`` listens already, so that a taken port is found before anything else is started."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[bound]), name="http server")

    async def stop(self, within_s: float) -> None:
        self._server.should_exit = True
        if self._serving is not None:
            await asyncio.wait([self._serving], timeout=within_s)


def _server(
    app: App,
    host: str = "",
    port: int = 0,
    grace_s: int | None = None,
    websocket_message_bytes: int | None = None,
    lifespan: Literal["on", "off"] = "on",
) -> Server:
    """uvicorn as every process of ours has it: httptools, no access log, no headers that nobody reads."""
    # The package is made known without being run: that would import click and process supervisors that nobody needs
    # here, 20 to 30 ms of a cold start of 180 that a caller waits for.
    if "uvicorn" not in sys.modules:
        spec = importlib.util.find_spec("uvicorn")
        assert spec is not None, "a dependency of every side"
        sys.modules["uvicorn"] = importlib.util.module_from_spec(spec)
    from uvicorn.config import Config

    vars(sys.modules["uvicorn"]).setdefault("Config", Config)  # the one name that its own modules take from the package
    from process.quiet_server import QuietServer

    config = Config(
        app,
        host=host,
        port=port,
        http="httptools",
        # "auto" would import the websockets package, 20 ms, to serve what hardly anybody routes.
        ws="none" if websocket_message_bytes is None else "websockets-sansio",
        ws_max_size=websocket_message_bytes or 0,
        ws_per_message_deflate=False,  # G.711 does not get smaller, and it costs CPU for each frame
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=grace_s,
    )
    return QuietServer(config)
