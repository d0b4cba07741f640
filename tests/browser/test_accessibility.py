"""No page has a fault that axe-core finds: in both themes, on a desktop and a phone, empty, filled and refused.

The list of pages is made from the URL map (``pages``): a page that nothing leads to fails here, until it is led to.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser import axe
from tests.browser.conftest import PATIENCE_MS
from tests.browser.pages import Site
from tests.integration.web.admin import Server

pytestmark = pytest.mark.browser

DESKTOP, PHONE = ViewportSize(width=1200, height=900), ViewportSize(width=390, height=844)
# What the width of the window and the theme can change.
OF_LAYOUT = ("color-contrast", "target-size", "link-name", "button-name", "scrollable-region-focusable", "region")
# Posts each form that has something to type, first emptied, then with what fits nowhere, until one is refused, and
# shows that answer in the place of the page.
REFUSE = """
async () => {
  for (const form of document.querySelectorAll("main form[method=post]")) {
    const fields = [...form.elements].filter((one) => one.matches("input, textarea") && one.checkVisibility()
      && !["checkbox", "radio", "file", "submit"].includes(one.type));
    if (!fields.length) continue;
    for (const text of ["", "-"]) {
      const body = new FormData(form);
      for (const field of fields) body.set(field.name, text);
      const answer = await fetch(form.action, {method: "POST", body});
      const page = await answer.text();
      if (answer.status < 400 || !page.startsWith("<!doctype") || !page.includes('role="alert"')) continue;
      document.open();
      document.write(page);
      document.close();
      if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done, {once: true}));
      return true;
    }
  }
  return false;
}
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def test_every_page_is_led_to(whole_site: Site) -> None:
    assert whole_site.unreached() == []


def test_no_page_has_a_fault(whole_site: Site, whole_server: Server, page: Page) -> None:
    """A filled page is looked at with the mistakes that its form was refused for, since all else is there, too."""
    found, refused, who = {}, set(), ""
    for shown in whole_site.pages:
        if shown.who != who:
            who = shown.who
            whole_site.sign_in(page.context, whole_server.url, who)
        page.set_viewport_size(DESKTOP)
        page.emulate_media(color_scheme="light")
        page.goto(whole_server.url + shown.path)
        if shown.is_filled and page.evaluate(REFUSE):
            refused.add(shown.name)
        axe.inject(page)
        found[shown.name, "light"] = axe.faults(page)
        if shown.is_filled:
            page.set_viewport_size(PHONE)
            page.emulate_media(color_scheme="dark")
            found[shown.name, "dark"] = axe.faults(page, *OF_LAYOUT)

    faults = [f"{name}, {theme}: {fault}" for (name, theme), wrong in found.items() for fault in wrong]
    assert not faults, "\n".join(faults)
    assert len(refused) > 15, refused
