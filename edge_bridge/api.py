"""The node's HTTP side: ``/health``, ``/health/ready``, ``/metrics``, served while the worker may come and go."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

from uvicorn import Config, Server

from process.asgi import App, Request, Response
from process.health import Health

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STARTED_WITHIN_S = 5.0
STOPPED_WITHIN_S = 2.0


class _Server(Server):
    """Signals are the supervisor's: probes are answered until the last call has ended."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Api:
    """``metrics`` gives the worker's text: the supervisor counts nothing itself."""

    def __init__(self, health: Health, metrics: Callable[[], str]) -> None:
        app = App(health)
        app.route("GET", "/metrics", self._metrics)
        self._text = metrics
        config = Config(app, http="httptools", lifespan="off", log_config=None, access_log=False, server_header=False)
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    def start(self, bound: socket.socket) -> None:
        self._serving = asyncio.create_task(self._server.serve(sockets=[bound]), name="api")

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._serving is not None:
            await asyncio.wait([self._serving], timeout=STOPPED_WITHIN_S)

    async def _metrics(self, _: Request) -> Response:
        return Response(200, self._text().encode(), {"content-type": METRICS_TYPE})


def bind(host: str, port: int) -> socket.socket:
    """Raises OSError when the port is taken."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(128)
    except OSError:
        bound.close()
        raise
    return bound
