"""Rooms, tables and reservations in the database: the last table is had once, whoever asks and however many."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from domain.reservations import DiningTable, Rules
from domain.restaurant import Opening, Restaurant
from eventing import reserving
from eventing.reserving import Asked, NoTableFreeError
from stores import customers, dining, erasures, reservations, restaurants, waiting_list
from stores.ciphers import PiiCipher
from stores.dining import Room, RoomExistsError, TableInUseError
from stores.errors import NotFoundError
from stores.postgres import Connection, Postgres
from stores.reservations import Reservation, StatusChangedError, TableTakenError, Wish
from tests.integration.stores.samples import new_id
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
EVENING = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
PHONE = "+33612345678"
MANY = 16
WAITING = "select exists (select from pg_locks where not granted)"


@dataclass(frozen=True)
class Place:
    """A restaurant with one table for four, open day and night."""

    postgres: Any
    restaurant: Restaurant
    table_id: str
    pii: PiiCipher

    async def ask(self, conn: Connection, at: datetime = EVENING, covers: int = 4, **more: Any) -> Reservation:
        asked = Asked(starts_at=at, covers=covers, name="Ada", **more)
        return await reserving.reserve(conn, self.restaurant, asked, NOW, self.pii, source="/test")

    def wish(self, at: datetime = EVENING) -> Wish:
        return Wish(starts_at=at, ends_at=at + timedelta(minutes=105), covers=4, table_ids=[self.table_id], name="Ada")


@pytest.fixture
async def place(postgres: Any, pii: PiiCipher) -> Place:
    openings = tuple(Opening(day, 0, 1440) for day in range(7))
    restaurant = Restaurant(new_id(), "Le Port", "fr", "EUR", "UTC", openings=openings, dine_in=True)
    async with postgres.platform.platform() as conn:
        await restaurants.create(conn, restaurant)
        table_id = await dining.add_table(conn, restaurant.id, "Salle", "1", 4)
    return Place(postgres, restaurant, table_id, pii)


async def at_once(database: Any, place: Place, work: Callable[[Connection], Awaitable[object]]) -> list[object]:
    """What ``work`` answers or raises, MANY times at the same moment, each in a transaction of its own."""
    pool = Postgres(database.app_url, min_size=MANY, max_size=MANY)
    await pool.open()
    ready = asyncio.Barrier(MANY)

    async def one() -> object:
        async with pool.tenant(place.restaurant.id) as conn:
            await ready.wait()
            return await work(conn)

    try:
        async with asyncio.timeout(30):
            return await asyncio.gather(*(one() for _ in range(MANY)), return_exceptions=True)
    finally:
        await pool.close()


async def test_of_many_who_ask_for_the_last_table_at_once_exactly_one_has_it(database: Any, place: Place) -> None:
    answers = await at_once(database, place, place.ask)

    refused = [answer for answer in answers if isinstance(answer, NoTableFreeError)]
    (made,) = (answer for answer in answers if isinstance(answer, Reservation))
    assert len(refused) == MANY - 1, answers
    assert made.table_ids == (place.table_id,)
    assert {answer.others for answer in refused} == {
        tuple(EVENING + timedelta(minutes=minutes) for minutes in (-120, -105, 105))
    }


async def test_the_database_itself_lets_only_one_of_many_hold_a_table(database: Any, place: Place) -> None:
    """Without the restaurant's lock, as by a program that forgets it."""

    async def write(conn: Connection) -> object:
        return await reservations.add(conn, place.restaurant.id, place.wish(), status="confirmed", pii=place.pii)

    answers = await at_once(database, place, write)

    # Two that insert at the very same moment wait for each other, and one of them is told of the deadlock instead.
    lost = (TableTakenError, asyncpg.DeadlockDetectedError)
    assert [type(answer) for answer in answers].count(str) == 1
    assert [isinstance(answer, lost) for answer in answers].count(True) == MANY - 1, answers


