"""The platform's staff at work in a browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.integration.web.admin import PASSWORD, SUPPORT, Admin, fetch, ring
from tests.integration.web.test_infrastructure import beat

pytestmark = pytest.mark.browser


def log_in(visitor: Visitor) -> None:
    visitor.open("/login")
    visitor.page.fill("[name=email]", SUPPORT)
    visitor.page.fill("[name=password]", PASSWORD)
    visitor.page.click(".login form:not(.languages) button")
    visitor.page.wait_for_url("**/admin/**")


def test_staff_find_a_restaurant_limit_it_disable_it_and_enable_it_again(visitor: Visitor, admin: Admin) -> None:
    log_in(visitor)
    page = visitor.page

    page.get_by_label("Name, city or id").fill("harbour")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Harbour Pizza").click()
    page.get_by_label("Calls at once").fill("0")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("type a number from 1 to 1000")
    page.get_by_label("Calls at once").fill("7")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved.")
    page.get_by_label("Yes, disable Harbour Pizza").check()
    page.get_by_role("button", name="Disable").click()
    expect(page.locator("main").get_by_text("Disabled since")).to_be_visible()
    page.get_by_role("button", name="Enable").click()
    expect(page.get_by_label("Yes, disable Harbour Pizza")).to_be_visible()

    assert fetch(admin, "select max_calls, disabled_at from restaurant where id = $1", admin.pizza.id) == [
        {"max_calls": 7, "disabled_at": None}
    ]
    assert visitor.complaints == []


def test_the_infrastructure_is_live_and_a_bridge_is_drained_from_it(visitor: Visitor, admin: Admin) -> None:
    log_in(visitor)
    visitor.open("/admin/infrastructure")
    page = visitor.page
    expect(page.locator("[data-live=on]")).to_have_text("Live")
    page.evaluate("window.sameDocument = true")

    beat(admin, "edge-0", "edge-1")
    ring(admin, "call-1")
    expect(page.locator("#bridge-2")).to_contain_text("Healthy")
    expect(page.locator("#call-call-1")).to_contain_text("Harbour Pizza")
    assert page.evaluate("window.sameDocument") is True
    page.get_by_role("button", name="Drain edge-0").click()

    expect(page.locator("#bridge-1")).to_contain_text("Draining")
    expect(page.locator("#bridge-2")).to_contain_text("Healthy")
    assert visitor.complaints == []
