"""A reservation from the form to the plan, on two screens: nothing free, another time, the table that gets free."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, Visitor
from tests.browser.test_readability import ASTRAY, FAINT
from tests.integration.web.admin import Admin, execute, fetch

pytestmark = pytest.mark.browser

expect.set_options(timeout=PATIENCE_MS)


def fill(page: Page, name: str, time: str) -> None:
    page.fill("[name=time]", time)
    page.fill("[name=covers]", "4")
    page.fill("[name=name]", name)


def test_a_clerk_takes_the_last_table_and_the_next_guest_is_offered_it_when_it_gets_free(
    visitor: Visitor, admin: Admin
) -> None:
    execute(admin, f"set role alloresto_platform; delete from dining_room where restaurant_id = '{admin.pizza.id}'")
    day = (datetime.now(UTC).astimezone(ZoneInfo(admin.pizza.zone)) + timedelta(days=1)).date().isoformat()
    root, page = f"/place/{admin.pizza.id}", visitor.page
    visitor.log_in()

    # A room with one table, by the keyboard alone.
    visitor.open(f"{root}/rooms")
    page.fill("#new_room", "Hall")
    page.press("#new_room", "Enter")
    page.locator("[id$='-0-name']").fill("T1")
    page.locator("[id$='-0-seats']").fill("4")
    page.locator("[id$='-0-seats']").press("Enter")
    expect(page.get_by_text("The room is saved.")).to_be_visible()

    visitor.open(f"{root}/reservations/new?day={day}")
    fill(page, "Nora", "19:30")
    page.press("[name=name]", "Enter")
    expect(page.locator("li.row", has_text="Nora")).to_contain_text("Table T1")

    visitor.open(f"{root}/reservations/new?day={day}")
    fill(page, "Zoé", "20:00")
    page.get_by_role("button", name="Reserve").last.click()
    expect(page.locator("[name=name]")).to_have_value("Zoé")
    expect(page.locator("button[name=use_time]")).to_have_text(["21:15", "21:30", "21:45"])
    assert page.evaluate(FAINT) == []
    page.get_by_role("button", name="Put on the waiting list").click()
    expect(page.locator("#waiting")).to_contain_text("Nothing free yet")

    # Another screen cancels: this one is told, and offers the table.
    expect(page.locator("[data-live=on]")).to_be_visible()
    second = page.context.new_page()
    (nora,) = fetch(admin, "select id from reservation")
    second.goto(f"{visitor.url}{root}/reservations/{nora['id']}")
    second.get_by_text("Cancel this reservation").click()
    second.select_option("[name=reason]", "guest")
    second.get_by_role("button", name="Cancel the reservation").click()
    expect(page.get_by_role("button", name="Offer table T1")).to_be_visible()
    page.get_by_role("button", name="Offer table T1").click()
    page.get_by_role("button", name="Confirm").click()

    expect(page.locator("td.taken")).to_have_text("20:00 Zoé (4)")
    assert (page.evaluate(FAINT), page.evaluate(ASTRAY)) == ([], [])
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [one for one in visitor.complaints if "409" not in one and "Canvas2D" not in one] == []
