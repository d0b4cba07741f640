"""A broker to publish to, a restaurant to publish about, and relays between them."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eventing.cloudevents import Event, parse, to_binary
from eventing.relay.publishing import TOKEN_FILE, Publisher
from eventing.relay.service import Relay
from process.asgi import App
from process.health import Health
from tests.conftest import Database
from tests.patience import PATIENCE_S

WORKERS = 8  # of the relays here
Condition = Callable[[], Awaitable[object]]
Eventually = Callable[[Condition], Awaitable[None]]
MakeRestaurant = Callable[[], Awaitable[str]]


async def wait_until(condition: Condition, within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        await asyncio.sleep(0.01)


@pytest.fixture
def eventually() -> Eventually:
    """``await eventually(condition)``: an async condition that has to become true within some seconds."""
    return wait_until


@dataclass
class Sink:
    """Takes events by HTTP and remembers them. ``answer`` decides the status of each, after ``delay_s``.

    Those that are ``hanging`` are answered once ``released`` is set.
    """

    url: str = ""
    answer: Callable[[Event], int] = lambda event: 202
    delay_s: Callable[[Event], float] = lambda event: 0
    hanging: Callable[[Event], bool] = lambda event: False
    released: asyncio.Event = field(default_factory=asyncio.Event)
    received: list[Event] = field(default_factory=list)
    answered: list[Event] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        event = parse(request.headers, await request.read())
        self.received.append(event)
        self.headers.append(dict(request.headers))
        await asyncio.sleep(self.delay_s(event))
        if self.hanging(event):
            await self.released.wait()
        status = self.answer(event)
        if status < 300:
            self.answered.append(event)
        return web.Response(status=status)

    async def until(self, count: int, within_s: float = PATIENCE_S) -> None:
        """Wait for ``count`` different events to be taken."""

        async def taken() -> bool:
            return len({event.id for event in self.answered}) >= count

        await wait_until(taken, within_s)

    async def until_received(self, event: Event, within_s: float = PATIENCE_S) -> None:
        async def has_come() -> bool:
            return event.id in {one.id for one in self.received}

        await wait_until(has_come, within_s)


@dataclass
class RawSink:
    """Takes whatever comes, event or not."""

    url: str = ""
    status: int = 202
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append((headers, await request.read()))
        return web.Response(status=self.status)


AnySink = TypeVar("AnySink", Sink, RawSink)


@contextlib.asynccontextmanager
async def _listening(sink: AnySink) -> AsyncIterator[AnySink]:
    application = web.Application()
    application.router.add_post("/", sink.take)
    server = TestServer(application)
    await server.start_server()
    sink.url = str(server.make_url("/"))
    yield sink
    await server.close()


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with _listening(Sink()) as sink:
        yield sink
        sink.released.set()


@pytest.fixture
async def raw_sink() -> AsyncIterator[RawSink]:
    async with _listening(RawSink()) as sink:
        yield sink


class StartRelay(Protocol):
    def __call__(
        self,
        url: str,
        sink_url: str,
        health: Health | None = None,
        *,
        extensions: Mapping[str, str] | None = None,
        token_file: Path = TOKEN_FILE,
    ) -> contextlib.AbstractAsyncContextManager[Relay]: ...


@pytest.fixture
def relay() -> StartRelay:
    @contextlib.asynccontextmanager
    async def start(
        url: str,
        sink_url: str,
        health: Health | None = None,
        *,
        extensions: Mapping[str, str] | None = None,
        token_file: Path = TOKEN_FILE,
    ) -> AsyncIterator[Relay]:
        publisher = Publisher(sink_url, token_file=token_file)
        # A relay that fails raises what it died of from stop().
        relay = Relay(
            url, publisher, health or Health("relay"), workers=WORKERS, on_failure=lambda: None, extensions=extensions
        )
        await relay.start()
        try:
            yield relay
        finally:
            await relay.stop()

    return start


async def make_restaurant(owner_url: str) -> str:
    restaurant_id = str(uuid.uuid4())
    connection = await asyncpg.connect(owner_url)
    await connection.execute(
        "insert into restaurant (id, name, language, currency, zone) values ($1, 'Léa', 'fr', 'EUR', 'Europe/Paris')",
        restaurant_id,
    )
    await connection.close()
    return restaurant_id


@pytest.fixture
async def restaurant_id(database: Database) -> str:
    return await make_restaurant(database.owner_url)


@pytest.fixture
def another_restaurant(database: Database) -> MakeRestaurant:
    return lambda: make_restaurant(database.owner_url)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def event(self) -> Event:
        return parse(self.headers, self.body)


@dataclass
class Client:
    """Speaks ASGI to an App, as uvicorn would."""

    app: App

    async def post(self, headers: dict[str, str], body: bytes, path: str = "/") -> Answer:
        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "query_string": b""}
        scope["headers"] = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        given = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], given, b"".join(part.get("body", b"") for part in sent[1:]))

    async def send(self, event: Event) -> Answer:
        return await self.post(*to_binary(event))


class Serving(Protocol):
    def __call__(self, app: App, *, wait: bool = True) -> contextlib.AbstractAsyncContextManager[Client]: ...


@pytest.fixture
def serving() -> Serving:
    @contextlib.asynccontextmanager
    async def start(app: App, *, wait: bool = True) -> AsyncIterator[Client]:
        async def ready() -> bool:
            return not await app.health.missing()

        for hook in app.startup:
            await hook()
        try:
            if wait:
                await wait_until(ready)
            yield Client(app)
        finally:
            for hook in app.shutdown:
                await hook()

    return start
