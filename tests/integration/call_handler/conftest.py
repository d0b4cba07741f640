"""A call handler as a process of its own, between a fake bridge and a fake engine, on real Postgres and Valkey."""

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from devstack.servers.ports import free_port
from domain.menu import ItemSize, Menu, MenuCategory, MenuItem, ModifierGroup, ModifierOption
from domain.restaurant import Opening, Restaurant
from domain.vat import same_rate
from eventing.catalogue import CallIncoming
from eventing.cloudevents import Event, to_binary
from protocols import call_lane
from protocols.call_lane import LaneLine
from stores import menus, restaurants
from tests.fakes.bridge import FakeBridge
from tests.fakes.engine import FakeEngine, FakeSession
from tests.shifted import clock

WAIT_S = 10.0
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
GREETING = "Harbour Pizza, good evening!"
CALLER = "+33612345678"


def new_id() -> str:
    return str(uuid.uuid4())


def make_restaurant() -> Restaurant:
    return Restaurant(
        id=new_id(),
        name="Harbour Pizza",
        language="en",
        currency="EUR",
        zone="Europe/Paris",
        voice="cedar",
        openings=tuple(Opening(day, 0, 24 * 60) for day in range(7)),
        fallback="forward",
        fallback_number="+33100000001",
    )


def make_menu(restaurant_id: str) -> Menu:
    extras = ModifierGroup(new_id(), "Extras", 0, 2, (ModifierOption(new_id(), "Olives", 100),))
    category = MenuCategory(new_id(), "Pizzas", 1)
    sizes = (ItemSize(new_id(), "Small", 900), ItemSize(new_id(), "Large", 1250))
    margherita = MenuItem(new_id(), category.id, "Margherita", sizes, same_rate(1000), modifier_groups=(extras,))
    return Menu(restaurant_id, "EUR", "en", (category,), (margherita,))


@pytest.fixture
async def restaurant(postgres: Any) -> Restaurant:
    known = make_restaurant()
    async with postgres.platform.platform() as connection:
        await restaurants.create(connection, known)
        await menus.insert(connection, make_menu(known.id))
    return known


@dataclass
class Handler:
    """The process, its address, and what it logged."""

    process: asyncio.subprocess.Process
    url: str
    http: aiohttp.ClientSession
    logged: list[str] = field(default_factory=list)

    async def ready(self) -> None:
        async with asyncio.timeout(WAIT_S):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with self.http.get(f"{self.url}/health/ready") as response:
                        if response.status == 200:
                            return
                assert self.process.returncode is None, f"the handler ended: {self.logged}"
                await asyncio.sleep(0.01)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def ended(self) -> int:
        return await asyncio.wait_for(self.process.wait(), WAIT_S)

    async def log_says(self, words: str) -> None:
        async with asyncio.timeout(WAIT_S):
            while not any(words in line for line in self.logged):
                await asyncio.sleep(0.01)


@dataclass
class Lane:
    """A held POST: its status, and its lines as they come."""

    response: aiohttp.ClientResponse

    @property
    def status(self) -> int:
        return self.response.status

    async def line(self, timeout_s: float = WAIT_S) -> LaneLine | None:
        """The next line, None at the end of the stream."""
        raw = await asyncio.wait_for(self.response.content.readline(), timeout_s)
        return call_lane.decode(raw) if raw else None

    async def until(self, kind: type[Any], timeout_s: float = WAIT_S) -> Any:
        while True:
            line = await self.line(timeout_s)
            assert line is not None, f"the stream ended without {kind.__name__}"
            if isinstance(line, kind):
                return line

    async def rest(self) -> list[LaneLine]:
        lines = []
        while (line := await self.line()) is not None:
            lines.append(line)
        return lines

    def leave(self) -> None:
        """The client goes away."""
        self.response.close()


StartHandler = Callable[..., Awaitable[Handler]]


