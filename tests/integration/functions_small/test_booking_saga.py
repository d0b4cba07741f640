"""A booking by phone, from the reserved table to what everybody outside is told of it; and each way back."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from aiohttp.test_utils import TestServer

from devstack.stand_ins.stripe import Stripe
from devstack.stand_ins.twilio import Twilio
from domain.calendars import BusyTimes
from domain.errands import ForgetCustomer, ForgetInCalendar, KeepInCalendar, NoteCustomer
from domain.reservations import CancelReason, Rules
from domain.restaurant import Opening, Restaurant
from eventing import deposit_settling, depositing, forgetting, reserving
from eventing.cloudevents import parse
from eventing.reserving import Asked, NoTableFreeError
from functions.errand_runner import booking_planning, consequences
from integrations.tasks import Done, Refused
from stores import audit, calendar_copies, deposits, dining, erasures, errands, reservations, restaurants
from stores.audit import Actor
from stores.deposits import Deposit
from stores.reservations import Reservation
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Eventually, Running, StartFunction
from tests.integration.functions_small.houses import CALLER, PAGES, House, StartRunner

pytestmark = pytest.mark.integration

STRUCTURED = {"content-type": "application/cloudevents+json"}
AT = (datetime.now(UTC) + timedelta(days=2)).replace(hour=19, minute=0, second=0, microsecond=0)


class Tables(House):
    """A restaurant with one table for eight, Stripe and Twilio; from six guests on each pays 15 euros beforehand."""

    def __init__(self, postgres: Pools, restaurant: Restaurant, master_key: str) -> None:
        super().__init__(postgres, restaurant.id, master_key)
        self.restaurant = restaurant
        self.stripe, self.twilio = Stripe("rk_1", "whsec_1"), Twilio("AC1", "secret")
        self.running: Running | None = None
        self._relayed = 0

    async def book(self, covers: int = 6, phone: str = CALLER, call_id: str = "", at: datetime = AT) -> Reservation:
        asked = Asked(starts_at=at, covers=covers, name="Nora", phone=phone, call_id=call_id or f"call-{uuid.uuid4()}")
        async with self.postgres.app.tenant(self.id) as connection:
            return await reserving.reserve(
                connection, self.restaurant, asked, datetime.now(UTC), self.pii, source="/test"
            )

    async def has_read_its_calendar(self) -> None:
        """Without a busy time: else a booking waits for the calendar to answer."""
        async with self.postgres.platform.platform() as connection:
            (due,) = await calendar_copies.claim(connection, 1, 60)
            now = datetime.now(UTC)
            assert await calendar_copies.keep(connection, due, BusyTimes(now, now + timedelta(days=90)))

    async def cancel(self, booking: Reservation, reason: CancelReason) -> None:
        async with self.postgres.app.tenant(self.id) as connection:
            seen = (await reservations.get(connection, booking.id)).status
            await reserving.move(
                connection, self.id, booking.id, seen, "cancelled", datetime.now(UTC), reason=reason, source="/test"
            )

    async def relay(self) -> None:
        """What relay and Broker do: each event to the runner, and to it twice; then a timer's tick."""
        assert self.running is not None
        async with self.postgres.platform.platform() as connection:
            rows = await connection.fetch(
                "select id, event::text as event from outbox where id > $1 order by id", self._relayed
            )
        for row in rows:
            event = parse(STRUCTURED, row["event"].encode())
            for _ in range(2):
                assert (await self.running.send(event))[0] == 204
            self._relayed = row["id"]
        assert await self.running.tick("errands-due") == (204, {})

    async def status(self, booking: Reservation) -> str:
        async with self.postgres.app.tenant(self.id) as connection:
            return (await reservations.get(connection, booking.id)).status

    async def deposit(self, booking: Reservation) -> Deposit:
        async with self.postgres.app.tenant(self.id) as connection:
            found = await depositing.latest(connection, self.id, booking.id)
        assert found is not None
        return found

    async def tell(self, deposit: Deposit, fate: Any) -> None:
        """What Stripe's notice leads to (``web.hooks.payments``)."""
        async with self.postgres.app.tenant(self.id) as connection:
            locked = await depositing.lock(connection, self.id, deposit.id)
            assert locked is not None
            intent = f"pi_{deposit.reference}" if fate == "paid" else ""
            await deposit_settling.settle(connection, locked, fate, datetime.now(UTC), self.pii, intent=intent)

    async def hurry(self, deposit: Deposit, since: timedelta = timedelta(seconds=1)) -> None:
        """Its time is over."""
        async with self.postgres.app.tenant(self.id) as connection:
            past = datetime.now(UTC) - since
            await deposits.stand(connection, deposit, deposit.state, due_at=past)

    def texts(self) -> list[str]:
        return [str(one["Body"]) for one in self.twilio.seen if "Body" in one]


