"""What callers say, as data: one module for each language, what means the same in both, and which one a text is in."""

from __future__ import annotations

import re

from devstack.speech.lexicon.english import ENGLISH
from devstack.speech.lexicon.french import FRENCH
from devstack.speech.lexicon.model import Cue, Lexicon, Pattern, words
from devstack.speech.matching import fold

__all__ = ["LEXICONS", "SIZES", "Cue", "Lexicon", "Pattern", "guess_language", "language_said", "words"]

LEXICONS = {"en": ENGLISH, "fr": FRENCH}

# Sizes that mean the same, whatever the menu calls them (folded).
SIZES = (
    frozenset(["small", "little", "petite", "petit", "mini"]),
    frozenset(["medium", "regular", "normal", "normale", "moyenne", "moyen", "standard"]),
    frozenset(["large", "big", "grande", "grand", "lodge", "gros", "grosse"]),
    frozenset(["single", "simple"]),
    frozenset(["glass", "verre"]),
    frozenset(["bottle", "bouteille"]),
)

_FRENCH_FUNCTION_WORDS = words(
    "le la les un une des du de et est vous nous je pour avec votre bonjour merci que qui dans sur pas plus ou au aux "
    "ce cette à voudrais commande en plaît"
)
LEAST_OTHER = 3  # words of another language before it is followed
_FRENCH_SHARE = 0.15  # of a text's first 200 words


def guess_language(text: str) -> str:
    """``fr`` when enough of its words are French function words, else ``en``."""
    said = re.findall(r"[\w'’]+", text.lower())[:200]
    return "fr" if said and sum(word in _FRENCH_FUNCTION_WORDS for word in said) > _FRENCH_SHARE * len(said) else "en"


def language_said(text: str, default: str) -> str:
    """The language of a caller's words, where they are clearly of another than ``default``."""
    said = re.findall(r"[a-z]+", fold(text))
    shares = {name: sum(word in lexicon.known for word in said) for name, lexicon in LEXICONS.items()}
    best = max(shares, key=lambda name: (shares[name], name == default))
    own = shares.get(default, 0)
    return best if shares[best] >= LEAST_OTHER and shares[best] >= 2 * own else default
