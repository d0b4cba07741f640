"""The menu as its restaurateur uses it, with scripts: in its place, by keys, and honest when the server is away.

The tests share one server and one restaurant, so each has an item, or the order of a category, of its own.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route, StorageState, expect

from tests.browser.conftest import PATIENCE_MS, Visitor
from tests.integration.web.admin import COOK, OWNER, Admin, Server, fetch, gunicorn

pytestmark = pytest.mark.browser

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def admin(module_admin: Admin) -> Admin:
    return module_admin


@pytest.fixture(scope="module")
def server(admin: Admin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with gunicorn(admin, tmp_path_factory.mktemp("menu") / "gunicorn.log") as running:
        yield running


@pytest.fixture(scope="module")
def logged_in(browser: Browser, server: Server) -> dict[str, StorageState]:
    """The cookies of the owner and of the cook."""
    states = {}
    for email in (OWNER, COOK):
        context = browser.new_context(locale="en-GB")
        context.set_default_timeout(PATIENCE_MS)
        Visitor(context.new_page(), server.url).log_in(email)
        states[email] = context.storage_state()
        context.close()
    return states


@pytest.fixture
def at_menu(visitor: Visitor, admin: Admin, logged_in: dict[str, StorageState]) -> Visitor:
    return _open(visitor, admin, logged_in[OWNER])


def _open(visitor: Visitor, admin: Admin, state: StorageState) -> Visitor:
    visitor.page.context.add_cookies(state["cookies"])  # type: ignore[arg-type]
    visitor.open(f"/place/{admin.pizza.id}/menu")
    return visitor


def test_an_item_is_edited_in_its_place_and_a_wrong_price_keeps_what_was_typed(at_menu: Visitor, admin: Admin) -> None:
    page = at_menu.page
    row = page.locator(f"#item-{admin.item('Margherita').id}")
    page.evaluate("window.sameDocument = true")

    row.get_by_role("link", name="Margherita").click()
    row.get_by_label("Price").nth(2).fill("-2")
    row.get_by_label("Description").fill("With love.")
    row.get_by_role("button", name="Save", exact=True).click()
    expect(row.get_by_text("Price: it cannot be negative.")).to_be_visible()
    expect(row.get_by_label("Description")).to_have_value("With love.")
    row.get_by_label("Price").nth(2).fill("14,5")
    row.get_by_label("Price").nth(2).press("Enter")

    expect(row.get_by_role("status")).to_have_text("Saved")
    expect(row).to_contain_text("€14.50")
    assert page.evaluate("window.sameDocument") is True
    size_id = admin.size_id("Margherita", "Large")
    assert fetch(admin, "select price_cents from item_size where id = $1", size_id) == [{"price_cents": 1450}]
    assert at_menu.complaints == []


def test_an_item_is_off_in_one_tap_and_comes_back(
    visitor: Visitor, admin: Admin, logged_in: dict[str, StorageState]
) -> None:
    _open(visitor, admin, logged_in[COOK])
    row = visitor.page.locator(f"#item-{admin.item('Tiramisu').id}")

    row.get_by_role("button", name="Take off today: Tiramisu").click()
    expect(row.get_by_text("Off until")).to_be_visible()
    row.get_by_role("button", name="Keep off until you put it back: Tiramisu").click()
    expect(row.get_by_text("Off", exact=True)).to_be_visible()
    row.get_by_role("button", name="Put back: Tiramisu").click()

    expect(row.get_by_role("button", name="Take off today: Tiramisu")).to_be_visible()
    assert visitor.complaints == []


def test_a_tap_that_gets_no_answer_is_taken_back_and_said(at_menu: Visitor, admin: Admin) -> None:
    page = at_menu.page
    row = page.locator(f"#item-{admin.item('Lemon cheesecake').id}")
    page.route("**/off/**", lambda route: route.abort())

    row.get_by_role("button", name="Take off today: Lemon cheesecake").click()

    expect(row.get_by_role("alert")).to_contain_text("Not saved: no answer.")
    expect(row.get_by_role("button", name="Take off today: Lemon cheesecake")).to_be_enabled()
    assert "gone" not in (row.get_attribute("class") or "")


def test_a_form_that_gets_no_answer_keeps_its_text(at_menu: Visitor, admin: Admin) -> None:
    page = at_menu.page
    row = page.locator(f"#item-{admin.item('Chocolate brownie').id}")

    def away(route: Route) -> None:
        if route.request.method == "POST":
            route.abort()
        else:
            route.continue_()

    row.get_by_role("link", name="Chocolate brownie").click()
    page.route("**/menu/items/**", away)
    row.get_by_label("Description").fill("Long text")
    row.get_by_role("button", name="Save", exact=True).click()

    expect(row.get_by_role("alert")).to_contain_text("Your text is still here.")
    expect(row.get_by_label("Description")).to_have_value("Long text")
    page.unroute("**/menu/items/**")
    row.get_by_role("button", name="Save", exact=True).click()
    expect(row).to_contain_text("Long text")


def test_the_search_hides_what_does_not_fit(at_menu: Visitor) -> None:
    page = at_menu.page

    page.get_by_label("Search").fill("TIRAMISÙ")
    expect(page.locator(".dish:visible")).to_have_count(1)
    page.get_by_label("Search").fill("no such dish")

    expect(page.get_by_text("No item is called so.")).to_be_visible()
    assert at_menu.complaints == []


def test_the_order_is_changed_with_the_arrow_keys_and_by_dragging(at_menu: Visitor, admin: Admin) -> None:
    page = at_menu.page
    shelf = [item.name for item in admin.menu.items if item.category_id == admin.menu.categories[0].id]
    at_menu.open(f"/place/{admin.pizza.id}/menu/order")
    names = page.locator(".arrange > li").first.locator("ol .grip")

    with page.expect_response("**/order/items/**"):
        names.nth(0).press("ArrowDown")
    expect(names.nth(1)).to_be_focused()
    expect(names.nth(1)).to_have_text(shelf[0])
    source, target = names.nth(len(shelf) - 1).bounding_box(), names.nth(0).bounding_box()
    assert source and target
    page.mouse.move(source["x"] + 20, source["y"] + 10)
    page.mouse.down()
    page.mouse.move(target["x"] + 20, target["y"] + 4, steps=6)
    with page.expect_response("**/order/items/**"):
        page.mouse.up()
    page.reload()

    expect(names).to_have_text([shelf[-1], shelf[1], shelf[0], *shelf[2:-1]])
    assert at_menu.complaints == []


def test_rows_of_a_form_are_added_moved_and_removed(at_menu: Visitor, admin: Admin) -> None:
    page = at_menu.page
    at_menu.open(f"/place/{admin.pizza.id}/menu/items/{admin.item('Vanilla ice cream').id}")
    sizes = page.locator("fieldset.list .list-row")

    page.get_by_role("button", name="Add a size").click()
    expect(sizes).to_have_count(4)
    sizes.nth(0).get_by_label("Size").fill("Cup")
    sizes.nth(3).get_by_label("Size").fill("Tray")
    sizes.nth(3).get_by_label("Price").fill("30")
    sizes.nth(3).get_by_role("button", name="Move up").click()
    sizes.nth(1).get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.locator(f"#item-{admin.item('Vanilla ice cream').id} .sizes > li")).to_have_count(2)
    expect(page.locator(f"#item-{admin.item('Vanilla ice cream').id} .sizes")).to_contain_text("Tray")
    assert at_menu.complaints == []
