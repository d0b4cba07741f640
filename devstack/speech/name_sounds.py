"""A person's name where speech-to-text wrote words that sound the same: "le roi" for Leroy, "IFA" for Aoife.

Only in the answer to "what name?" and behind "in the name of", only where all that is said there sounds as one of the
names that many people have.
"""

from __future__ import annotations

import re
from functools import cache

from devstack.speech.lexicon.person_names import FOLDED_NAMES, GIVING, PERSON_NAMES
from devstack.speech.matching import fold
from devstack.speech.menu_sounds import distance, phonemes

MOST_WORDS = 3
NEARLY = 0.12  # of a name's phonemes may be others: half of one that is like it, in "Dupont" and in "Lefèvre"
LEAST = 3  # phonemes; fewer have to be the same
_WORDS = re.compile(r"[^\W\d_]+")
_ONE_SOUND = str.maketrans({"ɪ": "i", "ɔ": "o", "ɛ": "e", "ɑ": "a", "œ": "ø"})  # in names nobody hears which
_IN_THE_NAME_OF = {
    "en": re.compile(r"\b(?:in|under) the name(?: of)? (?P<name>[^\W\d_]+)(?=\s*(?:[.,!?]|$))", re.IGNORECASE),
    "fr": re.compile(r"\bau nom d(?:e |['’])(?P<name>[^\W\d_]+)(?=\s*(?:[.,!?]|$))", re.IGNORECASE),
}


def with_common_name(text: str, language: str) -> str:
    """``text`` with the one word behind "in the name of" written as the name that it sounds like."""
    found = _IN_THE_NAME_OF[language].search(text)
    if found is None:
        return text
    return text[: found.start("name")] + as_common_name(found["name"], language) + text[found.end("name") :]


def as_common_name(text: str, language: str) -> str:
    """``text`` with the name that its last words sound like in their place; itself where there is none."""
    found = list(_WORDS.finditer(text))
    at = next((at for at, word in enumerate(found) if fold(word.group()) not in GIVING[language]), len(found))
    for first in range(at, -1, -1):  # "le" may give a name and may be its beginning
        said = found[first:]
        if not 1 <= len(said) <= MOST_WORDS:
            continue
        if any(fold(word.group()) in FOLDED_NAMES[language] for word in said):
            return text
        name = _sounding_like(text[said[0].start() : said[-1].end()], language)
        if name:
            return text[: said[0].start()] + name + text[said[-1].end() :]
    return text


def is_common(text: str, language: str) -> bool:
    """Whether the name in ``text`` is one that many people have, or there is none."""
    said = {fold(word) for word in _WORDS.findall(text)} - GIVING[language]
    return not said or bool(said & FOLDED_NAMES[language])


def _sounding_like(said: str, language: str) -> str:
    heard, known = _sounds(said, language), _by_sound(language)
    if heard in known:
        return known[heard]
    near = sorted(
        (distance(heard, sounds) / len(sounds), name)
        for sounds, name in known.items()
        if len(sounds) > LEAST and abs(len(sounds) - len(heard)) <= NEARLY * len(sounds)
    )
    return near[0][1] if near and near[0][0] <= NEARLY else ""


@cache
def _by_sound(language: str) -> dict[str, str]:
    """Where several sound the same the most frequent: nobody hears which it is."""
    return {
        sounds: name.capitalize()
        for name in reversed(PERSON_NAMES[language])
        if len(sounds := _sounds(name, language)) > 1
    }


def _sounds(said: str, language: str) -> str:
    return phonemes(said, language).translate(_ONE_SOUND)
