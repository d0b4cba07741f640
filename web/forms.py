"""What a visitor typed into a form, read field by field; what is wrong stands beside its field and nothing is lost.

Each reader returns a usable value, or notes a problem and returns a harmless one: look at ``problems`` before a value
is used. The texts name the field and the fix.
"""

from collections.abc import Collection, Mapping

from werkzeug.datastructures import MultiDict

from domain import webhooks
from web import integration_words, words
from web.formats import PriceError, parse_price
from web.words import _


class Form:
    """``typed`` is what stands in the fields: what was sent, or what is saved while nothing was sent yet."""

    def __init__(self, sent: MultiDict[str, str] | None = None, saved: Mapping[str, object] | None = None) -> None:
        self._sent = sent
        self._saved = saved or {}
        self.problems: dict[str, str] = {}

    def typed(self, name: str) -> str:
        if self._sent is not None:
            return self._sent.get(name, "")
        return str(self._saved.get(name, ""))

    def is_on(self, name: str) -> bool:
        """Whether a checkbox is ticked: one that is not ticked is not sent."""
        return bool(self._sent.get(name)) if self._sent is not None else bool(self._saved.get(name))

    def refuse(self, name: str, problem: str) -> None:
        """The first problem of a field is the one that is shown."""
        self.problems.setdefault(name, problem)

    def text(self, name: str, label: str, *, most: int, required: bool = False) -> str:
        """One line, without spaces around it."""
        return self._bounded(name, label, " ".join(self.typed(name).split()), most, required)

    def paragraph(self, name: str, label: str, *, most: int, required: bool = False) -> str:
        """Text that may have several lines."""
        lines = self.typed(name).replace("\r\n", "\n").strip()
        return self._bounded(name, label, lines, most, required)

    def url(self, name: str, label: str, *, required: bool = False, private: bool = False) -> str:
        """A web address as ``domain.webhooks.check_url`` gives it; "" where there is none that can be used."""
        typed = self.text(name, label, most=webhooks.LONGEST_URL, required=required)
        if not typed or name in self.problems:
            return ""
        try:
            return webhooks.check_url(typed, private=private)
        except webhooks.BadUrlError as refused:
            self.refuse(name, integration_words.url_problems()[refused.reason])
            return ""

    def _bounded(self, name: str, label: str, text: str, most: int, required: bool) -> str:
        if required and not text:
            self.refuse(name, _("%(field)s: please fill this in.", field=label))
        elif len(text) > most:
            self.refuse(
                name,
                _("%(field)s: at most %(most)s characters, it has %(count)s.", field=label, most=most, count=len(text)),
            )
        elif any(character < " " and character != "\n" for character in text):
            self.refuse(name, _("%(field)s: it holds a character that can't be shown. Type it again.", field=label))
        return text

    def integer(self, name: str, label: str, least: int, most: int) -> int:
        bare = "".join(self.typed(name).split())
        if bare.isascii() and bare.isdigit() and len(bare) <= len(str(most)) and least <= int(bare) <= most:
            return int(bare)
        self.refuse(
            name, _("%(field)s: a whole number from %(least)s to %(most)s.", field=label, least=least, most=most)
        )
        return least

    def cents(self, name: str, label: str) -> int:
        """An amount as ``formats.parse_price`` reads it."""
        try:
            return parse_price(self.typed(name))
        except PriceError as refused:
            problem = words.price_problems()[refused.reason]
            self.refuse(name, f"{label}: {problem.partition(': ')[2] or problem}")
            return 0

    def choice(self, name: str, label: str, options: Collection[str]) -> str:
        """One of ``options``; what a browser can't have sent is refused as well."""
        typed = self.typed(name)
        if typed in options:
            return typed
        self.refuse(name, _("%(field)s: choose one of the list.", field=label))
        return next(iter(options))
