"""Toast's APIs, by HTTP, with the failures that they have: priced first, looked for before it is sent again."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from devstack.stand_ins.toast import Toast as StandIn
from domain.errands import AnyWork, CancelOrder, PlaceOrder, ReadTill
from domain.till_menus import Loss, TillMenu
from integrations.network import Network
from integrations.tasks import Done, Later, Outcome, Refused, Task
from integrations.tills import toast
from integrations.tills.notices import Availability, MenuMoved, OrderStands
from integrations.tills.sending import SENT
from tests.integration.integrations.conftest import Serve


class Till:
    def __init__(self, network: Network, till: StandIn, url: str) -> None:
        self.network, self.till, self.url = network, till, url

    async def perform(self, work: AnyWork, attempt: int = 1, secret: str = "secret") -> Outcome:
        settings = {"url": self.url, "restaurant": "R1", "client_id": "client"}
        adapter = toast.Toast(self.network, settings, {"client_secret": secret})
        return await adapter.perform(Task("errand", "restaurant", work.key, attempt, work, attempt > 1))

    def asked(self, path: str) -> list[dict[str, Any]]:
        return [one for one in self.till.seen if one["path"] == path]


@pytest.fixture
async def till(network: Network, serve: Serve) -> Till:
    stand_in = StandIn("R1", "client", "secret", "shared other")
    stand_in.prices = {"PIZ-M-L": 1450, "OLIVES": 150}
    return Till(network, stand_in, await serve(stand_in))


@pytest.fixture
def picked_up(placed: PlaceOrder) -> PlaceOrder:
    """Two at 16.00: with the olives that the till knows."""
    line = msgspec.structs.replace(placed.lines[0], unit_cents=1600)
    return msgspec.structs.replace(placed, fulfilment="pickup", lines=(line,), fee_cents=0, total_cents=3200)


async def test_an_order_is_priced_and_then_sent_with_all_that_must_be_known(till: Till, picked_up: PlaceOrder) -> None:
    outcome = await till.perform(picked_up)
    order = till.till.orders[f"ALLORESTO:{picked_up.order_id}"]
    assert outcome == Done(order["guid"], SENT)
    assert [one["path"].rsplit("/", 1)[-1] for one in till.till.seen] == ["prices", "orders"]
    assert order["diningOption"]["guid"] == "D-TAKE"
    (check,) = order["checks"]
    assert check["customer"] == {
        "firstName": "Anna",
        "lastName": "#12",
        "phone": "+33612345678",
        "email": "guest33612345678@phone.invalid",
    }
    (selection,) = check["selections"]
    assert (selection["item"]["guid"], selection["itemGroup"]["guid"], selection["quantity"]) == (
        "PIZ-M-L",
        "PIZZAS",
        2,
    )
    olives, *words = selection["modifiers"]
    assert (olives["item"]["guid"], olives["optionGroup"]["guid"]) == ("OLIVES", "EXTRAS")
    assert [one["displayName"] for one in words] == ["ALLERGIES: peanuts", "no Onions", "well done"]


async def test_another_price_at_the_till_is_a_refusal_in_plain_words_and_nothing_is_sent(
    till: Till, picked_up: PlaceOrder
) -> None:
    till.till.prices["PIZ-M-L"] = 1500
    refused = await till.perform(picked_up)
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("the till asks for ") and "33" in refused.reason and "32" in refused.reason
    assert till.till.orders == {}
    till.till.prices.clear()
    assert await till.perform(picked_up) == Refused("No such menu item")


async def test_an_order_whose_answer_was_lost_is_one_order(till: Till, picked_up: PlaceOrder) -> None:
    assert isinstance(
        await till.perform(ReadTill(reading_id="r", currency="EUR")), Done
    )  # a token and the dining options first
    await till.perform(picked_up)
    till.till.orders.clear()
    till.till.seen.clear()
    till.till.faults["lost_answer"] = 1  # of the prices
    assert isinstance(await till.perform(picked_up), Later)
    assert till.till.orders == {}
    made = await till.perform(picked_up, attempt=2)
    again = await till.perform(picked_up, attempt=3)
    assert made == again and len(till.till.orders) == 1
    assert len(till.asked("/orders/v2/orders")) == 1


async def test_a_token_is_kept_until_they_end_it(till: Till, picked_up: PlaceOrder) -> None:
    await till.perform(picked_up)
    await till.perform(picked_up, attempt=2)
    assert till.till.tokens_given == 1
    till.till.end_tokens()
    assert isinstance(await till.perform(picked_up, attempt=2), Done)
    assert till.till.tokens_given == 2
    assert isinstance(await till.perform(picked_up, secret="wrong"), Later)
    (order,) = till.till.orders.values()
    order["approvalStatus"] = "NOT_APPROVED"  # while nobody knew whether it had come
    assert isinstance(await till.perform(picked_up, attempt=2), Refused)


async def test_refusals_and_what_is_not_now(till: Till, picked_up: PlaceOrder, placed: PlaceOrder) -> None:
    till.till.faults["refusing"] = 1
    assert await till.perform(picked_up) == Refused("The kitchen is closed.")
    till.till.faults["rate_limited"] = 1
    later = await till.perform(picked_up)
    assert isinstance(later, Later) and later.after_s == 1.0
    eaten_in = msgspec.structs.replace(picked_up, fulfilment="dine_in")
    assert await till.perform(eaten_in) == Refused("the till has no dining option of the kind DINE_IN")
    delivered = await till.perform(msgspec.structs.replace(picked_up, fulfilment="delivery"))
    assert isinstance(delivered, Done)
    (order,) = till.till.orders.values()
    assert order["deliveryInfo"] == {"address1": "12 rue Neuve", "city": "Paris", "zipCode": "75002"}


async def test_an_order_is_voided_and_one_that_never_came_needs_no_voiding(till: Till, picked_up: PlaceOrder) -> None:
    cancel = CancelOrder(order_id=picked_up.order_id, number=12, reason="customer")
    assert await till.perform(cancel) == Done()
    await till.perform(picked_up)
    assert isinstance(await till.perform(cancel), Done)
    (order,) = till.till.orders.values()
    assert order["voided"]
    assert await till.perform(cancel) == Done()


MENUS: dict[str, Any] = {
    "restaurantGuid": "R1",
    "menus": [
        {
            "name": "Food",
            "menuGroups": [
                {
                    "name": "Pizza",
                    "guid": "G1",
                    "menuItems": [
                        {
                            "name": "Margherita",
                            "guid": "I1",
                            "price": 14.55,
                            "pricingStrategy": "BASE_PRICE",
                            "taxInclusion": "TAX_INCLUDED",
                            "modifierGroupReferences": [1],
                        },
                        {"name": "By size", "guid": "I2", "price": None, "pricingStrategy": "SIZE_PRICE"},
                    ],
                    "menuGroups": [
                        {
                            "name": "Wine",
                            "guid": "G2",
                            "menuItems": [
                                {
                                    "name": "Red",
                                    "guid": "I3",
                                    "price": 5,
                                    "taxInclusion": "TAX_NOT_INCLUDED",
                                    "contentAdvisories": {"alcohol": {"containsAlcohol": "YES"}},
                                }
                            ],
                        }
                    ],
                }
            ],
        }
    ],
    "modifierGroupReferences": {
        "1": {
            "referenceId": 1,
            "name": "Extras",
            "guid": "M1",
            "pricingStrategy": "NONE",
            "minSelections": 0,
            "maxSelections": None,
            "modifierOptionReferences": [10, 11],
        }
    },
    "modifierOptionReferences": {
        "10": {"referenceId": 10, "name": "Olives", "guid": "O1", "price": 1.5, "modifierGroupReferences": [1]},
        "11": {"referenceId": 11, "name": "Truffle", "guid": "O2", "price": None, "pricingStrategy": "SIZE_PRICE"},
    },
}


async def test_the_published_menus_and_the_stock_are_read_as_a_menu(till: Till) -> None:
    till.till.menus, till.till.out = MENUS, {"O1"}
    outcome = await till.perform(ReadTill(reading_id="r", currency="EUR"))
    assert isinstance(outcome, Done)
    menu = outcome.facts["menu"]
    assert isinstance(menu, TillMenu)
    margherita, red = menu.items
    assert [one.name for one in menu.categories] == ["Pizza", "Wine"]
    (size,) = margherita.sizes
    assert (size.code, size.within, size.price_cents, size.off) == ("I1", "G1", 1455, False)
    assert red.diets == ("alcohol",)
    (extras,) = menu.groups
    (olives,) = extras.options
    assert (olives.code, olives.within, olives.price_cents, olives.off, olives.groups) == ("O1", "M1", 150, True, ())
    assert extras.maximum is None
    assert set(menu.losses) == {
        Loss("item", "By size", "no_price"),
        Loss("item", "Red", "tax_on_top"),
        Loss("option", "Truffle", "no_price"),
    }


def test_only_what_one_of_its_subscriptions_has_signed_is_its() -> None:
    body, headers = StandIn("R1", "", "", "shared").notice("menus", {})
    assert toast.verify(headers, body, "other, shared")
    assert not toast.verify(headers, body, "other")
    assert not toast.verify({}, body, "shared")
    unsigned, signed = StandIn("R1", "", "", "").notice("menus", {})
    assert not toast.verify(signed, unsigned, "")
    with pytest.raises(msgspec.MsgspecError):
        toast.verify(headers, b"<xml/>", "shared")


def told(category: str, details: dict[str, Any]) -> object:
    at = datetime(2030, 5, 17, 18, tzinfo=UTC)
    return toast.read(StandIn("R1", "", "", "shared").notice(category, details, at, "E1")[0], "R1")


def test_what_toast_tells_is_read() -> None:
    at = datetime(2030, 5, 17, 18, tzinfo=UTC)
    assert told("menus", {"restaurantGuid": "R1"}) == MenuMoved("E1")
    out, back = ({"itemGuid": "I1", "status": status} for status in ("OUT_OF_STOCK", "IN_STOCK"))
    assert told("stock", out) == Availability("E1", (("I1", None),), (), at)
    assert told("stock", back) == Availability("E1", (), ("I1",), at)
    assert told("stock", out | {"restaurantGuid": "R1"}) == told("stock", out)
    assert told("stock", out | {"restaurantGuid": "R2"}) is None
    ours = {"guid": "T1", "externalId": "ALLORESTO:ours"}
    assert told("order_updated", {"order": {**ours, "approvalStatus": "APPROVED"}}) == OrderStands(
        "E1", "ours", "accepted", "T1"
    )
    assert told("order_updated", {"order": {**ours, "approvalStatus": "APPROVED", "voided": True}}) == OrderStands(
        "E1", "ours", "cancelled", "T1"
    )
    assert told("order_updated", {"order": {**ours, "approvalStatus": "NEEDS_APPROVAL"}}) is None
    assert told("order_updated", {"order": {"guid": "T2", "approvalStatus": "APPROVED"}}) is None
    with pytest.raises(msgspec.MsgspecError):
        toast.read(json.dumps({"guid": 1}).encode(), "R1")
