"""A sentence as tokens: menu words, numbers, the words that say what is done with them, and words nobody knows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from devstack.speech.lexicon import Cue, Lexicon
from devstack.speech.mentions import Mention
from devstack.speech.words import Word
from domain.number_words import number_at

Kind = Cue | Literal["mention", "number", "filler", "unknown"]

_TIMES = re.compile(r"x?(\d+)x?")
_STOP = re.compile(r"[,.;:!?…–—()]")
DOZEN = 12
_HALF_DOZEN = (("half", "a", "dozen"), ("half", "dozen"), ("une", "demi", "douzaine"), ("demi", "douzaine"))


@dataclass(frozen=True, slots=True)
class Token:
    """``stop`` says that punctuation stands before it; ``said`` are its words folded, ``text`` as they were written."""

    kind: Kind
    start: int
    end: int
    said: str
    text: str
    stop: bool
    number: int = 0
    mention: Mention | None = None


def tokens_of(words: Sequence[Word], mentions: Sequence[Mention], lexicon: Lexicon, language: str) -> list[Token]:
    folded = [word.folded for word in words]
    by_start = {mention.start: mention for mention in mentions if not _is_in_phrase(mention, folded, lexicon)}
    found: list[Token] = []
    at = 0
    while at < len(words):
        mention = by_start.get(at)
        limit = min((start for start in by_start if start > at), default=len(words))
        begins = not found or found[-1].kind in ("and", "number") or _STOP.search(words[at].gap) is not None
        kind, end, number = _next(folded[:limit], at, mention, lexicon, language, begins, by_start.get(at + 1))
        found.append(
            Token(
                kind,
                at,
                end,
                " ".join(folded[at:end]),
                " ".join(word.text for word in words[at:end]),
                _STOP.search(words[at].gap) is not None,
                number,
                mention if kind == "mention" else None,
            )
        )
        at = end
    return found


def _is_in_phrase(mention: Mention, folded: Sequence[str], lexicon: Lexicon) -> bool:
    """Whether words that would be a category (``Sides``) or a part of a name are a phrase of the language (``on the
    side``)."""
    if any(reading.whole and reading.kind != "category" for reading in mention.readings):
        return False
    return any(
        len(parts) > 1 and at + len(parts) >= mention.end and tuple(folded[at : at + len(parts)]) == parts
        for at in range(max(0, mention.start - 4), mention.start + 1)
        for parts, _ in lexicon.phrases.get(folded[at], ())
    )


def _next(
    folded: Sequence[str],
    at: int,
    mention: Mention | None,
    lexicon: Lexicon,
    language: str,
    begins: bool,
    following: Mention | None,
) -> tuple[Kind, int, int]:
    cue = next(
        (one for one in lexicon.phrases.get(folded[at], ()) if tuple(folded[at : at + len(one[0])]) == one[0]), None
    )
    if mention is not None:
        return "mention", mention.end, 0
    if cue is not None and len(cue[0]) > 1:
        return cue[1], at + len(cue[0]), 0
    number = _number(folded, at, lexicon, language) or _misheard_number(folded, at, begins, following, lexicon)
    if number is not None:
        return "number", number[1], number[0]
    if cue is not None:
        return cue[1], at + 1, 0
    return ("filler" if folded[at] in lexicon.known else "unknown"), at + 1, 0


def _misheard_number(
    folded: Sequence[str], at: int, begins: bool, following: Mention | None, lexicon: Lexicon
) -> tuple[int, int] | None:
    """``To large pizzas``, ``and for colas``: a number by its sound, where no preposition can stand."""
    value = lexicon.homophones.get(folded[at], 0)
    return (value, at + 1) if value and begins and following is not None and following.values("item", "size") else None


def _number(folded: Sequence[str], at: int, lexicon: Lexicon, language: str) -> tuple[int, int] | None:
    """Also ``a couple of``, ``half a dozen``, ``two dozen``, ``une douzaine de``, ``2x``."""
    for said in _HALF_DOZEN:
        if tuple(folded[at : at + len(said)]) == said:
            return DOZEN // 2, at + len(said)
    begins = at + 1 if folded[at] in ("a", "une") and at + 1 < len(folded) else at
    if folded[begins] in lexicon.numbers:
        end = begins + 1
        return lexicon.numbers[folded[begins]], end + 1 if end < len(folded) and folded[end] in (
            "of",
            "de",
            "d",
        ) else end
    times = _TIMES.fullmatch(folded[at])
    if times:
        return int(times[1]), at + 1
    found = number_at(folded, at, language)
    if found is not None and found[1] < len(folded) and folded[found[1]] in ("dozen", "douzaines"):
        return found[0] * DOZEN, found[1] + 1
    return found
