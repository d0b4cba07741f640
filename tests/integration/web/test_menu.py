"""The menu's pages: who may do what, what is stored, what callers are told, and what stays when a form is wrong."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from devstack.demo import forms
from devstack.demo.admin_client import AdminClient
from tests.conftest import run_apart
from tests.integration.web.admin import COOK, OWNER, PASSWORD, Admin, csrf_token, execute, fetch, gunicorn, log_call

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
SCRIPT = {"HX-Request": "true"}


def fields_of(page: str) -> dict[str, list[str]]:
    """Every field of the editor's form as a browser would send it."""
    fields: dict[str, list[str]] = {}
    for name, value in forms.fields_of(page, "editor"):
        fields.setdefault(name, []).append(value)
    return fields


class Menu:
    """A member at the menu's pages."""

    def __init__(self, client: FlaskClient, admin: Admin) -> None:
        self.client = client
        self.admin = admin
        self.base = f"/place/{admin.pizza.id}/menu"

    def page(self, path: str = "") -> str:
        answer = self.client.get(self.base + path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, path: str, data: dict[str, Any], headers: dict[str, str] | None = None) -> TestResponse:
        token = csrf_token(self.client.get(self.base).text)
        return self.client.post(self.base + path, data={"csrf_token": token} | data, headers=headers or {})

    def edit(self, path: str, headers: dict[str, str] | None = None, **changes: Any) -> TestResponse:
        """Open the form at ``path``, change some of its fields, send it."""
        fields: dict[str, Any] = dict(fields_of(self.page(path)))
        fields.update({name.replace("_", "-"): value for name, value in changes.items()})
        return self.client.post(self.base + path, data=fields, headers=headers or {})


@pytest.fixture
def menu(admin: Admin, log_in: LogIn) -> Menu:
    return Menu(log_in(OWNER), admin)


@pytest.fixture
def cook(admin: Admin, log_in: LogIn) -> Menu:
    return Menu(log_in(COOK), admin)


def events(admin: Admin) -> list[Any]:
    rows = fetch(admin, "select event from outbox where type = 'com.alloresto.menu.changed' order by id")
    return [row["event"] for row in rows]


def stored_price(admin: Admin) -> object:
    size_id = admin.size_id("Margherita", "Large")
    return fetch(admin, "select price_cents from item_size where id = $1", size_id)[0]["price_cents"]


def margherita(admin: Admin) -> str:
    return f"/items/{admin.item('Margherita').id}"


def test_a_saved_price_is_stored_with_its_event_its_version_and_who_did_it(menu: Menu, admin: Admin) -> None:
    answer = menu.edit(margherita(admin), size_price=["8.50", "11.00", "14.50"])

    (event,) = events(admin)
    (entry,) = fetch(admin, "select actor, action, before, after from audit_log where action like 'menu.%'")
    versions = fetch(admin, "select number, actor, reason from menu_version order by number")
    assert answer.status_code == 303
    assert "Margherita is saved." in menu.client.get(answer.location).text
    assert stored_price(admin) == 1450
    assert event["data"]["itemIds"] == [admin.item("Margherita").id]
    assert event["source"] == "/web"
    assert (entry["actor"], entry["action"]) == (OWNER, "menu.item_changed")
    assert entry["after"] == {**entry["after"], "Margherita / Large": {"price_cents": 1450}}  # type: ignore[dict-item]
    assert [(row["number"], row["reason"]) for row in versions] == [(1, "before"), (2, "item_changed")]


def test_a_form_sent_as_it_was_opened_changes_nothing(menu: Menu, admin: Admin) -> None:
    for item in admin.menu.items:
        assert menu.edit(f"/items/{item.id}").status_code == 303
    for group_id in {group.id for item in admin.menu.items for group in item.modifier_groups}:
        assert menu.edit(f"/choices/{group_id}").status_code == 303
    for category in admin.menu.categories:
        assert menu.edit(f"/categories/{category.id}").status_code == 303

    assert events(admin) == []


def test_a_script_gets_the_row_back_and_not_a_page(menu: Menu, admin: Admin) -> None:
    form = menu.client.get(menu.base + margherita(admin), headers=SCRIPT).text
    saved = menu.edit(margherita(admin), headers=SCRIPT, description="New words.")

    assert form.lstrip().startswith("<form")
    assert saved.text.startswith("<li id=")
    assert "New words." in saved.text and "<html" not in saved.text


