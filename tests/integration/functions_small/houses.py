"""A restaurant that has connected something, and the runner of its errands."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import msgspec

from domain.errands import Service
from eventing import ordering
from eventing.catalogue import OrderCancelled, OrderConfirmed, Payload, ReservationMade
from eventing.cloudevents import Event
from functions.errand_runner import planning
from functions.errand_runner.situation import Home
from stores import connections, errands, orders
from stores.ciphers import PiiCipher
from stores.errands import Errand
from stores.kitchen import Move
from stores.order_links import OrderLinks
from stores.reservations import Reservation
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Running, StartFunction
from tests.integration.stores.samples import make_menu, make_order

CALLER = "+33612345678"
PAGES = "https://admin.example.com"


class House:
    """``connection_id`` is what was connected last."""

    def __init__(self, postgres: Pools, restaurant_id: str, master_key: str) -> None:
        self.postgres, self.id, self.pii = postgres, restaurant_id, PiiCipher(master_key)
        self.home = Home(self.pii, OrderLinks(master_key, PAGES))
        self.menu = make_menu(restaurant_id)
        self.connection_id = ""

    async def connect(
        self, service: Service, provider: str, settings: Mapping[str, str], secrets: Mapping[str, str]
    ) -> connections.Connection:
        async with self.postgres.app.tenant(self.id) as connection:
            made = await connections.connect(
                connection,
                self.id,
                service=service,
                provider=provider,
                settings=settings,
                secrets=secrets,
                pii=self.pii,
                created_by="owner@x.example",
            )
        self.connection_id = made.id
        return made

    async def connect_twilio(self, url: str, **settings: str) -> None:
        given = {"url": url, "account": "AC1", "sender": "+33757000000"} | settings
        await self.connect("messages", "twilio", given, {"token": "secret"})

    def reservation_made(self, booking: Reservation) -> ReservationMade:
        """The event that tells of it, without its tables."""
        return ReservationMade(
            restaurant_id=self.id,
            reservation_id=booking.id,
            status=booking.status,
            starts_at=booking.starts_at,
            ends_at=booking.ends_at,
            covers=booking.covers,
            table_ids=(),
        )

    async def order(self, caller: str = CALLER, confirmed_at: datetime | None = None) -> OrderConfirmed:
        """An order that is in the database, and the event that tells of it."""
        at = confirmed_at or datetime.now(UTC)
        order = make_order(self.menu, str(uuid.uuid4()), order_id=str(uuid.uuid4()), confirmed_at=at)
        async with self.postgres.app.tenant(self.id) as connection:
            stored = await ordering.write_order(connection, order, self.pii, caller=caller)
        return ordering.confirmed_event(order, stored.number)

    async def change(self, before: OrderConfirmed) -> tuple[OrderCancelled, OrderConfirmed]:
        """As its caller does; the two events that tell of it."""
        order = make_order(self.menu, str(uuid.uuid4()), order_id=str(uuid.uuid4()), confirmed_at=datetime.now(UTC))
        move = Move(before.order_id, "confirmed", "cancelled", "guest", "customer")
        async with self.postgres.app.tenant(self.id) as connection:
            stored = await ordering.change_order(connection, order, move, self.pii, caller=CALLER)
        gone = msgspec.structs.replace(cancelled(before), replaced_by_order_id=order.id)
        return gone, ordering.confirmed_event(order, stored.number, before.order_id)

    async def plan(self, *events: Payload) -> None:
        """As the runner does that has taken them, without one."""
        async with self.postgres.app.tenant(self.id) as connection:
            for event in events:
                await planning.plan(self.home, connection, Event.of(event, source="/test"))

    async def read(self, order_id: str) -> orders.Order:
        async with self.postgres.app.tenant(self.id) as connection:
            return await orders.get(connection, order_id, pii=self.pii)

    async def told(self, order_id: str) -> tuple[Errand, ...]:
        async with self.postgres.app.tenant(self.id) as connection:
            return await errands.about(connection, self.id, order_id)

    async def states(self, order_id: str) -> list[str]:
        return [one.state for one in await self.told(order_id)]

    async def connection(self) -> connections.Connection:
        async with self.postgres.app.tenant(self.id) as connection:
            return await connections.get(connection, self.connection_id)

    async def run(self, statement: str) -> None:
        async with self.postgres.platform.platform() as connection:
            await connection.execute(statement)

    async def make_due(self) -> None:
        await self.run("update errand set next_at = now() where state = 'waiting'")
        await self.run("update service_connection set open_until = null")


class StartRunner:
    """``start(SETTING=…)``: the runner as a process, which reaches loopback."""

    def __init__(self, function: StartFunction, database: Database, master_key: str) -> None:
        self._function = function
        self._settings = {
            "PLATFORM_DATABASE_URL": database.platform_url,
            "MASTER_KEY": master_key,
            "INTEGRATION_PRIVATE_TARGETS": "true",
            "WEB_PUBLIC_URL": PAGES,
        }

    def __call__(self, **settings: str) -> AbstractAsyncContextManager[Running]:
        return self._function("errand_runner", **(self._settings | settings))


def cancelled(event: OrderConfirmed) -> OrderCancelled:
    return OrderCancelled(
        restaurant_id=event.restaurant_id,
        order_id=event.order_id,
        number=event.number,
        before="confirmed",
        reason="customer",
        cancelled_at=datetime.now(UTC),
    )
