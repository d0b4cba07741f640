from collections.abc import Callable

import asyncpg
import msgspec
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import run_apart
from tests.integration.web.admin import COOK, OWNER, Admin, csrf_token, fetch

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
HTMX = {"HX-Request": "true"}


def edit_price(client: FlaskClient, admin: Admin, typed: str, headers: dict[str, str] | None = None) -> TestResponse:
    size_id = admin.size_id("Margherita", "Large")
    token = csrf_token(client.get(f"/place/{admin.pizza.id}/menu").text)
    form = {"price": typed, "csrf_token": token}
    return client.post(f"/place/{admin.pizza.id}/menu/sizes/{size_id}/price", data=form, headers=headers or HTMX)


def stored_price(admin: Admin) -> object:
    size_id = admin.size_id("Margherita", "Large")
    return fetch(admin, "select price_cents from item_size where id = $1", size_id)[0]["price_cents"]


def events(admin: Admin) -> list[dict[str, object]]:
    return fetch(admin, "select event from outbox where type = 'com.alloresto.menu.changed' order by id")


def test_a_saved_price_is_stored_with_the_event_that_tells_of_it(admin: Admin, log_in: LogIn) -> None:
    answer = edit_price(log_in(OWNER), admin, "14.50")

    (row,) = events(admin)
    event = row["event"]
    assert answer.status_code == 200
    assert "Saved." in answer.text
    assert stored_price(admin) == 1450
    assert isinstance(event, dict)
    assert event["data"] == {
        "restaurantId": admin.pizza.id,
        "itemIds": [admin.item("Margherita").id],
        "reason": "price",
    }
    assert event["source"] == "/web"
    assert event["restaurantid"] == admin.pizza.id


def test_a_price_typed_the_french_way_is_understood(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    client.set_cookie("alloresto_language", "fr")

    answer = edit_price(client, admin, "12,5")

    assert stored_price(admin) == 1250
    assert 'value="12,50"' in answer.text
    assert "Enregistré" in answer.text


@pytest.mark.parametrize(
    ("typed", "says"), [("-3", "negative"), ("abc", "not an amount"), ("99999", "at most"), ("1,234", "two decimals")]
)
def test_a_price_that_makes_no_sense_is_refused_with_the_fix(
    typed: str, says: str, admin: Admin, log_in: LogIn
) -> None:
    answer = edit_price(log_in(OWNER), admin, typed)

    assert answer.status_code == 422
    assert "Price: " in answer.text
    assert says in answer.text
    assert f'value="{typed}"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert stored_price(admin) == 1300
    assert events(admin) == []


def test_a_price_is_not_saved_when_its_event_cannot_be(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)

    async def forbid() -> None:
        owner = await asyncpg.connect(admin.database.owner_url)
        await owner.execute("revoke insert (event_id, restaurant_id, type, event) on outbox from alloresto_app")
        await owner.close()

    run_apart(forbid)
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    answer = edit_price(client, admin, "14.50")

    assert answer.status_code == 500
    assert "insert" not in answer.text.lower(), "the error's text is not the visitor's"
    assert stored_price(admin) == 1300


def test_without_scripts_the_form_still_works(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)

    saved = edit_price(client, admin, "14.50", headers={"Accept": "text/html"})
    page_after = client.get(saved.location).text
    refused = edit_price(client, admin, "-1", headers={"Accept": "text/html"})

    assert saved.status_code == 303
    assert "Margherita: the price is saved." in page_after
    assert refused.status_code == 422
    assert "Margherita Large: Price: it cannot be negative." in refused.text


def test_a_cook_sees_prices_and_cannot_change_them(admin: Admin, log_in: LogIn) -> None:
    client = log_in(COOK)
    page = client.get(f"/place/{admin.pizza.id}/menu").text

    answer = edit_price(client, admin, "1")

    assert "€13.00" in page
    assert 'name="price"' not in page
    assert answer.status_code == 403
    assert stored_price(admin) == 1300


def test_a_cook_takes_an_item_off_and_puts_it_back(admin: Admin, log_in: LogIn) -> None:
    client = log_in(COOK)
    item = admin.item("Tiramisu")
    token = csrf_token(client.get(f"/place/{admin.pizza.id}/menu").text)
    path = f"/place/{admin.pizza.id}/menu/items/{item.id}/availability"

    off = client.post(path, data={"available": "no", "csrf_token": token}, headers=HTMX)
    is_off = fetch(admin, "select available from menu_item where id = $1", item.id)
    on = client.post(path, data={"available": "yes", "csrf_token": token}, headers=HTMX)
    is_on = fetch(admin, "select available from menu_item where id = $1", item.id)

    assert 'aria-checked="false"' in off.text
    assert 'aria-checked="true"' in on.text
    assert (is_off, is_on) == ([{"available": False}], [{"available": True}])
    data = [msgspec.to_builtins(row["event"]) for row in events(admin)]
    assert [one["data"]["itemIds"] for one in data] == [[item.id], [item.id]]


def test_the_menu_shows_every_item_under_its_category(admin: Admin, log_in: LogIn) -> None:
    page = log_in(OWNER).get(f"/place/{admin.pizza.id}/menu").text

    assert all(f'id="item-{item.id}"' in page for item in admin.menu.items)
    assert page.index("Starters and sides</h2>") < page.index("Garlic bread</h3>") < page.index("Caesar salad</h3>")
