"""What a caller's next words may be: the restaurant's own words, and how what was asked is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from devstack.speech.lexicon import LEXICONS
from devstack.speech.lexicon.person_names import FOLDED_NAMES, GIVING
from devstack.speech.matching import fold
from devstack.speech.words import stem
from domain.allergens import words_in

# Over the folded last question.
_NAME_ASKED = {
    "en": re.compile(r"\b(?:name|who is it for)\b"),
    "fr": re.compile(r"\b(?:quel nom|votre nom|nom de qui|pour qui)\b"),
}
_ALLERGY_ASKED = {"en": re.compile(r"\ballergy\b"), "fr": re.compile(r"\ballergie\b")}
_ADDRESS_ASKED = {"en": re.compile(r"\b(?:address|postcode)\b"), "fr": re.compile(r"\b(?:adresse|code postal)\b")}
_SPELLING_ASKED = {"en": re.compile(r"\bspell\b"), "fr": re.compile(r"\bepel")}
MOST_POSTCODES = 12  # there is no room for more beside the menu
# Put behind the vocabulary: after a mere list of names Whisper writes lists, too, and leaves out "two" and "I". None
# of them asks: what is heard next would be an answer.
_AS_ORDERED = {
    "en": " Hello, I would like two of those and one of these, please. I'd like one large and two small. That's all.",
    "fr": " Bonjour, je voudrais une grande et deux petites, s'il vous plaît. Non, c'est tout, merci. À emporter.",
}
# How names are given. Of 14 English ones 5 words were wrong with it for 9 without; of 18 French ones 27 for 20, and so
# there is none.
_AS_NAMED = {"en": " My name is Anna Murphy. It's for Jack.", "fr": ""}
_AS_ADDRESS = {"en": " 12 Church Road, {codes}.", "fr": " 12 rue de l'Église, {codes}."}
# Over the folded last question, and how it is answered: a word or two, which Whisper guesses wrongly without.
_ANSWERED: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    "en": (),
    "fr": (
        (
            _ALLERGY_ASKED["fr"],
            f" {', '.join(words_in('fr'))}. Aux œufs. Aux arachides. Au lait. À la moutarde.",
        ),
        (re.compile(r"\bquelle heure\b"), " À dix-neuf heures. À vingt heures trente. Vers midi."),
        (re.compile(r"\bcombien de personnes\b"), " Pour quatre personnes. Deux. Nous serons six."),
        (re.compile(r"\ba emporter\b"), " À emporter. Ce sera à emporter, s'il vous plaît. En livraison."),
    ),
}
_AS_SPELLED = {
    "en": " A for Alpha, B for Bravo, N for November, double T, E for Echo.",
    "fr": " A comme Antoine, B comme Bernard, N comme Nicolas, deux T, E comme Émile.",
}
_OF_NAMES = {language: GIVING[language] | FOLDED_NAMES[language] for language in GIVING}


@dataclass(frozen=True, slots=True)
class Expectation:
    """``before`` is what Whisper is told to have been said; ``words`` are stems that are not strange, none where any
    word may come; ``names`` are the first words of what the restaurant has, folded; ``listed`` what it has;
    ``of_name``: a person's name was asked for; ``of_spelling``: how it is spelled; ``of_allergy``: to what one is.
    """

    language: str
    before: str = ""
    words: Set[str] = frozenset()
    names: Set[str] = frozenset()
    listed: tuple[str, ...] = ()
    of_name: bool = False
    of_spelling: bool = False
    of_allergy: bool = False


def expected(language: str, vocabulary: str = "", question: str = "", postcodes: Sequence[str] = ()) -> Expectation:
    """``vocabulary`` is the session's: names with commas between. ``question`` is all the assistant last said;
    ``postcodes`` are those that the restaurant delivers to.

    In an answer to "what name?" every word is strange but those that give one, and the names that many people have:
    an ordinary word must not be preferred to the surname that sounds like it.
    """
    if not vocabulary.strip():
        return Expectation(language)
    whole = tuple(filter(None, (name.strip(" .") for name in vocabulary.split(","))))
    listed = [fold(name).split() for name in whole]
    names = frozenset(words[0] for words in listed if words)
    before = f" {vocabulary.strip()}{_AS_ORDERED[language]}"
    if _asks(_SPELLING_ASKED, question, language):
        return Expectation(language, _AS_SPELLED[language], of_spelling=True)
    if asks_name(question, language):
        return Expectation(language, before + _AS_NAMED[language], _OF_NAMES[language], names, of_name=True)
    if postcodes and _asks(_ADDRESS_ASKED, question, language):
        before += _AS_ADDRESS[language].format(codes=", ".join(postcodes[:MOST_POSTCODES]))
    before += next((told for asked, told in _ANSWERED[language] if _asks({language: asked}, question, language)), "")
    named = [*listed, *(fold(one).split() for one in words_in(language))]
    known = LEXICONS[language].known | {stem(word) for words in named for word in words}
    return Expectation(language, before, known, names, whole, of_allergy=_asks(_ALLERGY_ASKED, question, language))


def speaks_of_allergy(said: str) -> bool:
    return "allerg" in fold(said)


def asks_name(said: str, language: str) -> bool:
    """Whether the last question of what was ``said`` does."""
    return _asks(_NAME_ASKED, said, language)


def _asks(patterns: Mapping[str, re.Pattern[str]], said: str, language: str) -> bool:
    asking = [one for one in re.split(r"(?<=[.!?…])\s+", said) if one.rstrip(' »"').endswith("?")]
    return bool(asking) and patterns[language].search(fold(asking[-1])) is not None
