"""A live page says how true it is, and what to do when it is over."""

import psutil
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.integration.web.admin import OWNER, Admin, Server, execute

pytestmark = [pytest.mark.integration, pytest.mark.browser]

WITHIN_MS = 5_000


def _open(visitor: Visitor, admin: Admin) -> None:
    visitor.log_in()
    visitor.open(f"/place/{admin.pizza.id}/orders")
    expect(visitor.page.locator("[data-live=on]")).to_have_text("Live")


def test_a_page_whose_stream_goes_silent_says_since_when_and_follows_again(
    visitor: Visitor, admin: Admin, server: Server
) -> None:
    _open(visitor, admin)
    badge = visitor.page.locator("[data-live]").first

    visitor.page.evaluate("window.sameDocument = true")
    [worker] = psutil.Process(server.process.pid).children()
    worker.suspend()  # the network is there, and nothing comes
    try:
        expect(badge).to_contain_text("Not live since", timeout=WITHIN_MS)
    finally:
        worker.resume()

    expect(badge).to_have_text("Live")
    assert visitor.page.evaluate("window.sameDocument") is True


def test_a_page_whose_session_was_ended_elsewhere_shows_no_more_and_leads_to_the_log_in(
    visitor: Visitor, admin: Admin
) -> None:
    _open(visitor, admin)
    page = visitor.page

    execute(admin, "delete from user_session where user_id = (select id from app_user where email = $1)", OWNER)

    expect(page.get_by_text("Your session is over").first).to_be_visible(timeout=WITHIN_MS)
    expect(page.locator("[hx-sse\\:connect]")).to_have_count(0)
    page.get_by_role("link", name="Log in again").click()
    expect(page.locator("[name=password]")).to_be_visible()
