"""The dead-letter sink: what a function could not take is kept as it came.

It is no consumer like the others: a letter need not be a valid event, of a known type, or name a restaurant that is
there, so it is stored and not parsed, through the platform role. It answers 204, and 503 while Postgres is away (the
Broker tries again). A body over MAX_BODY_BYTES is cut off and marked: it can be looked at, but not replayed.
"""

from __future__ import annotations

import asyncio
from functools import partial

from eventing import letters
from eventing.refusals import refusal
from eventing.serving import PlatformSettings, hold_open, run
from process import logs
from process.asgi import App, BodyLimit, Request, Response
from process.health import Health
from stores.postgres import Postgres

NAME = "dead_letter_keeper"

INSERT_TIMEOUT_S = 10.0
MAX_BODY_BYTES = 4 << 20  # four times what a function takes; Brokers are commonly limited to 1 MiB

log = logs.get(__name__)


def main() -> None:
    run(NAME, PlatformSettings, build)


def build(settings: PlatformSettings) -> App:
    postgres = Postgres(settings.platform_database_url, max_size=2)
    app = App(Health(NAME))
    hold_open(app, postgres)
    app.route("POST", "/", partial(take, postgres), BodyLimit(MAX_BODY_BYTES, truncates=True))
    return app


async def take(postgres: Postgres, request: Request) -> Response:
    letter = letters.read(request.headers, request.body, truncated=request.truncated)
    try:
        async with asyncio.timeout(INSERT_TIMEOUT_S), postgres.platform() as connection:
            kept = await letters.keep(connection, letter)
    except Exception as error:  # the boundary: each failure has its answer, and none ends the process
        return refusal(error)
    log.warning("dead letter kept", letter=kept, type=letter.type, subscriber=letter.subscriber, size=len(letter.body))
    return Response(204)