@pytest.fixture
async def start_handler(database: Any, redis_url: str, master_key: str) -> AsyncIterator[StartHandler]:
    """``await start_handler(engine, IDLE_ASK_S="1")``: a new process with these settings."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(engine: FakeEngine, **settings: str) -> Handler:
            return await stack.enter_async_context(
                running_handler(engine, database.app_url, redis_url, master_key, settings)
            )

        yield start


@contextlib.asynccontextmanager
async def running_handler(
    engine: FakeEngine, database_url: str, redis_url: str, master_key: str, settings: dict[str, str]
) -> AsyncIterator[Handler]:
    port = free_port()
    environment = clock.inherited() | {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "MASTER_KEY": master_key,
        "OPENAI_BASE_URL": engine.base_url,
        "OPENAI_API_KEY": "test-key",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "HOSTNAME": "pod-1",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "functions",
        "call_handler",
        env=environment | settings,
        stderr=asyncio.subprocess.PIPE,
    )
    async with aiohttp.ClientSession() as http:
        handler = Handler(process, f"http://127.0.0.1:{port}", http)
        reader = asyncio.create_task(_read_log(process, handler.logged))
        try:
            await handler.ready()
            yield handler
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reader
            print("".join(handler.logged))  # pytest shows it when the test fails


async def _read_log(process: asyncio.subprocess.Process, logged: list[str]) -> None:
    assert process.stderr is not None
    while line := await process.stderr.readline():
        logged.append(line.decode())


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with FakeEngine() as fake:
        yield fake


@pytest.fixture
async def handler(start_handler: StartHandler, engine: FakeEngine) -> Handler:
    return await start_handler(engine)


MakeBridge = Callable[..., Awaitable[FakeBridge]]


@pytest.fixture
async def bridge_for(restaurant: Restaurant) -> AsyncIterator[MakeBridge]:
    """``await bridge_for(call_id, attempt=2, …)``: a media server for one attempt of a call."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(call_id: str, **options: Any) -> FakeBridge:
            fake = FakeBridge(call_id=call_id, restaurant_id=restaurant.id, **options)
            return await stack.enter_async_context(fake)

        yield make


@pytest.fixture
async def bridge(bridge_for: MakeBridge) -> FakeBridge:
    return await bridge_for(new_id(), greeting=GREETING)


def call_event(bridge: FakeBridge, restaurant_id: str, **changes: Any) -> tuple[dict[str, str], bytes]:
    """The ``call.incoming`` that announces ``bridge``'s call, in binary mode."""
    fields: dict[str, Any] = {
        "restaurant_id": restaurant_id,
        "call_id": bridge.call_id,
        "phone_line_id": new_id(),
        "bridge_node_id": "edge-1",
        "attempt": bridge.attempt,
        "caller": CALLER,
        "called": "+33100000000",
        "codec": "PCMU",
        "audio_stream_url": bridge.url,
        "audio_stream_token": bridge.token,
        "greeting": GREETING,
        "received_at": datetime.now(UTC),
    }
    payload = CallIncoming(**(fields | changes))
    return to_binary(Event.of(payload, source="/edge/edge-1", extensions={"traceparent": TRACEPARENT}))


Ring = Callable[..., Awaitable[Lane]]


@pytest.fixture
async def ring(restaurant: Restaurant) -> AsyncIterator[Ring]:
    """``await ring(handler, bridge)`` POSTs the bridge's call and gives the lane."""
    async with contextlib.AsyncExitStack() as stack:

        async def post(handler: Handler, bridge: FakeBridge, **changes: Any) -> Lane:
            headers, body = call_event(bridge, **({"restaurant_id": restaurant.id} | changes))
            response = await handler.http.post(f"{handler.url}/", data=body, headers=headers)
            stack.callback(response.close)
            return Lane(response)

        yield post


async def connect(ringing: Awaitable[Lane], engine: FakeEngine) -> tuple[Lane, FakeSession]:
    """Until the handler has joined both sides: the call's lane and the engine's session."""
    lane = await ringing
    session = await engine.session()
    await lane.until(call_lane.ConnectedLine)
    return lane, session


async def fill_cart(session: FakeSession, bridge: FakeBridge) -> None:
    """One small Margherita to take away for Ada, read out, heard and agreed to: ready for ``confirm_order``."""
    await session.caller_says("One small Margherita to take away, for Ada.")
    item = ("add_item", {"item": "Margherita", "size": "Small"})
    await session.reply(calls=[item, ("set_fulfilment", {"kind": "pickup"}), ("set_customer", {"name": "Ada"})])
    await session.tool_outputs(3)
    await session.expect("response.create")
    await read_and_agree(session, bridge)


async def read_and_agree(session: FakeSession, bridge: FakeBridge) -> None:
    """The cart is read to its end, and the caller answers."""
    await session.reply(calls=[("read_cart", {})])
    [read] = await session.tool_outputs(1)
    await session.expect("response.create")
    before = len(bridge.played)
    await session.reply(read["say"], audio_ms=200)
    await bridge.hears(before + 200 * 8)
    await bridge.quiet()
    await session.caller_says("Yes, please.")


async def eventually(
    look: Callable[[], Awaitable[Any]], enough: Callable[[Any], bool] = bool, timeout_s: float = WAIT_S
) -> Any:
    """What ``look`` gives once it is ``enough``."""
    async with asyncio.timeout(timeout_s):
        while not enough(found := await look()):
            await asyncio.sleep(0.02)
    return found


async def written(postgres: Any) -> tuple[list[Any], list[Any]]:
    """The rows of all orders, and all their events."""
    async with postgres.platform.platform() as connection:
        orders = await connection.fetch('select * from "order" order by number')
        events = await connection.fetch("select event from outbox where type = 'com.alloresto.order.confirmed'")
    return orders, [row["event"] for row in events]
