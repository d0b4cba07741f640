"""Which of Whisper's hypotheses is taken."""

from __future__ import annotations

import pytest

from devstack.speech.whisper import likeliest

pytestmark = pytest.mark.unit

EXPECTED = frozenset({"deux", "petit", "rein", "et", "two", "cola"})  # stems


def test_of_two_that_sound_alike_the_one_of_the_menu_is_taken() -> None:
    assert likeliest([("Deux petits trains.", -5.4), ("Deux petites reines.", -5.8)], EXPECTED) == (
        "Deux petites reines."
    )


def test_what_is_clearly_heard_is_not_bent_to_the_menu() -> None:
    assert likeliest([("Deux petits trains.", -2.0), ("Deux petites reines.", -5.8)], EXPECTED) == (
        "Deux petits trains."
    )


def test_digits_are_as_good_as_words() -> None:
    assert likeliest([("2 colas.", -1.0), ("Two colas.", -1.1)], EXPECTED) == "2 colas."
