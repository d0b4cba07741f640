"""What Cal.com tells at the door: somebody has cancelled or moved a booking there."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from flask import Flask
from flask.testing import FlaskClient

from devstack.stand_ins.calcom import CalCom
from domain.errands import KeepInCalendar
from eventing.calendar_entries import entry
from stores import connections, dining, errands, reservations, restaurants
from stores.ciphers import PiiCipher
from stores.postgres import Connection
from stores.reservations import Reservation, Wish
from tests.integration.web.admin import Admin, execute, fetch

pytestmark = pytest.mark.integration

T = TypeVar("T")
PHONE = "+353851234567"
AT = (datetime.now(UTC) + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
FULL = AT + timedelta(hours=2)


class Calendar:
    """A restaurant with one table, a booking of it, and Cal.com, which has it."""

    def __init__(self, app: Flask, client: FlaskClient, admin: Admin) -> None:
        self.app, self.client, self.admin = app, client, admin
        self.server, self.pii = CalCom("cal_1", webhook_secret="shh"), PiiCipher(admin.master_key)
        self.uid = "booking1"
        self.booking = self.work(self._book)
        metadata = {"reservation": self.booking.id}
        for uid, start in (("booking1", AT), ("booking2", AT + timedelta(hours=1))):
            self.server.bookings[uid] = {"uid": uid, "start": start.isoformat(), "metadata": metadata}

    def work(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        done: T = self.app.extensions["alloresto.database"].tenant(self.admin.pizza.id, work)
        return done

    async def _book(self, connection: Connection) -> Reservation:
        owner = self.admin.pizza.id
        made = await connections.connect(
            connection,
            owner,
            service="calendar",
            provider="calcom",
            settings={"event_type": "42", "email": "a@x.example"},
            secrets={"key": "cal_1", "webhook_secret": "shh"},
            pii=self.pii,
            created_by="owner@x.example",
        )
        self.path, self.connection_id = f"/hooks/calcom/{made.id}", made.id
        wish = Wish(starts_at=AT, ends_at=AT + timedelta(hours=2), covers=2, name="Anna", phone=PHONE)
        added = await reservations.add(connection, owner, wish, status="confirmed", pii=self.pii)
        booking = await reservations.get(connection, added, pii=self.pii)
        work = await entry(connection, KeepInCalendar, await restaurants.get(connection, owner), booking, 0)
        await errands.add(connection, owner, made.id, work, self.pii)
        return booking

    def settle(self, reference: str) -> None:
        """What was to be told the calendar was told; it calls the booking so."""
        execute(self.admin, f"update errand set state = 'done', settled_at = now(), reference = '{reference}'")

    def send(self, trigger: str, uid: str, before: str = "") -> int:
        body, headers = self.server.notice(trigger, uid, before)
        return self.client.post(self.path, data=body, headers=headers).status_code

    def present(self) -> Reservation:
        return self.work(lambda connection: reservations.get(connection, self.booking.id, pii=self.pii))

    def told(self) -> list[str]:
        return [
            str(row["type"])
            for row in fetch(self.admin, "select type from outbox where type like '%.reservation.%' order by id")
        ]


@pytest.fixture
def calendar(app: Flask, client: FlaskClient, admin: Admin) -> Calendar:
    execute(admin, "alter table restaurant no force row level security; update restaurant set dine_in = true")
    return Calendar(app, client, admin)


def test_only_what_is_signed_is_heard(calendar: Calendar) -> None:
    calendar.settle("booking1")
    body, headers = calendar.server.notice("BOOKING_CANCELLED", "booking1")
    for wrong in ({}, {"x-cal-signature-256": "é"}, headers | {"x-cal-signature-256": "0" * 64}):
        assert calendar.client.post(calendar.path, data=body, headers=wrong).status_code == 404
    assert calendar.client.post(calendar.path, data=body + b" ", headers=headers).status_code == 404
    calendar.server.webhook_secret = ""
    assert calendar.send("BOOKING_CANCELLED", "booking1") == 404
    assert calendar.present().status == "confirmed"


def test_what_is_cancelled_there_is_cancelled_once_and_its_guest_told(calendar: Calendar) -> None:
    calendar.settle("booking1")
    for _ in range(2):
        assert calendar.send("BOOKING_CANCELLED", "booking1") == 200

    assert calendar.present().status == "cancelled"
    assert calendar.told() == ["com.alloresto.reservation.cancelled"]
    (logged,) = fetch(calendar.admin, "select actor, action from audit_log")
    assert tuple(logged.values()) == ("Cal.com", "reservations.cancelled")


def test_our_own_changes_come_back_and_change_nothing(calendar: Calendar) -> None:
    assert calendar.send("BOOKING_CANCELLED", "booking1") == 200  # we are about to change it
    calendar.settle("booking2")  # we have moved it there
    assert calendar.send("BOOKING_RESCHEDULED", "booking2", "booking1") == 200
    assert calendar.send("BOOKING_CREATED", "booking2") == 200

    assert (calendar.present().status, calendar.present().starts_at) == ("confirmed", AT)
    assert calendar.told() == []


def test_whatever_is_told_the_calendar_is_read_again_at_once_and_what_it_moves_is_not_held_against_it(
    calendar: Calendar,
) -> None:
    calendar.settle("booking1")
    execute(
        calendar.admin,
        "set role alloresto_platform; insert into calendar_copy (connection_id, restaurant_id, next_at, read_at, known,"
        " busy, by_start) select id, restaurant_id, 'infinity', now(), tstzrange(now(), now() + interval '9 days'),"
        " tstzmultirange(tstzrange(now(), now() + interval '9 days')), true from service_connection",
    )
    due = "select next_at <= now() as due from calendar_copy"
    calendar.server.bookings["theirs"] = {"uid": "theirs", "start": AT.isoformat(), "metadata": {}}
    assert calendar.send("BOOKING_CREATED", "theirs") == 200
    assert fetch(calendar.admin, due)[0]["due"]

    assert calendar.send("BOOKING_RESCHEDULED", "booking2", "booking1") == 200
    assert calendar.present().starts_at == AT + timedelta(hours=1)


def test_what_is_moved_there_is_moved_here_if_there_is_a_table_and_back_if_not(calendar: Calendar) -> None:
    calendar.settle("booking1")
    assert calendar.send("BOOKING_RESCHEDULED", "booking2", "booking1") == 200
    present = calendar.present()
    assert (present.starts_at, present.name, present.phone) == (AT + timedelta(hours=1), "Anna", PHONE)
    assert calendar.told() == ["com.alloresto.reservation.changed"]

    calendar.settle("booking2")
    calendar.server.bookings["booking3"] = calendar.server.bookings["booking2"] | {"start": FULL.isoformat()}
    execute(calendar.admin, "set role alloresto_platform; delete from dining_room")
    calendar.work(lambda connection: dining.add_table(connection, calendar.admin.pizza.id, "Hall", "T1", 1))
    assert calendar.send("BOOKING_RESCHEDULED", "booking3", "booking2") == 200
    assert calendar.present().starts_at == AT + timedelta(hours=1)
    (back,) = fetch(calendar.admin, "select kind from errand where state = 'waiting'")
    assert back["kind"] == "calendar.keep"
