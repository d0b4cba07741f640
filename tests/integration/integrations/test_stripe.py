"""Payments: one page for a payment, its end, its refund; and whose word is believed."""

import json
import time
from datetime import UTC, datetime, timedelta

import aiohttp
import msgspec
import pytest
from aiohttp import web

from devstack.stand_ins.standing import Fault, StandIn
from devstack.stand_ins.stripe import Stripe as StripeServer
from domain.errands import CancelPayment, RefundPayment, RequestPayment
from integrations.network import Network
from integrations.payments import stripe
from integrations.payments.stripe import TOLERANCE_S, Notice, Stripe
from integrations.tasks import Done, Later, Refused, Task
from tests.integration.integrations.conftest import Serve

NOW = 1_700_000_000.0
REQUEST = RequestPayment(
    payment_id="p1",
    amount_cents=3350,
    currency="EUR",
    label="Chez Margot, commande 12",
    language="fr",
    expires_at=datetime.now(UTC) + timedelta(hours=2),
    back="https://admin.example.com/o/t",
)


def task(work: RequestPayment | CancelPayment | RefundPayment, attempt: int = 1) -> Task:
    return Task("e1", "r1", work.key, attempt, work)


@pytest.fixture
async def at_stripe(serve: Serve, network: Network) -> tuple[StripeServer, Stripe]:
    server = StripeServer("rk_test_1", "whsec_1")
    return server, Stripe.open(network, {"url": await serve(server)}, {"key": "rk_test_1"})


async def test_a_page_is_asked_for_with_the_amount_and_until_when(at_stripe: tuple[StripeServer, Stripe]) -> None:
    server, adapter = at_stripe

    made = await adapter.perform(task(REQUEST))

    session = server.sessions["cs_test_1"]
    assert made == Done("cs_test_1", {"url": session["url"]})
    assert (session["amount_total"], session["currency"], session["client_reference_id"]) == (3350, "eur", "p1")
    assert session["expires_at"] == int(REQUEST.expires_at.timestamp())


async def test_a_page_that_is_asked_for_late_is_open_for_half_an_hour_all_the_same(
    at_stripe: tuple[StripeServer, Stripe],
) -> None:
    server, stripe = at_stripe
    now = datetime.now(UTC)
    for minutes in (5, -50):
        late = msgspec.structs.replace(REQUEST, expires_at=now + timedelta(minutes=minutes))
        for _ in range(2):  # the same request each time, or Stripe refuses its key
            assert isinstance(await stripe.perform(task(late)), Done)

    lasts = [one["expires_at"] - now.timestamp() for one in server.sessions.values()]
    assert [round(one / 60) for one in lasts] == [35, 40]


@pytest.mark.parametrize("fault", ["failing", "rate_limited", "lost_answer"])
async def test_a_payment_has_one_page_however_often_it_is_asked_for(
    fault: Fault, at_stripe: tuple[StripeServer, Stripe]
) -> None:
    server, adapter = at_stripe
    server.faults[fault] = 1

    assert isinstance(await adapter.perform(task(REQUEST)), Later)
    assert await adapter.perform(task(REQUEST, 2)) == await adapter.perform(task(REQUEST, 3))
    assert list(server.sessions) == ["cs_test_1"]


async def test_a_refused_payment_says_why(at_stripe: tuple[StripeServer, Stripe]) -> None:
    server, adapter = at_stripe
    server.faults["refusing"] = 1

    assert await adapter.perform(task(REQUEST)) == Refused("Stripe: amount_too_small")


async def test_a_page_is_closed_and_closing_one_that_is_closed_is_no_fault(
    at_stripe: tuple[StripeServer, Stripe],
) -> None:
    server, adapter = at_stripe
    await adapter.perform(task(REQUEST))
    work = CancelPayment(payment_id="p1", session="cs_test_1")

    assert await adapter.perform(task(work)) == Done("cs_test_1")
    assert server.sessions["cs_test_1"]["status"] == "expired"
    again = await adapter.perform(Task("e2", "r1", "another key", 1, work))
    assert again == Done("cs_test_1")


async def test_whether_a_page_was_paid_is_asked_again_where_it_cannot_be_told(serve: Serve, network: Network) -> None:
    class Silent(StripeServer):
        async def _show(self, request: web.Request) -> web.Response:
            return web.Response(status=503)

    server = Silent("rk_test_1", "whsec_1")
    adapter = Stripe.open(network, {"url": await serve(server)}, {"key": "rk_test_1"})
    await adapter.perform(task(REQUEST))
    server.pay("cs_test_1")

    closed = await adapter.perform(task(CancelPayment(payment_id="p1", session="cs_test_1")))

    assert isinstance(closed, Later)


async def test_a_refund_is_made_once(at_stripe: tuple[StripeServer, Stripe]) -> None:
    server, adapter = at_stripe
    work = RefundPayment(payment_id="p1", intent="pi_1")
    server.faults["lost_answer"] = 1

    assert isinstance(await adapter.perform(task(work)), Later)
    assert isinstance(await adapter.perform(task(work, 2)), Done)
    assert isinstance(await adapter.perform(Task("e2", "r1", "another key", 1, work)), Done)
    assert list(server.refunds) == ["pi_1"]