@pytest.fixture
async def house(postgres: Pools, restaurant_id: str, master_key: str) -> AsyncIterator[Tables]:
    async with postgres.platform.platform() as connection:
        await restaurants.update(connection, restaurant_id, {"dine_in": True})
        await dining.add_table(connection, restaurant_id, "Hall", "T1", 8)
        await dining.set_rules(connection, restaurant_id, Rules(deposit_cents=1500, deposit_from_covers=6))
        restaurant = await restaurants.get(connection, restaurant_id)
    restaurant = replace(restaurant, openings=tuple(Opening(day, 0, 24 * 60) for day in range(7)))
    made = Tables(postgres, restaurant, master_key)
    async with TestServer(made.stripe.app) as stripe, TestServer(made.twilio.app) as twilio:
        urls = [str(server.make_url("")).rstrip("/") for server in (stripe, twilio)]
        await made.connect("payments", "stripe", {"url": urls[0]}, {"key": "rk_1", "webhook_secret": "whsec_1"})
        await made.connect_twilio(urls[1])
        yield made


@pytest.fixture
async def running(function: StartFunction, database: Database, master_key: str, house: Tables) -> AsyncIterator[None]:
    async with StartRunner(function, database, master_key)() as started:
        house.running = started
        yield


async def test_a_deposit_keeps_the_table_once_it_is_paid(house: Tables, running: None, eventually: Eventually) -> None:
    booking = await house.book()
    assert booking.status == "held"
    with pytest.raises(NoTableFreeError):  # the last table is one caller's, paid or not yet
        await house.book()

    async def asked() -> bool:
        await house.relay()
        return len(house.texts()) == 1

    await eventually(asked)
    (session,) = house.stripe.sessions.values()
    assert session["amount_total"] == 9000
    (link,) = house.texts()
    assert "90,00" in link and f"{PAGES}/b/" in link
    deposit = await house.deposit(booking)
    assert (deposit.state, deposit.url) == ("awaited", session["url"])

    house.stripe.pay(session["id"])
    for fate in ("paid", "paid", "expired"):
        await house.tell(deposit, fate)

    async def confirmed() -> bool:
        await house.relay()
        return len(house.texts()) == 2

    await eventually(confirmed)
    assert await house.status(booking) == "confirmed"
    assert "confirm" in house.texts()[1]
    assert house.stripe.refunds == {}

    await house.cancel(booking, "restaurant")

    async def back() -> bool:
        await house.relay()
        return (await house.deposit(booking)).state == "refunded" and len(house.texts()) == 4

    await eventually(back)
    assert list(house.stripe.refunds) == [f"pi_{session['id']}"]


async def test_what_is_not_paid_lets_the_table_go_and_what_is_paid_too_late_goes_back(
    house: Tables, running: None, eventually: Eventually
) -> None:
    booking = await house.book()

    async def asked() -> bool:
        await house.relay()
        return len(house.texts()) == 1

    await eventually(asked)
    await house.hurry(await house.deposit(booking))

    async def gone() -> bool:
        await house.relay()
        return await house.status(booking) == "cancelled" and len(house.texts()) == 2

    await eventually(gone)
    deposit = await house.deposit(booking)
    assert deposit.state == "lapsed"
    assert [one["status"] for one in house.stripe.sessions.values()] == ["expired"]
    assert "acompte" in house.texts()[1]
    assert (await house.book()).status == "held"  # somebody else has it

    await house.tell(deposit, "paid")  # a notice that was under way for long

    async def back() -> bool:
        await house.relay()
        return (await house.deposit(booking)).state == "refunded"

    await eventually(back)
    assert await house.status(booking) == "cancelled"
    assert len(house.stripe.refunds) == 1


