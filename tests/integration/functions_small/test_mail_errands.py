"""E-mail to guests, from the address on an order's page to the mailbox: instead of texts, once each."""

from __future__ import annotations

import email
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from devstack.mail import Mailbox
from devstack.servers.ports import free_port
from domain.deposits import State
from domain.errands import AnyWork, SendMail, SendMessage
from domain.kitchen import OrderStatus
from domain.reservations import Status
from eventing import depositing
from eventing.catalogue import (
    DepositChanged,
    OrderConfirmed,
    OrderFollowed,
    OrderMoved,
    Payload,
    ReservationCancelled,
    ReservationChanged,
    ReservationFollowed,
    ReservationMade,
)
from functions.errand_runner import consequences
from integrations.tasks import Refused
from stores import connections, deposits, errands, guest_emails, messages, reservations
from stores.errands import Claimed
from stores.reservations import Wish
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Eventually, StartFunction
from tests.integration.functions_small.houses import CALLER, PAGES, House, StartRunner
from tests.integration.functions_small.test_message_errands import moved

pytestmark = pytest.mark.integration

ANNA = "anna@example.org"
AT = (datetime.now(UTC) + timedelta(days=2)).replace(hour=19, minute=0, second=0, microsecond=0)
SENDER = {"host": "127.0.0.1", "from_address": "orders@margot.example"}


@dataclass(frozen=True, slots=True)
class Booking:
    house: Mailed
    id: str
    deposit_id: str
    covers: int = 6

    async def followed(self) -> ReservationFollowed:
        async with self.house.postgres.app.tenant(self.house.id) as connection:
            await guest_emails.leave(connection, self.house.id, self.id, ANNA, self.house.pii)
        return ReservationFollowed(restaurant_id=self.house.id, reservation_id=self.id)

    async def settle(self, state: State) -> None:
        async with self.house.postgres.app.tenant(self.house.id) as connection:
            deposit = await depositing.latest(connection, self.house.id, self.id)
            assert deposit is not None
            await deposits.stand(connection, deposit, state, due_at=deposit.due_at)

    def made(self, status: Status) -> ReservationMade:
        return ReservationMade(
            restaurant_id=self.house.id,
            reservation_id=self.id,
            status=status,
            starts_at=AT,
            ends_at=AT + timedelta(hours=2),
            covers=6,
            table_ids=(),
        )

    def changed(self, before: Status, status: Status) -> ReservationChanged:
        return ReservationChanged(
            restaurant_id=self.house.id,
            reservation_id=self.id,
            before=before,
            status=status,
            starts_at=AT,
            ends_at=AT + timedelta(hours=2),
            covers=6,
            table_ids=(),
        )

    def cancelled(self) -> ReservationCancelled:
        return ReservationCancelled(
            restaurant_id=self.house.id,
            reservation_id=self.id,
            before="confirmed",
            reason="restaurant",
            cancelled_at=datetime.now(UTC),
        )

    def deposit_changed(self, state: State) -> DepositChanged:
        return DepositChanged(
            restaurant_id=self.house.id,
            deposit_id=self.deposit_id,
            reservation_id=self.id,
            state=state,
            amount_cents=9000,
            currency="EUR",
            due_at=AT,
        )


class Mailed(House):
    """``claimed`` are the errands that were planned last."""

    def __init__(self, postgres: Pools, restaurant_id: str, master_key: str) -> None:
        super().__init__(postgres, restaurant_id, master_key)
        self.claimed: Sequence[Claimed] = ()

    async def leaves(self, order: OrderConfirmed, address: str = ANNA) -> OrderFollowed:
        async with self.postgres.app.tenant(self.id) as connection:
            await guest_emails.leave(connection, self.id, order.order_id, address, self.pii)
        return OrderFollowed(restaurant_id=self.id, order_id=order.order_id, number=order.number)

    async def book(self, status: Status) -> Booking:
        """One that waits for a deposit of 90 euros where it is ``held``."""
        wish = Wish(starts_at=AT, ends_at=AT + timedelta(hours=2), covers=6, name="Anna", phone=CALLER)
        async with self.postgres.app.tenant(self.id) as connection:
            made = await reservations.add(connection, self.id, wish, status=status, pii=self.pii)
            deposit = ""
            if status == "held":
                paid_at = next(one.id for one in await connections.in_use(connection, self.id))
                deposit = await deposits.add(
                    connection, self.id, made, paid_at, amount_cents=9000, currency="EUR", minutes=30, due_at=AT
                )
        return Booking(self, made, deposit)

    async def planned(self, *events: Payload) -> Sequence[AnyWork]:
        """What is new of it, and done by the next time."""
        await self.plan(*events)
        async with self.postgres.platform.platform() as connection:
            self.claimed = await errands.claim(connection, 50, 50)
            await connection.execute("update errand set state = 'done', settled_at = now()")
        return [work for one in self.claimed if (work := errands.work_of(one, self.pii)) is not None]