async def test_a_refund_that_was_refused_can_be_tried_again(serve: Serve, network: Network) -> None:
    server = StripeServer("rk_test_1", "whsec_1")
    url = await serve(server)
    adapter = Stripe.open(network, {"url": url}, {"key": "rk_test_1"})
    work = RefundPayment(payment_id="p1", intent="pi_1")
    server.faults["refusing"] = 1

    assert isinstance(await adapter.perform(task(work)), Refused)
    assert isinstance(await adapter.perform(task(work, 2)), Done)


async def test_an_old_key_is_the_connections_fault(serve: Serve, network: Network) -> None:
    url = await serve(StripeServer("rk_test_1", "whsec_1"))

    outcome = await Stripe.open(network, {"url": url}, {"key": "old"}).perform(task(REQUEST))

    assert outcome == Later("Stripe: api_key_expired")


@pytest.mark.parametrize(
    ("shift", "secret", "added", "believed"),
    [
        (0, "whsec_1", b"", True),
        (TOLERANCE_S, "whsec_1", b"", True),
        (TOLERANCE_S + 1, "whsec_1", b"", False),
        (-TOLERANCE_S - 1, "whsec_1", b"", False),
        (0, "whsec_2", b"", False),
        (0, "whsec_1", b" ", False),
    ],
)
def test_a_webhook_is_believed_when_it_is_signed_and_fresh(
    shift: int, secret: str, added: bytes, believed: bool
) -> None:
    server = StripeServer("rk", "whsec_1")
    body = b'{"id":"evt_1"}'
    headers = {name.lower(): value for name, value in server.signed(body, NOW).items()}

    assert stripe.verify(headers, body + added, secret, NOW + shift) is believed


@pytest.mark.parametrize("header", ["", "t=,v1=", "v1=abc", "t=99999999999999999999,v1=a", "t=1700000000", "t=²,v1=é"])
def test_a_signature_that_is_none_is_not_believed(header: str) -> None:
    assert not stripe.verify({"stripe-signature": header}, b"{}", "whsec_1", NOW)


def test_what_an_event_says() -> None:
    server = StripeServer("rk", "whsec_1")
    ours = {"payment_id": "p1"}
    session = {"id": "cs_1", "metadata": ours, "payment_intent": "pi_1", "amount_total": 3350}
    session |= {"currency": "eur"}
    paid = server.event("checkout.session.completed", session | {"payment_status": "paid"})
    unpaid = server.event("checkout.session.completed", session | {"payment_status": "unpaid"})
    charge = {"id": "ch_1", "payment_intent": "pi_1", "metadata": {"payment_id": "p1"}, "currency": "eur"}

    assert stripe.read(paid) == Notice("evt_1", "p1", "paid", "pi_1")
    assert stripe.read(unpaid) is None
    # A payment link of the same account takes this from its address: whoever pays a cent there could name our payment.
    chosen = session | {"metadata": {}, "client_reference_id": "p1", "payment_status": "paid"}
    assert stripe.read(server.event("checkout.session.completed", chosen)) is None
    refund = stripe.read(server.event("charge.refunded", charge | {"refunded": True, "amount_refunded": 3350}))
    assert refund is not None and refund.fate == "refunded"
    assert stripe.read(server.event("charge.refunded", charge | {"refunded": False, "amount_refunded": 5})) is None
    assert stripe.read(server.event("customer.created", {"id": None, "metadata": None, "refunded": "no"})) is None
    with pytest.raises(ValueError, match="Stripe"):
        stripe.read(json.dumps([1]).encode())


async def test_the_stand_ins_page_is_paid_once_and_its_event_is_believed(serve: Serve, network: Network) -> None:
    heard: list[tuple[bool, Notice | None]] = []

    async def hook(request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        heard.append((stripe.verify(headers, body, "whsec_1", time.time()), stripe.read(body)))
        return web.json_response({"received": True})

    server = StripeServer("rk_test_1", "whsec_1")
    base = await serve(server)
    door = StandIn()
    door.app.router.add_post("/hooks", hook)
    endpoint = f"{await serve(door)}/hooks"
    later = msgspec.structs.replace(REQUEST, expires_at=datetime.now(UTC) + timedelta(hours=1), label="<b>Margot</b>")
    made = await Stripe.open(network, {"url": base}, {"key": "rk_test_1"}).perform(task(later))
    assert isinstance(made, Done)
    url = made.facts["url"]

    async with aiohttp.ClientSession() as session:
        assert "&lt;b&gt;Margot" in await (await session.get(url)).text()
        await session.post(f"{base}/dashboard", data={"url": endpoint})
        back = await session.post(url, data={"do": "cancel"}, allow_redirects=False)
        assert (back.status, back.headers["Location"], heard) == (303, REQUEST.back, [])
        for _ in range(2):
            back = await session.post(url, data={"do": "pay"}, allow_redirects=False)
            assert (back.status, back.headers["Location"]) == (303, REQUEST.back)
        assert "complete" in await (await session.get(url)).text()
        assert (await session.get(f"{base}/pay/none")).status == 404
    [(believed, notice)] = heard
    assert believed and notice is not None and (notice.payment_id, notice.fate) == ("p1", "paid")
