"""The counter and the kitchen in a browser: two screens, the chime of each order, the transcript that runs along."""

import wave
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import PATIENCE_MS, Visitor
from tests.integration.web.admin import COOK, Admin, Server, fetch, gunicorn, log_call, make_order, take_order

pytestmark = pytest.mark.browser

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def second(browser: Browser, server: Server) -> Iterator[Visitor]:
    """Another screen in the same kitchen."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1200, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    yield Visitor(context.new_page(), server.url)
    context.close()


def test_two_screens_that_move_one_order_agree(visitor: Visitor, second: Visitor, admin: Admin) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    for screen, email in ((visitor, "owner@alloresto.example"), (second, COOK)):
        screen.log_in(email)
        screen.open(f"/place/{admin.pizza.id}/orders")
        expect(screen.page.locator("[data-live=on]")).to_be_visible()
    ticket = f"#order-{stored.id}"

    visitor.page.get_by_role("button", name="Start: Order 1").click()
    for screen in (visitor, second):
        expect(screen.page.locator(f'[data-lane="preparing"] {ticket}')).to_be_visible()
    # A screen that has missed a move shows the old status until it is told: the tap itself must not be carried out.
    button = second.page.get_by_role("button", name="Ready: Order 1")
    button.evaluate("""(one) => one.setAttribute("hx-vals", '{"move": "confirmed:preparing"}')""")
    button.click()

    expect(second.page.get_by_role("alert")).to_contain_text("it is already “In preparation”, moved by owner@")
    assert fetch(admin, 'select status from "order"') == [{"status": "preparing"}]
    assert visitor.complaints == []


def test_each_new_order_chimes_once_and_the_switch_is_remembered(visitor: Visitor, admin: Admin) -> None:
    visitor.log_in()
    visitor.open(f"/place/{admin.pizza.id}/orders")
    page = visitor.page
    expect(page.locator("[data-live=on]")).to_be_visible()
    page.get_by_role("button", name="Sound off").click()
    expect(page.get_by_role("button", name="Sound on")).to_be_visible()
    expect(page.locator("#board")).to_have_attribute("data-chimes", "1")  # one hears what one has switched on

    for number in (1, 2, 3):
        take_order(admin, make_order(admin, name=f"Guest {number}"))
    expect(page.locator(".ticket")).to_have_count(3)
    expect(page.locator("#board")).to_have_attribute("data-chimes", "4")
    expect(page.locator("[data-announce]")).to_have_text("New order: 3")
    page.get_by_role("button", name="Start: Order 1").click()
    expect(page.locator('[data-lane="preparing"] .ticket')).to_have_count(1)
    expect(page.locator("#board")).to_have_attribute("data-chimes", "4")
    page.reload()

    expect(page.get_by_role("button", name="Sound: tap once")).to_be_visible()
    page.locator("h1").click()
    expect(page.get_by_role("button", name="Sound on")).to_be_visible()
    assert visitor.complaints == []


def test_a_clock_runs_on_between_two_drawings(visitor: Visitor, admin: Admin) -> None:
    take_order(admin, make_order(admin, minutes_ago=14), tell=False)
    visitor.log_in()
    page = visitor.page
    page.clock.install(time=datetime.now(UTC))
    visitor.open(f"/place/{admin.pizza.id}/orders")
    waited = page.locator("[data-wait]")
    expect(waited).to_be_empty()

    page.clock.fast_forward("01:30")
    expect(waited).to_have_text("Over 15 min")
    page.clock.fast_forward("05:00")
    expect(waited).to_have_text("Over 20 min")
    page.clock.fast_forward("20:00")

    expect(waited).to_have_text("Promise passed")


def test_the_board_works_without_scripts(browser: Browser, server: Server, admin: Admin) -> None:
    take_order(admin, make_order(admin), tell=False)
    context = browser.new_context(locale="en-GB", java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(context.new_page(), server.url)
    visitor.log_in()
    visitor.open(f"/place/{admin.pizza.id}/orders")

    for step in ("Start", "Ready", "Handed over"):
        visitor.page.get_by_role("button", name=f"{step}: Order 1").click()
        visitor.page.wait_for_url("**/orders#order-*")
    context.close()

    assert fetch(admin, 'select status from "order"') == [{"status": "done"}]
    assert len(fetch(admin, "select from outbox where type = 'com.alloresto.order.moved'")) == 3


def test_the_transcript_runs_along_with_the_recording(browser: Browser, admin: Admin, tmp_path: Path) -> None:
    log_call(admin, "talk")
    folder = tmp_path / admin.pizza.id
    folder.mkdir()
    with wave.open(str(folder / "talk.wav"), "wb") as silence:
        silence.setnchannels(2)
        silence.setsampwidth(2)
        silence.setframerate(8000)
        silence.writeframes(bytes(4 * 8000 * 40))
    with gunicorn(admin, tmp_path / "gunicorn.log", RECORDINGS_DIR=str(tmp_path)) as server:
        context = browser.new_context(locale="en-GB")
        context.set_default_timeout(PATIENCE_MS)
        visitor = Visitor(context.new_page(), server.url)
        visitor.log_in()
        visitor.open(f"/place/{admin.pizza.id}/calls/talk")
        lines = visitor.page.locator(".transcript li")

        lines.nth(2).get_by_role("button").click()
        expect(lines.nth(2)).to_have_attribute("aria-current", "true")
        lines.nth(0).get_by_role("button").click()

        expect(lines.nth(0)).to_have_attribute("aria-current", "true")
        expect(lines.nth(2)).not_to_have_attribute("aria-current", "true")
        assert visitor.complaints == []
        context.close()