def test_a_price_typed_the_french_way_is_understood(menu: Menu, admin: Admin) -> None:
    menu.client.set_cookie("alloresto_language", "fr")

    answer = menu.edit(margherita(admin), size_price=["8,50", "11", "12,5"])

    assert answer.status_code == 303
    assert stored_price(admin) == 1250
    assert 'value="12,50"' in menu.page(margherita(admin))


@pytest.mark.parametrize(
    ("typed", "says"), [("-3", "negative"), ("abc", "not an amount"), ("99999", "at most"), ("1,234", "two decimals")]
)
def test_what_makes_no_sense_is_refused_at_its_field_and_all_that_was_typed_stays(
    typed: str, says: str, menu: Menu, admin: Admin
) -> None:
    answer = menu.edit(
        margherita(admin), size_price=["8.50", "11.00", typed], description="Kept words", aliases="one, two"
    )

    assert answer.status_code == 422
    assert re.search(rf'id="problem-size-price-2" role="alert">Price: [^<]*{says}', answer.text)
    assert f'value="{typed}"' in answer.text and "Kept words" in answer.text and "one, two" in answer.text
    assert stored_price(admin) == 1300
    assert events(admin) == []


def test_two_items_of_one_name_are_refused_with_the_fix(menu: Menu, admin: Admin) -> None:
    answer = menu.edit(margherita(admin), name="TIRAMISÙ")

    assert answer.status_code == 422
    assert re.search(r'id="problem-name" role="alert">[^<]*is there twice', answer.text)


def test_who_saves_over_somebody_elses_change_is_asked_first(menu: Menu, admin: Admin) -> None:
    mine = dict(fields_of(menu.page(margherita(admin))))
    menu.edit(margherita(admin), description="Theirs")

    refused = menu.client.post(menu.base + margherita(admin), data=mine | {"description": "Mine"})
    again = menu.client.post(menu.base + margherita(admin), data=fields_of(refused.text))

    assert refused.status_code == 422
    assert "Somebody changed this item" in refused.text
    assert again.status_code == 303
    stored = fetch(admin, "select description from menu_item where id = $1", admin.item("Margherita").id)
    assert stored == [{"description": "Mine"}]


def test_nothing_is_saved_when_its_event_cannot_be(menu: Menu, admin: Admin) -> None:
    async def forbid() -> None:
        owner = await asyncpg.connect(admin.database.owner_url)
        await owner.execute("revoke insert (event_id, restaurant_id, type, event) on outbox from alloresto_app")
        await owner.close()

    run_apart(forbid)
    menu.client.application.config["PROPAGATE_EXCEPTIONS"] = False
    answer = menu.edit(margherita(admin), size_price=["8.50", "11.00", "14.50"])

    assert answer.status_code == 500
    assert "insert" not in answer.text.lower(), "the error's text is not the visitor's"
    assert stored_price(admin) == 1300
    assert fetch(admin, "select number from menu_version") == []


def test_a_new_item_has_everything_that_its_form_says(menu: Menu, admin: Admin) -> None:
    group = admin.item("Margherita").modifier_groups[0]
    answer = menu.edit(
        "/items/new",
        name="Pizza of the week",
        aliases="weekly, the special",
        vat="other",
        vat_take_away="5.5",
        vat_dine_in="13,5",
        allergen=["milk", "gluten"],
        other_allergens="chestnut",
        size_name=["Small", "Large", ""],
        size_price=["9", "12.50", ""],
        ingredient_name=["Basil", "Egg"],
        ingredient_extra=["", "1.50"],
        ingredient_stays=["no", "yes"],
        group=[group.id],
        part_name=["Drink"],
        part_choices=["Cola\nSparkling water + 0.50"],
        served_0_day=["0", "4"],
        served_0_from="11:30",
        served_0_to="14:30",
    )

    assert answer.status_code == 303, answer.text
    form = fields_of(menu.page(f"/items/{answer.location.split('item-')[1]}"))
    assert form["allergen"] == ["gluten", "milk"]
    assert form["other-allergens"] == ["chestnut"]
    assert (form["vat"], form["vat-take-away"], form["vat-dine-in"]) == (["other"], ["5.5"], ["13.5"])
    assert (form["size-name"][:2], form["size-price"][:2]) == (["Small", "Large"], ["9.00", "12.50"])
    assert (form["ingredient-name"][:2], form["ingredient-extra"][:2]) == (["Basil", "Egg"], ["", "1.50"])
    assert form["ingredient-stays"][:2] == ["no", "yes"]
    assert form["group"] == [group.id]
    assert form["part-choices"][0].splitlines() == ["Cola", "Sparkling water + 0.50"]
    assert (form["served-0-day"], form["served-0-from"], form["served-0-to"]) == (["0", "4"], ["11:30"], ["14:30"])
    assert form["aliases"] == ["weekly, the special"]


