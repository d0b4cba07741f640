"""The call lane's HTTP side: one CloudEvent in, a line at a time out, one call in the process.

Ready means: the settings are valid and a call can be taken. Postgres or Redis being away does not end that,
because a call goes on without them (the restaurant from the other one, the order written later); they are named
under ``missing`` with status 200. What ends readiness is shutting down.

A second call is refused with 409 whatever Knative believes about this pod: a client that went away frees its
slot there at once, while its call is still being closed here.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from functions.call_handler.figures import Figures
from functions.call_handler.settings import Settings
from functions.call_handler.warmup import Warmup
from process import logs
from process.asgi import App, Request, Response, json_response, problem
from process.health import Health
from process.telemetry import spans

if TYPE_CHECKING:
    from eventing.catalogue import CallIncoming
    from functions.call_handler.serving.lane import CallLane
    from functions.call_handler.serving.process_parts import ProcessParts

log = logs.get(__name__)

REMEMBERED_CALLS = 64
ABORT_WITHIN_S = 5.0
SETTLE_S = 10.0


def build_app(settings: Settings) -> App:
    app = App(Health("call-handler"))
    handler = CallHandler(settings, app.health)
    app.route("POST", "/", handler.take)
    app.route("GET", "/health/ready", handler.ready)
    app.route("GET", "/metrics", handler.metrics)
    app.startup.append(handler.start)
    app.shutdown.append(handler.stop)
    return app


class CallHandler:
    """The process's one slot."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._settings = settings
        self._health = health
        self._attempts: OrderedDict[str, int] = OrderedDict()
        self._call: asyncio.Task[None] | None = None
        self._parts: ProcessParts | None = None
        self._figures = Figures()
        self._background: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._warmup = Warmup(self._settings.further_modules())
        self._warmup.start()
        self._spawn(self._assemble())

    async def stop(self) -> None:
        """The last response has ended; what is left is to be written."""
        self._health.draining = True
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._call is not None:  # it outlasted the grace: what can be saved is its checkpoint
            self._call.cancel()
            await asyncio.wait({self._call}, timeout=ABORT_WITHIN_S)
        if self._parts is not None:
            await self._parts.stop(SETTLE_S)

    async def ready(self, _: Request) -> Response:
        """200 while calls are taken, whatever is ``missing`` besides."""
        missing = await self._health.missing()
        body = {"status": "ready" if not missing else "waiting", "service": self._health.service}
        away = dict(self._parts.backends.away) if self._parts is not None else {}
        return json_response(body | {"missing": missing | away}, 503 if missing else 200)

    async def metrics(self, _: Request) -> Response:
        self._figures.settle()
        from process import metrics

        content_type, text = metrics.render()
        return Response(200, text, {"content-type": content_type})

    async def take(self, request: Request) -> Response:
        await self._warmup.reached("lane")
        from eventing import tracing
        from eventing.catalogue import CallIncoming
        from eventing.cloudevents import BadEvent, parse
        from functions.call_handler.serving.lane import CallLane
        from protocols.call_lane import CONTENT_TYPE

        try:
            event = parse(request.headers, request.body)
            incoming = event.payload()
            if not isinstance(incoming, CallIncoming):
                raise BadEvent(f"type: the call handler takes {CallIncoming.TYPE}, not {incoming.TYPE}")
        except BadEvent as error:
            log.warning("event refused", reason=error.reason)
            return problem(400, error.reason)
        refusal = self._refusal(incoming)
        if refusal is not None:
            log.warning("call refused", call_id=incoming.call_id, attempt=incoming.attempt, reason=refusal)
            return problem(409, refusal)
        lane = CallLane(self._settings.hostname, incoming.attempt)
        span = spans.begin("handle call", "server", parent=tracing.above(event.extensions, request.headers))
        span.conversation = True
        with spans.within(span.traceparent):
            self._call = asyncio.create_task(self._serve(incoming, lane, span))
        self._spawn(_abort_when_gone(request, self._call))
        return Response(200, lane.lines(self._call), {"content-type": CONTENT_TYPE, "cache-control": "no-store"})

    def _refusal(self, incoming: "CallIncoming") -> str | None:
        if self._call is not None:
            return "a call is in progress in this handler; ask another one"
        newest = self._attempts.get(incoming.call_id, 0)
        if incoming.attempt <= newest:
            return f"attempt {incoming.attempt} is stale: this handler has seen attempt {newest} of the call"
        self._attempts[incoming.call_id] = incoming.attempt
        if len(self._attempts) > REMEMBERED_CALLS:
            self._attempts.popitem(last=False)
        return None

    async def _serve(self, incoming: "CallIncoming", lane: "CallLane", span: spans.Span) -> None:
        """From the accepted event to the lane's end; frees the slot whatever happens."""
        log.info("call accepted", call_id=incoming.call_id, attempt=incoming.attempt)
        span.set(_described(incoming))
        self._warmup.hold()
        try:
            await self._warmup.reached("dial")
            from functions.call_handler.talking.dialling import Dialling

            dialling = Dialling(incoming, self._settings)
            try:
                await self._warmup.reached("talk")
                call = self._assembled().call(incoming, dialling)
                lane.ended = await call.run(lambda: self._joined(incoming, lane), lane.answered)
            finally:
                await dialling.close()
            log.info("call ended", call_id=incoming.call_id, outcome=lane.ended.outcome)
            span.set({"alloresto.call.outcome": lane.ended.outcome})
        except asyncio.CancelledError as cancelled:
            log.warning("call aborted: nobody listens to its lane", call_id=incoming.call_id)
            span.error = type(cancelled).__name__
            raise
        except Exception as error:  # without a final line the bridge asks another handler, which is the best there is
            log.exception("call lost", call_id=incoming.call_id)
            span.error = type(error).__name__
        finally:
            span.end(span.error)
            self._warmup.let_go()
            self._call = None

    def _joined(self, incoming: "CallIncoming", lane: "CallLane") -> None:
        log.info("call joined", call_id=incoming.call_id)
        self._warmup.let_go()
        lane.connected.set()

    def _assembled(self) -> "ProcessParts":
        from functions.call_handler.serving.process_parts import ProcessParts

        if self._parts is None:
            self._parts = ProcessParts(self._settings, self._warmup, self._figures)
        return self._parts

    async def _assemble(self) -> None:
        try:
            await self._warmup.reached("talk")
            await self._assembled().run()
        except ImportError as error:
            log.exception("the handler cannot be loaded")
            self._health.waiting_for("code", f"{type(error).__name__}: the installation is incomplete")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _described(incoming: "CallIncoming") -> spans.Attributes:
    return {
        "alloresto.call.id": incoming.call_id,
        "alloresto.restaurant.id": incoming.restaurant_id,
        "alloresto.attempt": incoming.attempt,
    }


async def _abort_when_gone(request: Request, call: asyncio.Task[None]) -> None:
    """Knative freed our slot when the client left: the call must not go on unseen."""
    await request.until_disconnect()
    call.cancel()