async def test_who_pays_in_the_last_second_has_the_table(house: Tables, running: None, eventually: Eventually) -> None:
    booking = await house.book()

    async def asked() -> bool:
        await house.relay()
        return len(house.texts()) == 1

    await eventually(asked)
    (session,) = house.stripe.sessions
    house.stripe.pay(session)  # and its notice never comes
    await house.hurry(await house.deposit(booking))

    async def confirmed() -> bool:
        await house.relay()
        return await house.status(booking) == "confirmed"

    await eventually(confirmed)
    assert (await house.deposit(booking)).state == "paid"


async def test_a_payment_service_that_refuses_costs_nobody_a_table(
    house: Tables, running: None, eventually: Eventually
) -> None:
    house.stripe.faults["refusing"] = 1
    booking = await house.book()

    async def confirmed() -> bool:
        await house.relay()
        return await house.status(booking) == "confirmed" and len(house.texts()) == 1

    await eventually(confirmed)
    assert (await house.deposit(booking)).state == "waived"


async def test_who_changes_the_party_within_the_call_pays_for_that_one(
    house: Tables, running: None, eventually: Eventually
) -> None:
    booking = await house.book(6, call_id="call-1")
    await house.relay()
    changed = await house.book(8, call_id="call-1")
    assert (changed.id, changed.status) == (booking.id, "held")

    async def asked() -> bool:
        await house.relay()
        return sorted((one["amount_total"], one["status"]) for one in house.stripe.sessions.values()) == [
            (9000, "expired"),
            (12000, "open"),
        ]

    await eventually(asked)
    fewer = await house.book(4, call_id="call-1")
    assert (fewer.id, fewer.status) == (booking.id, "confirmed")

    async def closed() -> bool:
        await house.relay()
        return all(one["status"] == "expired" for one in house.stripe.sessions.values())

    await eventually(closed)


async def test_who_cannot_be_sent_a_link_is_settled_by_the_staff(house: Tables) -> None:
    booking = await house.book(phone="+33142000000")  # a landline
    assert booking.status == "requested"
    assert (await house.book(4)).status == "confirmed"  # a small party pays nothing beforehand


async def test_a_link_that_does_not_go_costs_nobody_a_table(
    house: Tables, running: None, eventually: Eventually
) -> None:
    house.twilio.faults["refusing"] = 1
    booking = await house.book()

    async def confirmed() -> bool:
        await house.relay()
        return await house.status(booking) == "confirmed" and len(house.twilio.messages) == 1

    await eventually(confirmed)
    assert (await house.deposit(booking)).state == "waived"

    async def closed() -> bool:
        await house.relay()
        return [one["status"] for one in house.stripe.sessions.values()] == ["expired"]

    await eventually(closed)


async def test_a_refund_that_is_told_of_before_the_payment_leaves_no_table_held(house: Tables) -> None:
    booking = await house.book()
    for fate in ("refunded", "paid"):
        await house.tell(await house.deposit(booking), fate)
    assert await house.status(booking) == "confirmed"
    assert (await house.deposit(booking)).state == "refunded"


async def test_what_goes_wrong_with_one_deadline_keeps_no_other_from_its_turn(
    house: Tables, database: Database
) -> None:
    first, second = await house.book(), await house.book(at=AT + timedelta(days=1))
    for booking in (first, second):
        await house.hurry(await house.deposit(booking), timedelta(hours=2))
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(
        "create function broken() returns trigger language plpgsql as $$ begin raise 'broken'; end $$;"
        " create trigger broken before update on deposit for each row"
        f" when (old.reservation_id = '{first.id}') execute function broken()"
    )
    await owner.close()

    await booking_planning.look_at_deadlines(house.home, house.postgres.platform, house.postgres.app)

    assert [await house.status(one) for one in (first, second)] == ["held", "confirmed"]


