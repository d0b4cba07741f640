"""Timers: the event that a PingSource POSTs at each time of its schedule, and the function's answer.

A tick says that it is time, and nothing else; its effect asks the stores what is due. A PingSource that gets 503
tries five times more within some seconds; then the tick is lost, and the next one has to make up for it. It may
also come twice. So an effect does whatever is due by now, and doing it again does no harm: no tick is recorded.

    204            done
    400            no tick: another event, or none
    503            nothing could be done (Postgres, Redis or a service is away)
    500            an error of this code
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from eventing.cloudevents import BadEvent, Event, parse
from eventing.refusals import refusal
from process import logs
from process.asgi import App, Request, Response

TYPE = "dev.knative.sources.ping"
TIMEOUT_S = 25.0  # Knative ends the request after the Service's 30 s, and the wait for a pod is part of them

log = logs.get(__name__)


def on_tick(app: App, path: str, effect: Callable[[], Awaitable[None]], *, type: str = TYPE) -> None:
    """Have ``POST path`` take ticks. ``effect`` may raise TryAgain; failures are answered as in ``refusals``.

    ``type`` is another where a product's event is taken like a tick: it says that there is something to look at.
    """

    async def take(request: Request) -> Response:
        started = time.perf_counter()
        try:
            tick = read(request, type)
            async with asyncio.timeout(TIMEOUT_S):
                await effect()
        except Exception as error:  # the boundary: each failure has its answer, and none ends the process
            return refusal(error)
        own_ms = round((time.perf_counter() - started) * 1000, 1)
        log.info("tick taken", path=path, source=tick.source, id=tick.id, own_ms=own_ms)
        return Response(204)

    app.route("POST", path, take)


def read(request: Request, type: str = TYPE) -> Event:
    """The tick. Raises BadEvent for what is no CloudEvent, or one of another type."""
    event = parse(request.headers, request.body)
    if event.type != type:
        raise BadEvent(f"type: {request.path} takes {type}, not {event.type}")
    return event
