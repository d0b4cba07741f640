"""What callers say, as data: one module for each language, what means the same in both, and which one a text is in."""

from __future__ import annotations

import re

from devstack.speech.lexicon.english import ENGLISH
from devstack.speech.lexicon.french import FRENCH
from devstack.speech.lexicon.model import Lexicon, words

__all__ = ["LEXICONS", "OTHER_NAMES", "SIZES", "Lexicon", "guess_language"]

LEXICONS = {"en": ENGLISH, "fr": FRENCH}

# Sizes that mean the same, whatever the menu calls them (folded).
SIZES = (
    frozenset(["small", "little", "petite", "petit", "mini"]),
    frozenset(["medium", "regular", "normal", "normale", "moyenne", "moyen", "standard"]),
    frozenset(["large", "big", "grande", "grand", "lodge"]),
)

# What callers call things that the menu calls otherwise; used only when the menu has the right side.
OTHER_NAMES = {
    "coke": ("cola", "coca cola", "coca"),
    "coca": ("cola", "coca cola"),
    "coca cola": ("cola",),
    "cola": ("coca cola", "coca"),
    "fries": ("chips", "french fries", "frites"),
    "french fries": ("chips", "fries"),
    "lasagna": ("lasagne", "lasagnes"),
    "margarita": ("margherita",),
    "marguerite": ("margherita",),
    "veggie": ("vegetarian", "vegetarienne"),
    "hawaii": ("hawaiian",),
    "quattro formaggi": ("four cheeses", "four cheese", "quatre fromages"),
    "frites": ("portion de frites",),
}

_FRENCH_FUNCTION_WORDS = words(
    "le la les un une des du de et est vous nous je pour avec votre bonjour merci que qui dans sur pas plus ou au aux "
    "ce cette à voudrais commande en plaît"
)
_FRENCH_SHARE = 0.15  # of a text's first 200 words


def guess_language(text: str) -> str:
    """``fr`` when enough of its words are French function words, else ``en``."""
    said = re.findall(r"[\w'’]+", text.lower())[:200]
    return "fr" if said and sum(word in _FRENCH_FUNCTION_WORDS for word in said) > _FRENCH_SHARE * len(said) else "en"
