"""``python -m bench.trace_sink PORT``: a collector that takes everything and keeps nothing."""

from __future__ import annotations

import sys

from process import asgi
from process.asgi import App, Request, Response
from process.health import Health


async def take(_: Request) -> Response:
    return Response(200)


if __name__ == "__main__":
    sink = App(Health("trace-sink"))
    for path in ("/v1/traces", "/api/1/envelope/"):
        sink.route("POST", path, take)
    asgi.run(sink, "127.0.0.1", int(sys.argv[1]))
