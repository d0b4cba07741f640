"""``alloresto bench around``: orders at the till, the printer and the message service; everything twice; an outage.

The real runner as a process, a real Postgres, and the stand-ins that speak the providers' interfaces. Events are
posted as the Broker does: the way through it is not in these figures (``alloresto bench events``). An order is timed
from its event until each stand-in has it. An hour without any service is ``outage``. What runs out at the till is
``snoozed``, on the whole stack.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
import secrets
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from bench import outage, snoozed
from bench.events import child, until_ready
from bench.report import Figure, percentile
from devstack.servers.embedded import EmbeddedPostgres
from devstack.servers.ports import free_port
from devstack.stand_ins import connecting
from devstack.stand_ins.neighbourhood import Neighbourhood
from devstack.stand_ins.store import Store
from devstack.stand_ins.twilio import Twilio
from domain.menu import Menu
from domain.order import CartLine, ConfirmedOrder, Fulfilment, VatShare
from eventing import ordering, ticks
from eventing.catalogue import OrderCancelled, OrderConfirmed
from eventing.cloudevents import Event, to_binary
from seeds import seed
from stores import menus
from stores.ciphers import PiiCipher, SipPasswordCipher
from stores.migrate import migrate
from stores.postgres import Postgres

ORDERS = 200
EVERY_S = 0.25
OUTAGE_ORDERS = 60
ALL_WITHIN_S = 120.0
POLL_S = 0.01
LOSES_EVERY = 12  # events: more, and the breaker takes it for an outage
TICK_S = 5.0  # as manifests/base/platform/errand-runner.yaml has it
CONNECTED = ("store_api", "escpos", "twilio")
CONDITIONS = {"till": "the store API's stand-in", "outage": outage.HOW}


class Around:
    """One restaurant with everything connected, and the runner."""

    def __init__(self, base: Ground, url: str) -> None:
        self.base, self.postgres, self.pii = base, base.postgres, base.pii
        self._menu, self._url = base.menu, url
        self.street = street = base.street
        store, twilio = street.neighbours["store_api"].server, street.neighbours["twilio"].server
        assert isinstance(store, Store)
        assert isinstance(twilio, Twilio)
        self.store, self.twilio = store, twilio
        # A connection each: the runner closes those that have waited for five seconds, which is when a tick comes.
        connector = aiohttp.TCPConnector(force_close=True)
        self._http = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30))
        self._orders = 0

    async def close(self) -> None:
        await self._http.close()

    async def order(self) -> OrderConfirmed:
        """One that is in the database, by a caller of its own; the event that tells of it is not sent yet."""
        self._orders += 1
        item, now = self._menu.items[0], datetime.now(UTC)
        size = item.sizes[0]
        line = CartLine(1, item.id, item.name, size.id, size.name, 1, size.price_cents, item.vat, ())
        rate = item.vat.take_away_bp
        order = ConfirmedOrder(
            id=str(uuid.uuid4()),
            call_id=str(uuid.uuid4()),
            restaurant_id=self._menu.restaurant_id,
            currency=self._menu.currency,
            lines=(line,),
            fulfilment=Fulfilment("pickup"),
            customer_name=f"Caller {self._orders}",
            total_cents=size.price_cents,
            vat=(VatShare(rate, size.price_cents, round(size.price_cents * rate / (10_000 + rate))),),
            confirmed_at=now,
            promised_at=now + timedelta(minutes=25),
        )
        async with self.postgres.platform() as connection:
            caller = f"+336{self._orders:08}"
            stored = await ordering.write_order(connection, order, self.pii, caller=caller)
        return ordering.confirmed_event(order, stored.number)

    async def send(self, event: Event) -> None:
        """Raises RuntimeError for what the runner does not take."""
        headers, body = to_binary(event)
        async with self._http.post(self._url, data=body, headers=headers) as answer:
            if answer.status != 204:
                raise RuntimeError(f"the runner answers {answer.status}")

    async def ticking(self) -> None:
        """What the PingSource does."""
        while True:
            await asyncio.sleep(TICK_S)
            headers, body = to_binary(Event(id=str(uuid.uuid4()), source="/bench", type=ticks.TYPE, data={}))
            async with self._http.post(f"{self._url}errands-due", data=body, headers=headers):
                pass

    def counts(self) -> tuple[int, int, int]:
        """Orders at the till, tickets, texts."""
        return len(self.store.orders), len(self.street.printer.tickets), len(self.twilio.messages)

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(ALL_WITHIN_S):
            while not wanted():
                await asyncio.sleep(POLL_S)

    async def arrivals(self) -> list[Figure]:
        """From an order's event until each has it, one after the other."""
        took: dict[str, list[float]] = {"till": [], "printer": [], "message service": []}
        for _ in range(ORDERS):
            confirmed, before = await self.order(), self.counts()
            began = time.monotonic()
            await self.send(Event.of(confirmed, source="/bench"))
            waiting = dict(zip(took, before, strict=True))
            async with asyncio.timeout(ALL_WITHIN_S):
                while waiting:
                    for name, now in zip(took, self.counts(), strict=True):
                        if name in waiting and now > waiting[name]:
                            took[name].append((time.monotonic() - began) * 1000)
                            del waiting[name]
                    await asyncio.sleep(POLL_S)
            await asyncio.sleep(EVERY_S)
        return [
            Figure(f"order confirmed → at the {name}, p95", percentile(ms, 95), "ms", "≤ 1000")
            for name, ms in took.items()
        ]

    async def twice(self) -> list[Figure]:
        """Each event three times and in any order, a cancellation of each second order, and answers that get lost."""
        before, ordered = self.counts(), [await self.order() for _ in range(OUTAGE_ORDERS)]
        cancelled = [_cancelled(one) for one in ordered[::2]]
        events = [Event.of(one, source="/bench") for one in ordered]
        shuffled = [*events, *events, *(Event.of(one, source="/bench") for one in ordered)]
        random.Random(1).shuffle(shuffled)
        for number, event in enumerate(shuffled):
            if number % LOSES_EVERY == 0:
                self.store.faults["lost_answer"] = 1
            await self.send(event)
        for one in cancelled:
            await self.send(Event.of(one, source="/bench"))
        await self.until(lambda: self._settled(ordered, cancelled))
        await asyncio.sleep(TICK_S)
        placed, tickets, texts = (now - then for now, then in zip(self.counts(), before, strict=True))
        wanted = (OUTAGE_ORDERS, OUTAGE_ORDERS + len(cancelled), OUTAGE_ORDERS + len(cancelled))
        off = sum(abs(one - want) for one, want in zip((placed, tickets, texts), wanted, strict=True))
        return [Figure(f"{len(shuffled)} events of {OUTAGE_ORDERS} orders: too much or too little", off, "", "= 0")]

    def _settled(self, ordered: Iterable[OrderConfirmed], cancelled: Iterable[OrderCancelled]) -> bool:
        states = {order_id: one["state"] for order_id, one in self.store.orders.items()}
        off = {one.order_id for one in cancelled}
        return all(states.get(one.order_id) == ("cancelled" if one.order_id in off else "placed") for one in ordered)