@pytest.fixture
async def house(postgres: Pools, restaurant_id: str, master_key: str) -> Mailed:
    return Mailed(postgres, restaurant_id, master_key)


async def connect_both(house: House) -> None:
    await house.connect_twilio("http://127.0.0.1:9")
    await house.connect("mail", "smtp", SENDER, {})


def ready(order: OrderConfirmed, status: OrderStatus = "ready") -> OrderMoved:
    return moved(order, status)


async def test_who_left_an_address_is_mailed_and_not_texted(house: Mailed) -> None:
    await connect_both(house)
    order = await house.order()

    (text,) = await house.planned(order)
    followed = await house.leaves(order)
    (mail,) = await house.planned(followed, followed)
    assert isinstance(text, SendMessage) and isinstance(mail, SendMail)
    assert (mail.to, mail.template) == (ANNA, "order_confirmed")
    assert f"{PAGES}/o/" in mail.text and mail.stop.endswith("/stop")

    (news,) = await house.planned(ready(order), ready(order))
    assert isinstance(news, SendMail) and news.template == "order_ready"


async def test_the_address_goes_on_with_the_order_that_its_guest_changed(house: Mailed) -> None:
    await connect_both(house)
    before = await house.order()
    await house.leaves(before)
    gone, after = await house.change(before)

    (mail,) = await house.planned(after, gone, after, gone)

    assert isinstance(mail, SendMail) and (mail.to, mail.template) == (ANNA, "order_changed")
    assert f"n° {after.number} au lieu du n° {before.number}" in mail.title and "Total" in mail.text
    (news,) = await house.planned(ready(after))
    assert isinstance(news, SendMail) and news.to == ANNA


async def test_another_address_is_told_what_was_ordered_as_well(house: Mailed) -> None:
    await connect_both(house)
    order = await house.order()
    first = await house.leaves(order, "typo@example.org")
    await house.planned(first)
    second = await house.leaves(order)
    await house.planned(second)

    async with house.postgres.app.tenant(house.id) as connection:
        assert await connection.fetchval("select count(*) from errand where kind = 'mail.send'") == 2


async def test_what_the_mailbox_refuses_goes_by_text_after_all(house: Mailed) -> None:
    await connect_both(house)
    order = await house.order()
    await house.leaves(order)
    (mail,) = await house.planned(ready(order))
    (one,) = house.claimed

    async with house.postgres.app.tenant(house.id) as connection:
        await consequences.follow(house.home, connection, one, mail, "refused", Refused("the mailbox (550)"))
        assert await guest_emails.left_for(connection, house.id, order.order_id, house.pii) == ""
    (text,) = await house.planned()
    assert isinstance(text, SendMessage) and text.template == "order_ready"


async def test_without_who_brings_mails_texts_go_on(house: Mailed) -> None:
    await house.connect_twilio("http://127.0.0.1:9")
    order = await house.order()
    await house.leaves(order)

    (text,) = await house.planned(ready(order))
    assert isinstance(text, SendMessage)


