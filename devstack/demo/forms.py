"""The fields of a form on a page, as a browser would send them."""

from __future__ import annotations

from html.parser import HTMLParser


def fields_of(page: str, css_class: str) -> list[tuple[str, str]]:
    """Every field of the first form with ``css_class``, in the order of the page. Raises LookupError without one."""
    reader = _Reader(css_class)
    reader.feed(page)
    if not reader.found:
        raise LookupError(f"no form of the class {css_class}")
    return reader.fields


class _Reader(HTMLParser):
    def __init__(self, css_class: str) -> None:
        super().__init__()
        self.found = False
        self.fields: list[tuple[str, str]] = []
        self._css_class = css_class
        self._inside = False
        self._select: tuple[str, list[str], str | None] | None = None  # name, values, the selected one
        self._textarea: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.found and self._css_class in values.get("class", "").split():
            self.found = self._inside = True
        name = values.get("name", "")
        if not self._inside:
            return
        if tag == "input" and name and (values.get("type") not in ("checkbox", "radio") or "checked" in values):
            self.fields.append((name, values.get("value", "")))
        elif tag == "select":
            self._select = (name, [], None)
        elif tag == "option" and self._select:
            select, options, chosen = self._select
            value = values.get("value", "")
            self._select = (select, [*options, value], value if "selected" in values else chosen)
        elif tag == "textarea":
            self._textarea = (name, [])

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self._textarea[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select" and self._select:
            name, options, chosen = self._select
            self.fields.append((name, chosen if chosen is not None else next(iter(options), "")))
            self._select = None
        elif tag == "textarea" and self._textarea:
            self.fields.append((self._textarea[0], "".join(self._textarea[1])))
            self._textarea = None
