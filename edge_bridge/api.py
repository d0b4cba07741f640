"""The node's HTTP side: ``/health``, ``/health/ready``, ``/metrics``, served while the worker may come and go."""

import socket
from collections.abc import Callable

from process.asgi import App, GuestServer, Request, Response
from process.health import Health

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STOPPED_WITHIN_S = 2.0


class Api:
    """``metrics`` gives the worker's text: the supervisor counts nothing itself."""

    def __init__(self, health: Health, metrics: Callable[[], str]) -> None:
        app = App(health)
        app.route("GET", "/metrics", self._metrics)
        self._text = metrics
        self._server = GuestServer(app)

    def start(self, bound: socket.socket) -> None:
        self._server.start(bound)

    async def stop(self) -> None:
        await self._server.stop(STOPPED_WITHIN_S)

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
