"""A small function's HTTP side: one event in, its effect once, an answer that the Broker understands.

Events come at least once, so the consumer's name and the event's source and id are written in the transaction of
the effect: both are committed or neither. What an event leads to, the reply, is kept with them: a duplicate is
answered as the first was, with the same id, so that a lost answer does not end the story.

    204            done, nothing follows
    200 + event    done, and this follows (binary mode)
    400, 503, 500  not done; see ``eventing.refusals``
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventing import tracing
from eventing.catalogue import BY_TYPE, Payload
from eventing.cloudevents import BadEvent, Event, parse, to_binary
from eventing.refusals import Unprocessable, refusal
from eventing.serving import hold_open
from process import logs
from process.asgi import App, Request, Response
from process.health import Health
from process.telemetry import spans
from stores import live
from stores.postgres import Connection, Postgres
from stores.redis import Redis, RedisError

EFFECT_TIMEOUT_S = 25.0
LIVE_TIMEOUT_S = 1.0
STOP_GRACE_S = 2.0
# Replies are numbered from what they answer: the same event taken twice by a consumer has one reply.
REPLY_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:alloresto:reply")
PASSED_ON = ("callid",)  # extensions that a reply has from what it answers

log = logs.get(__name__)

Effect = Callable[[Connection, Event], Awaitable[Payload | None]]
OutsideEffect = Callable[[Event], Awaitable[Payload | None]]


def consumer(
    name: str,
    kinds: Collection[type[Payload]],
    effect: Effect,
    *,
    postgres: Postgres,
    redis: Redis | None = None,
    afterwards: Callable[[], None] | None = None,
) -> App:
    """A function whose effect is in Postgres: ``effect(connection, event)`` runs in the restaurant's transaction.

    It takes the ``kinds`` of event and no others, and returns the payload of its reply, or None. It may raise
    Unprocessable or TryAgain; see ``refusals`` for how failures are answered. With ``redis``, each effect is told
    to the restaurant's live feed. ``afterwards`` is called when an effect has been committed. ``POST /`` takes the
    events; Postgres is opened in the background.
    """

    async def once(event: Event, payload: Payload) -> Settled:
        async with postgres.tenant(payload.restaurant_id) as connection:
            at = await connection.fetchval(_FIRST, name, event.source, event.id, event.type, None)
            if at is None:
                return await _duplicate(connection, name, event)
            reply = await effect(connection, event)
            if reply is not None:
                kept = KeptReply(reply.TYPE, reply)
                await connection.execute(_REMEMBER_REPLY, name, event.source, event.id, kept)
            return Settled(reply, at)

    return _Consumer(name, kinds, once, postgres, redis, afterwards).app


def outside_consumer(
    name: str,
    kinds: Collection[type[Payload]],
    effect: OutsideEffect,
    *,
    postgres: Postgres,
    redis: Redis | None = None,
) -> App:
    """A function whose effect is elsewhere (Redis, a service) and harmless when done twice.

    The event is recorded after the effect: a crash between them repeats it. No transaction is open meanwhile.
    """

    async def once(event: Event, payload: Payload) -> Settled:
        async with postgres.tenant(payload.restaurant_id) as connection:
            settled = await _settled_before(connection, name, event)
        if settled.at is not None:
            return settled
        reply = await effect(event)
        kept = None if reply is None else KeptReply(reply.TYPE, reply)
        async with postgres.tenant(payload.restaurant_id) as connection:
            at = await connection.fetchval(_FIRST, name, event.source, event.id, event.type, kept)
            return await _duplicate(connection, name, event) if at is None else Settled(reply, at)

    return _Consumer(name, kinds, once, postgres, redis).app


class Settled(msgspec.Struct, frozen=True):
    """How an event was taken, now or before: its reply, and when (None: not yet)."""

    reply: Payload | None
    at: datetime | None
    duplicate: bool = False


class KeptReply(msgspec.Struct, frozen=True):
    """A reply as ``processed_event`` keeps it."""

    type: str
    data: Any


_FIRST = (
    "insert into processed_event (consumer, source, event_id, type, reply) values ($1, $2, $3, $4, $5)"
    " on conflict do nothing returning at"
)
_REMEMBER_REPLY = "update processed_event set reply = $4 where consumer = $1 and source = $2 and event_id = $3"
_BEFORE = "select at, reply from processed_event where consumer = $1 and source = $2 and event_id = $3"


async def _settled_before(connection: Connection, name: str, event: Event) -> Settled:
    row = await connection.fetchrow(_BEFORE, name, event.source, event.id)
    if row is None:
        return Settled(None, None)
    if row["reply"] is None:
        return Settled(None, row["at"], duplicate=True)
    kept = msgspec.convert(row["reply"], KeptReply)
    return Settled(msgspec.convert(kept.data, BY_TYPE[kept.type]), row["at"], duplicate=True)


async def _duplicate(connection: Connection, name: str, event: Event) -> Settled:
    """How the event was taken before. Raises Unprocessable when that was another restaurant's, which we can't see."""
    settled = await _settled_before(connection, name, event)
    if settled.at is None:
        raise Unprocessable("id: an event of another restaurant has it, from the same source")
    return settled


def _described(event: Event) -> dict[str, str]:
    """A span's attributes. No subject: what it is about is for the event's own type to say."""
    return {
        "messaging.operation.type": "process",
        "cloudevents.event_type": event.type,
        "cloudevents.event_source": event.source,
        "cloudevents.event_id": event.id,
        "alloresto.restaurant.id": event.extensions.get("restaurantid", ""),
    }


class _Consumer:
    """One function's App and what lives beside it."""

    def __init__(
        self,
        name: str,
        kinds: Collection[type[Payload]],
        once: Callable[[Event, Payload], Awaitable[Settled]],
        postgres: Postgres,
        redis: Redis | None,
        afterwards: Callable[[], None] | None = None,
    ) -> None:
        self._name = name
        self._kinds = tuple(kinds)
        self._once = once
        self._redis = redis
        self._afterwards = afterwards
        self._background: set[asyncio.Task[None]] = set()
        self.app = App(Health(name))
        self.app.route("POST", "/", self._take)
        hold_open(self.app, postgres)
        self.app.shutdown.append(self._stop)

    async def _stop(self) -> None:
        if self._background:
            _, unfinished = await asyncio.wait(self._background, timeout=STOP_GRACE_S)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        if self._redis is not None:
            await self._redis.aclose()

    async def _take(self, request: Request) -> Response:
        started = time.perf_counter()
        try:
            event = parse(request.headers, request.body)
            payload = event.payload()
            if not isinstance(payload, self._kinds):
                taken = ", ".join(kind.TYPE for kind in self._kinds)
                raise BadEvent(f"type: {self._name} takes {taken}, not {event.type}")
            above = tracing.above(event.extensions, request.headers)
            with spans.span(f"process {event.type}", "consumer", parent=above, attributes=_described(event)) as span:
                async with asyncio.timeout(EFFECT_TIMEOUT_S):
                    settled = await self._once(event, payload)
                span.set({"alloresto.event.duplicate": settled.duplicate})
        except Exception as error:  # the boundary: each failure has its answer, and none ends the process
            return refusal(error)
        self._tell(event, payload, settled, started)
        if self._afterwards is not None and not settled.duplicate:
            self._afterwards()
        if settled.reply is None:
            return Response(204)
        reply = Event.of(
            settled.reply,
            id=str(uuid.uuid5(REPLY_NAMESPACE, f"{self._name} {event.source} {event.id}")),
            source=f"/functions/{self._name}",
            subject=event.subject,
            time=settled.at,
            extensions={name: event.extensions[name] for name in PASSED_ON if name in event.extensions}
            | ({tracing.TRACEPARENT: span.traceparent} if span.traceparent else {}),
        )
        headers, body = to_binary(reply)
        return Response(200, body, headers)

    def _tell(self, event: Event, payload: Payload, settled: Settled, started: float) -> None:
        """Log it, and show a first effect in the restaurant's live feed, which may fail without harm."""
        since = None if event.time is None else round((datetime.now(UTC) - event.time).total_seconds() * 1000, 1)
        own_ms = round((time.perf_counter() - started) * 1000, 1)
        log.info("event taken", type=event.type, id=event.id, own_ms=own_ms, ms=since, duplicate=settled.duplicate)
        if self._redis is not None and not settled.duplicate:
            task = asyncio.create_task(self._show(self._redis, event, payload.restaurant_id, since or own_ms))
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _show(self, redis: Redis, event: Event, restaurant_id: str, ms: float) -> None:
        handled = live.EventHandled(type=event.type, id=event.id, function=self._name, ms=ms)
        try:
            async with asyncio.timeout(LIVE_TIMEOUT_S):
                await live.publish(redis, restaurant_id, handled)
        except (RedisError, OSError) as error:
            log.warning("not shown in the live feed", failure=type(error).__name__)
