"""Tokens to dollars."""

import pytest

from functions.call_handler.engines.costs import Usage, add_live, add_speech, price

pytestmark = pytest.mark.unit


def dollars(usage: Usage, model: str, transcription_model: str) -> float:
    price(usage, model, transcription_model)
    return usage.dollars


def test_each_kind_of_token_has_its_price() -> None:
    usage = Usage(
        text_in=1_000_000,
        text_cached=1_000_000,
        text_out=1_000_000,
        audio_in=1_000_000,
        audio_cached=1_000_000,
        audio_out=1_000_000,
    )

    assert dollars(usage, "gpt-realtime-2.1", "") == pytest.approx(4 + 0.4 + 24 + 32 + 0.4 + 64)
    assert dollars(usage, "gpt-realtime-2.1-mini", "") == pytest.approx(0.6 + 0.06 + 2.4 + 10 + 0.3 + 20)


def test_a_dated_snapshot_costs_what_its_family_costs() -> None:
    usage = Usage(audio_out=500_000)

    assert dollars(usage, "gpt-realtime-2025-08-28", "") == 32.0
    assert dollars(usage, "gpt-realtime-mini-2025-12-15", "") == 10.0


def test_a_model_on_no_list_is_told_and_not_taken_for_a_free_one() -> None:
    unknown, local = Usage(audio_out=1_000_000), Usage(audio_out=1_000_000, transcribed_s=3.0)
    caption = Usage(transcription_in=10)

    price(unknown, "gpt-next", "gpt-transcribe")
    price(local, "local", "whisper-base")
    price(caption, "local", "gpt-next-transcribe")

    assert (unknown.dollars, unknown.unpriced) == (0.0, 1)
    assert (local.dollars, local.unpriced) == (0.0, 0)
    assert (caption.dollars, caption.unpriced) == (0.0, 1)


def test_speech_and_sessions_of_a_model_on_no_list_are_told_too() -> None:
    spoken, live, known = Usage(), Usage(), Usage()

    add_speech(spoken, 100, "voice-next")
    add_live(live, 60.0, "gpt-live-next")
    add_live(known, 90.0, "gpt-live-1.1")
    add_speech(known, 1_000_000, "tts-1")

    assert (spoken.dollars, spoken.unpriced, spoken.unknown) == (0.0, 1, ("voice-next",))
    assert (live.dollars, live.unpriced) == (0.0, 1)
    assert known.dollars == pytest.approx(0.075 + 15)
    assert known.unpriced == 0


def test_transcription_is_billed_by_the_minute_or_by_the_token() -> None:
    assert dollars(Usage(transcribed_s=120), "local", "whisper-1") == pytest.approx(0.012)
    heard = Usage(transcription_in=1_000_000, transcription_out=1_000_000)
    assert dollars(heard, "local", "gpt-4o-mini-transcribe") == pytest.approx(6.25)


def test_usage_adds_up() -> None:
    total = Usage(text_in=1, transcribed_s=0.5, unpriced=1, unknown=("next",))
    total.add(Usage(text_in=2, audio_out=3, transcribed_s=1.0, unpriced=1, unknown=("next",)))

    assert total == Usage(text_in=3, audio_out=3, transcribed_s=1.5, unpriced=2, unknown=("next",))
