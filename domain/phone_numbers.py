"""One form for each phone number, whatever spelling it came in: E.164, as trunks and mobile phones write it.

A number in national form is one of the restaurant's country. What is no telephone number (a short extension, the name
of an account at a private exchange) stays as it is.
"""

from __future__ import annotations

import re

# ITU-T E.164 country codes, and what is dialled before a national number and left out of the international one: "0" in
# most of Europe; "-" where a national number is dialled as it is (Italy keeps its 0).
_TABLE = """
AT 43 0|BE 32 0|BG 359 0|CH 41 0|DE 49 0|FI 358 0|FR 33 0|GB 44 0|HR 385 0|IE 353 0|LI 423 0|NL 31 0|RO 40 0|SE 46 0
SI 386 0|SK 421 0|UA 380 0|GF 594 0|GP 590 0|MQ 596 0|RE 262 0|YT 262 0|AL 355 0|RS 381 0|TR 90 0|AU 61 0|NZ 64 0
MA 212 0|CY 357 -|CZ 420 -|DK 45 -|EE 372 -|ES 34 -|GR 30 -|IS 354 -|IT 39 -|LU 352 -|LV 371 -|MC 377 -|MT 356 -
NO 47 -|PL 48 -|PT 351 -|TN 216 -|HU 36 06|LT 370 0|US 1 1|CA 1 1
"""
COUNTRIES: dict[str, tuple[str, str]] = {
    country: (code, prefix.strip("-"))
    for country, code, prefix in (entry.split() for line in _TABLE.split("\n") for entry in line.split("|") if entry)
}
"""Country code and national prefix by country (ISO 3166 alpha-2)."""

_ONE_DIGIT = ("1", "7")
# Country codes of two digits; what begins otherwise has three.
_TWO_DIGITS = frozenset(map(str, (20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59))))
_TWO_DIGITS |= frozenset(map(str, (*range(60, 67), 81, 82, 84, 86, *range(90, 96), 98)))

LONGEST_EXTENSION = 6
_SEPARATORS = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]+")
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_ACCOUNT = re.compile(r"[0-9A-Za-z._-]{2,64}")


class InvalidNumberError(ValueError):
    """The message begins with ``number:`` and says what is expected."""


def one_form(text: str, country: str) -> str:
    """``text`` in the one form that a line's number is stored in. Raises InvalidNumberError.

    ``+33 4 65 71 00 42``, ``0033465710042``, ``+33 (0)4 65 71 00 42``, ``33465710042`` and, in France,
    ``04 65 71 00 42`` are all ``+33465710042``.
    """
    bare = text.strip().removeprefix("tel:")
    dialled = _SEPARATORS.sub("", bare.replace("(0)", ""))
    if dialled.startswith("00"):
        dialled = "+" + dialled[2:]
    if not dialled.removeprefix("+").isascii() or not dialled.removeprefix("+").isdigit():
        return _account(bare)
    if not dialled.startswith("+"):
        if len(dialled) <= LONGEST_EXTENSION:
            return _account(dialled)
        dialled = _international(dialled, country)
    if not E164.fullmatch(dialled):
        raise InvalidNumberError("number: no telephone number; write it with its country code, such as +33465710042")
    return dialled


def _account(text: str) -> str:
    if not _ACCOUNT.fullmatch(text):
        raise InvalidNumberError("number: expected a telephone number such as +33465710042, or the name of an account")
    return text


def _international(dialled: str, country: str) -> str:
    """``dialled``, more digits than an extension has, as it is meant in ``country``."""
    if country not in COUNTRIES:
        raise InvalidNumberError(f"number: write it with its country code; national numbers of {country} are unknown")
    code, prefix = COUNTRIES[country]
    if dialled.startswith(code) and len(dialled) >= len(code) + 8 and not (prefix and dialled.startswith(prefix)):
        return "+" + dialled
    if prefix and dialled.startswith(prefix):
        return f"+{code}{dialled[len(prefix) :]}"
    if prefix in ("", "1"):
        return f"+{code}{dialled}"
    raise InvalidNumberError(f"number: in {country} it begins with {prefix} or +{code}")


def country_code(digits: str) -> str:
    """Of an international number without its ``+`` (ITU-T E.164)."""
    if digits.startswith(_ONE_DIGIT):
        return digits[:1]
    return digits[:2] if digits[:2] in _TWO_DIGITS else digits[:3]
