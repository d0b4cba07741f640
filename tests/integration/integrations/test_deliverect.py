"""Deliverect's channel interface, by HTTP, with the failures that it has."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from devstack.stand_ins.deliverect import Deliverect as StandIn
from domain.errands import AnyWork, CancelOrder, PlaceOrder
from domain.till_menus import Loss
from domain.vat import VatRates
from integrations.network import Network
from integrations.tasks import Done, Later, Outcome, Refused, Task
from integrations.tills import deliverect
from integrations.tills.notices import Availability, Busy, MenuSold, OrderStands, Registered
from integrations.tills.sending import SENT
from tests.integration.integrations.conftest import Serve

LINK = "61f0c0ffee00000000000001"
CONFIRMED_AT = datetime(2030, 5, 17, 18, 30, tzinfo=UTC)


@pytest.fixture
async def till(serve: Serve) -> StandIn:
    stand_in = StandIn(LINK, "client", "secret", hmac_secret="shared")
    stand_in.url = await serve(stand_in)
    return stand_in


async def perform(network: Network, till: StandIn, work: AnyWork, attempt: int = 1, secret: str = "secret") -> Outcome:
    settings = {"url": till.url, "channel": "AlloResto", "channel_link": LINK, "client_id": "client"}
    adapter = deliverect.Deliverect(network, settings, {"client_secret": secret})
    return await adapter.perform(Task("errand", "restaurant", work.key, attempt, work, attempt > 1))


async def test_an_order_comes_with_all_that_the_kitchen_must_know(
    network: Network, till: StandIn, placed: PlaceOrder
) -> None:
    assert await perform(network, till, placed) == Done("O1", SENT)
    order = till.orders[placed.order_id]
    assert order["orderType"] == 2
    assert order["pickupTime"] == order["deliveryTime"] == "2030-05-17T19:15:00Z"
    assert order["deliveryIsAsap"] is False
    assert order["customer"] == {"name": "Anna", "phoneNumber": "+33612345678"}
    assert order["deliveryAddress"] == {"street": "12 rue Neuve", "postalCode": "75002", "city": "Paris"}
    assert order["note"] == "ALLERGIES: peanuts"
    assert order["items"] == [
        {
            "plu": "PIZ-M-L",
            "name": "Margherita Large",
            "quantity": 2,
            "price": 1300,
            "remark": "no Onions, well done",
            "subItems": [{"plu": "OLIVES", "name": "Extra olives", "price": 150, "quantity": 1}],
        }
    ]
    items = sum(
        one["quantity"] * (one["price"] + sum(sub["price"] for sub in one["subItems"])) for one in order["items"]
    )
    assert items + order["deliveryCost"] == order["payment"]["amount"] == placed.total_cents


@pytest.mark.parametrize("may_look", [True, False], ids=["looked for", "may not look"])
async def test_an_order_whose_answer_was_lost_is_one_order(
    network: Network, till: StandIn, placed: PlaceOrder, may_look: bool
) -> None:
    till.may_look = may_look
    assert isinstance(await perform(network, till, placed), Done | Later)  # a token first: its answer isn't lost
    till.orders.clear()
    till.faults["lost_answer"] = 1
    assert isinstance(await perform(network, till, placed), Later)
    assert isinstance(await perform(network, till, placed, attempt=2), Done)
    assert list(till.orders) == [placed.order_id]
    assert till.duplicates == (0 if may_look else 1)


async def test_an_order_that_never_came_is_sent_by_the_second_attempt(
    network: Network, till: StandIn, placed: PlaceOrder
) -> None:
    till.faults["failing"] = 1
    assert isinstance(await perform(network, till, placed), Later)
    assert await perform(network, till, placed, attempt=2) == Done("O1", SENT)


async def test_a_refusal_is_told_in_the_tills_words(network: Network, till: StandIn, placed: PlaceOrder) -> None:
    till.faults["refusing"] = 1
    assert await perform(network, till, placed) == Refused("The kitchen is closed.")
    assert till.orders == {}


async def test_what_the_till_has_no_product_for_is_not_sent(
    network: Network, till: StandIn, placed: PlaceOrder
) -> None:
    unknown = msgspec.structs.replace(placed, lines=(msgspec.structs.replace(placed.lines[0], code=""),))
    assert await perform(network, till, unknown) == Refused("the till has no product for: Margherita")
    assert till.seen == []


async def test_too_many_requests_wait_as_long_as_is_asked(network: Network, till: StandIn, placed: PlaceOrder) -> None:
    till.faults["rate_limited"] = 1
    outcome = await perform(network, till, placed)
    assert isinstance(outcome, Later) and outcome.after_s == 1.0


async def test_an_order_is_cancelled_and_one_that_never_came_needs_no_cancelling(
    network: Network, till: StandIn, placed: PlaceOrder
) -> None:
    cancel = CancelOrder(order_id=placed.order_id, number=12, reason="customer")
    assert isinstance(await perform(network, till, cancel), Done)
    await perform(network, till, placed)
    assert await perform(network, till, cancel) == Done("O1", SENT)
    assert till.orders[placed.order_id]["status"] == 110
    assert till.seen[-1] == {
        "channelOrderId": placed.order_id,
        "channelOrderDisplayId": "12",
        "status": 100,
        "cancellationReason": "customer",
    }


async def test_a_token_is_kept_and_replaced_once_it_has_ended(
    network: Network, till: StandIn, placed: PlaceOrder
) -> None:
    await perform(network, till, placed)
    await perform(network, till, placed, attempt=2)
    assert till.tokens_given == 1
    till.end_tokens()
    assert await perform(network, till, placed, attempt=2) == Done("O1", SENT)
    assert till.tokens_given == 2


async def test_a_wrong_secret_waits_for_who_mends_it(network: Network, till: StandIn, placed: PlaceOrder) -> None:
    assert await perform(network, till, placed, secret="wrong") == Later("Deliverect does not know us (401)")


# --- What they tell us ------------------------------------------------------------------------------------------------


def test_only_what_is_signed_is_theirs() -> None:
    body, headers = StandIn(LINK, "", "", hmac_secret="shared").notice({"status": "PAUSED"})
    assert deliverect.verify(headers, body, "shared")
    assert not deliverect.verify(headers, body + b" ", "shared")
    assert not deliverect.verify(headers, body, "another")
    assert not deliverect.verify({}, body, "shared")
    assert not deliverect.verify({deliverect.SIGNATURE: "é"}, body, "shared")


def test_without_a_secret_nothing_is_theirs() -> None:
    body, headers = StandIn(LINK, "", "", hmac_secret="").notice({"status": "PAUSED"})
    assert not deliverect.verify(headers, body, "")


def read(body: object) -> object:
    return deliverect.read(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        (10, None),
        (20, "accepted"),
        (50, "preparing"),
        (70, "ready"),
        (90, "done"),
        (95, "accepted"),
        (110, "cancelled"),
        (120, "refused"),
        (83, None),
    ],
)
def test_an_orders_status_is_read(status: int, standing: str | None) -> None:
    sent = {"channelOrderId": "ours", "orderId": "theirs", "status": status, "timeStamp": "T", "reason": "why"}
    notice = read(sent)
    if standing is None:
        assert notice is None
    else:
        assert notice == OrderStands(f"ours/{status}/T", "ours", standing, "theirs", "why")  # type: ignore[arg-type]


def test_what_is_snoozed_and_back_is_read() -> None:
    until = "2030-05-17T22:00:00Z"
    notice = read(
        {
            "channelLinkId": LINK,
            "operations": [
                {"action": "snooze", "data": {"items": [{"plu": "A", "snoozeEnd": until}, {"plu": "B"}]}},
                {"action": "unsnooze", "data": {"items": [{"plu": "B"}]}},
            ],
        }
    )
    assert isinstance(notice, Availability)
    assert notice.off == (("A", datetime(2030, 5, 17, 22, tzinfo=UTC)),)
    assert notice.on == ("B",)


def test_busy_registration_and_menu_are_read() -> None:
    assert isinstance(paused := read({"channelLinkId": LINK, "status": "PAUSED"}), Busy) and paused.state == "paused"
    assert isinstance(busy := read({"status": "BUSY", "delay": 20}), Busy) and busy.minutes == 20
    assert isinstance(read({"status": "ONLINE"}), Busy)
    assert isinstance(registered := read({"status": "register", "channelLinkId": LINK}), Registered)
    assert registered.active


def product(plu: str, **more: object) -> dict[str, object]:
    return {"plu": plu, "name": plu.title(), "productType": 1, "max": 0, "min": 0, "snoozed": False, **more}


MENU: dict[str, Any] = {
    "menu": "Evening",
    "channelLinkId": LINK,
    "categories": [{"name": "Pizza", "subProducts": ["1", "9", "b"], "availabilities": []}],
    "products": {
        "1": product(
            "MARGHERITA",
            price=1150,
            description="Tomato",
            productTags=[106, 101, 132, 5, 17, 250],
            takeawayTax=5500,
            eatInTax=10000,
            subProducts=["g"],
        ),
        "9": product("SOUP", price=700, deliveryTax=0, takeawayTax=0, eatInTax=0, snoozed=True),
    },
    "modifierGroups": {
        "g": product("EXTRAS", min=1, max=3, multiMax=2, subProducts=["m", "n", "loop"]),
        "h": product("DIPS", min=0, max=0, subProducts=["n"]),
        "loop": product("EXTRAS", subProducts=["loop"]),
    },
    "modifiers": {
        "m": product("OLIVES", price=150, subProducts=["h"], productTags=[113, 107, 251]),
        "n": product("AIOLI", price=-50),
        "loop": product("MORE", price=0, subProducts=["loop"]),
    },
    "bundles": {"b": product("DEAL", price=2000, min=1, max=1, subProducts=["9"])},
    "snoozedProducts": {"OLIVES": {"snoozeStart": "2030-05-17T16:00:00Z", "snoozeEnd": "2030-05-17T22:00:00Z"}},
}


@pytest.mark.parametrize("pushed", [[MENU], {"menus": [MENU]}], ids=["a list", "an object"])
def test_a_pushed_menu_is_read_to_the_cent_with_allergens_choices_and_what_is_off(pushed: object) -> None:
    notice = read(pushed)
    assert isinstance(notice, MenuSold)
    margherita, soup, _ = notice.menu.items
    assert (margherita.code, margherita.category, margherita.sizes[0].price_cents) == ("MARGHERITA", "Pizza", 1150)
    assert margherita.allergens == ("milk", "gluten", "crustaceans", "molluscs")
    assert margherita.diets == ("vegetarian",)
    assert margherita.vat == VatRates(550, 1000)
    assert (soup.sizes[0].off, soup.vat) == (True, None)
    groups = {group.code: group for group in notice.menu.groups}
    extras, dips = groups["EXTRAS"], groups["DIPS"]
    assert (extras.minimum, extras.maximum, dips.minimum, dips.maximum) == (1, 3, 0, None)
    olives, more = extras.options
    assert (olives.code, olives.price_cents, olives.groups) == ("OLIVES", 150, ("DIPS",))
    assert olives.off and olives.off_until == datetime(2030, 5, 17, 22, tzinfo=UTC)
    assert (more.code, more.groups) == ("MORE", ())
    assert {(loss.name, loss.reason, loss.detail) for loss in notice.menu.losses} == {
        ("Margherita", "tag", "250"),
        ("Olives", "allergens", "sulphites molluscs"),
        ("Olives", "tag", "251"),
        ("Extras", "again", "2"),
        ("Aioli", "below_zero", ""),
    }


def test_what_has_no_price_is_left_out_and_not_given_away() -> None:
    menu = MENU | {
        "products": MENU["products"] | {"free": product("FREE", price=None), "odd": product("ODD", price=0)},
        "categories": [{"name": "Pizza", "subProducts": ["free", "odd"]}],
        "modifiers": MENU["modifiers"] | {"m": product("OLIVES", price=None)},
    }
    notice = read([menu])
    assert isinstance(notice, MenuSold)
    assert [(one.code, one.sizes[0].price_cents) for one in notice.menu.items] == [("ODD", 0)]
    assert Loss("item", "Free", "no_price") in notice.menu.losses


def test_groups_in_groups_without_end_are_cut_and_said_to_be() -> None:
    deep = 3000
    menu = {
        "menu": "Deep",
        "categories": [{"name": "Pizza", "subProducts": ["p"]}],
        "products": {"p": product("P", price=100, subProducts=["g0"])},
        "modifierGroups": {f"g{n}": product(f"G{n}", subProducts=[f"o{n}"]) for n in range(deep)},
        "modifiers": {f"o{n}": product(f"O{n}", price=0, subProducts=[f"g{n + 1}"]) for n in range(deep)},
    }
    notice = read([menu])
    assert isinstance(notice, MenuSold) and len(notice.menu.groups) == 8
    assert [(loss.name, loss.reason) for loss in notice.menu.losses] == [("G8", "deeper")]


def test_what_is_none_of_theirs_is_an_error() -> None:
    with pytest.raises(msgspec.MsgspecError):
        deliverect.read(b"<xml/>")
