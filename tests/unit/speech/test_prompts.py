from __future__ import annotations

import numpy as np
import pytest

from edge_bridge import prompts
from voices import g711

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("language", prompts.LANGUAGES)
@pytest.mark.parametrize("name", prompts.NAMES)
def test_every_prompt_is_short_and_as_loud_as_speech_on_a_telephone(language: str, name: str) -> None:
    samples = g711.decode_ulaw(prompts.prompt(language, name))
    assert 0.3 < len(samples) / 8000 < 5
    loud = samples[np.abs(samples) > 0.01]
    assert -24 < 20 * np.log10(np.sqrt(np.mean(loud**2))) < -17


def test_an_unknown_prompt_says_which_there_are() -> None:
    with pytest.raises(KeyError, match="one_moment"):
        prompts.prompt("en", "music")
    with pytest.raises(KeyError, match="en, fr"):
        prompts.prompt("de", "busy")
