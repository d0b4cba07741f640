"""``web.serving`` in this process: a loop in a thread of its own in front of any WSGI application."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import uvloop
from flask import Flask

from web.serving.admission import Limits
from web.serving.worker import Server
from web.serving.wsgi import WsgiApplication

STOP_TIMEOUT_S = 10


@dataclass
class Serving:
    """``port`` for everybody, ``operations`` for probes and metrics."""

    port: int
    operations: int
    server: Server
    loop: asyncio.AbstractEventLoop

    def stop(self, within_s: float = 3.0) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(within_s), self.loop).result(STOP_TIMEOUT_S)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)


@contextlib.contextmanager
def serving(
    application: WsgiApplication, *, limits: Limits | None = None, threads: int = 4, app: Flask | None = None
) -> Iterator[Serving]:
    """``app``: the Flask application whose database and streams live on the loop, as they do under gunicorn."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    running = asyncio.run_coroutine_threadsafe(_start(application, limits or Limits(), threads), loop).result(10)
    if app is not None:
        app.extensions["alloresto.database"].use(loop)
    try:
        yield running
    finally:
        if app is not None:
            asyncio.run_coroutine_threadsafe(app.extensions["alloresto.streams"].stop(), loop).result(10)
        running.stop(1.0)
        if app is not None:
            asyncio.run_coroutine_threadsafe(app.extensions["alloresto.database"].aclose(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_TIMEOUT_S)
        loop.close()


async def _start(application: WsgiApplication, limits: Limits, threads: int) -> Serving:
    server = Server(application, threads, limits)
    ports = []
    for operations in (False, True):
        listener = socket.create_server(("127.0.0.1", 0))
        ports.append(listener.getsockname()[1])
        await server.listen(listener, operations=operations)
    return Serving(ports[0], ports[1], server, asyncio.get_running_loop())
