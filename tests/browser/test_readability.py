"""What the staff read is legible: contrast as WCAG 2.2 AA asks for, and no text that leaves its box."""

from datetime import UTC, datetime
from typing import Literal

import pytest
from playwright.sync_api import Browser

from stores.live import CallChanged
from tests.browser.conftest import PATIENCE_MS, Visitor
from tests.integration.web.admin import (
    Admin,
    Server,
    execute,
    leave_cart,
    log_call,
    make_order,
    publish,
    ring,
    take_order,
)

pytestmark = pytest.mark.browser

# A page's texts with less contrast to what is painted behind them than AA asks for: 4.5, or 3 where they are large.
# The canvas turns any CSS colour, color-mix() too, into red, green, blue and alpha.
FAINT = """
() => {
  const brush = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d');
  const rgba = (colour) => {
    brush.clearRect(0, 0, 1, 1); brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const behind = (element) =>
    element ? over(rgba(getComputedStyle(element).backgroundColor), behind(element.parentElement)) : [255, 255, 255, 1];
  const luminance = (colour) => {
    const [r, g, b] = colour.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (element) => {
    const back = behind(element), text = over(rgba(getComputedStyle(element).color), back);
    const [dark, light] = [luminance(back), luminance(text)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const asked = ({fontSize, fontWeight}) =>
    parseFloat(fontSize) >= 24 || (parseFloat(fontSize) >= 18.66 && fontWeight >= 700) ? 3 : 4.5;
  return [...document.querySelectorAll('body *')]
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .filter((element) => element.checkVisibility() && contrast(element) < asked(getComputedStyle(element)))
    .map((element) => `${element.textContent.trim().slice(0, 40)}: ${contrast(element).toFixed(2)}`);
}
"""

# Texts that leave a box they stand in, and amounts and numbers that break into two lines.
ASTRAY = """
() => {
  const range = document.createRange();
  const lines = (node) => { range.selectNodeContents(node); return [...range.getClientRects()]; };
  const leaves = (box, line) => line.right > box.right + 1 || line.left < box.left - 1;
  const boxes = 'article, .panel, .rows, .figures div, .bar-end, main';
  const outside = [...document.querySelectorAll(boxes)].filter((box) =>
    lines(box).some((line) => leaves(box.getBoundingClientRect(), line)));
  const broken = [...document.querySelectorAll('.figures dd, .number, .bar-end button')].filter((box) =>
    new Set(lines(box).filter((line) => line.width).map((line) => line.bottom)).size > 1 && !box.children.length);
  return [...outside, ...broken].map((box) => `${box.className}: ${box.textContent.trim().slice(0, 60)}`);
}
"""


@pytest.fixture
def full_pages(admin: Admin) -> tuple[str, ...]:
    """Paths of pages that show everything they can."""
    order = make_order(admin, name="Fionnuala Ní Bhriain of the very long name")
    stored = take_order(admin, order, tell=False)
    log_call(admin, order.call_id, order_id=stored.id)
    log_call(admin, "damaged")
    execute(admin, "update call_log set caller_encrypted = $1 where id = 'damaged'", b"\x01" + bytes(60))
    cart = leave_cart(admin, reason="not_saved")
    leave_cart(admin, reason="engine_failed", caller="", name="")
    # A day's takings that have a thousands mark, which is a no-break space in French.
    execute(admin, "update daily_figure set total_cents = 1234567")
    return ("", "orders", f"orders/{stored.id}", "calls", f"calls/{order.call_id}", f"calls/{cart}", "menu")


@pytest.mark.usefixtures("within_one_day")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["fr-FR", "en-GB"])
def test_every_page_is_legible_on_a_phone_and_on_a_tablet(
    browser: Browser,
    server: Server,
    admin: Admin,
    full_pages: tuple[str, ...],
    language: str,
    scheme: Literal["light", "dark"],
) -> None:
    context = browser.new_context(locale=language, color_scheme=scheme, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(context.new_page(), server.url)
    visitor.log_in()
    found = {}

    for width in (390, 1200):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        ring(admin, "ringing")
        ring(admin, "joined")
        publish(admin, CallChanged(call_id="joined", state="joined", at=datetime.now(UTC)))
        for path in full_pages:
            visitor.open(f"/place/{admin.pizza.id}/{path}")
            found[width, path] = visitor.page.evaluate(FAINT) + visitor.page.evaluate(ASTRAY)
    context.close()

    assert {page: texts for page, texts in found.items() if texts} == {}
