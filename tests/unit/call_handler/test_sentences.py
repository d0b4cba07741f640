"""What is spoken when, and how it sounds on the line."""

import audioop
import itertools
import math
from array import array

import pytest

from functions.call_handler.engines.sentences import LONGEST, Sentences
from functions.call_handler.engines.speaking import to_ulaw

pytestmark = pytest.mark.unit


def spoken(text: str, size: int = 3) -> list[str]:
    sentences = Sentences()
    whole = [one for at in range(0, len(text), size) for one in sentences.add(text[at : at + size])]
    return [*whole, *filter(None, [sentences.rest()])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One Margherita then. Anything else?", ["One Margherita then.", "Anything else?"]),
        ("That makes 12.50 euros. Right?", ["That makes 12.50 euros.", "Right?"]),
        ("Yes. Of course we do! Which size?", ["Yes. Of course we do!", "Which size?"]),
        ("Bien sûr, M. Dupont. Et avec ça ?", ["Bien sûr, M. Dupont.", "Et avec ça ?"]),
        ("no end", ["no end"]),
        ("", []),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 500])
def test_a_sentence_is_spoken_when_it_is_whole(text: str, expected: list[str], size: int) -> None:
    assert spoken(text, size) == expected


def test_an_endless_sentence_is_cut_between_words_and_nothing_is_lost() -> None:
    text = "word " * 200

    parts = spoken(text)

    assert all(len(part) <= LONGEST for part in parts)
    assert " ".join(parts) == text.strip()


def test_speech_of_24_khz_keeps_its_tone_on_the_telephone() -> None:
    samples = array("h", (int(8000 * math.sin(2 * math.pi * 400 * n / 24_000)) for n in range(24_000)))

    heard = array("h", audioop.ulaw2lin(to_ulaw(samples.tobytes()), 2))

    rises = sum(before < 0 <= after for before, after in itertools.pairwise(heard))
    assert len(heard) == 8_000
    assert rises == pytest.approx(400, abs=2)
    assert 7_500 < max(heard) < 8_500
