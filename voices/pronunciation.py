"""Text as a voice should read it: prices, times, signs, and menu words from other languages."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

_CURRENCIES = {
    "€": "EUR",
    "eur": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "£": "GBP",
    "gbp": "GBP",
    "$": "USD",
    "usd": "USD",
}
_NAMES = {
    "en": {"EUR": ("euro", "euros"), "GBP": ("pound", "pounds"), "USD": ("dollar", "dollars")},
    "fr": {"EUR": ("euro", "euros"), "GBP": ("livre", "livres"), "USD": ("dollar", "dollars")},
}
_SIGNS = {
    "en": {"&": " and ", "%": " percent", "+": " plus ", "#": " number ", "n°": " number "},
    "fr": {"&": " et ", "%": " pour cent", "+": " plus ", "#": " numéro ", "n°": " numéro "},
}
_UNITS = {
    "en": {
        "cl": "centilitres",
        "ml": "millilitres",
        "kg": "kilos",
        "min": "minutes",
        "approx.": "about",
        "st.": "street",
    },
    "fr": {
        "cl": "centilitres",
        "ml": "millilitres",
        "kg": "kilos",
        "min": "minutes",
        "env.": "environ",
        "bd": "boulevard",
    },
}
_AMOUNT = r"(?P<whole>\d+)(?:[.,](?P<cents>\d{2}))?"
_PRICE_AFTER = re.compile(_AMOUNT + r"\s?(?P<unit>€|£|\$|EUR\b|GBP\b|USD\b|euros?\b)", re.IGNORECASE)
_PRICE_BEFORE = re.compile(r"(?P<unit>[€£$])\s?" + _AMOUNT)
_TIME = re.compile(r"\b(?P<hour>[01]?\d|2[0-4])\s?(?::|h)\s?(?P<minute>[0-5]\d)?\b")
_SPACES = re.compile(r"\s+")


def pronounced(text: str, language: str) -> str:
    """What a voice is given for ``text``."""
    return respelled(spoken(text, language), language)


def spoken(text: str, language: str) -> str:
    """``text`` with prices, times, units and signs as words that a grapheme-to-phoneme table reads right."""
    said = text.replace("’", "'").replace("\u00a0", " ").replace("\u202f", " ")
    for pattern in (_PRICE_AFTER, _PRICE_BEFORE):
        said = pattern.sub(lambda found: _price(found, language), said)
    said = _TIME.sub(lambda found: _time(found, language), said)
    for sign, words in _SIGNS[language].items():
        said = said.replace(sign, words)
    for unit, words in _UNITS[language].items():
        said = re.sub(rf"(?<![\w.]){re.escape(unit)}(?!\w)", words, said, flags=re.IGNORECASE)
    return _SPACES.sub(" ", said).strip()


def respelled(text: str, language: str) -> str:
    """``text`` with the words of ``respelling.json`` written as the language's own letters sound."""
    table, pattern = _respellings(language)
    return pattern.sub(lambda found: table[found["word"].lower()], text) if table else text


def _price(found: re.Match[str], language: str) -> str:
    one, many = _NAMES[language][_CURRENCIES[found["unit"].lower()]]
    whole, cents = int(found["whole"]), found["cents"]
    name = one if whole == 1 or (language == "fr" and whole == 0) else many
    return f"{whole} {name}" + (f" {int(cents):02d}" if cents and int(cents) else "")


def _time(found: re.Match[str], language: str) -> str:
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if language == "fr":
        return f"{hour} heures" + (f" {minute}" if minute else "")
    return f"{hour} {minute:02d}" if minute else f"{hour} o'clock"


@cache
def _respellings(language: str) -> tuple[dict[str, str], re.Pattern[str]]:
    """The language's table, and the pattern of its words, which may have the "s" of a plural: nobody hears it."""
    tables: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "respelling.json").read_text("utf-8"))
    table = tables.get(language, {})
    longest_first = sorted(table, key=len, reverse=True)  # else a word would hide the longer ones that begin with it
    words = "|".join(map(re.escape, longest_first))
    return table, re.compile(rf"\b(?P<word>{words}){'s?' if language == 'fr' else ''}\b", re.IGNORECASE)