def test_an_item_goes_for_good_and_comes_back_with_undo(menu: Menu, admin: Admin) -> None:
    item = admin.item("Tiramisu")

    menu.send(f"/items/{item.id}/delete", {})
    gone = menu.page()
    menu.send("/versions/2/undo", {})

    assert f'id="item-{item.id}"' not in gone
    assert f'id="item-{item.id}"' in menu.page()
    assert menu.send("/versions/2/undo", {}).status_code == 303, "not the newest any more"
    assert f'id="item-{item.id}"' in menu.page()


def test_a_category_is_made_filled_and_removed_only_when_it_is_empty(menu: Menu, admin: Admin) -> None:
    made = menu.edit(
        "/categories/new",
        name="Brunch",
        halves="dearer",
        served_0_day=["6"],
        served_0_from="10:00",
        served_0_to="14:00",
    )
    category = made.location.split("category-")[1]
    menu.edit(margherita(admin), category=category)
    full = menu.send(f"/categories/{category}/delete", {})
    menu.edit(margherita(admin), category=admin.item("Margherita").category_id)
    empty = menu.send(f"/categories/{category}/delete", {})

    assert full.status_code == 422
    assert "Move its items" in full.text
    assert empty.status_code == 303
    assert fetch(admin, "select id from menu_category where id = $1", category) == []


def test_a_choice_is_edited_with_its_options_and_what_follows_from_them(menu: Menu, admin: Admin) -> None:
    extras = next(group for group in admin.item("Margherita").modifier_groups if group.name == "Extras")
    inner = menu.edit("/choices/new", name="How", option_name=["Chopped", "Whole"]).location.split("group-")[1]
    path = f"/choices/{extras.id}"
    form = fields_of(menu.page(path))
    names = [*form["option-name"][: len(extras.options)], "Rocket"]

    answer = menu.edit(
        path,
        option_name=names,
        option_price=[*form["option-price"][: len(extras.options)], "1.75"],
        option_aliases=[*form["option-aliases"][: len(extras.options)], "arugula, roquette"],
        option_group=[*([""] * len(extras.options)), inner],
        included="1",
        amount=["light", "extra"],
        light_percent="50",
    )

    assert answer.status_code == 303, answer.text
    after = fields_of(menu.page(path))
    last = len(extras.options)
    assert (after["option-name"][last], after["option-price"][last]) == ("Rocket", "1.75")
    assert after["option-aliases"][last] == "arugula, roquette"
    assert after["option-group"][last] == inner
    assert after["option-id"][:last] == [option.id for option in extras.options]
    assert (after["included"], after["amount"], after["light-percent"]) == (["1"], ["light", "extra"], ["50"])


def test_a_choice_that_cannot_be_made_is_refused(menu: Menu) -> None:
    answer = menu.edit("/choices/new", name="Sauce", minimum="2", maximum="1", option_name=["Hot", "Mild"])

    assert answer.status_code == 422
    assert re.search(r'id="problem-minimum" role="alert">[^<]*must not be above', answer.text)


def test_a_cook_sees_prices_and_cannot_change_them(cook: Menu, admin: Admin) -> None:
    page = cook.page()

    answers = [
        cook.send(path, {})
        for path in (margherita(admin), "/items/new", "/versions/2/undo", margherita(admin) + "/delete", "/choices/new")
    ]

    assert "€13.00" in page
    assert "/items/" + admin.item("Margherita").id + '"' not in page.replace("/off/items/", "")
    assert {answer.status_code for answer in answers} == {403}
    assert stored_price(admin) == 1300


@pytest.mark.parametrize("kind", ["items", "sizes", "options"])
def test_a_cook_takes_something_off_today_and_puts_it_back(kind: str, cook: Menu, admin: Admin) -> None:
    item = admin.item("Margherita")
    one_id, table = {
        "items": (item.id, "menu_item"),
        "sizes": (item.sizes[0].id, "item_size"),
        "options": (item.modifier_groups[0].options[0].id, "modifier_option"),
    }[kind]
    path, state = f"/off/{kind}/{one_id}", f"select available, off_until from {table} where id = $1"

    off = cook.send(path, {"until": "tomorrow"}, SCRIPT)
    (is_off,) = fetch(admin, state, one_id)
    kept = cook.send(path, {"until": "kept"}, SCRIPT)
    (is_kept,) = fetch(admin, state, one_id)
    cook.send(path, {"until": "back"}, SCRIPT)
    (is_on,) = fetch(admin, state, one_id)

    assert "Off until" in off.text and "Put back" in off.text
    assert "Off until" not in kept.text and "Put back" in kept.text
    assert is_off["available"] is False and is_off["off_until"] is not None
    assert is_kept == {"available": False, "off_until": None}
    assert is_on == {"available": True, "off_until": None}
    assert all(item.id in event["data"]["itemIds"] for event in events(admin))
    assert len(events(admin)) == 3