async def test_a_booking_is_told_by_mail_as_an_order_is(house: Mailed) -> None:
    await connect_both(house)
    booking = await house.book("held")
    (text,) = await house.planned(booking.made("confirmed"))
    assert isinstance(text, SendMessage) and f"{PAGES}/b/" in text.text

    followed = await booking.followed()
    (mail,) = await house.planned(followed, followed)
    assert isinstance(mail, SendMail)
    assert (mail.to, mail.template) == (ANNA, "reservation_held")
    assert "90,00" in mail.text and "à payer avant" in mail.text
    assert f"{PAGES}/b/" in mail.text and mail.stop.endswith("/stop")

    await booking.settle("paid")
    changed = booking.changed("held", "confirmed")
    (mail,) = await house.planned(changed, changed)
    assert isinstance(mail, SendMail) and mail.template == "reservation_confirmed"
    assert f"table pour {booking.covers}" in mail.text and "payé" in mail.text

    later = booking.changed("confirmed", "confirmed")
    (mail,) = await house.planned(later, later)
    assert isinstance(mail, SendMail) and mail.template == "reservation_changed"

    await booking.settle("refund_due")
    for event, template in (
        (booking.cancelled(), "reservation_cancelled"),
        (booking.deposit_changed("refund_due"), "deposit_refunded"),
    ):
        (mail,) = await house.planned(event)
        assert isinstance(mail, SendMail) and mail.template == template


async def test_a_deposits_link_goes_by_text_although_an_address_is_there(house: Mailed) -> None:
    await connect_both(house)
    booking = await house.book("held")
    await booking.followed()

    (text,) = await house.planned(booking.deposit_changed("awaited"))

    assert isinstance(text, SendMessage) and text.template == "deposit_link"


async def test_without_who_brings_mails_a_bookings_text_has_no_page(house: Mailed) -> None:
    await house.connect_twilio("http://127.0.0.1:9")
    booking = await house.book("confirmed")

    (text,) = await house.planned(booking.made("confirmed"))

    assert isinstance(text, SendMessage) and PAGES not in text.text


async def test_what_a_mailbox_refuses_of_a_booking_goes_by_text_after_all(house: Mailed) -> None:
    await connect_both(house)
    booking = await house.book("confirmed")
    (first,) = await house.planned(await booking.followed())
    (left,) = house.claimed
    (mail,) = await house.planned(booking.changed("confirmed", "confirmed"))
    (one,) = house.claimed

    async with house.postgres.app.tenant(house.id) as connection:
        await consequences.follow(house.home, connection, one, mail, "refused", Refused("the mailbox (550)"))
        assert await guest_emails.left_for(connection, house.id, booking.id, house.pii) == ""
        await guest_emails.leave(connection, house.id, booking.id, ANNA, house.pii)
        await consequences.follow(house.home, connection, left, first, "refused", Refused("the mailbox (550)"))
    (text,) = await house.planned()
    assert isinstance(text, SendMessage) and text.template == "reservation_changed"


async def test_a_greylisted_mail_arrives_once_and_its_connection_counts_as_there(
    house: Mailed,
    function: StartFunction,
    database: Database,
    master_key: str,
    eventually: Eventually,
    tmp_path: Path,
) -> None:
    box = Mailbox(tmp_path, free_port())
    box.start()
    box.faults["greylisting"] = 1
    await house.connect("mail", "smtp", SENDER | {"port": str(box.port), "security": "none"}, {})
    order = await house.order()
    followed = await house.leaves(order)
    try:
        async with StartRunner(function, database, master_key)() as running:
            assert (await running.send(followed))[0] == 204

            async def waits() -> object:
                async with house.postgres.app.tenant(house.id) as connection:
                    return await connection.fetchval("select 1 from errand where last_error = 'not yet (450)'")

            await eventually(waits)
            async with house.postgres.app.tenant(house.id) as connection:
                assert await connection.fetchval("select failures from service_connection") == 0
                await connection.execute("update errand set next_at = now()")

            async def told() -> object:
                await running.tick("errands-due")
                async with house.postgres.app.tenant(house.id) as connection:
                    return await messages.of_subject(connection, house.id, order.order_id)

            await eventually(told)
    finally:
        box.stop()

    [path] = box.mails()
    mail = email.message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(mail, EmailMessage) and mail["To"] == ANNA
    assert f"<{PAGES}/o/" in mail["List-Unsubscribe"]
