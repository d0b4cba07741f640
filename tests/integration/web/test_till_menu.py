"""A menu that the till has pushed, on its page: looked at first, then in the place of the old one, under its ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from domain.menu import Menu
from stores import menus, tills
from tests.integration.web.admin import OWNER, Admin, csrf_token
from tests.integration.web.test_hooks import Door, pushed

pytestmark = pytest.mark.integration

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


def test_a_menu_that_nobody_could_sell_from_is_not_taken_over(door: Door, admin: Admin, log_in: LogIn) -> None:
    owner, path = log_in(OWNER), f"/place/{admin.pizza.id}/menu/till"
    door.send(pushed({"P1": "Gold"}, price=99_999_999))
    page = owner.get(path).text
    assert "It cannot be taken over" in page and "Take it over" not in page
