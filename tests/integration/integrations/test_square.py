"""Square's Orders and Catalog APIs, by HTTP, with the failures that they have."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from devstack.stand_ins.square import Square as StandIn
from domain.errands import AnyWork, CancelOrder, PlaceOrder, ReadTill
from domain.till_menus import Loss, TillMenu
from integrations.network import Network
from integrations.tasks import Done, Later, Outcome, Refused, Task
from integrations.tills import square
from integrations.tills.notices import Availability, MenuMoved, OrderStands
from integrations.tills.sending import SENT
from tests.integration.integrations.conftest import Serve

HERE = "https://admin.example.com/hooks/square/1"


class Shop:
    def __init__(self, network: Network, till: StandIn, url: str) -> None:
        self.network, self.till, self.url = network, till, url

    async def perform(self, work: AnyWork, token: str = "token") -> Outcome:
        adapter = square.Square(self.network, {"url": self.url, "location": "L1"}, {"token": token})
        return await adapter.perform(Task("errand", "restaurant", work.key, 1, work))


@pytest.fixture
async def till() -> StandIn:
    return StandIn("token", "L1", "key")


@pytest.fixture
async def shop(network: Network, serve: Serve, till: StandIn) -> Shop:
    return Shop(network, till, await serve(till))


async def test_an_order_comes_to_the_cent_with_all_that_must_be_known(shop: Shop, placed: PlaceOrder) -> None:
    assert await shop.perform(placed) == Done("SQ1", SENT)
    order = shop.till.orders["SQ1"]
    assert (order["reference_id"], order["location_id"]) == (placed.order_id, "L1")
    (line,) = order["line_items"]
    assert (line["catalog_object_id"], line["quantity"], line["note"]) == ("PIZ-M-L", "2", "no Onions, well done")
    (olives,) = line["modifiers"]
    price = line["base_price_money"]["amount"] + olives["base_price_money"]["amount"]
    (fee,) = order["service_charges"]
    assert price * 2 + fee["amount_money"]["amount"] == placed.total_cents
    (part,) = order["fulfillments"]
    details = part["pickup_details"]
    assert details["recipient"] == {"display_name": "Anna", "phone_number": "+33612345678"}
    assert details["note"] == "ALLERGIES: peanuts / DELIVERY: 12 rue Neuve, 75002 Paris"
    assert details["pickup_at"] == "2030-05-17T19:15:00Z"


async def test_an_order_whose_answer_was_lost_is_one_order(shop: Shop, placed: PlaceOrder) -> None:
    shop.till.faults["lost_answer"] = 1
    assert isinstance(await shop.perform(placed), Later)
    assert await shop.perform(placed) == Done("SQ1", SENT)
    assert len(shop.till.orders) == 1


async def test_what_is_refused_and_what_is_not_now(shop: Shop, placed: PlaceOrder) -> None:
    shop.till.faults["refusing"] = 1
    assert await shop.perform(placed) == Refused("The kitchen is closed.")
    shop.till.faults["rate_limited"] = 1
    later = await shop.perform(placed)
    assert isinstance(later, Later) and later.after_s == 1.0
    assert isinstance(await shop.perform(placed, token="wrong"), Later)
    unknown = msgspec.structs.replace(placed, lines=(msgspec.structs.replace(placed.lines[0], code=""),))
    assert await shop.perform(unknown) == Refused("the till has no product for: Margherita")


async def test_an_order_is_cancelled_in_the_version_that_stands_there(shop: Shop, placed: PlaceOrder) -> None:
    cancel = CancelOrder(order_id=placed.order_id, number=12, reason="customer")
    assert await shop.perform(cancel) == Done()  # it never came
    await shop.perform(placed)
    order = shop.till.orders["SQ1"]
    order["version"] = 7  # somebody there has changed it
    assert isinstance(await shop.perform(cancel), Done)
    assert (order["state"], order["fulfillments"][0]["state"]) == ("CANCELED", "CANCELED")
    assert await shop.perform(cancel) == Done()
    order["state"] = "COMPLETED"
    assert await shop.perform(cancel) == Refused("it is completed there")


async def test_an_order_is_found_behind_many_newer_ones_and_one_that_is_not_is_said_so(
    shop: Shop, placed: PlaceOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(square, "MOST_ORDERS", 2)
    await shop.perform(placed)
    for number in range(5):
        shop.till.orders[f"other{number}"] = {"location_id": "L1", "id": f"other{number}", "reference_id": "x"}
    cancel = CancelOrder(order_id=placed.order_id, number=12, reason="customer")
    monkeypatch.setattr(square, "MOST_SEARCHED", 2)
    assert await shop.perform(cancel) == Refused("not among its newest 4 orders: cancel it there")
    monkeypatch.setattr(square, "MOST_SEARCHED", 3)
    assert isinstance(await shop.perform(cancel), Done)
    assert shop.till.orders["SQ1"]["state"] == "CANCELED"


async def test_a_catalogue_in_another_currency_is_refused(shop: Shop) -> None:
    shop.till.catalogue = CATALOGUE
    said = Refused("its prices are in EUR, the restaurant's in CHF")
    assert await shop.perform(ReadTill(reading_id="r", currency="CHF")) == said


def money(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def variation(one_id: str, name: str, amount: int | None, **more: Any) -> dict[str, Any]:
    price = {} if amount is None else {"price_money": money(amount)}
    return {"id": one_id, "type": "ITEM_VARIATION", "item_variation_data": {"name": name, **price, **more}}


SOLD_OUT = {"location_id": "L1", "sold_out": True, "sold_out_valid_until": "2030-05-17T22:00:00Z"}
CATALOGUE: list[dict[str, Any]] = [
    {"id": "C1", "type": "CATEGORY", "category_data": {"name": "Pizza"}},
    {
        "id": "I1",
        "type": "ITEM",
        "item_data": {
            "name": "Margherita",
            "description_plaintext": "Tomato",
            "categories": [{"id": "C1"}],
            "variations": [
                variation("V1", "Small", 900, location_overrides=[SOLD_OUT]),
                variation("V2", "Large", 1300, location_overrides=[{"location_id": "L1", "price_money": money(1350)}]),
                variation("V3", "By the slice", None),
            ],
            "modifier_list_info": [
                {"modifier_list_id": "M1", "min_selected_modifiers": -1, "max_selected_modifiers": -1},
                {"modifier_list_id": "M2", "min_selected_modifiers": 1, "max_selected_modifiers": 2},
                {"modifier_list_id": "M3"},
            ],
            "food_and_beverage_details": {
                "dietary_preferences": [{"type": "STANDARD", "standard_name": "VEGETARIAN"}],
                "ingredients": [{"standard_name": "MILK"}, {"standard_name": "TREE_NUTS"}, {"custom_name": "basil"}],
            },
            "tax_ids": ["T1"],
        },
    },
    {"id": "I2", "type": "ITEM", "item_data": {"name": "Soup", "variations": [variation("V4", "Regular", 500)]}},
    {"id": "I3", "type": "ITEM", "absent_at_location_ids": ["L1"], "item_data": {"name": "Elsewhere"}},
    {"id": "I4", "type": "ITEM", "item_data": {"name": "Old", "is_archived": True}},
    {
        "id": "M1",
        "type": "MODIFIER_LIST",
        "modifier_list_data": {
            "name": "Sauce",
            "selection_type": "SINGLE",
            "modifiers": [{"id": "O1", "type": "MODIFIER", "modifier_data": {"name": "Tomato"}}],
        },
    },
    {
        "id": "M2",
        "type": "MODIFIER_LIST",
        "modifier_list_data": {
            "name": "Extras",
            "selection_type": "MULTIPLE",
            "modifiers": [
                {"id": "O2", "type": "MODIFIER", "modifier_data": {"name": "Olives", "price_money": money(150)}},
                {"id": "O3", "type": "MODIFIER", "modifier_data": {"name": "Half", "price_money": money(-50)}},
            ],
        },
    },
    {"id": "M3", "type": "MODIFIER_LIST", "modifier_list_data": {"name": "Engraving", "modifier_type": "TEXT"}},
    {"id": "T1", "type": "TAX", "tax_data": {"inclusion_type": "ADDITIVE"}},
]


async def test_the_catalogue_is_read_page_by_page_as_a_menu(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.till.catalogue = CATALOGUE
    outcome = await shop.perform(ReadTill(reading_id="r", currency="EUR"))
    assert isinstance(outcome, Done)
    menu = outcome.facts["menu"]
    assert isinstance(menu, TillMenu)
    margherita, soup = menu.items
    assert [(one.code, one.name, one.price_cents, one.off) for one in margherita.sizes] == [
        ("V1", "Small", 900, True),
        ("V2", "Large", 1350, False),
    ]
    assert margherita.sizes[0].off_until == datetime(2030, 5, 17, 22, tzinfo=UTC)
    assert (margherita.allergens, margherita.diets) == (("milk", "nuts"), ("vegetarian",))
    assert (soup.category, soup.sizes[0].name) == ("-", "")
    sauce, extras = menu.groups
    assert (sauce.code, sauce.minimum, sauce.maximum) == ("M1", 0, 1)
    assert (extras.minimum, extras.maximum, [one.code for one in extras.options]) == (1, 2, ["O2"])
    assert margherita.groups == (sauce.code, extras.code)
    assert set(menu.losses) == {
        Loss("size", "Margherita By the slice", "no_price"),
        Loss("item", "Margherita", "tag", "basil"),
        Loss("item", "Margherita", "tax_on_top"),
        Loss("option", "Half", "below_zero"),
        Loss("group", "Engraving", "free_text"),
    }
    shop.till.faults["failing"] = 1
    assert isinstance(await shop.perform(ReadTill(reading_id="r", currency="EUR")), Later)
    monkeypatch.setattr(square, "CATALOGUE_BYTES", 500)
    assert await shop.perform(ReadTill(reading_id="r", currency="EUR")) == Refused(
        "its catalogue has more than 500 bytes"
    )


def test_only_what_square_has_signed_for_this_address_is_its(till: StandIn) -> None:
    body, headers = till.notice(HERE, "order.updated", {})
    assert square.verify(headers, HERE, body, "key")
    assert not square.verify(headers, HERE + "2", body, "key")
    assert not square.verify(headers, HERE, body + b" ", "key")
    assert not square.verify({}, HERE, body, "key")
    unsigned = StandIn("", "").notice(HERE, "order.updated", {})
    assert not square.verify(unsigned[1], HERE, unsigned[0], "")


def told(till: StandIn, kind: str, about: dict[str, Any]) -> object:
    return square.read(till.notice(HERE, kind, about, "E1")[0], "L1")


def test_what_square_tells_is_read(till: StandIn) -> None:
    moved = {"order_fulfillment_updated": {"order_id": "SQ1", "fulfillment_update": [{"new_state": "PREPARED"}]}}
    assert told(till, "order.fulfillment.updated", moved) == OrderStands("E1", "", "ready", "SQ1")
    cancelled = {"order_updated": {"order_id": "SQ1", "state": "CANCELED"}}
    assert told(till, "order.updated", cancelled) == OrderStands("E1", "", "cancelled", "SQ1")
    assert told(till, "order.updated", {"order_updated": {"order_id": "SQ1", "state": "OPEN"}}) is None
    assert told(till, "catalog.version.updated", {"catalog_version": {}}) == MenuMoved("E1")
    at = "2030-05-17T18:00:00Z"
    counts = [
        {"catalog_object_id": "V1", "quantity": "0", "state": "IN_STOCK", "calculated_at": at},
        {"catalog_object_id": "V2", "quantity": "3.5", "state": "IN_STOCK", "calculated_at": at},
        {"catalog_object_id": "V3", "quantity": "1", "state": "WASTE", "calculated_at": at},
        {"catalog_object_id": "V2", "quantity": "0", "state": "IN_STOCK", "calculated_at": at, "location_id": "L2"},
        {"catalog_object_id": "V4", "quantity": "many", "state": "IN_STOCK"},
    ]
    expected = Availability("E1", (("V1", None),), ("V2",), datetime(2030, 5, 17, 18, tzinfo=UTC))
    assert told(till, "inventory.count.updated", {"inventory_counts": counts}) == expected
    assert told(till, "inventory.count.updated", {}) is None
    with pytest.raises(msgspec.MsgspecError):
        square.read(json.dumps({"type": 3}).encode(), "L1")
