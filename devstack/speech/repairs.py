"""What Whisper writes and nobody says: words that sound as those that are meant, in places where only those can stand.

Never by sound alone: "deux" is put in place of "de" only where an order begins and the name of something on the menu
follows, where French has no "de"; "au nom de" in place of "oh non, de" only where a name was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Set

from devstack.speech.allergy_sounds import allergen_like
from devstack.speech.lexicon import SIZES
from devstack.speech.matching import fold

# By sound alone "no" may be "know", which begins no sentence that a caller says to a restaurant.
_KNOW = re.compile(r"^know\b[, ]*", re.IGNORECASE)
# Over the telephone "ch" and "s" are hard to tell apart, and no French word begins so.
_SEEK = re.compile(r"\bserch(?=er\b|é\b|ée\b)", re.IGNORECASE)
# Where a French caller's wish begins: at first, or after a verb of ordering.
_WISH = (
    r"(?:^|[.!?,] |\b(?:bonjour|bonsoir|alors|donc|voudrais|voudrait|aimerais|prendrai|prends|prendre|veux|faudrait|"
    r"mettez|mets),? (?:moi |plutôt )?)"
)
_AS_NUMBERS = {"de": "deux", "deu": "deux", "d'eux": "deux", "en": "un"}
_NUMBER = re.compile(rf"(?P<wish>{_WISH})(?P<heard>{'|'.join(_AS_NUMBERS)}) (?P<name>[^\W\d_]+)", re.IGNORECASE)
# "Allergique aux œufs" with its words parted elsewhere: "allergie causeux", "allergie qu'aux œufs".
_ALLERGIC = re.compile(r"\b(?:d['’])?allergi(?:e qu['’] ?|que )(?=aux?\b|à)", re.IGNORECASE)
_TO_HER = re.compile(r"\ballergi(?:e|que),? qu['’]elle a (?=\w)", re.IGNORECASE)
_ALLERGIC_TO = re.compile(r"\ballergie?(?:,? |-)?(?:qu['’]? ?[oôh]|c[oôa]|k)(?P<rest>[^\W\d_]{2,})", re.IGNORECASE)
# "Allergique à l'œuf" as one word: that there is an allergy is known, and to what is asked.
_ALLERGIC_WORD = re.compile(r"\ballergi(?!es?\b|ques?\b|s)\w+", re.IGNORECASE)
_DOUBLED = re.compile(r"^(.)\1")
_SIZES = frozenset().union(*SIZES)
_IN_THE_NAME = re.compile(
    r"(?P<before>^\W*(?:(?:bonjour|oui|euh|alors|c'est|ce sera|mettez),? )?)(?:oh|ho|ô|o|au|aux|eau|haut)\b[,.!? ]+"
    r"(?:non|nom|noms)\b[,.!? ]+d(?:(?:e|es|u|eux)\b,? |['’])(?=\w)",
    re.IGNORECASE,
)


def repaired(text: str, language: str, names: Set[str], *, of_name: bool = False) -> str:
    """``names`` are the first words of what is on the menu, folded; ``of_name``: a person's name was asked for."""
    if language == "en":
        return _KNOW.sub("No, ", text)
    if of_name:
        return _IN_THE_NAME.sub(lambda found: f"{found['before']}au nom de ", text)

    def number(found: re.Match[str]) -> str:
        name = fold(found["name"])
        if name in _SIZES or not {name, name.removesuffix("s")} & names:
            return found.group()
        said = _AS_NUMBERS[found["heard"].lower()]
        return f"{found['wish']}{said.capitalize() if not found['wish'] else said} {found['name']}"

    text = _TO_HER.sub("allergique à la ", _ALLERGIC.sub("allergique ", _SEEK.sub("cherch", text)))
    return _NUMBER.sub(number, _ALLERGIC_WORD.sub("allergique", _ALLERGIC_TO.sub(_to_what, text)))


def _to_what(found: re.Match[str]) -> str:
    """With the word that ran into what it is to, where that sounds like an allergen; it is asked about."""
    rest = _DOUBLED.sub(r"\1", found["rest"].removeprefix("u"))
    return f"allergique aux {rest}" if rest and allergen_like(rest, "fr") else found.group()
