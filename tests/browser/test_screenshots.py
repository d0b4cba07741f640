"""A picture of each page, for people to look at: ``pytest tests/browser/test_screenshots.py --screenshots FOLDER``.

Not part of the suite: what is ugly, cut off or said badly is for eyes to find.
"""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ViewportSize

from tests.browser.conftest import PATIENCE_MS, Visitor
from tests.browser.pages import Site
from tests.integration.web.admin import Admin, Server, execute, make_order, take_order

pytestmark = pytest.mark.browser

SIZES = {"desktop": ViewportSize(width=1280, height=800), "phone": ViewportSize(width=390, height=844)}


@pytest.fixture
def screenshots(request: pytest.FixtureRequest) -> Path:
    folder = Path(request.config.getoption("--screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize(("language", "scheme"), [("fr", "light"), ("en", "light"), ("fr", "dark")])
def test_each_page_is_pictured(
    screenshots: Path,
    whole_site: Site,
    whole_server: Server,
    browser: Browser,
    language: str,
    scheme: Literal["light", "dark"],
) -> None:
    context = browser.new_context(locale=language, color_scheme=scheme, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    page, who = context.new_page(), ""
    for shown in whole_site.pages:
        if shown.who != who:
            who = shown.who
            whole_site.sign_in(context, whole_server.url, who)
        page.set_viewport_size(SIZES["desktop"])
        page.goto(whole_server.url + shown.path)
        for name, size in SIZES.items():
            page.set_viewport_size(size)
            page.screenshot(path=screenshots / f"{shown.name}-{name}-{language}-{scheme}.png", full_page=True)
    context.close()

    assert len(list(screenshots.glob(f"*-{language}-{scheme}.png"))) == 2 * len(whole_site.pages)


def test_the_picture_of_the_readme(screenshots: Path, visitor: Visitor, admin: Admin) -> None:
    """The orders page with something in each column; it goes to docs/images/orders.png."""
    waiting = (("Aoife", 2, "confirmed"), ("Cormac", 17, "confirmed"), ("Fionnuala", 21, "preparing"))
    for name, minutes, status in (*waiting, ("Oisín", 9, "preparing"), ("Niamh", 26, "ready")):
        stored = take_order(admin, make_order(admin, name=name, minutes_ago=minutes), tell=False)
        execute(
            admin, f"set role alloresto_platform; update \"order\" set status = '{status}' where id = '{stored.id}'"
        )
    visitor.page.set_viewport_size({"width": 1280, "height": 1000})
    visitor.page.emulate_media(reduced_motion="reduce")
    visitor.log_in()
    visitor.open(f"/place/{admin.pizza.id}/orders")
    visitor.page.locator("[data-live=on]").wait_for()

    visitor.page.screenshot(path=screenshots / "readme-orders.png")
