"""Payment card numbers that a caller says aloud: recognised by rule, and taken out of what is kept.

A card number has 13 to 19 digits, the last of which checks the others (Luhn, ISO/IEC 7812). It is said in digits or
in words of either language, in groups, with "and" and "uh" between them, over several turns: a caller stops after
each group. Who announces one ("my card number is") is believed with its first digits, where an issuer's begin so.
Phone numbers, addresses and quantities are not card numbers: digits of several turns count only where they begin as
those of a card's issuer do.

Words that were not kept can not be told anybody: the recogniser's misspellings cost a number its last digit's check,
so fifteen or sixteen digits that begin as a card does are one without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from domain.names import fold
from domain.number_words import number_at

MASK = "[••••]"
LENGTHS = range(13, 20)
MISHEARD_LENGTHS = (15, 16)
ANNOUNCED_DIGITS = 4
CODE_DIGITS = range(3, 8)  # of an expiry or a security code or both, said with the number
WITHHELD_DIGITS = 6  # that may become a card's: the first six name its issuer, and are no secret
MAX_TURNS = 6  # that one number may be said over

_TOKENS = re.compile(r"\d+|[^\W\d_]+")
_ZERO = frozenset(("oh", "o"))
_TIMES = {"double": 2, "triple": 3}
# What may stand between the groups of one number.
_BETWEEN = frozenset(
    (
        *("and", "then", "next", "uh", "um", "er", "erm", "hmm", "so", "ok", "okay", "yes", "yeah"),
        *("et", "puis", "ensuite", "euh", "heu", "hum", "ben", "alors", "donc", "oui", "voila"),
        *("dash", "hyphen", "space", "comma", "tiret", "espace", "virgule"),
    )
)


class Spoken(NamedTuple):
    """Digits and where they stand in the text."""

    digits: str
    start: int
    end: int


class Run(NamedTuple):
    """Numbers with nothing of weight between them; ``opens`` the text, ``closes`` it: nothing stands outside."""

    numbers: tuple[Spoken, ...]
    opens: bool
    closes: bool

    @property
    def digits(self) -> str:
        return "".join(one.digits for one in self.numbers)


def is_card_number(digits: str) -> bool:
    """Whether digits alone are a card number."""
    return len(digits) in LENGTHS and digits.isdecimal() and not digits.startswith("0") and _is_luhn(digits)


def has_card_number(keys: str) -> bool:
    """Whether keys of a telephone, with its ``*`` and ``#``, are a card number, or one and its codes."""
    digits = "".join(re.findall(r"\d", keys))
    lengths = _issuer_lengths(digits) or ()
    return is_card_number(digits) or any(is_card_number(digits[:length]) for length in lengths if length <= len(digits))


def without_card_numbers(text: str, language: str) -> str:
    """The text with ``MASK`` in place of the card numbers that are whole in it, and of the codes said with them."""
    if sum(letter.isdigit() for letter in text) < LENGTHS[0] and not _is_spelled(text):
        return text
    runs = runs_in(text, language)
    at = next((number for number, run in enumerate(runs) if _has_card(run.numbers)), None)
    return text if at is None else _masked(text, _with_codes(runs, at))


class Heard(NamedTuple):
    """What a turn of the caller's is kept as. ``kept`` are turns, this one or earlier ones, by their id, with the
    words that may stand in a transcript from now on; ``masked`` are those whose words were a card number's.
    """

    is_card: bool
    kept: Mapping[str, str]
    masked: tuple[str, ...] = ()


class _Turn(NamedTuple):
    item_id: str
    text: str
    run: Run


