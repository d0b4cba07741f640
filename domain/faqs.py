"""Finding the restaurant's own answer to a caller's question, by what both are about.

Words of either language are taken for what they mean (``domain.meanings``), other words for themselves. An answer is
given when the question and the entry's own question are about the same, not when they share a word: what the caller
asks about and the entry does not mention counts against it. What a restaurant says of one allergen answers nothing
about another, nor what it says of one dish anything about another. Where nothing fits, "I don't know" is the answer.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache

from domain.allergens import codes_in
from domain.errors import Refused
from domain.meanings import meanings
from domain.names import fold
from domain.restaurant import FaqEntry

MAX_ANSWERS = 3
MAX_QUESTIONS_OFFERED = 20
ENOUGH = 0.45  # below it there is no answer; chosen on paraphrases of the seeds' questions and on others
# An answer that stands behind the best one must be nearly as good.
NEARLY = 0.8
_A_MEANING, _A_WORD, _IN_ANSWER = 1.0, 0.6, 0.6
_DIETS = frozenset(("vegan", "vegetarian", "halal", "kosher", "gluten"))
_DISH_MEANINGS = frozenset(("birthday", "alcohol"))  # a cake, a beer
_NO_DISHES = frozenset(
    ["free", "friendly", "suitable", "safe", "option", "options", "choice", "choices", "version", "versions", "choix"]
)
_DAYS = frozenset(
    fold(
        "monday tuesday wednesday thursday friday saturday sunday lundi mardi mercredi jeudi vendredi samedi dimanche "
        "christmas noel easter paques halloween toussaint holiday ferie nouvel year january february march april june "
        "july august september october november december janvier fevrier mars avril juin juillet aout septembre "
        "octobre novembre decembre"
    ).split()
)
_LONG = 5  # letters from which on a word may have a slip in it
_STOP_WORDS = frozenset(
    fold(
        "a an the i we you he she it they me my your our us his her their this that these those and or but if "
        "so to of in on at for with from by about as is are am was be been do does did have has had can could "
        "may might will would shall should must what when where which who how why any some there here not no "
        "yes please thanks hello hi just also too s t re ve d m let tell know ask question wonder want need "
        "like get got take takes give offer offers serve serves sell allow allowed accept accepted possible "
        "able ok okay come bring go going eat eating food dish dishes meal meals menu thing things something "
        "anything restaurant guys one ones good much many more all anywhere somewhere nearby leave only "
        "friend friends wife husband tonight today le la les l un une des du de au aux et ou mais si je j tu "
        "il elle nous vous ils elles te se ce c cet cette ces mon ma mes ton ta tes son sa ses notre nos "
        "votre vos leur leurs que qu qui quoi dont quand comment pourquoi quel quelle quels quelles est sont "
        "etes suis sommes etre ete ai avez avons ont avoir eu y en dans sur sous chez avec sans pour par pas "
        "ne n non oui bonjour merci s'il plait peut peux pouvez peuvent pouvoir puis faut fait faites faire "
        "veux voudrais aimerais savoir dire dites demander venir viens aller vais manger mange plat plats "
        "repas carte chose quelque proposez propose servez sert acceptez accepte acceptes autorise autorises "
        "bien bienvenue bienvenus encore aussi tout tous toute toutes femme mari ami amis soir aujourd hui "
    ).split()
)


def look_up(faq: Iterable[FaqEntry], question: str) -> tuple[FaqEntry, ...]:
    """At most three entries, the best first.

    Raises Refused ``no_answer`` with the questions that do have one.
    """
    entries = tuple(faq)
    asked = _about(question)
    scored = [
        (_alike(asked, entry), -position, entry)
        for position, entry in enumerate(entries)
        if not (_is_of_something_else(question, asked, entry) or _is_of_another_day(question, entry))
    ]
    best = sorted(scored, key=lambda one: one[:2], reverse=True)
    if not best or best[0][0] < ENOUGH:
        allowed = tuple(entry.question for entry in entries)[:MAX_QUESTIONS_OFFERED]
        message = "The restaurant gave no answer to this: do not guess; offer transfer_to_human."
        raise Refused("no_answer", message, allowed, "question")
    enough = max(ENOUGH, best[0][0] * NEARLY)
    return tuple(entry for score, _, entry in best[:MAX_ANSWERS] if score >= enough)


def _is_of_something_else(question: str, asked: dict[str, float], entry: FaqEntry) -> bool:
    """Whether it says what may be eaten of another allergen, or of another dish."""
    allergens = codes_in(question)
    is_of_allergens = bool(allergens) or "allergies" in asked
    if not is_of_allergens and not _DIETS & asked.keys():
        return False
    text = f"{entry.question} {entry.answer}"
    named = codes_in(text)
    if is_of_allergens and named and not (allergens and set(allergens) <= set(named)):
        return True
    about = _about(text)
    names_another = any(not _has(about, one) for one in _dishes(asked))
    return names_another and (is_of_allergens or any(not _has(asked, one) for one in _dishes(_about(entry.question))))


def _is_of_another_day(question: str, entry: FaqEntry) -> bool:
    """``Are you closed on Monday?`` is not answered by what is so at Christmas."""
    asked, own = _days_in(question), _days_in(entry.question)
    return bool(asked and own) and not asked & _days_in(f"{entry.question} {entry.answer}")


def _days_in(text: str) -> frozenset[str]:
    return _DAYS.intersection(word[:-1] if word[:-1] in _DAYS else word for word in fold(text).split())


def _dishes(about: dict[str, float]) -> list[str]:
    """What may be one."""
    words = (one for one, weight in about.items() if weight == _A_WORD or one in _DISH_MEANINGS)
    return [one for one in words if one not in _NO_DISHES and not codes_in(one)]


def _alike(asked: dict[str, float], entry: FaqEntry) -> float:
    """From 0 to 1: how much of what is asked the entry is about, and how much of the entry is asked."""
    own, answer = _about(entry.question), _about(entry.answer)
    if not asked or not own:
        return 0.0
    in_own = {one: weight for one, weight in asked.items() if _has(own, one)}
    in_answer = sum(weight for one, weight in asked.items() if one not in in_own and _has(answer, one))
    shared = sum(in_own.values())
    of_asked = (shared + _IN_ANSWER * in_answer) / sum(asked.values())
    of_own = min(1.0, shared / sum(own.values()))
    return of_asked * (0.5 + 0.5 * of_own)


@lru_cache(maxsize=256)
def _about(text: str) -> dict[str, float]:
    found = {}
    for word, is_meaning in meanings(text):
        if is_meaning:
            found[word] = _A_MEANING
        elif word not in _STOP_WORDS and not word.isdigit():
            found[word] = _A_WORD
    return found


def _has(about: dict[str, float], one: str) -> bool:
    """``pizza`` and ``pizzas``, ``vegetables`` and ``vegtables``."""
    if one in about:
        return True
    if len(one) < _LONG:
        return False
    return any(
        other.startswith(one[:-1]) or one.startswith(other[: max(_LONG - 1, len(other) - 1)])
        for other in about
        if len(other) >= _LONG
    ) or bool(difflib.get_close_matches(one, about, n=1, cutoff=0.85))
