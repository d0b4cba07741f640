"""Loopback HTTP listeners: one port for each Service, Broker and the admin interface."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

MAX_BODY_BYTES = 16 << 20
_SHUTDOWN_S = 0.5

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class BodyTooLargeError(Exception):
    """A request's body is over MAX_BODY_BYTES."""


async def read_body(request: web.BaseRequest) -> bytes:
    """The whole body. Raises BodyTooLargeError."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise BodyTooLargeError(f"the body is over {MAX_BODY_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


@dataclass(frozen=True, slots=True)
class Listener:
    """``url`` has no trailing slash."""

    url: str
    runner: web.BaseRunner

    async def close(self) -> None:
        await self.runner.cleanup()


async def listen(handler: Handler, port: int = 0) -> Listener:
    """Serve ``handler`` for every path. It is cancelled when its client goes away. OSError when the port is taken."""
    server = web.Server(handler, handler_cancellation=True, access_log=None, keepalive_timeout=75.0)
    runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_S, handle_signals=False)
    return await _start(runner, port)


async def listen_app(app: web.Application, port: int = 0) -> Listener:
    """Serve an application with routes."""
    runner = web.AppRunner(
        app, shutdown_timeout=_SHUTDOWN_S, handle_signals=False, access_log=None, handler_cancellation=True
    )
    return await _start(runner, port)


async def _start(runner: web.BaseRunner, port: int) -> Listener:
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError:
        await runner.cleanup()
        raise
    return Listener(f"http://127.0.0.1:{runner.addresses[0][1]}", runner)