class CardWatch:
    """One a call: the caller's turns, in the order in which their words are known."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._open: list[_Turn] = []  # whose last digits may go on in the next turn
        self._was_announced = False
        self._said = 0  # digits of the number that the last turn said, or went on with
        self._any = False  # was said in this call

    def heard(self, item_id: str, text: str) -> Heard:
        runs = runs_in(text, self._language)
        if not runs and _is_filler(text):
            return Heard(False, {item_id: text})
        announced = self._was_announced or is_announced(text)
        self._was_announced = is_announced(text)
        said, self._said = self._said, 0
        before, self._open = self._open, []
        joined = self._joined(before, runs)
        at = next((number for number, run in enumerate(runs) if _has_card(run.numbers)), None)
        if at is None and announced:
            at = next((number for number, run in enumerate(runs) if _is_beginning(run.digits)), None)
        if at is None and joined and _has_card(joined, is_joined=True):
            at = 0
        if at is None and (self._goes_on(said, runs) or _names_code(text, self._any)):
            at = next((number for number, run in enumerate(runs) if len(run.digits) >= CODE_DIGITS.start), None)
        if not runs and said and _names_code(text, self._any):
            self._said = said  # it follows
        if at is not None:
            self._any = True
            self._said = said + sum(len(one.digits) for one in (joined or runs[at].numbers))
            return self._card(item_id, text, runs, at, before if at == 0 and runs[0].opens else [])
        return self._no_card(item_id, text, runs, before)

    def heard_earlier(self, item_id: str, kept: str) -> None:
        """A turn as it was kept: what was masked at its end may be a number's beginning."""
        self.heard(item_id, kept)
        if kept.rstrip(" .,!?").endswith(MASK):
            self._said = self._said or WITHHELD_DIGITS

    def _goes_on(self, said: int, runs: tuple[Run, ...]) -> bool:
        """What is left of a number that was begun, or its codes: such a turn says little else."""
        if not said or not runs or not runs[0].opens:
            return False
        if said >= LENGTHS.start:
            return len(runs) == 1 and runs[0].closes and len(runs[0].digits) in CODE_DIGITS
        is_rest = runs[0].closes or len(runs[0].digits) > CODE_DIGITS[-1]
        return is_rest and said + len(runs[0].digits) <= LENGTHS[-1] + CODE_DIGITS[-1] and not _is_phone(runs[0].digits)

    def _joined(self, before: list[_Turn], runs: tuple[Run, ...]) -> tuple[Spoken, ...]:
        if not before or not runs or not runs[0].opens:
            return ()
        return tuple(one for turn in before for one in turn.run.numbers) + runs[0].numbers

    def _card(self, item_id: str, text: str, runs: tuple[Run, ...], at: int, before: list[_Turn]) -> Heard:
        kept = {turn.item_id: _masked(turn.text, (turn.run,)) for turn in before}
        kept[item_id] = _masked(text, _with_codes(runs, at))
        return Heard(True, kept, tuple(kept))

    def _no_card(self, item_id: str, text: str, runs: tuple[Run, ...], before: list[_Turn]) -> Heard:
        """The words may be kept, but for digits at the end that may yet become a card's."""
        last = runs[-1] if runs else None
        goes_on = bool(before) and last is not None and len(runs) == 1 and last.opens
        if not goes_on:
            kept = {turn.item_id: turn.text for turn in before}
            before = []
        else:
            kept = {}
        if last is None or not last.closes:
            return Heard(False, kept | {item_id: text})
        self._open = [*before, _Turn(item_id, text, last)][-MAX_TURNS:]
        digits = "".join(turn.run.digits for turn in self._open)
        withheld = len(digits) >= WITHHELD_DIGITS and _issuer_lengths(digits) is not None
        return Heard(False, kept | {item_id: _masked(text, (last,)) if withheld else text})


def runs_in(text: str, language: str) -> tuple[Run, ...]:
    """The numbers of a text, in digits or in words, those that follow one another together."""
    found = [(match.group(), match.start(), match.end()) for match in _TOKENS.finditer(text)]
    words = [fold(word) for word, _, _ in found]
    runs: list[Run] = []
    numbers: list[Spoken] = []
    opens, at = True, 0
    while at < len(words):
        read = _number(words, at, language)
        if read is not None:
            digits, end = read
            numbers.append(Spoken(digits, found[at][1], found[end - 1][2]))
            at = end
            continue
        if words[at] not in _BETWEEN:
            if numbers:
                runs.append(Run(tuple(numbers), opens, False))
            numbers, opens = [], False
        at += 1
    if numbers:
        runs.append(Run(tuple(numbers), opens, True))
    return tuple(runs)


def _number(words: list[str], at: int, language: str) -> tuple[str, int] | None:
    """Digits said at a place, and the place after them."""
    word = words[at]
    if word.isdecimal():
        return word, at + 1
    if word in _ZERO:
        return "0", at + 1
    if word in _TIMES and at + 1 < len(words):
        one = _number(words, at + 1, language)
        return None if one is None or len(one[0]) != 1 else (one[0] * _TIMES[word], one[1])
    for spoken in (language, "fr" if language != "fr" else "en"):
        read = number_at(words, at, spoken)
        if read is not None:
            return str(read[0]), read[1]
    return None


def is_more_than_mask(kept: str) -> bool:
    """Whether a turn said something beside a card's number, perhaps what was ordered."""
    return not _is_filler(kept.replace(MASK, " "))


def is_announced(text: str) -> bool:
    """Whether a card's number, or its codes, are said to follow."""
    return _announcement().search(fold(re.sub("[’'`]", " ", text))) is not None


