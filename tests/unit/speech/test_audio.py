from __future__ import annotations

import audioop

import numpy as np
import pytest

from devstack.speech import whisper
from devstack.speech.audio_format import FORMATS, InputDecoder
from voices import g711, resample

pytestmark = pytest.mark.unit


def all_codes() -> bytes:
    return bytes(range(256))


def test_g711_decodes_as_the_standard_library_did() -> None:
    ulaw = np.frombuffer(audioop.ulaw2lin(all_codes(), 2), "<i2")
    alaw = np.frombuffer(audioop.alaw2lin(all_codes(), 2), "<i2")
    assert np.array_equal(g711.decode_ulaw(all_codes()) * 32768, ulaw)
    assert np.array_equal(g711.decode_alaw(all_codes()) * 32768, alaw)


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_encoding_is_as_near_as_the_standard_librarys(law: str) -> None:
    samples = np.linspace(-1, 1, 5001, dtype=np.float32)
    encode, decode = getattr(g711, f"encode_{law}"), getattr(g711, f"decode_{law}")
    pcm = g711.to_int16(samples).astype("<i2").tobytes()
    theirs = decode(getattr(audioop, f"lin2{law}")(pcm, 2))
    assert np.abs(decode(encode(samples)) - samples).max() <= np.abs(theirs - samples).max() + 1e-3


def test_a_24_khz_stream_decodes_to_8_khz_whatever_the_pieces() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(24000) / 24000).astype(np.float32) * 0.5
    data = FORMATS["audio/pcm"].encode(tone)
    decoder = InputDecoder(FORMATS["audio/pcm"])
    pieces = [decoder.decode(data[start : start + 777]) for start in range(0, len(data), 777)]
    heard = np.concatenate(pieces)
    assert 7700 <= len(heard) <= 8000
    expected = resample(tone, 24000, 8000)
    assert np.abs(heard[200:7000] - expected[200:7000]).max() < 0.01


def test_mel_features_are_those_of_faster_whisper() -> None:
    reference = pytest.importorskip("faster_whisper.feature_extractor").FeatureExtractor()
    random = np.random.default_rng(7)
    audio = (random.standard_normal(16000 * 3) * 0.1).astype(np.float32)
    theirs = reference(audio)
    ours = whisper.log_mel(audio)
    assert ours.shape == (80, theirs.shape[1] // 2 * 2)
    assert np.abs(ours - theirs[:, : ours.shape[1]]).max() < 1e-3