@pytest.mark.parametrize(("in_hand", "after"), [(False, "cancelled"), (True, "held")])
async def test_a_calendar_does_not_cancel_what_the_staff_have_had_in_hand(
    house: Tables, in_hand: bool, after: str
) -> None:
    booking = await house.book()
    calendar = await house.connect("calendar", "caldav", {"url": "https://dav.example", "user": "lea"}, {})
    async with house.postgres.app.tenant(house.id) as connection:
        if in_hand:
            await audit.record(connection, house.id, Actor("lea@x.example"), "reservations.changed", subject=booking.id)
        work = KeepInCalendar(
            reservation_id=booking.id,
            version=0,
            starts_at=booking.starts_at,
            ends_at=booking.ends_at,
            zone="Europe/Paris",
            language="fr",
            covers=6,
            title="",
        )
        await errands.add(connection, house.id, calendar.id, work, house.pii)
    async with house.postgres.platform.platform() as connection:
        (claimed,) = await errands.claim(connection, 9, 9)
    async with house.postgres.app.tenant(house.id) as connection:
        busy = Refused("busy then", busy=True)
        await booking_planning.calendar_answered(house.home, connection, claimed, work, "refused", busy)
    assert await house.status(booking) == after


async def test_a_guest_who_is_erased_is_forgotten_by_customer_files_and_calendars(house: Tables) -> None:
    files = await house.connect("crm", "hubspot", {}, {"token": "t"})
    calendar = await house.connect("calendar", "caldav", {"url": "http://127.0.0.1:9", "user": "u"}, {"password": "p"})
    await house.has_read_its_calendar()
    booking = await house.book(2)
    await house.plan(house.reservation_made(booking))
    async with house.postgres.app.tenant(house.id) as connection:
        await connection.execute(
            "update errand set state = 'done', settled_at = now(), reference = '77' where connection_id = $1", files.id
        )
        assert booking.customer_id is not None
        erasure_id = await forgetting.forget(connection, house.id, booking.customer_id, "lea@x.example", house.pii)
        await connection.execute("update errand set state = 'done', settled_at = now() where kind = 'calendar.keep'")
        await connection.execute("update errand set next_at = now() where kind = 'customer.forget'")
    async with house.postgres.platform.platform() as connection:
        claimed = await errands.claim(connection, 9, 9)
    by_connection = {one.connection_id: errands.work_of(one, house.pii) for one in claimed}
    assert by_connection[files.id] == ForgetCustomer(erasure_id=erasure_id, phone=CALLER, contacts=("77",))
    nobody = by_connection[calendar.id]
    assert isinstance(nobody, ForgetInCalendar) and nobody.starts_at == booking.starts_at
    assert nobody.version == 1  # else a calendar takes it for older than what it has
    assert "Nora" not in nobody.title and nobody.name == nobody.phone == "" and CALLER not in nobody.details

    one = next(one for one in claimed if one.connection_id == files.id)
    async with house.postgres.app.tenant(house.id) as connection:
        assert await errands.settle(connection, one, "done")
        await consequences.follow(house.home, connection, one, by_connection[files.id], "done", Done())
    kept = "select work_encrypted from errand where kind = 'customer.forget'"
    async with house.postgres.platform.platform() as connection:
        assert await connection.fetchval(kept) is None  # the number was kept for this alone


async def test_a_guest_who_is_erased_is_not_told_to_customer_files_any_more(house: Tables) -> None:
    files = await house.connect("crm", "hubspot", {}, {"token": "t"})
    booking = await house.book(2)
    noted = NoteCustomer(reservation_id=booking.id, version=0, phone=CALLER, name="Nora", text="Table", at=AT)
    async with house.postgres.app.tenant(house.id) as connection:
        await errands.add(connection, house.id, files.id, noted, house.pii)
        assert booking.customer_id is not None
        await erasures.ask(connection, house.id, booking.customer_id, "lea@x.example", house.pii)
    async with house.postgres.platform.platform() as connection:
        (claimed,) = await errands.claim(connection, 9, 9)
    assert (claimed.kind, claimed.work) == ("customer.note", None)