def test_what_was_off_until_now_is_shown_as_back(cook: Menu, admin: Admin) -> None:
    item = admin.item("Tiramisu")
    execute(
        admin, "update menu_item set available = false, off_until = now() - interval '1 minute' where id = $1", item.id
    )

    row = cook.page().split(f'id="item-{item.id}"')[1].split("</li>")[0]

    assert "Off today" in row and "Put back" not in row


def test_items_and_categories_are_moved_by_steps_and_to_a_place(menu: Menu, admin: Admin) -> None:
    shelf = [item for item in admin.menu.items if item.category_id == admin.menu.categories[0].id]

    menu.send(f"/order/items/{shelf[0].id}", {"step": "1"})
    menu.send(f"/order/items/{shelf[-1].id}", {"to": "0"}, SCRIPT)
    menu.send(f"/order/categories/{admin.menu.categories[-1].id}", {"to": "0"})
    page = menu.page()

    expected = [shelf[-1], shelf[1], shelf[0], *shelf[2:-1]]
    places = [page.index(f'id="item-{item.id}"') for item in expected]
    assert places == sorted(places)
    assert page.index(f'id="category-{admin.menu.categories[-1].id}"') < page.index(
        f'id="category-{admin.menu.categories[0].id}"'
    )


def test_the_versions_say_who_changed_what_and_one_can_be_put_back(menu: Menu, admin: Admin) -> None:
    menu.edit(margherita(admin), size_price=["8.50", "11.00", "14.50"])
    menu.edit(margherita(admin), name="Renamed")
    listed = menu.page("/versions")
    shown = menu.page("/versions/1")

    menu.send("/versions/1/restore", {})

    assert listed.count("Item changed") == 2
    assert OWNER in listed
    assert "€13.00 → €14.50" in listed
    assert "Putting it back changes this" in shown and "Margherita" in shown
    assert stored_price(admin) == 1300
    assert "Renamed" not in menu.page()
    assert menu.client.get(menu.base + "/versions/99").status_code == 404


def test_a_call_leads_to_the_menu_that_its_caller_was_told(menu: Menu, admin: Admin) -> None:
    log_call(admin, "old", minutes_ago=60)
    menu.edit(margherita(admin), size_price=["8.50", "11.00", "14.50"])
    log_call(admin, "new", minutes_ago=-1)

    pages = []
    for call in ("old", "new"):
        page = menu.client.get(f"/place/{admin.pizza.id}/calls/{call}").text
        link = re.search(r'href="([^"]*/menu/versions/at[^"]*)"', page)
        assert link
        pages.append(menu.client.get(link[1].replace("&amp;", "&"), follow_redirects=True).text)

    assert "€13.00" in pages[0] and "€14.50" in pages[1].replace("→ €14.50", "")
    assert [re.findall(r"The menu in version (\d)", page)[0] for page in pages] == ["1", "2"]
    assert menu.client.get(menu.base + "/versions/at?moment=yesterday").status_code == 400


def test_a_search_without_scripts_finds_items_by_their_other_names(menu: Menu, admin: Admin) -> None:
    menu.edit(margherita(admin), aliases="plain one")

    page = menu.page("?q=PLÀIN")

    assert page.count('<li id="item-') == 1
    assert f'id="item-{admin.item("Margherita").id}"' in page


def test_the_menu_shows_every_item_under_its_category(menu: Menu, admin: Admin) -> None:
    page = menu.page()

    assert all(f'id="item-{item.id}"' in page for item in admin.menu.items)
    assert page.index("Starters and sides") < page.index(">Garlic bread</a>") < page.index(">Caesar salad</a>")


def test_the_demos_client_changes_a_price_as_a_browser_does(admin: Admin, tmp_path: Path) -> None:
    async def change(url: str) -> None:
        async with AdminClient(url) as client:
            await client.log_in(OWNER, PASSWORD)
            item, size = admin.item("Margherita").id, admin.size_id("Margherita", "Large")
            await client.set_price(admin.pizza.id, item, size, 1455)

    with gunicorn(admin, tmp_path / "log") as server:
        run_apart(lambda: change(server.url))

    assert stored_price(admin) == 1455
