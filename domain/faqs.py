"""Finding the restaurant's own answer to a caller's question, by the words they share."""

from __future__ import annotations

from collections.abc import Iterable

from domain.errors import Refused
from domain.names import fold
from domain.restaurant import FaqEntry

MAX_ANSWERS = 3
MAX_QUESTIONS_OFFERED = 20
# A word of the question counts more than one of the answer, and one shared answer word alone proves nothing.
_QUESTION_WEIGHT, _ANSWER_WEIGHT, _ENOUGH = 2, 1, 2
_STOP_WORDS = frozenset(
    fold(
        "the and you your for are can have has with what when where which how does our there that this from any "
        "les des une vous vos votre pour est que qui quoi comment quel quelle quels quelles avec dans sur nous avez "
        "sont peut puis est ce chez faites fait"
    ).split()
)


def look_up(faq: Iterable[FaqEntry], question: str) -> tuple[FaqEntry, ...]:
    """At most three entries, the best first.

    Raises Refused ``no_answer`` with the questions that do have one.
    """
    entries = tuple(faq)
    asked = _words(question)
    scored = [(_score(entry, asked), -position, entry) for position, entry in enumerate(entries)]
    best = sorted((one for one in scored if one[0] >= _ENOUGH), key=lambda one: one[:2], reverse=True)
    if not best:
        allowed = tuple(entry.question for entry in entries)[:MAX_QUESTIONS_OFFERED]
        message = "The restaurant gave no answer to this: do not guess; offer transfer_to_human."
        raise Refused("no_answer", message, allowed, "question")
    return tuple(entry for _, _, entry in best[:MAX_ANSWERS])


def _score(entry: FaqEntry, asked: frozenset[str]) -> int:
    in_question, in_answer = _words(entry.question), _words(entry.answer)
    score = 0
    for word in asked:
        if any(_same(word, other) for other in in_question):
            score += _QUESTION_WEIGHT
        elif any(_same(word, other) for other in in_answer):
            score += _ANSWER_WEIGHT
    return score


def _words(text: str) -> frozenset[str]:
    return frozenset(word for word in fold(text).split() if len(word) > 2 and word not in _STOP_WORDS)


def _same(one: str, other: str) -> bool:
    """``park`` and ``parking``, ``vegan`` and ``vegans``: a shared beginning of four letters or more."""
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) >= 4 and long.startswith(short))