async def test_of_many_who_cancel_at_once_one_does(database: Any, place: Place) -> None:
    async with place.postgres.app.tenant(place.restaurant.id) as conn:
        made = await place.ask(conn)

    async def cancel(conn: Connection) -> object:
        return await reserving.move(
            conn, place.restaurant.id, made.id, "confirmed", "cancelled", NOW, reason="guest", source="/test"
        )

    answers = await at_once(database, place, cancel)

    assert [type(answer) for answer in answers].count(StatusChangedError) == MANY - 1
    async with place.postgres.platform.platform() as conn:
        told = await conn.fetchval("select count(*) from outbox where type = 'com.alloresto.reservation.cancelled'")
    assert told == 1
    async with place.postgres.app.tenant(place.restaurant.id) as conn:
        again = await place.ask(conn)
    assert again.table_ids == (place.table_id,)


async def test_one_that_is_cancelled_while_it_is_changed_holds_no_table(place: Place) -> None:
    owner = place.restaurant.id
    async with place.postgres.app.tenant(owner) as conn:
        made = await place.ask(conn)

    async def change() -> Reservation:
        asked = Asked(starts_at=EVENING + timedelta(minutes=30), covers=4, name="Ada")
        async with place.postgres.app.tenant(owner) as conn:
            return await reserving.change(conn, place.restaurant, made.id, asked, NOW, place.pii, source="/test")

    async with asyncio.timeout(PATIENCE_S):
        async with place.postgres.app.tenant(owner) as conn:
            await reserving.move(conn, owner, made.id, "confirmed", "cancelled", NOW, reason="guest", source="/test")
            changing = asyncio.create_task(change())
            async with place.postgres.platform.platform() as other:
                while not await other.fetchval(WAITING):
                    await asyncio.sleep(0.01)
        (late,) = await asyncio.gather(changing, return_exceptions=True)
    async with place.postgres.app.tenant(owner) as conn:
        held = await dining.holds(conn, owner, EVENING, EVENING + timedelta(hours=6))

    assert isinstance(late, StatusChangedError), late
    assert held == ()


async def test_joined_tables_are_held_together_and_free_together(place: Place) -> None:
    owner = place.restaurant.id
    async with place.postgres.app.tenant(owner) as conn:
        room = (await dining.rooms(conn, owner))[0]
        one = room.tables[0]
        beside = DiningTable("new", room.name, "2", 4, joins=frozenset({one.id}))
        await dining.save_room(conn, owner, replace(room, tables=(one, beside)), NOW)

        made = await place.ask(conn, covers=8)
        with pytest.raises(NoTableFreeError):
            await place.ask(conn, covers=2)
        await reserving.move(conn, owner, made.id, "confirmed", "no_show", NOW, source="/test")
        single = await place.ask(conn, covers=2)
        with pytest.raises(TableTakenError):
            await reserving.move(conn, owner, made.id, "no_show", "confirmed", NOW, source="/test")
        back = await reservations.get(conn, made.id)

    assert len(made.table_ids) == 2
    assert len(single.table_ids) == 1
    assert (back.status, back.table_ids) == ("no_show", made.table_ids)


async def test_a_change_keeps_the_table_where_it_can_and_changes_nothing_where_none_is_free(place: Place) -> None:
    owner = place.restaurant.id
    async with place.postgres.app.tenant(owner) as conn:
        first, second = await place.ask(conn), await place.ask(conn, EVENING + timedelta(hours=2), phone=PHONE)
        later = Asked(starts_at=EVENING + timedelta(minutes=150), covers=3, name="Bob", note="window")

        moved = await reserving.change(conn, place.restaurant, second.id, later, NOW, place.pii, source="/test")
        onto = replace(later, starts_at=EVENING + timedelta(minutes=90))
        with pytest.raises(NoTableFreeError):
            await reserving.change(conn, place.restaurant, second.id, onto, NOW, place.pii, source="/test")
        unchanged = await reservations.get(conn, second.id, pii=place.pii)
        held = await dining.holds(conn, owner, EVENING, EVENING + timedelta(hours=6))

    assert (moved.starts_at, moved.covers, moved.name, moved.note) == (later.starts_at, 3, "Bob", "window")
    assert unchanged == moved
    assert [one.reservation_id for one in held] == [first.id, second.id]


async def test_what_is_over_is_not_changed_any_more(place: Place) -> None:
    owner = place.restaurant.id
    async with place.postgres.app.tenant(owner) as conn:
        made = await place.ask(conn)
        await reserving.move(conn, owner, made.id, "confirmed", "cancelled", NOW, reason="guest", source="/test")
        asked = Asked(starts_at=EVENING, covers=2)
        with pytest.raises(StatusChangedError):
            await reserving.change(conn, place.restaurant, made.id, asked, NOW, place.pii, source="/test")


