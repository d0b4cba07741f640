"""E-mail to guests, from the address on an order's page to the mailbox: instead of texts, once each."""

from __future__ import annotations

import email
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from devstack.mail import Mailbox
from devstack.servers.ports import free_port
from domain.errands import AnyWork, SendMail, SendMessage
from domain.kitchen import OrderStatus
from eventing.catalogue import OrderConfirmed, OrderFollowed, OrderMoved, Payload
from functions.errand_runner import consequences
from integrations.tasks import Refused
from stores import errands, guest_emails, messages
from stores.errands import Claimed
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Eventually, StartFunction
from tests.integration.functions_small.houses import PAGES, House, StartRunner
from tests.integration.functions_small.test_message_errands import moved

pytestmark = pytest.mark.integration

ANNA = "anna@example.org"
SENDER = {"host": "127.0.0.1", "from_address": "orders@margot.example"}


class Mailed(House):
    """``claimed`` are the errands that were planned last."""

    def __init__(self, postgres: Pools, restaurant_id: str, master_key: str) -> None:
        super().__init__(postgres, restaurant_id, master_key)
        self.claimed: Sequence[Claimed] = ()

    async def leaves(self, order: OrderConfirmed, address: str = ANNA) -> OrderFollowed:
        async with self.postgres.app.tenant(self.id) as connection:
            await guest_emails.leave(connection, self.id, order.order_id, address, self.pii)
        return OrderFollowed(restaurant_id=self.id, order_id=order.order_id, number=order.number)

    async def planned(self, *events: Payload) -> Sequence[AnyWork]:
        await self.plan(*events)
        async with self.postgres.platform.platform() as connection:
            self.claimed = await errands.claim(connection, 50, 50)
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

    async with house.postgres.app.tenant(house.id) as connection:
        await connection.execute("update errand set state = 'done', settled_at = now()")
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
    async with house.postgres.app.tenant(house.id) as connection:
        await connection.execute("update errand set state = 'done', settled_at = now()")
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
        assert await guest_emails.of_order(connection, house.id, order.order_id, house.pii) == ""
    (text,) = await house.planned()
    assert isinstance(text, SendMessage) and text.template == "order_ready"


async def test_without_who_brings_mails_texts_go_on(house: Mailed) -> None:
    await house.connect_twilio("http://127.0.0.1:9")
    order = await house.order()
    await house.leaves(order)

    (text,) = await house.planned(ready(order))
    assert isinstance(text, SendMessage)


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
