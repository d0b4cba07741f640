"""A part of ``alloresto bench around``: every service that a restaurant has connected is away for an hour.

Nobody answers at their addresses. The hour is not waited for: once each connection's breaker waits the longest that it
ever does (some 90 s), the database's times are moved back by the rest of the hour. What is tried again, and when, is
the same from then on until the hour is over; what is given up after a time is given up. What a text or a ticket says of
a time stays as it was.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.report import Figure, percentile
from devstack.mail import HOST, Mailbox
from devstack.servers.ports import free_port
from devstack.stand_ins.caldav import CalDav
from devstack.stand_ins.hubspot import HubSpot
from devstack.stand_ins.stripe import Stripe
from domain.breakers import OPEN_FIRST, OPEN_MOST, OPENS_AFTER
from domain.errands import RefundPayment
from domain.reservations import Rules
from domain.restaurant import Opening
from eventing import reserving
from eventing.catalogue import OrderConfirmed, OrderFollowed
from eventing.cloudevents import Event, parse
from eventing.reserving import Asked
from stores import connections, dining, errands, guest_emails, restaurants

if TYPE_CHECKING:
    from bench.around import Around

HOUR_S = 3600.0
ORDERS = 20
BOOKINGS = 20
REFUNDS = 20
LATER = ("stripe", "caldav", "hubspot")
AWAY = ("store_api", "escpos", "twilio", *LATER)
WAITS_LONGEST_AFTER = OPENS_AFTER + 3  # failures in a row: 5, 10, 20, 30 s
LONGEST_WITHIN_S = 300.0
BACK_WITHIN_S = 120.0
POLL_S = 0.05
HOW = "every address refuses; an hour, of which all but some 90 s by moving the database's times"

assert OPEN_FIRST * 2**3 >= OPEN_MOST


class Hour:
    """What waits, and what there was of each before."""

    def __init__(self, bench: Around, mailbox: Mailbox) -> None:
        self._bench, self._mailbox = bench, mailbox
        servers = {name: bench.street.neighbours[name].server for name in LATER}
        self._stripe, self._caldav, self._hubspot = servers["stripe"], servers["caldav"], servers["hubspot"]
        self._id = bench.base.menu.restaurant_id
        self._took_ms: list[float] = []
        self._paid_at = ""

    def _counts(self) -> dict[str, int]:
        assert isinstance(self._stripe, Stripe)
        assert isinstance(self._caldav, CalDav)
        assert isinstance(self._hubspot, HubSpot)
        till, tickets, texts = self._bench.counts()
        return {
            "till": till,
            "printer": tickets,
            "texts": texts,
            "mail": len(self._mailbox.mails()),
            "payments (refunds)": len(self._stripe.refunds),
            "calendar": len(self._caldav.objects),
            "customer file": len(self._hubspot.associations),
        }

    async def figures(self) -> list[Figure]:
        await self._connect()
        began, before = time.monotonic(), self._counts()
        for name in AWAY:
            await self._bench.street.away(name)
        self._mailbox.stop()
        waiting = {"till": ORDERS, "printer": ORDERS, "texts": ORDERS + BOOKINGS, "mail": ORDERS}
        waiting |= {"payments (refunds)": REFUNDS, "calendar": BOOKINGS, "customer file": BOOKINGS}
        await self._happen()
        await self._until_pauses_are_longest()
        await self._move_back(HOUR_S - (time.monotonic() - began))
        await asyncio.sleep(OPEN_MOST.total_seconds())  # what the hour has let grow old is given up now
        for name in AWAY:
            await self._bench.street.back(name)
        self._mailbox.start()
        return await self._delivered({name: before[name] + count for name, count in waiting.items()}, waiting)

    async def _delivered(self, wanted: dict[str, int], waiting: dict[str, int]) -> list[Figure]:
        back, took = time.monotonic(), dict[str, float]()
        while len(took) < len(wanted) and time.monotonic() - back < BACK_WITHIN_S:
            now = self._counts()
            took |= {n: time.monotonic() - back for n, count in wanted.items() if n not in took and now[n] >= count}
            await asyncio.sleep(POLL_S)
        await asyncio.sleep(5)  # what comes twice comes now
        now = self._counts()
        kept = sum(waiting.values()) - sum(abs(now[name] - count) for name, count in wanted.items())
        name = "an hour without any service"
        figures = [
            Figure(
                f"{name}: {count} at {where}, all there after its return", took.get(where, float("inf")), "s", "≤ 60"
            )
            for where, count in waiting.items()
        ]
        figures.append(Figure(f"{name}: delivered, each once", 100 * kept / sum(waiting.values()), "%", "= 100"))
        taken = percentile(self._took_ms, 95)
        return [*figures, Figure(f"{name}: an event is taken meanwhile within, p95", taken, "ms")]

    async def _connect(self) -> None:
        await self._bench.base.connect(LATER)
        async with self._bench.postgres.platform() as connection:
            await connections.connect(
                connection,
                self._id,
                service="mail",
                provider="smtp",
                settings={
                    "host": HOST,
                    "port": str(self._mailbox.port),
                    "security": "none",
                    "from_address": "house@example.com",
                },
                secrets={},
                pii=self._bench.pii,
                created_by="bench",
            )
            await restaurants.update(connection, self._id, {"dine_in": True})
            for number in range(BOOKINGS):
                await dining.add_table(connection, self._id, "Hall of the bench", f"B{number}", 2)
            await dining.set_rules(connection, self._id, Rules())
            on = await connections.of_restaurant(connection, self._id)
        self._paid_at = next(one.id for one in on if one.provider == "stripe")

    async def _happen(self) -> None:
        """Orders by text and by mail, bookings, money that goes back: all as events, but for the money."""
        for _ in range(ORDERS):
            await self._send(await self._bench.order())
        for number in range(ORDERS):
            order = await self._bench.order()
            followed = OrderFollowed(restaurant_id=self._id, order_id=order.order_id, number=order.number)
            async with self._bench.postgres.platform() as connection:
                email = f"guest{number}@example.com"
                await guest_emails.leave(connection, self._id, order.order_id, email, self._bench.pii)
            await self._timed(Event.of(followed, source="/bench"))
        await self._book()
        async with self._bench.postgres.platform() as connection:
            for number in range(REFUNDS):
                work = RefundPayment(payment_id=str(uuid.uuid4()), intent=f"pi_{number}")
                await errands.add(connection, self._id, self._paid_at, work, self._bench.pii)

    async def _book(self) -> None:
        async with self._bench.postgres.platform() as connection:
            found = await restaurants.get(connection, self._id)
            newest: int = await connection.fetchval("select coalesce(max(id), 0) from outbox")
            always = tuple(Opening(day, 0, 24 * 60) for day in range(7))
            place = replace(found, openings=always, exceptions=())
            at = (datetime.now(UTC) + timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)
            for number in range(BOOKINGS):
                asked = Asked(
                    starts_at=at, covers=2, name=f"Guest {number}", phone=f"+3361{number:07}", call_id=f"hour-{number}"
                )
                await reserving.reserve(connection, place, asked, datetime.now(UTC), self._bench.pii, source="/bench")
            rows = await connection.fetch(
                "select event::text as event from outbox where id > $1 and type like '%.reservation.made' order by id",
                newest,
            )
        for row in rows:
            await self._timed(parse({"content-type": "application/cloudevents+json"}, row["event"].encode()))

    async def _send(self, order: OrderConfirmed) -> None:
        await self._timed(Event.of(order, source="/bench"))

    async def _timed(self, event: Event) -> None:
        began = time.monotonic()
        await self._bench.send(event)
        self._took_ms.append((time.monotonic() - began) * 1000)

    async def _until_pauses_are_longest(self) -> None:
        async with asyncio.timeout(LONGEST_WITHIN_S):
            while True:
                async with self._bench.postgres.platform() as connection:
                    least: int = await connection.fetchval("select min(failures) from service_connection")
                if least >= WAITS_LONGEST_AFTER:
                    return
                await asyncio.sleep(1)

    async def _move_back(self, seconds: float) -> None:
        """All but when something is tried next: at each moment of the hour that is within the longest pause."""
        async with self._bench.postgres.platform() as connection:
            await connection.execute(
                "update errand set created_at = created_at - $1::interval, give_up_at = give_up_at - $1::interval,"
                " last_at = last_at - $1::interval where state = 'waiting'",
                timedelta(seconds=seconds),
            )
            await connection.execute(
                "update service_connection set failing_since = failing_since - $1::interval",
                timedelta(seconds=seconds),
            )


async def figures(bench: Around) -> list[Figure]:
    """About four minutes."""
    with TemporaryDirectory(prefix="alloresto-mail-") as folder:
        mailbox = Mailbox(Path(folder), free_port())
        mailbox.start()
        try:
            return await Hour(bench, mailbox).figures()
        finally:
            mailbox.stop()
