"""A connected calendar, from its server through the copy to what somebody who asks for a table is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from devstack.stand_ins.calcom import CalCom
from devstack.stand_ins.caldav import CalDav
from domain.calendars import Span
from domain.restaurant import Opening
from eventing import reserving
from eventing.reserving import Asked, NoTableFreeError
from functions.errand_runner.calendar_reading import CalendarReader
from functions.errand_runner.runner import Runner
from integrations.network import Network
from stores import calendar_copies, connections, dining, reservations, restaurants
from stores.reservations import Reservation
from tests.conftest import Pools
from tests.integration.functions_small.houses import House

pytestmark = pytest.mark.integration

AT = (datetime.now(UTC) + timedelta(days=2)).replace(hour=19, minute=0, second=0, microsecond=0)
HOUR = timedelta(hours=1)


class Place(House):
    """A restaurant with two tables for two, and who reads its calendar."""

    def __init__(self, postgres: Pools, restaurant_id: str, master_key: str) -> None:
        super().__init__(postgres, restaurant_id, master_key)
        self.network = Network("test", private=True)
        self.reader = CalendarReader(postgres.platform, postgres.app, self.network, self.home)

    async def ask(self, at: datetime = AT, call_id: str = "", **more: Any) -> Reservation:
        asked = replace(Asked(starts_at=at, covers=2, name="Nora", call_id=call_id), **more)
        async with self.postgres.app.tenant(self.id) as connection:
            restaurant = await restaurants.get(connection, self.id)
            return await reserving.reserve(connection, restaurant, asked, datetime.now(UTC), self.pii, source="/test")

    async def refused(self, at: datetime = AT, **more: Any) -> NoTableFreeError:
        with pytest.raises(NoTableFreeError) as refused:
            await self.ask(at, **more)
        return refused.value

    async def renewed(self) -> None:
        async with self.postgres.app.tenant(self.id) as connection:
            await calendar_copies.renew(connection, self.connection_id)
        await self.reader.round()

    async def status(self, booking: Reservation) -> str:
        async with self.postgres.app.tenant(self.id) as connection:
            return (await reservations.get(connection, booking.id)).status

    async def error(self) -> str:
        async with self.postgres.app.tenant(self.id) as connection:
            return str(await connection.fetchval("select last_error from calendar_copy"))


@pytest.fixture
async def place(postgres: Pools, restaurant_id: str, master_key: str) -> AsyncIterator[Place]:
    async with postgres.platform.platform() as connection:
        await restaurants.update(connection, restaurant_id, {"dine_in": True})
        await restaurants.set_openings(connection, restaurant_id, [Opening(day, 0, 24 * 60) for day in range(7)])
        for name in ("T1", "T2"):
            await dining.add_table(connection, restaurant_id, "Hall", name, 2)
    made = Place(postgres, restaurant_id, master_key)
    yield made
    await made.network.close()


@pytest.fixture
async def caldav(place: Place) -> AsyncIterator[CalDav]:
    server = CalDav("lea", "secret")
    async with TestServer(server.app) as running:
        settings = {"url": str(running.make_url("/")), "user": "lea"}
        await place.connect("calendar", "caldav", settings, {"password": "secret"})
        yield server


@pytest.fixture
async def calcom(place: Place) -> AsyncIterator[CalCom]:
    server = CalCom("cal_1")
    async with TestServer(server.app) as running:
        settings = {"url": str(running.make_url("")).rstrip("/"), "event_type": "42", "email": "a@x.example"}
        await place.connect("calendar", "calcom", settings, {"key": "cal_1"})
        yield server


async def test_what_is_entered_in_the_calendar_is_promised_to_nobody(place: Place, caldav: CalDav) -> None:
    caldav.busy.append(Span(AT - HOUR, AT + HOUR))  # a private event
    await place.reader.round()

    refused = await place.refused()
    assert refused.closed and refused.others
    assert all(one + 2 * HOUR <= AT or one >= AT + HOUR for one in refused.others)
    assert (await place.ask(refused.others[0])).status == "confirmed"
    await place.refused(by_staff=True)
    async with place.postgres.app.tenant(place.id) as connection:
        (*_, last) = await dining.tables(connection, place.id)
    assert (await place.ask(by_staff=True, table_ids=(last.id,))).table_ids == (last.id,)  # the staff's own choice

    caldav.busy.clear()
    await place.reader.round()  # nobody has said that anything changed: it is not due yet
    await place.refused()
    await place.renewed()
    assert (await place.ask(AT - HOUR)).status == "confirmed"


async def test_of_a_calendar_that_counts_places_ours_are_not_counted_twice(place: Place, calcom: CalCom) -> None:
    """Two tables and two places: each booking of ours takes one of both."""
    calcom.seats = 2
    start = f"{AT:%Y-%m-%dT%H:%M:%SZ}"
    ours = {"start": start, "status": "accepted", "metadata": {"reservation": "ours"}}
    calcom.bookings["1"] = ours | {"uid": "1"}
    await place.reader.round()
    first = await place.ask(call_id="call-1")
    second = await place.ask(call_id="call-2")
    assert first.id != second.id

    calcom.bookings["2"] = ours | {"uid": "2"}
    await place.renewed()
    again = await place.ask(call_id="call-2", note="by the window")  # its own place is one of the two
    assert (again.id, again.starts_at) == (second.id, AT)
    assert (await place.refused(call_id="call-3")).closed


async def test_a_calendar_that_is_away_ages_and_another_one_is_read_anew(place: Place, caldav: CalDav) -> None:
    caldav.busy.append(Span(AT - HOUR, AT + HOUR))
    await place.reader.round()
    caldav.faults["failing"] = 1
    await place.renewed()
    assert "503" in await place.error()
    await place.refused()  # known well enough

    await place.reader.round()  # not at once
    assert "503" in await place.error()
    await place.run("update calendar_copy set next_at = now()")
    await place.reader.round()
    assert await place.error() == ""

    async with place.postgres.app.tenant(place.id) as connection:
        now = await connections.get(connection, place.connection_id)
        await connections.change(connection, now, name="", settings=now.settings, secrets=None, pii=place.pii)
        known = await calendar_copies.of_restaurant(connection, place.id, AT, AT + HOUR)
        assert known is not None and known.busy is None
        await connections.switch(connection, place.connection_id, False)
        assert await calendar_copies.of_restaurant(connection, place.id, AT, AT + HOUR) is None
    await place.ask()


async def test_what_was_asked_earlier_never_replaces_what_was_asked_later(place: Place, caldav: CalDav) -> None:
    async with place.postgres.platform.platform() as connection:
        (slow,) = await calendar_copies.claim(connection, 9, 60)
        assert await calendar_copies.claim(connection, 9, 60) == ()
    caldav.busy.append(Span(AT - HOUR, AT + HOUR))
    await place.renewed()
    async with place.postgres.app.tenant(place.id) as connection:
        known = await calendar_copies.of_restaurant(connection, place.id, AT, AT + HOUR)
        assert known is not None and known.busy is not None
        assert not await calendar_copies.keep(connection, slow, replace(known.busy, spans=()))
    await place.refused()


@pytest.mark.parametrize(("busy", "after"), [(False, "confirmed"), (True, "cancelled")])
async def test_while_the_calendar_is_away_a_call_has_a_table_that_is_confirmed_once_it_is_back(
    place: Place, caldav: CalDav, busy: bool, after: str
) -> None:
    await place.reader.round()
    await place.run("update calendar_copy set read_at = read_at - interval '16 minutes'")
    caldav.faults["failing"] = 9

    booking = await place.ask(call_id="call-1")
    assert (booking.status, bool(booking.table_ids)) == ("held", True)
    assert (await place.ask(call_id="call-1", note="by the window")).status == "held"
    assert (await place.ask()).status == "confirmed"  # a program's own
    await place.refused(call_id="call-2")  # the tables are all had
    await place.plan(place.reservation_made(booking))
    runner = Runner(place.postgres.platform, place.postgres.app, place.network, place.home)
    await runner.round()
    assert await place.status(booking) == "held"

    caldav.faults.clear()
    caldav.busy = [Span(AT - HOUR, AT + HOUR)] if busy else []
    await place.make_due()
    await runner.round()
    await place.reader.round()  # it has answered: it is read at once
    assert await place.status(booking) == after
    async with place.postgres.app.tenant(place.id) as connection:
        known = await calendar_copies.of_restaurant(connection, place.id, AT, AT + HOUR)
    assert known is not None and known.tells(datetime.now(UTC), AT)


async def test_of_two_who_ask_for_the_last_table_beside_a_closed_evening_one_has_it(
    place: Place, caldav: CalDav
) -> None:
    caldav.busy.append(Span(AT, AT + 5 * HOUR))
    await place.reader.round()
    before = AT - 2 * HOUR
    await place.ask(before)

    said = await asyncio.gather(*(place.ask(before, f"call-{one}") for one in "ab"), return_exceptions=True)

    (full,) = (one for one in said if isinstance(one, NoTableFreeError))
    assert sum(isinstance(one, Reservation) for one in said) == 1
    assert full.others and all(one + timedelta(minutes=105) <= AT or one >= AT + 5 * HOUR for one in full.others)
