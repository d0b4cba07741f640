from __future__ import annotations

import numpy as np
import pytest

from voices import find_voice
from voices.clauses import LONGEST, Clip, ClipCache, clauses
from voices.pronunciation import respelled, spoken

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        ("That's 14.50 euros.", "en", "That's 14 euros 50."),
        ("That's €14.00.", "en", "That's 14 euros."),
        ("1 euro", "en", "1 euro"),
        ("£3.05", "en", "3 pounds 05"),
        ("Ça fait 14,50 €.", "fr", "Ça fait 14 euros 50."),
        ("Prête à 19 h 30.", "fr", "Prête à 19 heures 30."),
        ("Ready at 19:30", "en", "Ready at 19 30"),
        ("Fish & chips, 33 cl", "en", "Fish and chips, 33 centilitres"),
    ],
)
def test_prices_times_and_signs_are_written_as_they_are_said(text: str, language: str, said: str) -> None:
    assert spoken(text, language) == said


def test_menu_loan_words_are_respelled_for_the_french_voice_only() -> None:
    assert respelled("Un Cheeseburger", "fr") == "Un tchizbeurgueur"
    assert respelled("A Cheeseburger", "en") == "A Cheeseburger"
    assert respelled("deux margheritas, un phở", "fr") == "deux margarita, un fo"


def test_a_reply_is_cut_into_clauses_that_lose_nothing() -> None:
    text = "Noted, for pickup. I've added 2 small Cola, 1 large Margherita with olives. Anything else?"
    pieces = clauses(text)
    assert " ".join(pieces) == text
    assert pieces[-1] == "Anything else?"


def test_a_clause_without_punctuation_is_still_bounded() -> None:
    assert max(map(len, clauses("word " * 200))) <= LONGEST


def test_an_openai_voice_name_is_the_languages_default() -> None:
    assert find_voice("marin", "en").name == "joe"
    assert find_voice("marin", "fr").name == "ff_siwis"
    assert find_voice("af_heart", "fr").name == "af_heart"


def test_the_clip_cache_forgets_what_was_used_least_recently() -> None:
    cache = ClipCache(max_bytes=4000)
    clip = Clip(np.zeros(1000, np.int16), 8000)
    for name in ("a", "b"):
        cache.put(("joe", name, 1.0), clip)
    cache.get(("joe", "a", 1.0))
    cache.put(("joe", "c", 1.0), clip)
    assert cache.get(("joe", "a", 1.0)) is clip
    assert cache.get(("joe", "b", 1.0)) is None
