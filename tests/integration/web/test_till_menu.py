"""A menu that the till has pushed, on its page: looked at first, then in the place of the old one, under its ids."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from flask import Flask
from flask.testing import FlaskClient

from devstack.stand_ins.square import Square
from devstack.stand_ins.toast import Toast
from domain.menu import Menu
from domain.till_menus import TillCode
from stores import connections, menus, orders, tills
from stores.ciphers import PiiCipher
from stores.postgres import Connection
from tests.integration.web.admin import OWNER, Admin, csrf_token, fetch, lent, make_order, take_order
from tests.integration.web.test_hooks import Door, pushed

pytestmark = pytest.mark.integration

T = TypeVar("T")

LogIn = Callable[[str], FlaskClient]


@pytest.fixture
def door(app: Any, client: FlaskClient, admin: Admin) -> Door:
    return Door(app, client, admin)


def menu_of(door: Door) -> Menu:
    return door.work(lambda connection: menus.load(connection, door.admin.pizza.id))


def hidden(page: str, name: str) -> str:
    return page.split(f'name="{name}" value="')[1].split('"')[0]


def test_what_the_till_sells_is_shown_before_it_takes_over_and_ids_stay(
    door: Door, admin: Admin, log_in: LogIn
) -> None:
    owner, path = log_in(OWNER), f"/place/{admin.pizza.id}/menu/till"
    assert "has not told its menu yet" in owner.get(path).text
    kept = admin.menu.items[0]
    door.send(pushed({"P1": kept.name, "P2": "Calzone"}, productTags=[106, 250]))
    assert menu_of(door) == admin.menu

    page = owner.get(path).text
    assert "label 250 is not known here" in page
    assert "Calzone" in page and "Take it over" in page
    form = {name: hidden(page, name) for name in ("digest", "version")} | {"csrf_token": csrf_token(page)}
    door.send(pushed({"P1": kept.name, "P2": "Calzone", "P3": "Focaccia"}))
    assert owner.post(path, data=form).status_code == 409  # not what was looked at

    page = owner.get(path).text
    form |= {name: hidden(page, name) for name in ("digest", "version")}
    assert owner.post(path, data=form).status_code == 303
    after = menu_of(door)
    assert {item.name for item in after.items} == {kept.name, "Calzone", "Focaccia"}
    found = next(item for item in after.items if item.name == kept.name)
    assert (found.id, found.aliases, found.photo) == (kept.id, kept.aliases, kept.photo)
    codes = door.work(lambda connection: tills.codes(connection, door.connection.id))
    assert codes[found.sizes[0].id].code == "P1"
    assert "nothing would change" in owner.get(path).text
    assert "Take it over" not in owner.get(path).text

    door.send(pushed({"P1": "Queen", "P2": "Calzone"}))  # another name, and one dish less
    door.send({"channelLinkId": "link", "operations": [{"action": "snooze", "data": {"items": [{"plu": "P1"}]}}]})
    assert not next(item for item in menu_of(door).items if item.id == kept.id).available
    assert f"{kept.name} → Queen" in owner.get(path).text

    door.send(pushed({}))  # a till that sells nothing says nothing
    assert f"{kept.name} → Queen" in owner.get(path).text
    codes = door.work(lambda connection: tills.codes(connection, door.connection.id))
    assert codes[found.sizes[0].id].code == "P1"


def test_what_no_database_keeps_is_left_out_of_names_and_is_no_code(door: Door, admin: Admin, log_in: LogIn) -> None:
    owner, path = log_in(OWNER), f"/place/{admin.pizza.id}/menu/till"
    door.send(pushed({"P\x00": admin.menu.items[0].name, "P2": "Cal\x00zone"}, description="Ham\x00,\ncheese"))
    door.send({"operations": [{"action": "snooze", "data": {"items": [{"plu": "P\x00"}]}}]})
    page = owner.get(path).text
    form = {name: hidden(page, name) for name in ("digest", "version")} | {"csrf_token": csrf_token(page)}
    assert owner.post(path, data=form).status_code == 303
    assert {(item.name, item.description) for item in menu_of(door).items} >= {("Calzone", "Ham, cheese")}


def test_a_menu_that_nobody_could_sell_from_is_not_taken_over(door: Door, admin: Admin, log_in: LogIn) -> None:
    owner, path = log_in(OWNER), f"/place/{admin.pizza.id}/menu/till"
    told = pushed({"P1": "Gold"}, price=99_999_999, subProducts=["g"])
    told[0]["modifierGroups"] = {"g": {"plu": "G", "name": "Extras", "subProducts": ["o"]}}
    told[0]["modifiers"] = {"o": {"plu": "O", "name": "Ricotta", "price": 100, "productTags": [106, 104]}}
    door.send(told)
    page = owner.get(path).text
    assert "no allergens are kept for choices, and the till lists milk, eggs." in page
    assert "It cannot be taken over" in page and "Take it over" not in page


# --- Tills that are read, and tell what has moved ---------------------------------------------------------------------

PAGES = "https://admin.example.com"
WHEN = datetime(2030, 5, 17, 18, tzinfo=UTC)


class Sender:
    """A till of another provider, with a dish that it knows."""

    def __init__(self, app: Flask, admin: Admin, provider: str, settings: dict[str, str], secrets: dict[str, str]):
        self.app, self.admin, self.client = app, admin, app.test_client()
        self.item = admin.menu.items[0]
        made = self.work(
            lambda connection: connections.connect(
                connection,
                admin.pizza.id,
                service="till",
                provider=provider,
                settings=settings,
                secrets=secrets,
                pii=PiiCipher(admin.master_key),
                created_by="owner@x.example",
            )
        )
        codes = {size.id: TillCode("V1") for size in self.item.sizes}
        self.work(lambda connection: tills.set_codes(connection, admin.pizza.id, made.id, codes))
        self.path = f"/hooks/{provider}/{made.id}"

    def work(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        done: T = self.app.extensions["alloresto.database"].tenant(self.admin.pizza.id, work)
        return done

    def sends(self, notice: tuple[bytes, dict[str, str]]) -> int:
        return self.client.post(self.path, data=notice[0], headers=notice[1]).status_code

    def is_there(self) -> bool:
        menu = self.work(lambda connection: menus.load(connection, self.admin.pizza.id))
        return next(one for one in menu.items if one.id == self.item.id).available

    def events(self, kind: str) -> int:
        return len(fetch(self.admin, f"select 1 from outbox where type = 'com.alloresto.{kind}'"))


def test_squares_notices_have_their_effect_once_and_in_the_order_of_their_times(
    standing_app: Flask, admin: Admin
) -> None:
    shop = Square("token", "L1", "key")
    with lent(standing_app, admin.settings(web_public_url=PAGES)):
        till = Sender(standing_app, admin, "square", {"location": "L1"}, {"token": "t", "signature_key": "key"})
        here = PAGES + till.path

        def counted(quantity: str, minute: int, location: str = "L1") -> tuple[bytes, dict[str, str]]:
            at = WHEN.replace(minute=minute).isoformat()
            one = {"catalog_object_id": "V1", "quantity": quantity, "state": "IN_STOCK", "calculated_at": at}
            one["location_id"] = location
            return shop.notice(here, "inventory.count.updated", {"inventory_counts": [one]})

        gone, back = counted("0", 1), counted("4", 2)
        assert till.sends((gone[0] + b" ", gone[1])) == 404
        assert till.sends(gone) == 200 and not till.is_there()
        assert till.sends(back) == 200 and till.is_there()
        assert till.sends(gone) == 200 and till.is_there()  # again, and late
        assert till.sends(counted("0", 9, "L2")) == 200 and till.is_there()  # at another house of the same seller
        assert till.sends(counted("0", 3)) == 200 and not till.is_there()
        assert till.sends(counted("9", 2)) == 200 and not till.is_there()  # was said before

        order = make_order(admin)
        take_order(admin, order, tell=False)
        till.work(lambda connection: tills.say(connection, order.id, "sent", reference="SQ7"))
        ready = {"order_fulfillment_updated": {"order_id": "SQ7", "fulfillment_update": [{"new_state": "PREPARED"}]}}
        moved = shop.notice(here, "order.fulfillment.updated", ready, "E1")
        assert [till.sends(moved), till.sends(moved)] == [200, 200]
        stranger = {"order_updated": {"order_id": "SQ8", "state": "CANCELED"}}
        assert till.sends(shop.notice(here, "order.updated", stranger)) == 200
        stored = till.work(lambda connection: orders.get(connection, order.id))
        assert (stored.status, stored.status_by, stored.till_state) == ("ready", "Square", "accepted")
        assert till.events("order.moved") == 2

        other = shop.notice(here, "catalog.version.updated", {}, "E2")
        assert [till.sends(other), till.sends(other)] == [200, 200]
        assert till.events("till.changed") == 1


def test_toasts_notices_and_the_button_that_asks_for_its_menu(app: Flask, admin: Admin, log_in: LogIn) -> None:
    stand_in = Toast("R1", "client", "secret", "shared")
    settings = {"url": "https://toast.example", "restaurant": "R1", "client_id": "client"}
    till = Sender(app, admin, "toast", settings, {"client_secret": "secret", "hmac_secret": "shared"})

    def stock(status: str, minute: int) -> tuple[bytes, dict[str, str]]:
        return stand_in.notice("stock", {"itemGuid": "V1", "status": status}, WHEN.replace(minute=minute))

    gone = stock("OUT_OF_STOCK", 1)
    assert till.sends((gone[0], gone[1] | {"toast-signature": "x"})) == 404
    assert till.sends(gone) == 200 and not till.is_there()
    assert till.sends(stock("IN_STOCK", 2)) == 200 and till.is_there()
    assert till.sends(gone) == 200 and till.is_there()

    order = make_order(admin)
    take_order(admin, order, tell=False)
    refused = {"guid": "T1", "externalId": f"ALLORESTO:{order.id}", "approvalStatus": "NOT_APPROVED"}
    assert till.sends(stand_in.notice("order_updated", {"order": refused}, event_id="E1")) == 200
    stored = till.work(lambda connection: orders.get(connection, order.id))
    assert (stored.status, stored.till_state) == ("confirmed", "refused")
    assert till.events("order.refused") == 1

    owner, path = log_in(OWNER), f"/place/{admin.pizza.id}/menu/till"
    page = owner.get(path).text
    assert "Ask the till for its menu" in page
    assert owner.post(f"{path}/read", data={"csrf_token": csrf_token(page)}).status_code == 303
    assert till.events("till.changed") == 1
