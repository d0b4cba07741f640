from __future__ import annotations

import numpy as np
import pytest

from edge_bridge import prompts
from voices import g711

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("language", prompts.LANGUAGES)
@pytest.mark.parametrize("name", [name for name in prompts.NAMES if name != "ringback"])
def test_every_prompt_is_short_and_as_loud_as_speech_on_a_telephone(language: str, name: str) -> None:
    samples = g711.decode_ulaw(prompts.prompt(language, name))
    assert 0.3 < len(samples) / 8000 < 6.0
    loud = samples[np.abs(samples) > 0.01]
    assert -24 < 20 * np.log10(np.sqrt(np.mean(loud**2))) < -17


@pytest.mark.parametrize(("language", "rings_s"), [("en", 2.0), ("fr", 1.5)])
def test_the_ringing_tone_is_below_speech_and_mostly_silence(language: str, rings_s: float) -> None:
    samples = g711.decode_ulaw(prompts.prompt(language, "ringback"))
    rings = np.abs(samples) > 0.01
    assert rings_s - 0.1 < (np.flatnonzero(rings)[-1] - np.flatnonzero(rings)[0]) / 8000 < rings_s + 0.1
    assert rings_s * 3 - 0.2 < len(samples) / 8000 < rings_s * 3.5
    assert -30 < 20 * np.log10(np.sqrt(np.mean(samples[rings] ** 2))) < -24


def test_an_unknown_prompt_says_which_there_are() -> None:
    with pytest.raises(KeyError, match="one_moment"):
        prompts.prompt("en", "music")
    with pytest.raises(KeyError, match="en, fr"):
        prompts.prompt("de", "busy")