async def test_a_call_makes_one_reservation_however_often_it_asks(place: Place) -> None:
    async with place.postgres.app.tenant(place.restaurant.id) as conn:
        first = await place.ask(conn, call_id="call-1", phone=PHONE)
        again = await place.ask(conn, call_id="call-1", phone=PHONE)
        later = await place.ask(conn, EVENING + timedelta(minutes=30), call_id="call-1", phone=PHONE)
        await reserving.move(
            conn, place.restaurant.id, first.id, "confirmed", "cancelled", NOW, reason="guest", source="/test"
        )
        anew = await place.ask(conn, call_id="call-1", phone=PHONE)
        moved = await place.ask(conn, EVENING + timedelta(minutes=45), call_id="call-1", phone=PHONE)

    assert first.id == again.id == later.id != anew.id == moved.id
    assert later.starts_at == EVENING + timedelta(minutes=30)


async def test_a_restaurant_without_tables_keeps_requests_that_the_staff_settle(place: Place) -> None:
    owner = place.restaurant.id
    async with place.postgres.app.tenant(owner) as conn:
        (room,) = await dining.rooms(conn, owner)
        await dining.remove_room(conn, owner, room.id, NOW)

        asked, second = await place.ask(conn), await place.ask(conn)
        by_hand = await place.ask(conn, by_staff=True)
        settled = await reserving.move(conn, owner, asked.id, "requested", "confirmed", NOW, source="/test")

    assert (asked.status, second.status, asked.table_ids) == ("requested", "requested", ())
    assert (by_hand.status, settled.status) == ("confirmed", "confirmed")


async def test_a_request_that_is_given_a_table_holds_it_once_it_is_confirmed(place: Place) -> None:
    """One from before there were tables: the day's plan does not show it, so it must not take a table in secret."""
    owner = place.restaurant.id
    async with place.postgres.app.tenant(owner) as conn:
        (room,) = await dining.rooms(conn, owner)
        await dining.remove_room(conn, owner, room.id, NOW)
        request = await place.ask(conn)
        table_id = await dining.add_table(conn, owner, "Salle", "1", 4)
        asked = Asked(starts_at=EVENING, covers=4, name="Ada", by_staff=True)

        changed = await reserving.change(conn, place.restaurant, request.id, asked, NOW, place.pii, source="/test")
        before = await dining.holds(conn, owner, EVENING, EVENING + timedelta(hours=1))
        await reserving.move(conn, owner, request.id, "requested", "confirmed", NOW, source="/test")
        after = await dining.holds(conn, owner, EVENING, EVENING + timedelta(hours=1))

    assert (changed.status, changed.table_ids, before) == ("requested", (table_id,), ())
    assert [one.reservation_id for one in after] == [request.id]


async def test_a_table_that_is_reserved_is_not_taken_away_and_two_may_exchange_names(place: Place) -> None:
    owner = place.restaurant.id
    async with place.postgres.app.tenant(owner) as conn:
        await dining.add_table(conn, owner, "Salle", "2", 2)
        (room,) = await dining.rooms(conn, owner)
        await place.ask(conn)
        one, two = room.tables

        with pytest.raises(TableInUseError) as used:
            await dining.save_room(conn, owner, replace(room, tables=(two,)), NOW)
        swapped = (replace(one, name="2", joins=frozenset({two.id})), replace(two, name="1"))
        before = await dining.save_room(conn, owner, replace(room, open=False, tables=swapped), NOW)
        (after,) = await dining.rooms(conn, owner)

    assert used.value.names == ("1",)
    assert before == room
    assert {table.id: table.name for table in after.tables} == {one.id: "2", two.id: "1"}
    assert [table.joins for table in after.tables] == [frozenset({one.id}), frozenset({two.id})]
    assert not any(table.open for table in after.tables)


