"""The resampler against tones: what a telephone carries stays, what would be folded into its band is gone."""

import audioop
import math
from array import array

import pytest

from functions.greeting_renderer.speech import LOUDEST, SPEECH_RATE_HZ, to_ulaw

pytestmark = pytest.mark.unit

AMPLITUDE = 20_000
EDGE = 100  # samples at each end, where the filter hears the silence around


def tone(frequency_hz: float, amplitude: int = AMPLITUDE) -> bytes:
    """Half a second at 24 kHz."""
    step = 2 * math.pi * frequency_hz / SPEECH_RATE_HZ
    return array("h", (round(amplitude * math.sin(step * n)) for n in range(SPEECH_RATE_HZ // 2))).tobytes()


def gain_db(frequency_hz: float) -> float:
    """How much louder a tone is after it."""
    heard = array("h", audioop.ulaw2lin(to_ulaw(tone(frequency_hz)), 2))[EDGE:-EDGE]
    level = math.sqrt(sum(sample * sample for sample in heard) / len(heard))
    return 20 * math.log10(max(level, 1e-3) / (AMPLITUDE / math.sqrt(2)))


@pytest.mark.parametrize("frequency_hz", [200, 1000, 2000, 3000, 3400])
def test_a_tone_in_the_telephones_band_stays_as_loud(frequency_hz: float) -> None:
    assert abs(gain_db(frequency_hz)) < 0.5


@pytest.mark.parametrize("frequency_hz", [4200, 5000, 7000, 11_000])
def test_a_tone_above_it_is_gone_and_not_heard_as_another(frequency_hz: float) -> None:
    assert gain_db(frequency_hz) < -50


def test_a_third_of_the_samples_come_out_and_half_a_sample_is_dropped() -> None:
    assert len(to_ulaw(tone(1000))) == 4000
    assert len(to_ulaw(tone(1000) + b"\x01")) == 4000
    assert to_ulaw(b"\x01") == b""


def test_what_the_filter_makes_too_loud_is_as_loud_as_can_be() -> None:
    square = array("h", ([LOUDEST] * 40 + [-LOUDEST] * 40) * 50)

    heard = array("h", audioop.ulaw2lin(to_ulaw(square.tobytes()), 2))

    assert max(heard) == -min(heard) == 32_124, "µ-law's loudest"
