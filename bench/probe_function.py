"""A tiny function in the place of ours, for the bench and the contract tests: a real process that does what the
request or its environment says.

    POST /stream?lines=3&every_ms=100   NDJSON lines {"worker","line","at"}, streamed; complete with its last line
    POST /wait?ms=500                   200 with {"worker","pid"} after so long
    GET  /environment                   its environment
    GET  /health/ready                  503 while the file named by UNREADY_FILE is there
    POST / or /due (an event)           appended to RECORD_FILE; answered as ANSWER says, after FAIL_FIRST failures

ON_SIGTERM=exit ends the process (after EXIT_AFTER_MS, 0) instead of draining; ON_SIGTERM=ignore never ends it.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs

from process.asgi import App, Request, Response, json_response, run
from process.health import Health

WORKER = os.environ.get("HOSTNAME", "")
seen: dict[str, int] = {}


def parameter(request: Request, name: str, default: float) -> float:
    return float(parse_qs(request.query).get(name, [str(default)])[0])


def record(entry: dict[str, object]) -> None:
    path = os.environ.get("RECORD_FILE")
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps({"worker": WORKER, "at": time.time()} | entry) + "\n")


async def stream(request: Request) -> Response:
    lines, pause_s = int(parameter(request, "lines", 3)), parameter(request, "every_ms", 100) / 1000

    async def chunks() -> AsyncIterator[bytes]:
        record({"stream": "begun"})
        try:
            for line in range(lines):
                yield json.dumps({"worker": WORKER, "line": line, "at": time.time()}).encode() + b"\n"
                await asyncio.sleep(pause_s)
        finally:
            record({"stream": "over"})

    return Response(200, chunks(), {"content-type": "application/x-ndjson"})


async def wait(request: Request) -> Response:
    record({"wait": "begun"})
    await asyncio.sleep(parameter(request, "ms", 100) / 1000)
    record({"wait": "over"})
    return json_response({"worker": WORKER, "pid": os.getpid()})


async def environment(_: Request) -> Response:
    return json_response(dict(os.environ))


async def event(request: Request) -> Response:
    attributes = {name[3:]: value for name, value in request.headers.items() if name.startswith("ce-")}
    prefer = request.headers.get("prefer", "")
    record({"event": attributes, "path": request.path, "body": request.body.decode(), "prefer": prefer})
    number = seen[attributes.get("id", "")] = seen.get(attributes.get("id", ""), 0) + 1
    await asyncio.sleep(float(os.environ.get("ANSWER_AFTER_MS", "0")) / 1000)
    if number <= int(os.environ.get("FAIL_FIRST", "0")):
        return Response(503, b"not yet")
    return answer(os.environ.get("ANSWER", "empty"), attributes)


def answer(how: str, attributes: dict[str, str]) -> Response:
    if how == "event":
        follows = {
            "specversion": "1.0",
            "id": f"{attributes['id']}-reply",
            "source": "/probe",
            "type": "probe.followed",
        }
        headers = {f"ce-{name}": value for name, value in follows.items()}
        return Response(200, b'{"from":"reply"}', headers | {"content-type": "application/json"})
    if how == "ndjson":
        return Response(200, b'{"state":"accepted"}\n', {"content-type": "application/x-ndjson"})
    if how == "text202":
        return Response(202, b"accepted", {"content-type": "text/plain"})
    if how.isdigit():
        return Response(int(how), b"refused: the field\nprice is missing")
    return Response(204)


def main() -> None:
    health = Health("probe")

    async def ready() -> None:
        if Path(os.environ.get("UNREADY_FILE") or "/nowhere").exists():
            raise RuntimeError("told to be unready")

    health.add("file", ready)
    time.sleep(float(os.environ.get("START_MS", "0")) / 1000)
    app = App(health)
    app.route("POST", "/stream", stream)
    app.route("POST", "/wait", wait)
    app.route("GET", "/environment", environment)
    app.route("POST", "/", event)
    app.route("POST", "/due", event)

    async def on_signal() -> None:
        how = os.environ.get("ON_SIGTERM", "drain")
        if how == "exit":
            loop, after_s = asyncio.get_running_loop(), float(os.environ.get("EXIT_AFTER_MS", "0")) / 1000
            loop.add_signal_handler(signal.SIGTERM, loop.call_later, after_s, os._exit, 0)
        elif how == "ignore":
            signal.signal(signal.SIGTERM, lambda *_: record({"signal": "SIGTERM"}))

    app.startup.append(on_signal)
    run(app, "127.0.0.1", int(os.environ["PORT"]))


if __name__ == "__main__":
    if "--crash" in sys.argv:
        sys.exit(3)
    main()
