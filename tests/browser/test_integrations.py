"""What an owner gives to programs, in a browser: a token that opens the API, and a webhook with its log."""

import json
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.browser import axe
from tests.browser.conftest import PATIENCE_MS, Visitor
from tests.integration.web.admin import OWNER, Admin, Server, execute, fetch

pytestmark = pytest.mark.browser

expect.set_options(timeout=PATIENCE_MS)

# What the sender writes for the test that waits, once the other side has answered 500 and is given up.
GIVEN_UP = """
set role alloresto_platform;
insert into integration_event (restaurant_id, event_id, source, type, event)
    select restaurant_id, event_id, '/web', type, event from outbox where type = 'com.alloresto.webhook.tested';
insert into webhook_delivery (restaurant_id, endpoint_id, integration_event_id, state, attempts, last_status,
    last_error, last_ms) select e.restaurant_id, w.id, e.id, 'failed', 8, 500, 'answered 500', 12
    from integration_event e, webhook_endpoint w
"""


def test_an_owner_makes_a_token_that_is_shown_once_and_a_webhook_that_is_tested_and_sent_again(
    visitor: Visitor, server: Server, admin: Admin
) -> None:
    page, place = visitor.page, f"/place/{admin.pizza.id}"
    visitor.log_in(OWNER)
    visitor.open(f"{place}/integrations")

    page.get_by_label("Name", exact=True).fill("Till")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Till")
    page.get_by_label("Read the menu").check()
    page.get_by_role("button", name="Make the token").click()
    token = page.locator("code.secret").inner_text()
    axe.inject(page)
    assert axe.faults(page) == []
    page.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_text("Never used")).to_be_visible()
    assert token not in page.content()
    assert opened(server, f"/api/v1/restaurants/{admin.pizza.id}/menu", token) == 200
    page.get_by_role("button", name="Revoke Till").click()
    expect(page.get_by_text("Till opens nothing any more.")).to_be_visible()
    assert opened(server, f"/api/v1/restaurants/{admin.pizza.id}/menu", token) == 401

    page.get_by_role("button", name="Add a webhook").click()
    page.get_by_label("Address").fill("https://till.example/hook")
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.locator("code.secret")).to_contain_text("whsec_")
    page.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_text("Nothing was sent yet. Send a test.")).to_be_visible()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("status").first).to_be_visible()
    execute(admin, GIVEN_UP)
    page.reload()
    expect(page.get_by_text("answered 500")).to_be_visible()
    page.get_by_role("button", name="Send again").click()

    expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
    assert fetch(admin, "select state from webhook_delivery") == [{"state": "waiting"}]
    assert visitor.complaints == []


def opened(server: Server, path: str, token: str) -> int:
    """The status that a program with this token gets."""
    request = urllib.request.Request(server.url + path, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            json.load(answer)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
