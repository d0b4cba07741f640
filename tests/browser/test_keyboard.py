"""Without a mouse: what has the focus keeps it, or gives it back, and what moves on its own can be stilled."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import PATIENCE_MS, Visitor
from tests.integration.web.admin import Admin, Server, make_order, take_order

pytestmark = pytest.mark.browser

expect.set_options(timeout=PATIENCE_MS)


def test_an_order_is_moved_by_keys_and_the_focus_stays_with_it(visitor: Visitor, admin: Admin) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    take_order(admin, make_order(admin, name="Cormac"), tell=False)
    visitor.log_in()
    visitor.open(f"/place/{admin.pizza.id}/orders")
    page = visitor.page
    expect(page.locator("[data-live=on]")).to_be_visible()

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    for step in ("Start", "Ready"):
        button = page.get_by_role("button", name=f"{step}: Order 1")
        button.focus()
        page.keyboard.press("Enter")
        expect(button).to_have_count(0)
        assert page.evaluate("document.activeElement.closest('[data-order]')?.dataset.order") == stored.id

    expect(page.locator('[data-lane="ready"] .ticket')).to_have_count(1)
    assert visitor.complaints == []


def test_what_opens_over_a_page_gives_the_focus_back(browser: Browser, server: Server, admin: Admin) -> None:
    context = browser.new_context(locale="en-GB", viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    phone = Visitor(context.new_page(), server.url)
    phone.log_in()
    page = phone.page
    take_order(admin, make_order(admin), tell=False)
    phone.open(f"/place/{admin.pizza.id}/orders")

    page.get_by_role("button", name="Sections").press("Enter")
    expect(page.get_by_role("link", name="Calls", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sections")).to_be_focused()
    assert page.locator(".ticket").first.evaluate("(one) => getComputedStyle(one).animationName") == "none"
    phone.open(f"/place/{admin.pizza.id}/menu")
    page.get_by_role("link", name="Calzone").press("Enter")
    expect(page.get_by_label("Name").first).to_be_focused()
    page.get_by_role("button", name="Cancel").press("Enter")

    expect(page.get_by_role("link", name="Calzone")).to_be_focused()
    assert phone.complaints == []
    context.close()
