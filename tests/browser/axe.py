"""axe-core, injected into a page: what it finds wrong there."""

from collections.abc import Sequence
from importlib.resources import files

from playwright.sync_api import Page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
# Colours that are still on their way to those of the other theme would be measured there. A style element is refused
# by the pages' policy, a constructed sheet is not. What is folded is looked at, too.
PREPARE = """
() => {
  const still = new CSSStyleSheet();
  still.replaceSync("*, ::before, ::after { transition: none !important; animation: none !important; }");
  document.adoptedStyleSheets = [still];
  for (const fold of document.querySelectorAll("details:not(.dropdown)")) fold.open = true;
}
"""
# Without preload: axe would wait ten seconds for the recordings' metadata.
RUN = """
async (rules) => {
  const options = {resultTypes: ["violations"], preload: false, ...(rules.length ? {runOnly: rules} : {})};
  const {violations} = await axe.run(document, options);
  const where = ({target, html}) => `${target.flat().join(" ")} ${html.slice(0, 200)}`;
  return violations.map(({id, impact, nodes}) => `${impact} ${id}: ${nodes.map(where).slice(0, 5).join(" | ")}`);
}
"""


def inject(page: Page) -> None:
    page.evaluate(AXE)
    page.evaluate(PREPARE)


def faults(page: Page, *rules: str) -> Sequence[str]:
    """What is wrong by any of axe's rules, or by these, of whatever impact; the page needs ``inject`` before."""
    found: list[str] = page.evaluate(RUN, list(rules))
    return found
