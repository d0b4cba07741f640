"""Payment by link, from an order to Stripe's server, and what follows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from devstack.stand_ins.stripe import Stripe
from devstack.stand_ins.twilio import Twilio
from domain.errands import RefundPayment
from eventing import ordering, paying
from eventing.catalogue import OrderCancelled, OrderConfirmed
from stores import errands, payments
from stores.kitchen import Move
from stores.payments import Payment
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Eventually, Running, StartFunction
from tests.integration.functions_small.houses import PAGES, House, StartRunner, cancelled

pytestmark = pytest.mark.integration


class Payee(House):
    """With Stripe, and with Twilio for its texts."""

    def __init__(self, postgres: Pools, restaurant_id: str, master_key: str) -> None:
        super().__init__(postgres, restaurant_id, master_key)
        self.stripe, self.twilio = Stripe("rk_1", "whsec_1"), Twilio("AC1", "secret")

    async def cancel(self, event: OrderConfirmed) -> OrderCancelled:
        async with self.postgres.app.tenant(self.id) as connection:
            move = Move(event.order_id, "confirmed", "cancelled", "owner@x.example", "customer")
            await ordering.move_order(connection, move, source="/test")
        return cancelled(event)

    async def payment(self, order_id: str) -> Payment | None:
        async with self.postgres.app.tenant(self.id) as connection:
            return await payments.of_order(connection, self.id, order_id)

    async def due(self, order_id: str) -> Payment:
        payment = await self.payment(order_id)
        assert payment is not None
        return payment

    async def paid(self, order_id: str) -> Payment:
        """The guest pays, and Stripe's notice is taken."""
        async with self.postgres.app.tenant(self.id) as connection:
            payment = await payments.of_order(connection, self.id, order_id, lock=True)
            assert payment is not None
            self.stripe.pay(payment.reference)
            await paying.settle(connection, payment, "paid", intent=f"pi_{payment.reference}")
        return payment

    async def shown(self, order_id: str) -> str:
        return (await self.read(order_id)).payment_state

    def texts(self) -> list[str]:
        return [str(one["Body"]) for one in self.twilio.seen if "Body" in one]


@pytest.fixture
async def house(postgres: Pools, restaurant_id: str, master_key: str) -> AsyncIterator[Payee]:
    made = Payee(postgres, restaurant_id, master_key)
    async with TestServer(made.stripe.app) as stripe, TestServer(made.twilio.app) as twilio:
        await made.connect_twilio(str(twilio.make_url("")).rstrip("/"))
        url = str(stripe.make_url("")).rstrip("/")
        await made.connect("payments", "stripe", {"url": url}, {"key": "rk_1", "webhook_secret": "whsec_1"})
        yield made


@pytest.fixture
async def runner(function: StartFunction, database: Database, master_key: str) -> AsyncIterator[Running]:
    async with StartRunner(function, database, master_key)() as running:
        yield running


async def test_an_order_has_one_page_its_guest_is_told_of_and_what_is_paid_goes_back_once(
    runner: Running, house: Payee, eventually: Eventually
) -> None:
    confirmed = await house.order()
    for _ in range(2):
        assert (await runner.send(confirmed))[0] == 204

    async def told() -> bool:
        return len(house.texts()) == 2

    await eventually(told)
    (session,) = house.stripe.sessions.values()
    payment = await house.payment(confirmed.order_id)
    assert payment is not None and (payment.url, payment.state) == (session["url"], "requested")
    (link,) = [text for text in house.texts() if "pay" in text]
    assert f"{PAGES}/o/" in link
    assert session["amount_total"] == confirmed.total_cents

    await house.paid(confirmed.order_id)
    assert await house.shown(confirmed.order_id) == "paid"
    assert (await runner.send(await house.cancel(confirmed)))[0] == 204

    async def due() -> bool:
        return await house.shown(confirmed.order_id) == "refund_due"

    await eventually(due)
    work = RefundPayment(payment_id=payment.id, intent=f"pi_{payment.reference}")
    async with house.postgres.app.tenant(house.id) as connection:
        for expected in (True, False):
            assert await errands.add(connection, house.id, house.connection_id, work, house.pii) is expected
    await runner.tick("errands-due")

    async def back() -> bool:
        return await house.shown(confirmed.order_id) == "refunded"

    await eventually(back)
    assert list(house.stripe.refunds) == [f"pi_{payment.reference}"]