def _cancelled(order: OrderConfirmed) -> OrderCancelled:
    facts: dict[str, Any] = {"before": "confirmed", "reason": "customer", "cancelled_at": datetime.now(UTC)}
    return OrderCancelled(restaurant_id=order.restaurant_id, order_id=order.order_id, number=order.number, **facts)


@dataclass(frozen=True, slots=True)
class Ground:
    """A database with an example restaurant, and its street. ``settings`` are the runner's."""

    postgres: Postgres
    menu: Menu
    street: Neighbourhood
    pii: PiiCipher
    settings: Mapping[str, str]

    async def connect(self, names: Iterable[str]) -> None:
        """Each as its owner would in the admin."""
        async with self.postgres.platform() as connection:
            for name in names:
                address = self.street.addresses[name]
                await connecting.connect(
                    connection, self.menu.restaurant_id, name, address, self.pii, created_by="bench"
                )


@contextlib.asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="alloresto-around-")))
        server, key = EmbeddedPostgres(folder / "postgres"), base64.b64encode(secrets.token_bytes(32)).decode()
        server.start()
        held.callback(server.stop)
        passwords = (server.password("alloresto_app"), server.password("alloresto_platform"))
        await migrate(server.url(), app_password=passwords[0], platform_password=passwords[1])
        async with contextlib.AsyncExitStack() as opened:
            postgres = Postgres(server.url("alloresto_platform"), max_size=10)
            await postgres.open()
            opened.push_async_callback(postgres.close)
            seeded = await seed(postgres, always_open=True, cipher=SipPasswordCipher(key))
            async with postgres.platform() as connection:
                menu = await menus.load(connection, seeded.restaurants[0].id)
            street = Neighbourhood()
            await street.start()
            opened.push_async_callback(street.stop)
            settings = {
                "DATABASE_URL": server.url("alloresto_app"),
                "PLATFORM_DATABASE_URL": server.url("alloresto_platform"),
                "MASTER_KEY": key,
                "INTEGRATION_PRIVATE_TARGETS": "true",
                "WEB_PUBLIC_URL": "https://admin.example.com",
            }
            yield Ground(postgres, menu, street, PiiCipher(key), settings)


@contextlib.asynccontextmanager
async def around() -> AsyncIterator[Around]:
    async with ground() as base:
        port = free_port()
        settings = dict(base.settings, PORT=str(port), HOST="127.0.0.1")
        with child("functions", "errand_runner", output=None, **settings):
            await until_ready(port)
            bench = Around(base, f"http://127.0.0.1:{port}/")
            try:
                await base.connect(CONNECTED)
                yield bench
            finally:
                await bench.close()


async def run(_: int) -> list[Figure]:
    """All figures; about nine minutes."""
    async with around() as bench:
        ticking = asyncio.create_task(bench.ticking())
        try:
            found = [*await bench.arrivals(), *await bench.twice(), *await outage.figures(bench)]
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
    return [*found, *await snoozed.figures()]
