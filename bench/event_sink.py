"""``python -m bench.event_sink PORT``: takes every event at once, and prints ``<id> <when it came>`` for each."""

from __future__ import annotations

import sys
import time

from process import asgi
from process.asgi import App, Request, Response
from process.health import Health

TAKEN = Response(202)


async def take(request: Request) -> Response:
    sys.stdout.write(f"{request.headers['ce-id']} {time.time()}\n")
    return TAKEN


if __name__ == "__main__":
    sink = App(Health("event-sink"))
    sink.route("POST", "/", take)
    asgi.run(sink, "127.0.0.1", int(sys.argv[1]))
