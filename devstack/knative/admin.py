"""The runtime over HTTP, on loopback: its state, metrics and events, and the few things one may do to it.

Only for this machine and its user: there is no authentication, and the port listens on 127.0.0.1.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
from aiohttp import web

from devstack.knative.rollouts import Target
from devstack.knative.states import RevisionMetrics, RevisionScale, RuntimeEvent

KEPT_EVENTS = 1000
_WATCHER_EVENTS = 10_000


B = TypeVar("B", bound=msgspec.Struct)


class Feed:
    """The last events, and queues for those who watch; a watcher that does not read loses the oldest."""

    def __init__(self) -> None:
        self._kept: deque[RuntimeEvent] = deque(maxlen=KEPT_EVENTS)
        self._watchers: set[asyncio.Queue[RuntimeEvent]] = set()

    def publish(self, event: RuntimeEvent) -> None:
        self._kept.append(event)
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    def watch(self) -> asyncio.Queue[RuntimeEvent]:
        """A queue that starts with what was kept. Hand it back to ``unwatch``."""
        queue: asyncio.Queue[RuntimeEvent] = asyncio.Queue(_WATCHER_EVENTS)
        for event in self._kept:
            queue.put_nowait(event)
        self._watchers.add(queue)
        return queue

    def unwatch(self, queue: asyncio.Queue[RuntimeEvent]) -> None:
        self._watchers.discard(queue)


class Controls(Protocol):
    """What the admin interface may ask of the runtime. All raise KeyError for an unknown name."""

    def describe(self) -> Mapping[str, Any]: ...
    def revisions(self) -> Sequence[RevisionScale]: ...
    def scrape_targets(self) -> Sequence[Mapping[str, Any]]: ...
    def set_deletion_cost(self, pod: str, cost: int) -> None: ...
    def prewarm(self, name: str, pods: int) -> str: ...
    def kill_pod(self, name: str) -> None: ...
    def service(self, name: str) -> Mapping[str, Any]: ...
    def route(self, name: str, traffic: Sequence[Target]) -> None: ...
    async def roll_out(self, name: str, environment: Mapping[str, str], folder: Path | None) -> str: ...


class _Cost(msgspec.Struct, forbid_unknown_fields=True):
    cost: int


class _Prewarm(msgspec.Struct, forbid_unknown_fields=True):
    pods: int


class _Spec(msgspec.Struct, forbid_unknown_fields=True):
    traffic: list[Target]


class _Patch(msgspec.Struct, forbid_unknown_fields=True):
    spec: _Spec


class _Template(msgspec.Struct, forbid_unknown_fields=True):
    environment: dict[str, str] = {}
    folder: str = ""


def admin_app(controls: Controls, feed: Feed, metrics: RevisionMetrics | None) -> web.Application:
    """Every route, see the module ``runtime``."""

    async def state(_: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(controls.describe()), content_type="application/json")

    async def revisions(_: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(controls.revisions()), content_type="application/json")

    async def targets(_: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(controls.scrape_targets()), content_type="application/json")

    async def scrape(_: web.Request) -> web.Response:
        if metrics is None:
            return web.Response(status=404, text="off: set metrics-protocol: prometheus in config-observability\n")
        content_type, text = metrics.render()
        return web.Response(body=text, headers={"content-type": content_type})

    async def events(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
        await response.prepare(request)
        queue = feed.watch()
        try:
            while True:  # ends when the client goes away: the handler is cancelled
                await response.write(msgspec.json.encode(await queue.get()) + b"\n")
        finally:
            feed.unwatch(queue)

    async def deletion_cost(request: web.Request) -> web.Response:
        body = await _decode(request, _Cost)
        return _done(lambda: controls.set_deletion_cost(request.match_info["name"], body.cost))

    async def prewarm(request: web.Request) -> web.Response:
        body = await _decode(request, _Prewarm)
        return _done(lambda: controls.prewarm(request.match_info["name"], body.pods))

    async def kill(request: web.Request) -> web.Response:
        return _done(lambda: controls.kill_pod(request.match_info["name"]))

    async def service(request: web.Request) -> web.Response:
        try:
            body = controls.service(request.match_info["name"])
        except KeyError as error:
            return _missing(error)
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    async def route(request: web.Request) -> web.Response:
        body = await _decode(request, _Patch)
        return _done(lambda: controls.route(request.match_info["name"], body.spec.traffic))

    async def roll_out(request: web.Request) -> web.Response:
        body = await _decode(request, _Template)
        folder = Path(body.folder) if body.folder else None
        try:
            name = await controls.roll_out(request.match_info["name"], body.environment, folder)
        except KeyError as error:
            return _missing(error)
        return web.json_response({"name": name})

    app = web.Application()
    app.router.add_get("/runtime", state)
    app.router.add_get("/runtime/events", events)
    app.router.add_get("/runtime/revisions", revisions)
    app.router.add_get("/runtime/scrape-targets", targets)
    app.router.add_get("/metrics", scrape)
    app.router.add_post("/runtime/pods/{name}/deletion-cost", deletion_cost)
    app.router.add_post("/runtime/pods/{name}/kill", kill)
    app.router.add_post("/runtime/revisions/{name}/prewarm", prewarm)
    app.router.add_get("/runtime/services/{name}", service)
    app.router.add_patch("/runtime/services/{name}", route)
    app.router.add_post("/runtime/services/{name}/revisions", roll_out)
    return app


def _done(act: Callable[[], object]) -> web.Response:
    try:
        act()
    except KeyError as error:
        return _missing(error)
    except ValueError as error:
        return web.json_response({"detail": str(error)}, status=400)
    return web.Response(status=204)


def _missing(error: KeyError) -> web.Response:
    return web.json_response({"detail": f"there is no {error.args[0]}"}, status=404)


async def _decode(request: web.Request, kind: type[B]) -> B:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None
