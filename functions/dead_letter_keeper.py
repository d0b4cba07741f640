"""The dead-letter sink: one row for each event and the function that could not take it.

It is no consumer like the others. It takes every type, also unknown ones and data that breaks its schema,
because those are what dead letters are made of; and it works through the platform role, because an event
may name no restaurant, or one that is gone. The row is unique for (event, subscriber), so a letter that
comes twice is kept once. It answers 204, 503 while Postgres is away (the Broker tries again), and 400 for
what is no event at all.
"""

from __future__ import annotations

import asyncio
import base64
import codecs
import contextlib
import uuid
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec

from eventing.cloudevents import Event, parse, to_structured
from eventing.refusals import refusal
from eventing.serving import PlatformSettings, hold_open, run
from process import logs
from process.asgi import App, Request, Response
from process.health import Health
from stores.postgres import Connection, Postgres

NAME = "dead_letter_keeper"

INSERT_TIMEOUT_S = 10.0
# The Broker's own extensions: who failed, with which status and text. They become columns, not parts of the event.
_DESTINATION, _STATUS, _TEXT = "knativeerrordest", "knativeerrorcode", "knativeerrordata"
_ADDED_ON_THE_WAY = frozenset({_DESTINATION, _STATUS, _TEXT, "knativearrivaltime", "knativebrokerttl"})

_KEEP = """
insert into dead_letter (restaurant_id, event_id, type, source, event, subscriber, reason)
values ((select id from restaurant where id = $1), $2, $3, $4, $5, $6, $7)
on conflict (event_id, subscriber) do nothing
"""

log = logs.get(__name__)


def main() -> None:
    run(NAME, PlatformSettings, build)


def build(settings: PlatformSettings) -> App:
    postgres = Postgres(settings.platform_database_url, max_size=2)
    app = App(Health(NAME))
    hold_open(app, postgres)
    app.route("POST", "/", partial(take, postgres))
    return app


async def take(postgres: Postgres, request: Request) -> Response:
    try:
        letter = parse(request.headers, request.body)
        async with asyncio.timeout(INSERT_TIMEOUT_S), postgres.platform() as connection:
            await keep(connection, letter)
    except Exception as error:  # the boundary: each failure has its answer, and none ends the process
        return refusal(error)
    return Response(204)


async def keep(connection: Connection, letter: Event) -> None:
    """Write the letter's row: the event as it was sent, who could not take it, and why."""
    subscriber = subscriber_of(letter.extensions.get(_DESTINATION, ""))
    status, text = letter.extensions.get(_STATUS, ""), readable(letter.extensions.get(_TEXT, ""))
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


def readable(text: str) -> str:
    """What the subscriber answered. Brokers send it in base64, cut off after 1024 characters, or as it was."""
    with contextlib.suppress(ValueError):  # not base64, or not of a text
        whole = text[: len(text) - len(text) % 4] or text
        return codecs.getincrementaldecoder("utf-8")().decode(base64.b64decode(whole, validate=True)).strip()
    return text


def _restaurant_of(letter: Event) -> str | None:
    with contextlib.suppress(ValueError):
        return str(uuid.UUID(letter.extensions.get("restaurantid", "")))
    return None
