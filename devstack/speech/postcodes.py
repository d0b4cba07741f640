"""A restaurant's postcodes as speech-to-text writes them: "the 13" is D13 behind a street, "and W-2" is NW2.

Never by sound alone: only one that the restaurant delivers to, and only where a postcode stands, behind a street or in
the answer to "what's the address?".
"""

from __future__ import annotations

import re
from functools import lru_cache

from devstack.speech.addresses import Awaited, with_digits
from devstack.speech.lexicon import Lexicon
from devstack.speech.menu_sounds import distance

_ZONE = re.compile(r"^- (?:Delivery|Livraison) .*\((?P<codes>[^()]+)\)", re.MULTILINE)
# What is heard of a letter's name.
_SOUNDS = {
    "en": {
        "A": "a|hey",
        "B": "b|be|bee",
        "C": "c|see|sea",
        "D": "d|the|dee",
        "E": "e|he",
        "K": "k|kay|okay",
        "L": "l|el|hell",
        "M": "m|em",
        "N": "n|en|and|in|an",
        "O": "o|oh",
        "P": "p|pee",
        "R": "r|are",
        "S": "s|es|as",
        "T": "t|tea|tee",
        "U": "u|you",
        "W": r"w|double[ -](?:u|you)",
        "Y": "y|why",
    },
    "fr": {},
}
LEAST_DIGITS = 4
MOST_WRONG = 2  # digits
_NUMBER = re.compile(r"\b\d[\d .]*\d\b")
_APART = r"[\s.,-]{0,2}"


def codes_of(instructions: str) -> tuple[str, ...]:
    """The postcodes of the delivery zones that the session's instructions list."""
    found = (code.strip() for zone in _ZONE.finditer(instructions) for code in zone["codes"].split(","))
    return tuple(dict.fromkeys(filter(None, found)))


def with_postcodes(text: str, codes: tuple[str, ...], lexicon: Lexicon, awaited: Awaited, language: str) -> str:
    """``text`` with what stands in the place of one of ``codes`` written as that."""
    if not codes:
        return text
    digits = with_digits(text, language)
    street = lexicon.street.search(digits)
    if street is None and awaited != "address":
        return text
    first, last = street.span() if street is not None else (0, 0)
    for code, pattern in _patterns(codes, language):
        found = pattern.search(digits, first)
        if found and (awaited == "address" or not digits[last : found.start()].strip(" ,.")):
            return f"{digits[: found.start()].rstrip(' ,.')}, {code}{digits[found.end() :]}"
    return _with_misheard_number(digits, first, codes) or text


def _with_misheard_number(text: str, first: int, codes: tuple[str, ...]) -> str:
    """``text`` with a number that is too long or too short for a postcode as the one code that it is nearest to: "75 11
    11" for 75011; "" where there is none. One of the right length is another postcode, perhaps outside the zones."""
    lengths = {len(code) for code in codes if code.isdigit()}
    for found in _NUMBER.finditer(text, first):
        heard = re.sub(r"\D", "", found.group())
        if len(heard) < LEAST_DIGITS or len(heard) in lengths:
            continue
        scored = sorted((distance(heard, code), code) for code in codes if code.isdigit())
        if scored and scored[0][0] <= MOST_WRONG and (len(scored) == 1 or scored[1][0] > scored[0][0]):
            return f"{text[: found.start()].rstrip(' ,.')}, {scored[0][1]}{text[found.end() :]}"
    return ""


@lru_cache(maxsize=64)
def _patterns(codes: tuple[str, ...], language: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Of codes with a letter and a digit; a number alone is heard or not."""
    mixed = [code for code in codes if any(map(str.isdigit, code)) and any(map(str.isalpha, code))]
    return tuple((code, _pattern(code, language)) for code in sorted(mixed, key=len, reverse=True))


def _pattern(code: str, language: str) -> re.Pattern[str]:
    sounds = _SOUNDS[language]
    parts = [f"(?:{sounds.get(one.upper(), re.escape(one))})" for one in code if not one.isspace()]
    return re.compile(rf"\b{_APART.join(parts)}\b", re.IGNORECASE)
