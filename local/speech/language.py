"""Which of the two languages a text is in, for when nobody says."""

from __future__ import annotations

import re

_FRENCH = frozenset(
    [
        "le",
        "la",
        "les",
        "un",
        "une",
        "des",
        "du",
        "de",
        "et",
        "est",
        "vous",
        "nous",
        "je",
        "pour",
        "avec",
        "votre",
        "bonjour",
        "merci",
        "que",
        "qui",
        "dans",
        "sur",
        "pas",
        "plus",
        "ou",
        "au",
        "aux",
        "ce",
        "cette",
        "à",
        "voudrais",
        "commande",
        "en",
        "s'il",
        "plaît",
    ]
)
_WORD = re.compile(r"[\w'’]+")
_SHARE = 0.15


def guess_language(text: str) -> str:
    """``fr`` when enough of its words are French function words, else ``en``."""
    words = _WORD.findall(text.lower())[:200]
    return "fr" if words and sum(word in _FRENCH for word in words) > _SHARE * len(words) else "en"