async def test_what_was_paid_for_an_order_that_is_changed_is_due_back_and_the_new_one_has_its_own_page(
    runner: Running, house: Payee, eventually: Eventually
) -> None:
    before = await house.order()
    assert (await runner.send(before))[0] == 204

    async def told() -> bool:
        return len(house.texts()) == 2

    await eventually(told)
    await house.paid(before.order_id)
    gone, after = await house.change(before)
    for event in (after, gone):
        assert (await runner.send(event))[0] == 204

    async def settled() -> bool:
        return await house.shown(before.order_id) == "refund_due" and len(house.texts()) == 4

    await eventually(settled)
    assert await house.shown(after.order_id) == "requested"
    assert len(house.stripe.sessions) == 2
    assert not any("annul" in text for text in house.texts())


async def test_the_page_of_a_cancelled_order_is_closed_also_one_that_was_still_asked_for(
    runner: Running, house: Payee, eventually: Eventually
) -> None:
    first, second = await house.order(), await house.order()
    house.stripe.faults["lost_answer"] = 1
    assert (await runner.send(first))[0] == 204
    assert (await runner.send(await house.cancel(first)))[0] == 204
    assert (await runner.send(second))[0] == 204

    async def open_page() -> bool:
        return await house.shown(second.order_id) == "requested"

    await eventually(open_page)
    assert (await runner.send(await house.cancel(second)))[0] == 204

    async def closed() -> bool:
        await runner.tick("errands-due")
        return [one["status"] for one in house.stripe.sessions.values()] == ["expired"] * 2

    await eventually(closed)


async def test_what_was_paid_stays_paid_although_the_page_was_given_up(
    runner: Running, house: Payee, eventually: Eventually
) -> None:
    house.stripe.faults["lost_answer"] = 1
    confirmed = await house.order()
    assert (await runner.send(confirmed))[0] == 204

    async def asked_for() -> bool:
        (errand,) = await house.told((await house.due(confirmed.order_id)).id)
        return errand.last_error != ""

    await eventually(asked_for)
    async with house.postgres.app.tenant(house.id) as connection:
        payment = await payments.of_order(connection, house.id, confirmed.order_id, lock=True)
        assert payment is not None
        await paying.settle(connection, payment, "paid", intent="pi_1")  # its notice came, the answer never did
    await house.run("update errand set give_up_at = now(), next_at = now() where kind = 'payment.request'")

    async def given_up() -> bool:
        await runner.tick("errands-due")
        return await house.states(payment.id) == ["failed"]

    await eventually(given_up)
    assert await house.shown(confirmed.order_id) == "paid"


async def test_a_page_is_asked_for_until_the_orders_own_end_and_its_guest_told_after_an_hours_outage(
    runner: Running, house: Payee, eventually: Eventually
) -> None:
    house.stripe.faults["failing"] = 1000
    confirmed = await house.order()
    assert (await runner.send(confirmed))[0] == 204

    async def tried() -> bool:
        (errand,) = await house.told((await house.due(confirmed.order_id)).id)
        return errand.last_error != ""

    await eventually(tried)
    hour = "interval '1 hour'"
    await house.run(f"update errand set created_at = created_at - {hour}, give_up_at = give_up_at - {hour}")
    await house.make_due()
    await runner.tick("errands-due")
    house.stripe.faults["failing"] = 0
    await house.make_due()
    await runner.tick("errands-due")

    async def told() -> bool:
        await runner.tick("errands-due")
        return any("pay" in text for text in house.texts())

    await eventually(told)
    assert await house.shown(confirmed.order_id) == "requested"
