import pytest

from devstack.speech.render_prompts import SENTENCES
from domain.notices import tells_of_ai, tells_of_recording
from edge_bridge import prompts
from edge_bridge.lines.greetings import built_in
from edge_bridge.media.audio import FRAME_BYTES

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("language", prompts.LANGUAGES)
def test_a_greeting_that_stands_in_for_the_restaurants_own_says_that_an_ai_speaks(language: str) -> None:
    assert tells_of_ai(built_in(language, recorded=False).text, "", language)
    recorded = built_in(language, recorded=True).text
    assert tells_of_ai(recorded, "", language) and tells_of_recording(recorded, "", language)


def test_the_handler_is_told_what_the_built_in_greeting_really_says() -> None:
    assert {language: spoken["greeting"] for language, spoken in SENTENCES.items()} == prompts.GREETING_TEXTS


def test_a_restaurant_of_another_language_is_spoken_for_in_english() -> None:
    assert prompts.spoken_language("de") == "en"
    assert built_in("de", recorded=False).text == prompts.GREETING_TEXTS["en"]


def test_a_greeting_is_in_whole_frames() -> None:
    assert {len(frame) for frame in built_in("fr", recorded=False).frames} == {FRAME_BYTES}


def test_every_prompt_is_there() -> None:
    prompts.preload()
    assert all(prompts.prompt(language, name) for language in prompts.LANGUAGES for name in prompts.NAMES)
