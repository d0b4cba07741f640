"""The fourteen allergens of Regulation (EU) 1169/2011, annex II, by the words that menus use for them.

A menu holds words in its own language, because that is what callers hear; ``code_of`` finds which of the fourteen a
word means, in either language. What is none of them is the restaurant's own word and stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.names import fold

# People say who they are for what they can't eat.
_COELIAC = ("coeliac", "coeliacs", "celiac", "celiacs", "coeliaque", "coeliaques")

# code: (English, French, other words for it)
_WORDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "gluten": ("gluten", "gluten", ("wheat", "barley", "rye", "blé", "orge", "seigle", "céréales", *_COELIAC)),
    "crustaceans": ("crustaceans", "crustacés", ("shellfish", "prawns", "shrimp", "crevettes", "crustacé")),
    "eggs": ("eggs", "œufs", ("egg", "œuf")),
    "fish": ("fish", "poisson", ("poissons",)),
    "peanuts": ("peanuts", "arachides", ("peanut", "arachide", "cacahuètes", "cacahuète")),
    "soya": ("soya", "soja", ("soy", "soybeans")),
    "milk": ("milk", "lait", ("dairy", "lactose", "produits laitiers")),
    "nuts": ("nuts", "fruits à coque", ("tree nuts", "nut", "noix", "amandes", "noisettes", "almonds", "hazelnuts")),
    "celery": ("celery", "céleri", ()),
    "mustard": ("mustard", "moutarde", ()),
    "sesame": ("sesame", "sésame", ("sesame seeds", "graines de sésame")),
    "sulphites": ("sulphites", "sulfites", ("sulfite", "sulphite", "sulphur dioxide", "anhydride sulfureux")),
    "lupin": ("lupin", "lupin", ()),
    "molluscs": ("molluscs", "mollusques", ("mollusque", "mollusc", "mussels", "moules", "oysters", "huîtres")),
}
CODES: tuple[str, ...] = tuple(_WORDS)


def word(code: str, language: str) -> str:
    """The allergen as a menu in ``language`` says it. Raises KeyError for what is none of ``CODES``."""
    english, french, _ = _WORDS[code]
    return french if language.startswith("fr") else english


def of_items(listed: Mapping[str, tuple[str, ...]], items: Sequence[str]) -> tuple[str, ...] | None:
    """What is listed for these items together; None as soon as one lists nothing: then nobody can tell of the whole."""
    if any(item not in listed for item in items):
        return None
    return tuple(dict.fromkeys(name for item in items for name in listed[item]))


def codes_in(said: str) -> tuple[str, ...]:
    """Which of the fourteen a sentence names, in their order: ``cow's milk and tree nuts``."""
    words = f" {fold(said)} "
    return tuple(
        code
        for code, (english, french, others) in _WORDS.items()
        if any(f" {known} " in words or f" {known}s " in words for known in map(fold, (english, french, *others)))
    )


def code_of(said: str) -> str | None:
    """Which of the fourteen a word means; None for a word of the restaurant's own."""
    wanted = fold(said)
    for code, (english, french, others) in _WORDS.items():
        if wanted in map(fold, (english, french, *others)):
            return code
    return None
