"""The fourteen allergens of Regulation (EU) 1169/2011, annex II, by the words that menus use for them.

A menu holds words in its own language, because that is what callers hear; ``code_of`` finds which of the fourteen a
word means, in either language. What is none of them is the restaurant's own word and stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from domain.names import fold

# code: how menus say it, and other words for it, in English and in French. People say who they are, too.
_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "gluten": {
        "en": ("gluten", "wheat", "barley", "rye", "coeliac", "coeliacs", "celiac", "celiacs"),
        "fr": ("gluten", "blé", "orge", "seigle", "céréales", "coeliaque", "coeliaques"),
    },
    "crustaceans": {
        "en": ("crustaceans", "shellfish", "prawns", "shrimp"),
        "fr": ("crustacés", "crevettes", "crustacé"),
    },
    "eggs": {"en": ("eggs", "egg"), "fr": ("œufs", "œuf")},
    "fish": {"en": ("fish",), "fr": ("poisson", "poissons")},
    "peanuts": {"en": ("peanuts", "peanut"), "fr": ("arachides", "arachide", "cacahuètes", "cacahuète")},
    "soya": {"en": ("soya", "soy", "soybeans"), "fr": ("soja",)},
    "milk": {"en": ("milk", "dairy", "lactose"), "fr": ("lait", "lactose", "produits laitiers")},
    "nuts": {
        "en": ("nuts", "tree nuts", "nut", "almonds", "hazelnuts"),
        "fr": ("fruits à coque", "noix", "amandes", "noisettes"),
    },
    "celery": {"en": ("celery",), "fr": ("céleri",)},
    "mustard": {"en": ("mustard",), "fr": ("moutarde",)},
    "sesame": {"en": ("sesame", "sesame seeds"), "fr": ("sésame", "graines de sésame")},
    "sulphites": {
        "en": ("sulphites", "sulfite", "sulphite", "sulphur dioxide"),
        "fr": ("sulfites", "anhydride sulfureux"),
    },
    "lupin": {"en": ("lupin",), "fr": ("lupin",)},
    "molluscs": {
        "en": ("molluscs", "mollusc", "mussels", "oysters"),
        "fr": ("mollusques", "mollusque", "moules", "huîtres"),
    },
}
CODES: tuple[str, ...] = tuple(_WORDS)


def word(code: str, language: str) -> str:
    """The allergen as a menu in ``language`` says it. Raises KeyError for what is none of ``CODES``."""
    return _WORDS[code]["fr" if language.startswith("fr") else "en"][0]


def words_in(language: str) -> tuple[str, ...]:
    """All words of ``language`` ("en", "fr") that name one of the fourteen."""
    return tuple(said for known in _WORDS.values() for said in known[language])


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
        for code, said_as in _WORDS.items()
        if any(f" {known} " in words or f" {known}s " in words for known in map(fold, _every(said_as)))
    )


def code_of(said: str) -> str | None:
    """Which of the fourteen a word means; None for a word of the restaurant's own."""
    wanted = fold(said)
    for code, said_as in _WORDS.items():
        if wanted in map(fold, _every(said_as)):
            return code
    return None


def _every(said_as: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """In either language."""
    return (known for words in said_as.values() for known in words)