@cache
def _announcement() -> re.Pattern[str]:
    """Compiled with the first thing that is said, not in the cold start."""
    card = r"(?:card|visa|mastercard|master card|amex|american express)"
    carte = r"(?:carte|cb|visa|mastercard|amex)(?: bleue| bancaire| de credit| de paiement)?"
    return re.compile(
        rf"(?<!loyalty )(?<!gift )(?<!member )\b{card} (?:number|details|digits)\b"
        rf"|\bnumber (?:of|on) (?:my|the|this) (?:\w+ )?{card}\b"
        rf"|\b(?:my|the) (?:(?:credit|debit|bank) )?{card} (?:is|s|goes|reads)\b"
        rf"|\bnumero (?:de |de la |de ma |sur ma )?{carte}\b(?! (?:de )?fidelite| cadeau)"
        rf"|\b(?:ma|la) {carte} (?:c est|est|numero)\b"
    )


def _is_beginning(digits: str) -> bool:
    return len(digits) >= ANNOUNCED_DIGITS and _issuer_lengths(digits) is not None


def _is_phone(digits: str) -> bool:
    return digits.startswith("0") and len(digits) > CODE_DIGITS[-1]


def _names_code(text: str, was_card: bool) -> bool:
    """Whether a card's codes are in it; a house and a gate have some, too, so most are a card's only behind one."""
    words = fold(re.sub("[’'`]", " ", text))
    always = r"\b(?:cvv|cvc|cryptogramme|(?:three|3) digits on the back|(?:trois|3) chiffres (?:au dos|derriere))\b"
    behind = r"\b(?:security code|code de securite|expiry|expires?|expiration|expire|valid until|valable jusqu)\b"
    return re.search(always, words) is not None or (was_card and re.search(behind, words) is not None)


def _is_spelled(text: str) -> bool:
    """A first look that costs little: there are words enough for a number in words."""
    return text.count(" ") + text.count("-") >= 6


def _is_filler(text: str) -> bool:
    return all(word in _BETWEEN for word in fold(text).split())


def _with_codes(runs: tuple[Run, ...], at: int) -> tuple[Run, ...]:
    """The run with the card's number, and what follows that may be its expiry or its code."""
    return (runs[at], *(run for run in runs[at + 1 :] if len(run.digits) >= CODE_DIGITS.start))


def _masked(text: str, runs: tuple[Run, ...]) -> str:
    for run in reversed(runs):
        text = f"{text[: run.numbers[0].start]}{MASK}{text[run.numbers[-1].end :]}"
    return text


def _has_card(numbers: tuple[Spoken, ...], is_joined: bool = False) -> bool:
    """Whether some of the numbers that follow one another are a card's; a run that is one as a whole needs no issuer.

    In ``is_joined`` numbers of several turns nothing is a card that does not begin as an issuer's.
    """
    for first in range(len(numbers)):
        digits = ""
        for last in range(first, len(numbers)):
            digits += numbers[last].digits
            if len(digits) > LENGTHS[-1]:
                break
            is_whole = first == 0 and last == len(numbers) - 1
            if len(digits) in LENGTHS and _is_card(digits, is_whole, is_joined):
                return True
    return False


def _is_card(digits: str, is_whole: bool, is_joined: bool) -> bool:
    if digits.startswith("0"):
        return False
    is_issued = len(digits) in (_issuer_lengths(digits) or ())
    half = len(digits) // 2
    is_repeated = digits[:half] == digits[half:]  # a phone number of eight digits
    if is_whole and is_issued and len(digits) in MISHEARD_LENGTHS and not is_repeated:
        return True
    return (is_issued or (is_whole and not is_joined)) and _is_luhn(digits)


# By the first digits, the longest first: how long the issuer's numbers are.
_ISSUERS: tuple[tuple[str, tuple[int, ...]], ...] = (
    (r"3[47]", (15,)),  # American Express
    (r"3(?:0[0-5]|[689])", (14, 16)),  # Diners Club
    (r"35", (16,)),  # JCB
    (r"4", (13, 16, 19)),  # Visa
    (r"5[1-5]|2(?:22|2[3-9]|[3-6]|7[01]|720)", (16,)),  # Mastercard
    (r"6(?:011|4[4-9]|5)", (16, 19)),  # Discover
    (r"62", (16, 17, 18, 19)),  # UnionPay
    (r"5[06-8]|6", (13, 14, 15, 16, 17, 18, 19)),  # Maestro
)


def _issuer_lengths(digits: str) -> tuple[int, ...] | None:
    return next((lengths for start, lengths in _ISSUERS if re.match(start, digits)), None)


def _is_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