async def test_rooms_have_names_of_their_own(place: Place) -> None:
    owner = place.restaurant.id
    async with place.postgres.app.tenant(owner) as conn:
        terrace = await dining.add_room(conn, owner, "Terrasse")
        with pytest.raises(RoomExistsError):
            await dining.add_room(conn, owner, "Salle")
        with pytest.raises(RoomExistsError):
            await dining.save_room(conn, owner, Room(terrace, "Salle", True), NOW)


async def test_the_rules_are_the_standard_ones_until_they_are_set(place: Place) -> None:
    owner, wanted = place.restaurant.id, Rules(False, 0, 14, 6, 60, (90, 100, 110, 120))
    async with place.postgres.app.tenant(owner) as conn:
        before = await dining.rules(conn, owner)
        await dining.set_rules(conn, owner, Rules(max_covers=3))
        await dining.set_rules(conn, owner, wanted)
        after = await dining.rules(conn, owner)

    assert (before, after) == (Rules(), wanted)


async def test_who_is_offered_a_table_waits_no_more_until_that_is_off(place: Place) -> None:
    owner, until = place.restaurant.id, EVENING + timedelta(days=1)
    async with place.postgres.app.tenant(owner) as conn:
        entry = {"name": "Ada", "phone": PHONE, "note": "", "pii": place.pii}
        party = await waiting_list.add(conn, owner, EVENING, 4, **entry)  # type: ignore[arg-type]
        made = await place.ask(conn, hold=True)
        await waiting_list.offered(conn, party, made.id)
        while_offered = await waiting_list.between(conn, owner, EVENING, until, limit=9)
        with pytest.raises(NotFoundError):
            await waiting_list.get(conn, party)
        await reserving.move(conn, owner, made.id, "held", "cancelled", NOW, reason="guest", source="/test")
        again = await waiting_list.between(conn, owner, EVENING, until, limit=9, pii=place.pii)
        await waiting_list.leave(conn, party, NOW)
        left = await waiting_list.between(conn, owner, EVENING, until, limit=9)

    assert made.status == "held"
    assert while_offered == left == ()
    assert [(one.id, one.name, one.phone) for one in again] == [(party, "Ada", PHONE)]


async def test_a_customer_who_is_forgotten_is_in_no_reservation_and_on_no_waiting_list(place: Place) -> None:
    owner = place.restaurant.id
    async with place.postgres.app.tenant(owner) as conn:
        made = await place.ask(conn, phone=PHONE, note="birthday")
        await waiting_list.add(conn, owner, EVENING, 2, name="Ada", phone=PHONE, note="", pii=place.pii)
        (customer,) = await customers.recent(conn, 9, pii=place.pii)
        theirs = await reservations.of_customer(conn, customer.id, 9, pii=place.pii)

        await erasures.ask(conn, owner, customer.id, "owner@x.example", place.pii)

        kept = await reservations.get(conn, made.id, pii=place.pii)
        waiting = await conn.fetchval("select count(*) from waiting_party")
    assert [(one.id, one.phone) for one in theirs] == [(made.id, PHONE)]
    assert (kept.name, kept.phone, kept.note, kept.customer_id) == ("", "", "", None)
    assert (kept.covers, kept.table_ids, waiting) == (4, (place.table_id,), 0)


async def test_who_reserves_anew_after_being_forgotten_keeps_the_number_that_was_given(place: Place) -> None:
    owner = place.restaurant.id
    async with place.postgres.app.tenant(owner) as conn:
        await place.ask(conn, phone=PHONE)
        (customer,) = await customers.recent(conn, 9, pii=place.pii)
        wish = await erasures.ask(conn, owner, customer.id, "owner@x.example", place.pii)
        anew = await place.ask(conn, EVENING + timedelta(hours=4), phone=PHONE)
        await waiting_list.add(conn, owner, EVENING, 2, name="Ada", phone=PHONE, note="", pii=place.pii)

    async with place.postgres.platform.platform() as conn:
        await erasures.settle(conn, wish, timedelta(days=1))

    async with place.postgres.app.tenant(owner) as conn:
        kept = await reservations.get(conn, anew.id, pii=place.pii)
        (waiting,) = await waiting_list.between(
            conn, owner, EVENING, EVENING + timedelta(hours=1), limit=9, pii=place.pii
        )
    assert (kept.name, kept.phone) == ("Ada", PHONE)
    assert waiting.phone == PHONE
