from collections import Counter

import pytest

from bench.chaos import tones

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("hertz", tones.ALL_HZ)
def test_every_frame_of_a_tone_is_recognised_by_its_pitch(hertz: int) -> None:
    sound = tones.tone(hertz, 0.5)
    frames = [sound[at : at + tones.FRAME_BYTES] for at in range(0, len(sound), tones.FRAME_BYTES)]
    assert {tones.pitch(tones.crossings(frame), len(frame)) for frame in frames} <= {hertz}
    assert all(tones.is_loud(frame) for frame in frames)


def test_silence_is_not_loud_and_has_no_pitch() -> None:
    silence = b"\xff" * tones.FRAME_BYTES
    assert not tones.is_loud(silence)
    assert tones.pitch(tones.crossings(silence), len(silence)) is None


def test_a_pitch_between_all_others_is_nobodys() -> None:
    other = tones.tone(3800, 0.5)
    assert tones.pitch(tones.crossings(other), len(other)) is None


def test_a_tone_is_known_by_its_frames_though_packets_were_lost_and_others_came_instead() -> None:
    """A busy machine's: the crossings of all of it together are nobody's pitch, or another caller's order."""
    sound = tones.tone(tones.YES_HZ, 0.4) + tones.tone(1300, 0.2)
    assert tones.pitch(tones.crossings(sound), len(sound)) != tones.YES_HZ
    assert Counter(tones.pitches(sound)).most_common(1) == [(tones.YES_HZ, 20)]


@pytest.mark.parametrize("voice", tones.VOICES)
def test_a_voice_is_known_by_its_two_pitches_in_their_order(voice: tones.Voice) -> None:
    assert tones.heard(tones.pitches(tones.said(voice, 1.0))) == voice


def test_half_a_voice_and_frames_that_were_spoilt_are_nobodys_else() -> None:
    first, second = tones.VOICES[0]
    half = [*tones.pitches(tones.tone(second, 0.5))]
    assert tones.heard(half) not in tones.VOICES
    spoilt = [first] * 20 + [tones.ORDER_HZ[3]] * 4 + [second] * 20
    assert tones.heard(spoilt) == (first, second)
    assert len({*tones.VOICES}) == 20
