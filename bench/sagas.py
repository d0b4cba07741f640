"""``alloresto bench sagas``: bookings whose runner is killed at random steps; a payment service's notices twenty times.

A real Postgres, the runner as a process, the stand-ins of Stripe, Twilio, CalDAV and HubSpot with their failures.
Events are brought as relay and Broker do, again until they are taken, some twice and some late. A guest pays, pays
late, does not pay, or cancels. The runner is killed by SIGKILL as soon as so many more requests have reached the
stand-ins: in the middle of somebody's step. Deadlines come at once, and so do the ends of a dead runner's leases: with
45 s each, what was claimed by one that dies every second or two would wait for most of the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import aiohttp

from bench.events import until_ready
from bench.ground import Ground, ground
from bench.report import Figure
from devstack.servers.ports import free_port
from devstack.stand_ins.caldav import CalDav
from devstack.stand_ins.hubspot import HubSpot
from devstack.stand_ins.neighbourhood import TOKEN
from devstack.stand_ins.standing import StandIn
from devstack.stand_ins.stripe import Stripe
from devstack.stand_ins.twilio import Twilio
from domain.reservations import Rules
from domain.restaurant import Opening, Restaurant
from eventing import depositing, reserving, ticks
from eventing.cloudevents import Event, parse, to_binary
from eventing.reserving import Asked
from functions.errand_runner import planning
from integrations.payments import stripe
from stores import connections, dining, hooks, reservations, restaurants
from stores.deposits import Deposit
from stores.hooks import Hook
from stores.postgres import Connection
from stores.reservations import Reservation, StatusChangedError
from web.hooks import payments as door

SAGAS = 1000
ALL_WITHIN_S = 120.0
TICK_S = 5.0  # as manifests/base/platform/errand-runner.yaml has it
NOTICES = 10_000
TABLES = 25
AT_ONCE = 300  # sagas under way
MOST_S = 900.0
KILLED_AFTER = (5, 60)  # requests at the stand-ins, from when the runner is ready
CONNECTED = ("stripe", "twilio", "caldav", "hubspot")
FAULTS = ("lost_answer", "failing", "rate_limited")
FAULT_EVERY = 25  # events: more, and breakers are open all the time
CONDITIONS = {"sagas": f"{SAGAS}, {AT_ONCE} at once", "killed": "SIGKILL in the middle of steps"}

TAKEN = frozenset(kind.TYPE for kind in planning.KINDS)  # as the Triggers do
Guest = Literal["pays", "pays unheard", "pays late", "never pays", "cancels", "small party"]
GUESTS: tuple[Guest, ...] = ("pays", "pays", "pays unheard", "pays late", "never pays", "cancels", "small party")


@dataclass(frozen=True, slots=True)
class Saga:
    """One booking and what its guest does."""

    booking: Reservation
    guest: Guest
    phone: str


class Sagas:
    def __init__(self, base: Ground, restaurant: Restaurant, random_: random.Random) -> None:
        self._base, self._restaurant, self._random = base, restaurant, random_
        named = {name: base.street.neighbours[name].server for name in CONNECTED}
        self.servers: dict[str, StandIn] = named
        assert isinstance(named["stripe"], Stripe)
        assert isinstance(named["twilio"], Twilio)
        assert isinstance(named["caldav"], CalDav)
        assert isinstance(named["hubspot"], HubSpot)
        self.stripe, self.twilio, self.caldav, self.hubspot = (
            named["stripe"],
            named["twilio"],
            named["caldav"],
            named["hubspot"],
        )
        self.port = free_port()
        self.kills = 0
        self.killing = True
        self.hook: Hook | None = None
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        self._booked = 0
        self._relayed = 0
        self._lines = asyncio.Semaphore(4)  # at once on the phone: each books under the tables' lock

    async def close(self) -> None:
        await self._http.close()

    # --- What stands around the runner ------------------------------------------------------------------------------

    async def killer(self) -> None:
        """The runner as a process, killed in the middle of what it does, and started again."""
        while True:
            environment = os.environ | self._base.settings | {"PORT": str(self.port), "HOST": "127.0.0.1"}
            process = await asyncio.to_thread(_started, environment)
            try:
                await until_ready(self.port)
                until = self._requests() + self._random.randint(*KILLED_AFTER)
                while not self.killing or self._requests() < until:
                    await asyncio.sleep(0.005)
                self.kills += 1
            finally:
                process.send_signal(signal.SIGKILL)
                await asyncio.to_thread(process.wait)
            await self._end_leases()

    async def _end_leases(self) -> None:
        """The runner is dead: what it had claimed is anybody's, as 45 s later. What is put off has an error."""
        async with self._base.postgres.platform() as connection:
            await connection.execute(
                "update errand set next_at = now()"
                " where state = 'waiting' and attempts > 0 and last_error = '' and next_at > now()"
            )

    def _requests(self) -> int:
        return sum(len(one.seen) for one in self.servers.values())

    async def relay(self) -> None:
        """Each event until it is taken; every fourth again, later and among others. And the timer."""
        again: list[Event] = []
        ticked = time.monotonic()
        while True:
            async with self._base.postgres.platform() as connection:
                rows = await connection.fetch(
                    "select id, event::text as event from outbox where id > $1 order by id limit 40", self._relayed
                )
            events = [parse({"content-type": "application/cloudevents+json"}, row["event"].encode()) for row in rows]
            events = [event for event in events if event.type in TAKEN]
            due = [again.pop(self._random.randrange(len(again))) for _ in range(min(len(again), 4))]
            self._random.shuffle(events)
            await asyncio.gather(*(self._bring(event) for event in [*events, *due]))
            again += [event for event in events if self._random.random() < 0.25]
            if rows:
                self._relayed = max(row["id"] for row in rows)
                for number in range(len(rows) // FAULT_EVERY + 1):
                    server = self._random.choice([*self.servers.values()])
                    server.faults[FAULTS[number % len(FAULTS)]] += 1
            if time.monotonic() - ticked >= TICK_S:
                ticked = time.monotonic()
                await self._post(Event(id=str(uuid.uuid4()), source="/bench", type=ticks.TYPE, data={}), "errands-due")
            await asyncio.sleep(0.02)

    async def _bring(self, event: Event) -> None:
        while not await self._post(event):
            await asyncio.sleep(0.2)

    async def _post(self, event: Event, path: str = "") -> bool:
        headers, body = to_binary(event)
        try:
            url = f"http://127.0.0.1:{self.port}/{path}"
            async with self._http.post(url, data=body, headers=headers, timeout=aiohttp.ClientTimeout(30)) as answer:
                return answer.status == 204
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    # --- A guest ----------------------------------------------------------------------------------------------------

    async def book(self, covers: int) -> tuple[Reservation, str]:
        """A table of its own for each booking: another time of another day."""
        self._booked += 1
        day, number = divmod(self._booked, TABLES * 4)
        at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1 + day)
        phone = f"+336{self._booked:08}"
        asked = Asked(
            starts_at=at + timedelta(hours=5 * (number // TABLES)),
            covers=covers,
            name=f"Guest {self._booked}",
            phone=phone,
            call_id=f"call-{self._booked}",
        )
        async with self._lines, self._base.postgres.platform() as connection:
            made = await reserving.reserve(
                connection, self._restaurant, asked, datetime.now(UTC), self._base.pii, source="/bench"
            )
        return made, phone

    async def saga(self) -> Saga:
        guest = self._random.choice(GUESTS)
        booking, phone = await self.book(2 if guest == "small party" else 6)
        if guest == "cancels":
            await asyncio.sleep(self._random.random() * 2)
            await self._cancel(booking)
        if guest in ("small party", "cancels"):
            return Saga(booking, guest, phone)
        session = await self._page(booking)
        if session is None:
            return Saga(booking, guest, phone)
        if guest == "pays":
            await self.notices(self.stripe.pay(session), times=self._random.randint(1, 3))
        elif guest == "pays unheard":
            self.stripe.pay(session)
        if guest in ("pays unheard", "pays late", "never pays"):
            await self._hurry(booking)
        if guest == "pays late":
            await self._until_over(booking)
            await self.notices(self.stripe.pay(session), times=2)
        return Saga(booking, guest, phone)

    async def notices(self, body: bytes, times: int = 1) -> None:
        """As at the door (``web.hooks.door``): signature, once each, effect in the same transaction."""
        assert self.hook is not None
        for _ in range(times):
            headers = {name.lower(): value for name, value in self.stripe.signed(body).items()}
            if not stripe.verify(headers, body, TOKEN, time.time()):
                raise RuntimeError("a notice is not believed")
            notice = stripe.read(body)
            if notice is None:
                continue
            async with self._base.postgres.platform() as connection:
                if await hooks.is_new(connection, self.hook, notice.message_id):
                    await door.take(connection, self.hook, notice, self._base.pii)

    async def _page(self, booking: Reservation) -> str | None:
        """Its page's name at Stripe; None where it goes without a deposit."""
        async with asyncio.timeout(MOST_S):
            while True:
                found = await self._deposit(booking)
                if found is None or found.state != "awaited":
                    return None
                if found.reference:
                    return found.reference
                await asyncio.sleep(1)

    async def _until_over(self, booking: Reservation) -> None:
        async with asyncio.timeout(MOST_S):
            while (found := await self._deposit(booking)) is not None and found.state in ("awaited", "closing"):
                await asyncio.sleep(1)

    async def _deposit(self, booking: Reservation) -> Deposit | None:
        async with self._base.postgres.platform() as connection:
            return await depositing.latest(connection, self._restaurant.id, booking.id)

    async def _hurry(self, booking: Reservation) -> None:
        """Its time is over."""
        async with self._base.postgres.platform() as connection:
            await connection.execute(
                "update deposit set due_at = now() where reservation_id = $1 and state = 'awaited'", booking.id
            )

    async def _cancel(self, booking: Reservation) -> None:
        async with self._lines, self._base.postgres.platform() as connection:
            with contextlib.suppress(StatusChangedError):
                seen, now = (await reservations.get(connection, booking.id)).status, datetime.now(UTC)
                await reserving.move(
                    connection,
                    self._restaurant.id,
                    booking.id,
                    seen,
                    "cancelled",
                    now,
                    reason="guest",
                    source="/bench",
                )

    # --- The verdict ------------------------------------------------------------------------------------------------

    async def settled(self) -> bool:
        """Nothing is on its way any more."""
        async with self._base.postgres.platform() as connection:
            open_: int = await connection.fetchval(
                "select (select count(*) from errand where state = 'waiting' and kind <> 'message.price')"
                " + (select count(*) from deposit where state in ('awaited', 'closing', 'refund_due'))"
                " + (select count(*) from outbox where id > $1)",
                self._relayed,
            )
        return open_ == 0

    async def wrong(self, saga: Saga) -> str:
        """What is half done or done twice of it, "" for nothing."""
        async with self._base.postgres.platform() as connection:
            booking = await reservations.get(connection, saga.booking.id)
            deposit = await depositing.latest(connection, self._restaurant.id, booking.id)
        entry = self.caldav.objects.get(f"alloresto-{booking.id}.ics", "")
        texts = Counter(one["body"] for one in self.twilio.messages if one["to"] == saga.phone)
        if any(count > 1 for count in texts.values()):
            return "a text twice"
        session = self.stripe.sessions.get(deposit.reference) if deposit and deposit.reference else None
        money = session is not None and session["payment_status"] == "paid"
        back = session is not None and f"pi_{session['id']}" in self.stripe.refunds
        if session is not None and session["status"] == "open":
            return "a page that is open"
        if booking.status == "confirmed":
            if "STATUS:CONFIRMED" not in entry:
                return "booked, and not in the calendar"
            if deposit is not None and deposit.state not in ("paid", "waived"):
                return f"booked, and the deposit is {deposit.state}"
            if (deposit is not None and deposit.state == "paid") != money or back:
                return "booked, and the money is elsewhere"
            return "" if any("confirm" in text for text in texts) else "booked, and not told"
        if booking.status != "cancelled":
            return f"it is {booking.status}"
        if entry:
            return "cancelled, and in the calendar"
        if money and not back:
            return "cancelled, and the money is here"
        return "" if texts else "cancelled, and not told"


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Sagas]:
    async with ground() as base:
        restaurant_id = base.menu.restaurant_id
        async with base.postgres.platform() as connection:
            await restaurants.update(connection, restaurant_id, {"dine_in": True})
            for number in range(TABLES):
                await dining.add_table(connection, restaurant_id, "Hall of the bench", f"B{number}", 6)
            await dining.set_rules(connection, restaurant_id, Rules(deposit_cents=1000, deposit_from_covers=5))
            found = await restaurants.get(connection, restaurant_id)
        always = tuple(Opening(day, 0, 24 * 60) for day in range(7))
        sagas = Sagas(base, replace(found, openings=always, exceptions=()), random.Random(12))
        try:
            await base.connect(CONNECTED)
            sagas.hook = await _hook(base, restaurant_id)
            yield sagas
        finally:
            await sagas.close()


def _started(environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "functions", "errand_runner"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


async def _hook(base: Ground, restaurant_id: str) -> Hook:
    async with base.postgres.platform() as connection:
        every = await connections.of_restaurant(connection, restaurant_id)
        paid_at = next(one.id for one in every if one.provider == "stripe")
    return Hook(paid_at, restaurant_id, "stripe", {"webhook_secret": TOKEN})


async def killed(sagas: Sagas, number: int) -> list[Figure]:
    """``number`` sagas while the runner is killed again and again; then it is let alone until all is settled."""
    began, room, done = time.monotonic(), asyncio.Semaphore(AT_ONCE), list[Saga]()

    async def one() -> None:
        async with room:
            done.append(await sagas.saga())

    async with asyncio.timeout(MOST_S):
        await asyncio.gather(*(one() for _ in range(number)))
    sagas.killing = False
    for server in sagas.servers.values():
        server.faults.clear()
    with contextlib.suppress(TimeoutError):  # what is left then is counted
        async with asyncio.timeout(ALL_WITHIN_S):
            while not await sagas.settled():
                await asyncio.sleep(0.5)
    found = Counter([await sagas.wrong(saga) for saga in done])
    good = found.pop("", 0)
    name = f"{number} sagas, runner killed {sagas.kills} times"
    figures = [Figure(f"{name}: settled or fully compensated", 100 * good / number, "%", "= 100")]
    figures += [Figure(f"{name}: {what}", count, "") for what, count in sorted(found.items())]
    figures.append(Figure(f"{name}: sagas with a step that was interrupted", await _interrupted(sagas), ""))
    figures.append(Figure(f"{name}: all settled after", time.monotonic() - began, "s"))
    return figures


async def _interrupted(sagas: Sagas) -> int:
    async with sagas._base.postgres.platform() as connection:
        found: int = await connection.fetchval(
            "select count(distinct coalesce(d.reservation_id::text, e.subject)) from errand e"
            " left join deposit d on d.id::text = e.subject where e.attempts > 1"
        )
    return found


async def notices(sagas: Sagas, number: int) -> list[Figure]:
    """Paid and expired of each deposit, ten times each, in any order: each effect once."""
    deposits_, bodies = list[tuple[str, str]](), list[bytes]()
    each = 20
    for place in range(number // each):
        booking, _ = await sagas.book(6)
        session = {"id": f"cs_n{place}", "payment_intent": f"pi_n{place}", "payment_status": "paid"}
        found = await sagas._deposit(booking)
        assert found is not None
        deposits_.append((booking.id, found.id))
        about = session | {"client_reference_id": found.id, "metadata": {"payment_id": found.id}}
        told = [sagas.stripe.event(f"checkout.session.{what}", about) for what in ("completed", "expired")]
        bodies += told * (each // len(told))
    sagas._random.shuffle(bodies)
    began, queue = time.monotonic(), iter(bodies)

    async def bring() -> None:
        for body in queue:
            await sagas.notices(body)

    await asyncio.gather(*(bring() for _ in range(8)))
    took = time.monotonic() - began
    async with sagas._base.postgres.platform() as connection:
        off = sum([await _off(connection, booking, deposit) for booking, deposit in deposits_])
    name = f"{len(bodies)} doubled, late and shuffled notices of {len(deposits_)} deposits"
    return [Figure(f"{name}: effects too many or too few", off, "", "= 0"), Figure(f"{name}: taken in", took, "s")]


async def _off(connection: Connection, reservation_id: str, deposit_id: str) -> int:
    """Either paid with the table, told once; or lapsed, cancelled, and one refund under way."""
    row = await connection.fetchrow(
        "select d.state, r.status,"
        " (select count(*) from errand where kind = 'payment.refund' and subject = $2) as back,"
        " (select array_agg(event->'data'->>'state' order by id) from outbox where type = $3"
        "  and event->'data'->>'depositId' = $2) as told,"
        " (select count(*) from outbox where type like '%.reservation.c%'"
        "  and event->'data'->>'reservationId' = $1) as moved"
        " from deposit d join reservation r on r.id = d.reservation_id where d.id = $2::text::uuid",
        str(reservation_id),
        str(deposit_id),
        "com.alloresto.deposit.changed",
    )
    assert row is not None
    facts = (row["state"], row["status"], row["back"], tuple(row["told"] or ()), row["moved"])
    right = {
        ("paid", "confirmed", 0, ("paid",), 1),
        ("refund_due", "cancelled", 1, ("lapsed", "refund_due"), 1),
    }
    return 0 if facts in right else 1


async def run(_: int) -> list[Figure]:
    """All figures. Raises TimeoutError where the sagas are not done within MOST_S."""
    async with opened() as sagas:
        beside = [asyncio.create_task(sagas.killer()), asyncio.create_task(sagas.relay())]
        try:
            figures = await killed(sagas, SAGAS)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
        return [*figures, *await notices(sagas, NOTICES)]
