"""The admin as the staff see it. Each test also ends with a silent console: no error, no CSP violation."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from stores.live import CallChanged, Spoke
from tests.browser.conftest import PATIENCE_MS, Visitor
from tests.integration.web.admin import (
    CALLER,
    Admin,
    leave_cart,
    log_call,
    make_order,
    publish,
    ring,
    take_order,
)

pytestmark = pytest.mark.browser

expect.set_options(timeout=PATIENCE_MS)


def test_a_member_logs_in_and_changes_restaurant(visitor: Visitor, admin: Admin) -> None:
    visitor.log_in()
    page = visitor.page

    expect(page.locator("h1")).to_have_text("Chez Margot")
    page.locator(".switcher summary").click()
    page.get_by_role("link", name="Harbour Pizza").click()

    expect(page.locator("h1")).to_have_text("Harbour Pizza")
    assert visitor.complaints == []


def test_a_wrong_password_is_said_in_place(visitor: Visitor) -> None:
    visitor.open("/login")
    visitor.page.fill("[name=email]", "owner@alloresto.example")
    visitor.page.fill("[name=password]", "wrong")
    visitor.page.click(".login form:not(.languages) button")

    expect(visitor.page.get_by_role("alert")).to_contain_text("is not right")


@pytest.mark.usefixtures("within_one_day")
def test_an_order_appears_without_a_reload(visitor: Visitor, admin: Admin) -> None:
    visitor.log_in()
    visitor.open(f"/place/{admin.pizza.id}/orders")
    page = visitor.page
    expect(page.locator("[data-live=on]")).to_have_text("Live")
    page.evaluate("window.sameDocument = true")

    take_order(admin, make_order(admin, name="Fionnuala"))
    expect(page.locator(".ticket")).to_contain_text("Fionnuala")
    take_order(admin, make_order(admin, name="Cormac"))

    expect(page.locator(".ticket")).to_have_count(2)
    expect(page.locator(".ticket").last).to_contain_text("Cormac")
    assert page.evaluate("window.sameDocument") is True
    assert visitor.complaints == []


def test_the_overview_follows_a_call_live(visitor: Visitor, admin: Admin) -> None:
    visitor.log_in()
    visitor.open(f"/place/{admin.pizza.id}/")
    page = visitor.page
    expect(page.locator("[data-live=on]")).to_be_visible()
    now = datetime.now(UTC)

    ring(admin, "call-1")
    publish(admin, CallChanged(call_id="call-1", state="joined", at=now))
    publish(admin, Spoke(call_id="call-1", who="caller", text="One calzone, please", at=now))
    expect(page.get_by_text("One calzone, please")).to_be_visible()
    publish(admin, CallChanged(call_id="call-1", state="ended", at=now))

    expect(page.get_by_text("Nobody is on the phone.")).to_be_visible()
    assert visitor.complaints == []


def test_an_overview_opened_in_mid_call_shows_the_call_at_once_and_follows_it(visitor: Visitor, admin: Admin) -> None:
    ring(admin, "call-1")
    publish(admin, CallChanged(call_id="call-1", state="joined", at=datetime.now(UTC)))
    visitor.log_in()
    visitor.open(f"/place/{admin.pizza.id}/")
    page = visitor.page

    expect(page.locator("#active-call-1")).to_contain_text("In conversation")
    expect(page.locator("#active-call-1")).to_contain_text(CALLER)
    expect(page.locator("[data-live=on]")).to_be_visible()
    publish(admin, Spoke(call_id="call-1", who="caller", text="One calzone, please", at=datetime.now(UTC)))
    expect(page.locator("#active-call-1")).to_contain_text("One calzone, please")
    publish(admin, CallChanged(call_id="call-1", state="ended", at=datetime.now(UTC)))

    expect(page.get_by_text("Nobody is on the phone.")).to_be_visible()
    assert visitor.complaints == []


def test_the_language_is_switched_and_stays(visitor: Visitor, admin: Admin) -> None:
    visitor.log_in()
    visitor.open(f"/place/{admin.pizza.id}/orders")
    page = visitor.page

    page.get_by_role("button", name="Français").click()
    expect(page.locator("h1")).to_have_text("Commandes")
    assert page.url.endswith("/orders")
    page.get_by_role("link", name="Carte").click()
    expect(page.locator(".dish", has_text="Margherita").first).to_contain_text("13,00\u00a0€")
    page.get_by_role("button", name="English").click()

    expect(page.locator("h1")).to_have_text("Menu")
    assert visitor.complaints == []


def test_a_call_leads_to_its_order_and_back(visitor: Visitor, admin: Admin) -> None:
    order = make_order(admin)
    stored = take_order(admin, order, tell=False)
    log_call(admin, order.call_id, order_id=stored.id)
    visitor.log_in()
    visitor.open(f"/place/{admin.pizza.id}/calls")
    page = visitor.page

    page.locator(".row a").first.click()
    expect(page.locator(".transcript li")).to_have_count(4)
    page.get_by_role("button", name="Order 1").click()
    expect(page.locator("h1")).to_have_text("Order 1")
    page.get_by_role("link", name="What was said on the phone").click()

    expect(page.locator(".transcript .caller").first).to_contain_text("<b>No</b> onions.")
    assert visitor.complaints == []


def test_a_phone_in_the_kitchen_never_scrolls_sideways(visitor: Visitor, admin: Admin) -> None:
    take_order(admin, make_order(admin, name="Fionnuala Ní Bhriain of the very long name"), tell=False)
    leave_cart(admin, name="Fionnuala Ní Bhriain of the very long name")
    visitor.page.set_viewport_size({"width": 360, "height": 700})
    visitor.log_in()

    for path in ("", "orders", "calls", "menu"):
        visitor.open(f"/place/{admin.pizza.id}/{path}")
        width = visitor.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, f"/{path} is {width} px wide"
