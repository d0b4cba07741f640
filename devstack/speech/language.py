"""Which of the two languages a text is in, for when nobody says."""

from __future__ import annotations

import re

from devstack.speech.lexicon.model import words

_FRENCH = words(
    "le la les un une des du de et est vous nous je pour avec votre bonjour merci que qui dans sur pas plus ou au aux "
    "ce cette à voudrais commande en plaît"
)
_WORD = re.compile(r"[\w'’]+")
_SHARE = 0.15


def guess_language(text: str) -> str:
    """``fr`` when enough of its words are French function words, else ``en``."""
    said = _WORD.findall(text.lower())[:200]
    return "fr" if said and sum(word in _FRENCH for word in said) > _SHARE * len(said) else "en"
