"""What callers say, as data: one file a language, and what means the same in both."""

from __future__ import annotations

from devstack.speech.lexicon.english import ENGLISH
from devstack.speech.lexicon.french import FRENCH
from devstack.speech.lexicon.model import Lexicon

__all__ = ["LEXICONS", "OTHER_NAMES", "SIZES", "Lexicon"]

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
