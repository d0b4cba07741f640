"""A part of ``alloresto bench around``: every service that a restaurant has connected is away for an hour, and so is
the server of its integrator, who is told by webhooks.

Callers order before it and during it. The runner of errands, the sender of webhooks and the relay are killed within it,
and once more just after its end. Nobody answers at the services' addresses. The hour is not waited for: once each
breaker waits the longest that it does in an hour (some 90 s), the database's times are moved back by the rest of it.
What is tried again, and when, is the same from then on until the hour is over; what is given up after a time is given
up. What a text or a ticket says of a time, and until when a page is to be paid on, stays as it was.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from aiohttp import web

from bench.chaos.caller import Experience
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
from domain.webhooks import new_secret
from eventing import outbox, reserving
from eventing.catalogue import OrderConfirmed, OrderFollowed, ReservationMade
from eventing.reserving import Asked
from stores import connections, dining, errands, guest_emails, restaurants, webhooks

if TYPE_CHECKING:
    from bench.around import Around

HOUR_S = 3600.0
ORDERS = 20
BOOKINGS = 20
REFUNDS = 20
CALLS = 8
LATER = ("stripe", "caldav", "hubspot")
KILLED = ("errand-runner", "webhook-sender", "outbox-relay")
KILLED_AGAIN_AFTER_S = 3.0
AWAY = ("store_api", "escpos", "twilio", *LATER)
WAITS_LONGEST_AFTER = OPENS_AFTER + 3  # failures in a row: 5, 10, 20, 30 s
LONGEST_WITHIN_S = 300.0
BACK_WITHIN_S = 120.0
SLOWER_S = 0.3  # than before, and a call is affected
POLL_S = 0.05
SETTLES_S = 5.0
HOW = "every address refuses; an hour, of which all but some 90 s by moving the database's times"

assert OPEN_FIRST * 2**3 >= OPEN_MOST


class Integrator:
    """The server of one who is told by webhooks; ``arrived`` counts each by its ``webhook-id``."""

    def __init__(self) -> None:
        self.port = free_port()
        self.arrived: Counter[str] = Counter()
        self._app = web.Application()
        self._app.router.add_post("/hook", self._take)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/hook"

    async def start(self) -> None:
        self._runner = web.AppRunner(self._app)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        await request.read()
        self.arrived[request.headers["webhook-id"]] += 1
        return web.Response(status=204)


class Hour:
    """What waits, and what there was of each before."""

    def __init__(self, bench: Around, mailbox: Mailbox, integrator: Integrator) -> None:
        self._bench, self._mailbox, self._integrator = bench, mailbox, integrator
        servers = {name: bench.street.neighbours[name].server for name in LATER}
        self._stripe, self._caldav, self._hubspot = servers["stripe"], servers["caldav"], servers["hubspot"]
        self._id = bench.menu.restaurant_id
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
            "payments (pages)": len(self._stripe.sessions),
            "payments (refunds)": len(self._stripe.refunds),
            "calendar": len(self._caldav.objects),
            "customer file": len(self._hubspot.associations),
            "integrator": len(self._integrator.arrived),
        }

    async def figures(self) -> list[Figure]:
        there = await self._bench.base.ring(CALLS)
        await self._connect()
        await asyncio.sleep(SETTLES_S)
        began, before = time.monotonic(), self._counts()
        for name in AWAY:
            await self._bench.street.away(name)
        self._mailbox.stop()
        await self._integrator.stop()
        await self._happen()
        away = await self._bench.base.ring(CALLS)
        self._bench.base.kill(*KILLED)
        orders = 2 * ORDERS + sum(one.confirmed_at > 0 for one in away)
        waiting = {
            "till": orders,
            "printer": orders,
            # Each order's page to pay on is told of, too; whose guest has left an address is told by mail alone.
            "texts": 2 * (orders - ORDERS) + BOOKINGS,
            "mail": 2 * ORDERS,
            "payments (pages)": orders,
            "payments (refunds)": REFUNDS,
            "calendar": BOOKINGS,
            "customer file": BOOKINGS,
            "integrator": orders + BOOKINGS,
        }
        await self._until_pauses_are_longest()
        await self._move_back(HOUR_S - (time.monotonic() - began))
        await asyncio.sleep(OPEN_MOST.total_seconds())  # what the hour has let grow old is given up now
        for name in AWAY:
            await self._bench.street.back(name)
        self._mailbox.start()
        await self._integrator.start()
        wanted = {name: before[name] + count for name, count in waiting.items()}
        return [*_calls(there, away), *await self._delivered(wanted, waiting)]

    async def _delivered(self, wanted: dict[str, int], waiting: dict[str, int]) -> list[Figure]:
        back, took, killed = time.monotonic(), dict[str, float](), False
        while len(took) < len(wanted) and time.monotonic() - back < BACK_WITHIN_S:
            now = self._counts()
            took |= {n: time.monotonic() - back for n, count in wanted.items() if n not in took and now[n] >= count}
            if not killed and time.monotonic() - back > KILLED_AGAIN_AFTER_S:
                killed = self._bench.base.kill(*KILLED) > 0
            await asyncio.sleep(POLL_S)
        await asyncio.sleep(SETTLES_S)  # what comes twice comes now
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
        again = sum(self._integrator.arrived.values()) - len(self._integrator.arrived)
        return [*figures, Figure(f"{name}: webhooks that came again under their webhook-id", again, "")]

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
            await webhooks.create_endpoint(
                connection,
                self._id,
                url=self._integrator.url,
                secret=new_secret(),
                pii=self._bench.pii,
                created_by="bench",
                types=(OrderConfirmed.TYPE, ReservationMade.TYPE),
            )
            on = await connections.of_restaurant(connection, self._id)
        self._paid_at = next(one.id for one in on if one.provider == "stripe")

    async def _happen(self) -> None:
        """Orders by text and by mail, bookings, money that goes back: all through the outbox, but for the money."""
        for _ in range(ORDERS):
            await self._bench.order()
        for number in range(ORDERS):
            order = await self._bench.order()
            followed = OrderFollowed(restaurant_id=self._id, order_id=order.order_id, number=order.number)
            async with self._bench.postgres.platform() as connection:
                email = f"guest{number}@example.com"
                await guest_emails.leave(connection, self._id, order.order_id, email, self._bench.pii)
                await outbox.emit(connection, followed, source="/bench", subject=f"order/{order.order_id}")
        await self._book()
        async with self._bench.postgres.platform() as connection:
            for number in range(REFUNDS):
                work = RefundPayment(payment_id=str(uuid.uuid4()), intent=f"pi_{number}")
                await errands.add(connection, self._id, self._paid_at, work, self._bench.pii)

    async def _book(self) -> None:
        async with self._bench.postgres.platform() as connection:
            found = await restaurants.get(connection, self._id)
            always = tuple(Opening(day, 0, 24 * 60) for day in range(7))
            place = replace(found, openings=always, exceptions=())
            at = (datetime.now(UTC) + timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)
            for number in range(BOOKINGS):
                asked = Asked(
                    starts_at=at, covers=2, name=f"Guest {number}", phone=f"+3361{number:07}", call_id=f"hour-{number}"
                )
                await reserving.reserve(connection, place, asked, datetime.now(UTC), self._bench.pii, source="/bench")

    async def _until_pauses_are_longest(self) -> None:
        async with asyncio.timeout(LONGEST_WITHIN_S):
            while True:
                async with self._bench.postgres.platform() as connection:
                    least: int = await connection.fetchval(
                        "select least((select min(failures) from service_connection where restaurant_id = $1),"
                        " (select min(failures) from webhook_endpoint where restaurant_id = $1))",
                        self._id,
                    )
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
                "update webhook_delivery set created_at = created_at - $1::interval, last_at = last_at - $1::interval"
                " where state = 'waiting'",
                timedelta(seconds=seconds),
            )
            for table in ("service_connection", "webhook_endpoint"):
                await connection.execute(
                    f"update {table} set failing_since = failing_since - $1::interval", timedelta(seconds=seconds)
                )


def _calls(there: Sequence[Experience], away: Sequence[Experience]) -> list[Figure]:
    """What callers meet while nothing answers, beside what they met before."""

    def after_the_yes(told: Sequence[Experience]) -> list[float]:
        return [one.confirmed_at - one.agreed_at[-1] for one in told if one.agreed and one.confirmed_at]

    name, before, meanwhile = "an hour without any service", after_the_yes(there), after_the_yes(away)
    figures = [
        Figure(f"before {name}: {len(there)} calls, confirmed", len(before), "", f"= {len(there)}"),
        Figure(f"{name}: {len(away)} calls meanwhile, confirmed", len(meanwhile), "", f"= {len(away)}"),
    ]
    if before and meanwhile:
        usual = percentile(before, 50)
        figures += [
            Figure(f"before {name}: from a caller's yes to the end of “it is confirmed”, p50", usual, "s"),
            Figure(f"{name}: the same meanwhile, p50", percentile(meanwhile, 50), "s", f"≤ {usual + SLOWER_S:.2f}"),
            Figure(f"{name}: longest silence in a call", max(one.silence_s for one in away), "s"),
        ]
    return figures


async def figures(bench: Around) -> list[Figure]:
    """About four minutes."""
    with TemporaryDirectory(prefix="alloresto-mail-") as folder:
        mailbox, integrator = Mailbox(Path(folder), free_port()), Integrator()
        mailbox.start()
        await integrator.start()
        try:
            return await Hour(bench, mailbox, integrator).figures()
        finally:
            mailbox.stop()
            await integrator.stop()
