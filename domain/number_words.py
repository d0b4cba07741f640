"""Numbers that were said in words, as digits: what people say in prices, quantities and postcodes.

From zero to 999,999. Numbers said one after the other stay apart (``six fifty`` is ``6 50``): only the one who
asks knows whether that was a price, a time or two quantities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from domain.names import fold
from domain.spoken_time import language_of

# The value of the number that begins at a position, and the position after it.
_Found = tuple[int, int]
_Reader = Callable[[Sequence[str], int], _Found | None]

ENGLISH_SMALL = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
}
_ENGLISH_TENS = {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
FRENCH_SMALL = {
    "un": 1,
    "une": 1,
    "deux": 2,
    "trois": 3,
    "quatre": 4,
    "cinq": 5,
    "six": 6,
    "sept": 7,
    "huit": 8,
    "neuf": 9,
    "dix": 10,
    "onze": 11,
    "douze": 12,
    "treize": 13,
    "quatorze": 14,
    "quinze": 15,
    "seize": 16,
}
_FRENCH_TENS = {
    "vingt": 20,
    "trente": 30,
    "quarante": 40,
    "cinquante": 50,
    "soixante": 60,
    "septante": 70,
    "huitante": 80,
    "octante": 80,
    "nonante": 90,
}
# Every word that is a number, or a part of one, in either language.
NUMBER_WORDS = frozenset(
    (*ENGLISH_SMALL, *_ENGLISH_TENS, "hundred", *FRENCH_SMALL, *_FRENCH_TENS, "vingts", "cent", "cents")
)


def spoken_numbers(text: str, language: str) -> str:
    """``text`` folded (``domain.names.fold``), its number words as digits: ``quatre-vingt-douze`` is ``92``.

    Digits stay as they are. ``un``, ``une`` and ``one`` are numbers too, whatever they mean in the sentence.
    """
    words = fold(text).split()
    read: _Reader = _french if language_of(language) == "fr" else _english
    said: list[str] = []
    at = 0
    while at < len(words):
        found = read(words, at)
        if found is None:
            said.append(words[at])
            at += 1
        else:
            said.append(str(found[0]))
            at = found[1]
    return " ".join(said)


def number_at(words: Sequence[str], at: int, language: str) -> tuple[int, int] | None:
    """The number that begins with the folded word at ``at``, in words or in digits, and the place after it."""
    if _word(words, at).isdigit():
        return int(words[at]), at + 1
    return (_french if language_of(language) == "fr" else _english)(words, at)


def _word(words: Sequence[str], at: int) -> str:
    return words[at] if at < len(words) else ""


def _english(words: Sequence[str], at: int) -> _Found | None:
    if _word(words, at) in ("zero", "nought"):
        return 0, at + 1
    if _word(words, at) == "a" and _word(words, at + 1) in ("hundred", "thousand"):
        return _english(words, at + 1)
    value, end = _english_below_thousand(words, at) or (1, at)
    if _word(words, end) == "thousand" and value < 1000:
        rest, end = _after_and(words, end + 1, _english_below_thousand)
        return value * 1000 + (rest if rest < 1000 else 0), end
    return (value, end) if end > at else None


def _english_below_thousand(words: Sequence[str], at: int) -> _Found | None:
    """``one hundred and five``; also ``fifteen hundred``, which is beyond a thousand and takes none after it."""
    value, end = _english_below_hundred(words, at) or (1, at)
    if _word(words, end) == "hundred" and value % 10:
        rest, end = _after_and(words, end + 1, _english_below_hundred)
        return value * 100 + rest, end
    return (value, end) if end > at else None


def _english_below_hundred(words: Sequence[str], at: int) -> _Found | None:
    word = _word(words, at)
    if word in ENGLISH_SMALL:
        return ENGLISH_SMALL[word], at + 1
    if word not in _ENGLISH_TENS:
        return None
    unit = ENGLISH_SMALL.get(_word(words, at + 1), 10)
    return (_ENGLISH_TENS[word] + unit, at + 2) if unit < 10 else (_ENGLISH_TENS[word], at + 1)


def _after_and(words: Sequence[str], at: int, read: _Reader) -> _Found:
    """What follows a hundred or a thousand: with ``and`` only where a number comes next, else 0 and no word."""
    found = read(words, at + 1 if _word(words, at) == "and" else at)
    return found or (0, at)


def _french(words: Sequence[str], at: int) -> _Found | None:
    if _word(words, at) == "zero":
        return 0, at + 1
    value, end = _french_below_thousand(words, at) or (1, at)
    if _word(words, end) == "mille" and (value > 1 or end == at):
        rest, end = _french_below_thousand(words, end + 1) or (0, end + 1)
        return value * 1000 + rest, end
    return (value, end) if end > at else None


def _french_below_thousand(words: Sequence[str], at: int) -> _Found | None:
    """``cent`` after anything but two to nine is the hundredth of a euro (``vingt cents``) and stays a word."""
    value, end = _french_below_hundred(words, at) or (1, at)
    if (end == at and _word(words, at) == "cent") or (2 <= value <= 9 and _word(words, end) in ("cent", "cents")):
        rest, end = _french_below_hundred(words, end + 1) or (0, end + 1)
        return value * 100 + rest, end
    return (value, end) if end > at else None


def _french_below_hundred(words: Sequence[str], at: int) -> _Found | None:
    word = _word(words, at)
    if word == "quatre" and _word(words, at + 1) in ("vingt", "vingts"):
        rest, end = _french_below_twenty(words, at + 2) or (0, at + 2)
        return 80 + rest, end
    if word not in _FRENCH_TENS:
        return _french_below_twenty(words, at)
    tens, end = _FRENCH_TENS[word], at + 1
    found = _french_below_twenty(words, end)
    if found is None and _word(words, end) == "et":
        # "Vingt et un", "soixante et onze"; but "vingt et deux" are two numbers.
        found = _french_below_twenty(words, end + 1)
        if found is not None and found[0] not in ((1, 11) if tens == 60 else (1,)):
            found = None
    if found is None or (found[0] > 9 and tens != 60):
        return tens, end
    return tens + found[0], found[1]


def _french_below_twenty(words: Sequence[str], at: int) -> _Found | None:
    """``dix-sept`` comes as two words."""
    value = FRENCH_SMALL.get(_word(words, at), 0)
    unit = FRENCH_SMALL.get(_word(words, at + 1), 0)
    if value == 10 and 7 <= unit <= 9:
        return 10 + unit, at + 2
    return (value, at + 1) if value else None
