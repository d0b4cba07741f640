"""What Stripe tells at the door: signed and fresh, twice, late and out of order; and what the pages show."""

import random
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from flask import Flask
from flask.testing import FlaskClient

from devstack.stand_ins.stripe import Stripe
from domain.order import ConfirmedOrder
from domain.payments import Fate
from eventing import paying
from stores import connections, orders, payments
from stores.ciphers import PiiCipher
from stores.order_links import OrderLinks
from stores.payments import Payment
from stores.postgres import Connection
from tests.integration.web.admin import OWNER, Admin, csrf_token, execute, fetch, make_order, take_order

pytestmark = pytest.mark.integration

T = TypeVar("T")
LogIn = Callable[[str], FlaskClient]
SECRET = "whsec_1"


class Till:
    def __init__(self, app: Flask, client: FlaskClient, admin: Admin) -> None:
        self.app, self.client, self.admin, self.stripe = app, client, admin, Stripe("rk_1", SECRET)
        pii = PiiCipher(admin.master_key)
        self.connection = self.work(
            lambda connection: connections.connect(
                connection,
                admin.pizza.id,
                service="payments",
                provider="stripe",
                settings={},
                secrets={"key": "rk_1", "webhook_secret": SECRET},
                pii=pii,
                created_by="owner@x.example",
            )
        )
        self.path = f"/hooks/stripe/{self.connection.id}"

    def work(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        done: T = self.app.extensions["alloresto.database"].tenant(self.admin.pizza.id, work)
        return done

    def asked(self) -> tuple[ConfirmedOrder, Payment]:
        """An order with an open page."""
        order = make_order(self.admin)
        take_order(self.admin, order, tell=False)

        async def work(connection: Connection) -> Payment:
            owner = self.admin.pizza.id
            await payments.request(connection, owner, order.id, self.connection.id, order.total_cents, order.currency)
            made = await payments.of_order(connection, owner, order.id)
            assert made is not None
            await payments.open_page(connection, made, f"cs_{made.id}", "https://pay.example/x")
            return made

        return order, self.work(work)

    def event(self, kind: str, payment: Payment) -> bytes:
        about = {"id": "x", "payment_intent": "pi_1", "metadata": {"payment_id": payment.id}}
        return self.stripe.event(kind, about | {"payment_status": "paid", "refunded": True})

    def send(self, body: bytes) -> None:
        answer = self.client.post(self.path, data=body, headers=self.stripe.signed(body))
        assert answer.status_code == 200, answer.text

    def state(self, order: ConfirmedOrder) -> str:
        return self.work(lambda connection: orders.get(connection, order.id)).payment_state

    def outcomes(self) -> list[str]:
        told = "select event->'data'->>'outcome' as outcome from outbox where type = $1 order by id"
        return [str(row["outcome"]) for row in fetch(self.admin, told, "com.alloresto.payment.settled")]


@pytest.fixture
def till(app: Flask, client: FlaskClient, admin: Admin) -> Till:
    return Till(app, client, admin)


PAID, ENDED, BACK = "checkout.session.completed", "checkout.session.expired", "charge.refunded"


def test_only_what_is_signed_and_fresh_is_heard(till: Till) -> None:
    order, payment = till.asked()
    body = till.event(PAID, payment)
    for headers in ({}, till.stripe.signed(body, time.time() - 400), till.stripe.signed(b"other")):
        assert till.client.post(till.path, data=body, headers=headers).status_code == 404
    assert till.state(order) == "requested"
    till.send(till.stripe.event("customer.created", {"id": "cus_1"}))
    till.send(till.stripe.event(PAID, {"metadata": {"payment_id": "another system's"}, "payment_status": "paid"}))


def test_a_payment_is_paid_once_and_a_late_end_of_its_page_undoes_nothing(till: Till) -> None:
    order, payment = till.asked()
    body = till.event(PAID, payment)
    for one in (body, body, till.event(ENDED, payment), till.event(PAID, payment)):
        till.send(one)
    assert till.state(order) == "paid"
    assert till.outcomes() == ["paid"]


def test_what_is_paid_while_the_service_is_off_is_known(till: Till) -> None:
    order, payment = till.asked()
    till.work(lambda connection: connections.switch(connection, till.connection.id, False))
    till.send(till.event(PAID, payment))
    assert till.state(order) == "paid"


def test_whatever_the_order_of_the_notices_each_outcome_is_told_once(till: Till) -> None:
    """200 random sequences, with duplicates, in the transactions of the door."""
    chance = random.Random(4)
    order, payment = till.asked()
    owner = till.admin.pizza.id

    async def run(connection: Connection) -> None:
        await payments.stand(connection, payment, "requested")
        fates: list[Fate] = chance.choices(("paid", "expired", "refunded"), k=chance.randint(2, 8))
        told = []
        for fate in fates:
            now = await payments.locked(connection, owner, payment.id)
            assert now is not None
            event = await paying.settle(connection, now, fate)
            told += [event.outcome] if event else []
        assert len(told) == len(set(told)), fates
        best = next(one for one in ("refunded", "paid", "expired") if one in fates)
        assert told[-1] == best
        assert (await orders.get(connection, order.id)).payment_state == best

    for _ in range(200):
        till.work(run)


def test_the_guest_has_a_button_until_it_is_paid(till: Till) -> None:
    order, payment = till.asked()
    token = OrderLinks(till.admin.master_key, "").token(
        till.admin.pizza.id, order.id, datetime.now(UTC) + timedelta(hours=1)
    )
    assert "https://pay.example/x" in till.client.get(f"/o/{token}").text
    for on in (False, True):
        till.work(lambda connection, on=on: connections.switch(connection, till.connection.id, on))  # type: ignore[misc]
        assert ("https://pay.example/x" in till.client.get(f"/o/{token}").text) is on
    till.send(till.event(PAID, payment))
    after = till.client.get(f"/o/{token}").text
    assert "https://pay.example/x" not in after and re.search("Payé. Merci|Paid. Thank you", after)


def test_what_was_paid_for_a_cancelled_order_is_sent_back_by_a_button_once(till: Till, log_in: LogIn) -> None:
    order, payment = till.asked()
    place = f"/place/{till.admin.pizza.id}/orders"
    execute(
        till.admin, f"update \"order\" set status = 'cancelled', cancel_reason = 'customer' where id = '{order.id}'"
    )
    till.send(till.event(PAID, payment))
    assert till.state(order) == "refund_due"
    owner = log_in(OWNER)
    page = owner.get(f"{place}/{order.id}").text
    assert f"{order.id}/refund" in page
    for _ in range(2):
        answer = owner.post(f"{place}/{order.id}/refund", data={"csrf_token": csrf_token(page)})
        assert answer.status_code == 303
    asked = fetch(till.admin, "select key from errand where kind = 'payment.refund'")
    assert [str(row["key"]) for row in asked] == [f"payment.refund/{payment.id}"]
    till.send(till.event(BACK, payment))
    assert till.state(order) == "refunded"
    assert till.outcomes() == ["paid", "refunded"]
