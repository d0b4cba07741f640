"""The number of a bank card in a caller's words: nobody may repeat it, keep it, or take it for anything else."""

from __future__ import annotations

import re

from devstack.speech.lexicon import Lexicon
from devstack.speech.matching import fold
from domain.number_words import spoken_numbers

CARD_DIGITS = 13  # the shortest number of a card
PART_DIGITS = 8  # where a card was spoken of
CODE_DIGITS = 3  # where the number of one was, or its code

_DIGITS = re.compile(r"\d[\d ]*\d")


def says_card(text: str, lexicon: Lexicon, language: str) -> bool:
    """Whether ``text`` has a card's number, a part of it or its code, in digits or in words."""
    folded = fold(text)
    least = CARD_DIGITS
    if lexicon.card_number.search(folded):
        least = CODE_DIGITS
    elif lexicon.card.search(folded):
        least = PART_DIGITS
    runs = (run.group().replace(" ", "") for run in _DIGITS.finditer(spoken_numbers(text, language)))
    # A telephone number is as long, with the zeros of its country before it; no card's number begins with one.
    return any(len(run) >= least and not (least == CARD_DIGITS and run.startswith("0")) for run in runs)
