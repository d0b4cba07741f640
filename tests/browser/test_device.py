"""The staff's device in a browser: with a network, without one, and when it is back."""

import re
from collections.abc import Iterator

import pytest
import segno
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser import axe
from tests.browser.conftest import PATIENCE_MS, Visitor
from tests.integration.web.admin import Admin, Server, execute, fetch, make_order, take_order

pytestmark = pytest.mark.browser

ACTIONS = "**/device/actions"


@pytest.fixture
def tablet(browser: Browser, server: Server) -> Iterator[Visitor]:
    """An English-speaking tablet; what it says aloud is kept in ``window.said``."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1024, "height": 768})
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script("window.said = []; speechSynthesis.speak = (one) => said.push(`${one.lang} ${one.text}`);")
    yield Visitor(context.new_page(), server.url)
    context.close()


def pair(tablet: Visitor, visitor: Visitor, admin: Admin) -> BrowserContext:
    visitor.log_in()
    visitor.open(f"/place/{admin.pizza.id}/devices")
    visitor.page.get_by_label("Name of the device").fill("Kitchen tablet")
    visitor.page.get_by_role("button", name="Add a device").click()
    code = visitor.page.locator("output.code").inner_text()
    tablet.open(f"/place/{admin.pizza.id}/device/")
    tablet.page.get_by_label("Code").fill(code)
    tablet.page.get_by_role("button", name="Pair").click()
    expect(tablet.page.locator("#state")).to_have_text("Online")
    # Only what was there at the reload is under the worker's control.
    tablet.page.evaluate("navigator.serviceWorker.ready")
    return tablet.page.context


def statuses(admin: Admin) -> list[object]:
    return [one["status"] for one in fetch(admin, 'select status from "order" order by confirmed_at')]


def test_an_order_comes_live_is_spoken_and_moved_by_a_tap(tablet: Visitor, visitor: Visitor, admin: Admin) -> None:
    pair(tablet, visitor, admin)
    page = tablet.page
    expect(page.get_by_text("No open orders")).to_be_visible()
    page.get_by_role("button", name="Read aloud").click()

    take_order(admin, make_order(admin, name="Fionnuala"))
    order = page.locator("article")
    expect(order).to_contain_text("Margherita Large")
    order.get_by_role("button", name="Start").click()
    expect(order.get_by_role("button", name="Ready")).to_be_visible()
    expect(page.locator("#queued")).to_be_hidden()

    assert statuses(admin) == ["preparing"]
    (said,) = page.evaluate("window.said")
    assert re.match(r"en-GB Order 1\. Delivery\. 1 Margherita Large", said)
    assert tablet.complaints == []


def test_without_a_network_it_shows_what_it_has_and_sends_each_tap_once_when_it_is_back(
    tablet: Visitor, visitor: Visitor, admin: Admin
) -> None:
    take_order(admin, make_order(admin, name="Fionnuala", minutes_ago=3))
    context = pair(tablet, visitor, admin)
    page = tablet.page
    expect(page.locator("article")).to_contain_text("Fionnuala")

    context.set_offline(True)
    expect(page.locator("#state")).to_contain_text("Offline since")
    take_order(admin, make_order(admin, name="Cormac"))
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Ready").click()
    expect(page.locator("#queued")).to_have_text("2 waiting to be sent")
    assert statuses(admin) == ["confirmed", "confirmed"]
    page.reload()  # which Chromium lets reach the network at times: what is sent by then is sent
    expect(page.locator("article").first).to_contain_text("Fionnuala")
    expect(page.get_by_role("button", name="Handed over")).to_be_visible()

    context.set_offline(False)
    expect(page.locator("#state")).to_have_text("Online")
    expect(page.locator("#queued")).to_be_hidden()
    expect(page.locator("article")).to_have_count(2)
    expect(page.locator("article").last).to_contain_text("Cormac")

    assert statuses(admin) == ["ready", "confirmed"]
    assert len(fetch(admin, "select id from device_action")) == 2
    assert len(fetch(admin, "select id from outbox where type = 'com.alloresto.order.moved'")) == 2


def test_an_answer_that_is_lost_on_the_way_does_not_move_the_order_twice(
    tablet: Visitor, visitor: Visitor, admin: Admin
) -> None:
    take_order(admin, make_order(admin, name="Fionnuala"))
    context = pair(tablet, visitor, admin)
    lost: list[str] = []

    def lose_the_first(route: "object") -> None:
        if not lost:
            lost.append("one")
            route.fetch()  # type: ignore[attr-defined]  # it reaches the server
            route.abort()  # type: ignore[attr-defined]
        else:
            route.continue_()  # type: ignore[attr-defined]

    context.route(ACTIONS, lose_the_first)
    with tablet.page.expect_response(ACTIONS):  # the first one has none
        tablet.page.get_by_role("button", name="Start").click()
    expect(tablet.page.locator("#queued")).to_be_hidden()

    assert lost == ["one"]
    assert statuses(admin) == ["preparing"]
    assert len(fetch(admin, "select id from device_action")) == 1


def test_a_device_that_is_taken_away_forgets_what_it_had(tablet: Visitor, visitor: Visitor, admin: Admin) -> None:
    take_order(admin, make_order(admin, name="Fionnuala"))
    pair(tablet, visitor, admin)
    expect(tablet.page.locator("article")).to_contain_text("Fionnuala")

    execute(admin, "delete from device")

    expect(tablet.page.get_by_role("heading", name="Pair this device")).to_be_visible()
    assert tablet.page.evaluate("indexedDB.databases().then((all) => all.length)") == 0
    assert tablet.page.evaluate("caches.keys().then((all) => all.length)") == 0


def test_the_qr_code_beside_the_code_opens_the_page_with_it(tablet: Visitor, visitor: Visitor, admin: Admin) -> None:
    visitor.log_in()
    visitor.open(f"/place/{admin.pizza.id}/devices")
    visitor.page.get_by_label("Name of the device").fill("Kitchen tablet")
    visitor.page.get_by_role("button", name="Add a device").click()
    code = visitor.page.locator("output.code").inner_text().replace(" ", "")
    drawn = visitor.page.get_by_role("img", name="QR code that opens the page").locator("svg path").last
    expect(drawn).to_have_attribute("d", drawing_of(f"{tablet.url}/place/{admin.pizza.id}/device/#{code}"))
    axe.inject(visitor.page)
    assert axe.faults(visitor.page) == []

    tablet.open(f"/place/{admin.pizza.id}/device/#{code}")
    tablet.page.get_by_role("button", name="Pair").click()

    expect(tablet.page.locator("#state")).to_have_text("Online")
    assert code not in tablet.page.url
    assert visitor.complaints == tablet.complaints == []


def drawing_of(link: str) -> str:
    """The dark squares of the link's QR code, as an SVG path."""
    drawn = segno.make(link, error="m", micro=False).svg_inline(border=4, light="#fff", omitsize=True)
    return str(re.findall(r' d="([^"]+)"', drawn)[-1])
