"""The dead-letter sink: one row for each event and the function that could not take it.

It is no consumer like the others. It takes every type, also unknown ones and data that breaks its schema,
because those are what dead letters are made of; and it works through the platform role, because an event
may name no restaurant, or one that is gone. The row is unique for (event, subscriber), so a letter that
comes twice is kept once. It answers 204, 503 while Postgres is away (the Broker tries again), and 400 for
what is no event at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import Any
from urllib.parse import urlsplit

import msgspec

from eventing.cloudevents import BadEvent, Event, parse, to_structured
from eventing.connections import TRANSIENT, open_when_there
from process import logs
from process.asgi import App, Request, Response, problem
from process.health import Health
from process.settings import Port
from stores.postgres import Connection, Postgres

NAME = "dead_letter_keeper"

INSERT_TIMEOUT_S = 10.0
# The Broker's own extensions: who failed, with which status and text. They are columns of ours, not the event's.
_DESTINATION, _STATUS, _TEXT = "knativeerrordest", "knativeerrorcode", "knativeerrordata"
_ADDED_ON_THE_WAY = frozenset({_DESTINATION, _STATUS, _TEXT, "knativearrivaltime"})

_KEEP = """
insert into dead_letter (restaurant_id, event_id, type, source, event, subscriber, reason)
values ((select id from restaurant where id = $1), $2, $3, $4, $5, $6, $7)
on conflict (event_id, subscriber) do nothing
"""

log = logs.get(__name__)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the keeper reads from its environment."""

    platform_database_url: str
    port: Port = 8080
    host: str = "0.0.0.0"


def build(settings: Settings) -> App:
    return _Keeper(Postgres(settings.platform_database_url, max_size=2)).app


async def keep(connection: Connection, letter: Event) -> None:
    """Write the letter's row: the event as it was sent, who could not take it, and why."""
    subscriber = subscriber_of(letter.extensions.get(_DESTINATION, ""))
    status, text = letter.extensions.get(_STATUS, ""), letter.extensions.get(_TEXT, "")
    await connection.execute(
        _KEEP,
        _restaurant_of(letter),
        letter.id,
        letter.type,
        letter.source,
        as_sent(letter),
        subscriber,
        f"{status} {text}".strip(),
    )
    log.warning("dead letter kept", type=letter.type, id=letter.id, subscriber=subscriber, status=status)


def as_sent(letter: Event) -> Any:
    """The event in structured mode, without what the Broker added: sent again, it is what the publisher sent."""
    own = {name: value for name, value in letter.extensions.items() if name not in _ADDED_ON_THE_WAY}
    _, body = to_structured(msgspec.structs.replace(letter, extensions=own))
    return msgspec.json.decode(body)


def subscriber_of(destination: str) -> str:
    """A short, stable name for the destination that failed.

    The in-memory Broker names its filter (``http://broker-filter…/triggers/<namespace>/<trigger>/<uid>``), other
    Brokers the Service (``http://order-logger.<namespace>.svc…``): the Trigger's or the Service's name.
    """
    with contextlib.suppress(ValueError):
        url = urlsplit(destination)
        steps = url.path.strip("/").split("/")
        if steps[0] == "triggers" and len(steps) > 2:
            return steps[2]
        return (url.hostname or "").split(".")[0] or destination
    return destination


def _restaurant_of(letter: Event) -> str | None:
    with contextlib.suppress(ValueError):
        return str(uuid.UUID(letter.extensions.get("restaurantid", "")))
    return None


class _Keeper:
    """The App and the task that opens Postgres beside it."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._opening: asyncio.Task[None] | None = None
        self.app = App(Health(NAME))
        self.app.route("POST", "/", self._take)
        self.app.startup.append(self._start)
        self.app.shutdown.append(self._stop)

    async def _start(self) -> None:
        self._opening = asyncio.create_task(open_when_there(self._postgres, self.app.health))
        self.app.health.add("postgres", self._postgres.check)

    async def _stop(self) -> None:
        self.app.health.draining = True
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await self._postgres.close()

    async def _take(self, request: Request) -> Response:
        try:
            letter = parse(request.headers, request.body)
        except BadEvent as error:
            log.error("a dead letter is no event", reason=error.reason)
            return problem(400, error.reason)
        try:
            async with asyncio.timeout(INSERT_TIMEOUT_S), self._postgres.platform() as connection:
                await keep(connection, letter)
        except TRANSIENT as error:
            log.warning("dead letter put off", reason=type(error).__name__)
            return problem(503, f"Postgres is away or busy ({type(error).__name__})")
        return Response(204)
