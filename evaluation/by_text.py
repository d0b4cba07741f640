"""Runs scenarios by text: Postgres, Valkey and the engine beside some call handlers, each with one call at a time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from devstack.servers.embedded import EmbeddedPostgres, EmbeddedValkey
from devstack.stack.engines import EngineEndpoint, SpeechServer
from evaluation.caller import ScriptedCaller
from evaluation.database import Evaluated
from evaluation.files import Case
from evaluation.outcome import Outcome, Run
from evaluation.repeating import outcome_of
from evaluation.text.typed_calls import CALLER, Backends, TypedCalls, typed_calls
from evaluation.verdict import verdict
from stores.ciphers import PiiCipher
from stores.migrate import migrate
from stores.postgres import Postgres

HANDLERS = 2

OnOutcome = Callable[[Outcome], None]
_names = itertools.count(1)


@dataclass(frozen=True, slots=True)
class TextRun:
    """How to run: ``runs`` times each, on ``engine``; a wait of more than ``silence_ms`` is a fault."""

    engine: EngineEndpoint
    folder: Path
    runs: int
    silence_ms: float
    handlers: int = HANDLERS
    guided: bool = True


@dataclass(frozen=True, slots=True)
class Servers:
    """What call handlers are told of, and the URL of the role that sees all restaurants."""

    backends: Backends
    platform_url: str


@contextlib.contextmanager
def local_engine(folder: Path) -> Iterator[EngineEndpoint]:
    """The local speech server. Raises EmbeddedServerError."""
    speech = SpeechServer(folder / "speech", secrets.token_urlsafe(16))
    try:
        speech.start()
        yield speech.engine
    finally:
        speech.stop()


@contextlib.asynccontextmanager
async def embedded_servers(folder: Path) -> AsyncIterator[Servers]:
    """Postgres and Valkey for this run alone. Raises EmbeddedServerError."""
    postgres = EmbeddedPostgres(folder / "postgres", durable=False)
    valkey = EmbeddedValkey(folder / "valkey", durable=False)
    try:
        postgres.start()
        valkey.start()
        app, platform = "alloresto_app", "alloresto_platform"
        await migrate(
            postgres.url(), app_password=postgres.password(app), platform_password=postgres.password(platform)
        )
        key = b64encode(secrets.token_bytes(32)).decode()
        yield Servers(Backends(postgres.url(app), valkey.url(), key), postgres.url(platform))
    finally:
        valkey.stop()
        postgres.stop()


async def run_cases(cases: Sequence[Case], how: TextRun, servers: Servers, on_outcome: OnOutcome) -> None:
    """Every case, told as its outcome comes. Raises RuntimeError when a handler does not come up."""
    left = iter(cases)
    async with _evaluated(servers) as database:

        async def work(number: int) -> None:
            log = how.folder / f"call-handler-{number}.log"
            async with typed_calls(how.engine, servers.backends, log, how.guided) as calls:
                for case in left:  # one iterator for all: each takes the next
                    once = partial(_once, case, calls, database, how)
                    on_outcome(await outcome_of(case, "text", how.runs, once))

        try:
            async with asyncio.TaskGroup() as group:
                for number in range(min(how.handlers, len(cases))):
                    group.create_task(work(number + 1))
        except ExceptionGroup as several:
            raise several.exceptions[0] from None


@contextlib.asynccontextmanager
async def _evaluated(servers: Servers) -> AsyncIterator[Evaluated]:
    app, platform = Postgres(servers.backends.database_url), Postgres(servers.platform_url)
    await app.open()
    await platform.open()
    try:
        yield Evaluated(app, platform, PiiCipher(servers.backends.master_key))
    finally:
        await app.close()
        await platform.close()


async def _once(case: Case, calls: TypedCalls, database: Evaluated, how: TextRun) -> Run:
    name = f"{case.scenario.id}/{next(_names)}"
    chain = case.scenario.chain
    restaurant = await database.restaurant(case.place.content, name, always_open=not (chain and chain.closed))
    houses = await database.chain(restaurant, chain, name) if chain is not None else {}
    wanted, placed = case.scenario.placed, list[str]()
    if wanted is not None:
        placed.append(await database.place(restaurant, wanted, CALLER if wanted.own else ""))
    ends_in = houses[chain.ends_in] if chain is not None and chain.ends_in else restaurant.id
    before = await database.before(ends_in, placed)
    call_id, record = await calls.ring(restaurant, ScriptedCaller(case), withheld=case.scenario.withheld)
    ending = await database.ending(restaurant.id, call_id, before, ends_in=ends_in)
    return Run(record, verdict(case, "text", record, ending, silence_ms=how.silence_ms))
