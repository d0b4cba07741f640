"""Our messages to Google's speech services, byte for byte as Google's own packages write them.

Written by google-cloud-speech 2.41.0 and google-cloud-texttospeech 2.38.0, from the same fields.
"""

from typing import Any

import pytest

from functions.call_handler.engines.protobuf_wire import decode, encode, seconds_of

pytestmark = pytest.mark.unit

google_speech = pytest.importorskip(
    "functions.call_handler.engines.google_speech", reason="needs the extra google", exc_type=ImportError
)

RECOGNIZER = "projects/p/locations/global/recognizers/_"
CONFIG = (
    "1a2970726f6a656374732f702f6c6f636174696f6e732f676c6f62616c2f7265636f676e697a6572732f5f323c0a341202200132130a1112"
    "0f1a0d0a06526567696e6115000020414207080210c03e18014a0974656c6570686f6e79520566722d4652120408011001"
)
RESULTS = (
    "3a043202080332270a120a0b756e652052c3a967696e61156666663f1001220808021080cab5ee01320566722d6672320c0a050a032065741d"
    "cdcccc3d"
)


def test_what_the_ear_asks_for_is_what_google_reads() -> None:
    phrases = [{"value": "Regina", "boost": 10.0}]
    config = {
        "model": "telephony",
        "language_codes": ["fr-FR"],
        "explicit_decoding_config": {"encoding": 2, "sample_rate_hertz": 8000, "audio_channel_count": 1},
        "features": {"enable_automatic_punctuation": True},
        "adaptation": {"phrase_sets": [{"inline_phrase_set": {"phrases": phrases}}]},
    }
    features = {"enable_voice_activity_events": True, "interim_results": True}
    request = {"recognizer": RECOGNIZER, "streaming_config": {"config": config, "streaming_features": features}}

    assert encode(google_speech.RECOGNIZE_REQUEST, request).hex() == CONFIG
    assert encode(google_speech.RECOGNIZE_REQUEST, {"audio": b"\x7f\xff"}).hex() == "2a027fff"


def test_what_google_heard_is_read_and_what_we_do_not_use_is_passed_over() -> None:
    results = decode(google_speech.RECOGNIZE_RESPONSE, bytes.fromhex(RESULTS))
    activity = decode(google_speech.RECOGNIZE_RESPONSE, bytes.fromhex("18033a070801108084af5f"))

    final, guess = results["results"]
    assert final["alternatives"] == [{"transcript": "une Régina"}]
    assert final["is_final"]
    assert seconds_of(final["result_end_offset"]) == 2.5
    assert guess == {"alternatives": [{"transcript": " et"}]}
    assert activity["speech_event_type"] == google_speech.ACTIVITY_END
    assert seconds_of(activity["speech_event_offset"]) == 1.2


@pytest.mark.parametrize(
    ("table", "message", "written"),
    [
        (
            "SYNTHESIZE_REQUEST",
            {
                "input": {"text": "Bonsoir."},
                "voice": {"language_code": "fr-FR", "name": "fr-FR-Neural2-A"},
                "audio_config": {"audio_encoding": 5, "sample_rate_hertz": 8000},
            },
            "0a0a0a08426f6e736f69722e12180a0566722d4652120f66722d46522d4e657572616c322d411a05080528c03e",
        ),
        (
            "STREAM_SPEECH_REQUEST",
            {
                "streaming_config": {
                    "voice": {"language_code": "fr-FR"},
                    "streaming_audio_config": {"audio_encoding": 5, "sample_rate_hertz": 8000},
                }
            },
            "0a100a070a0566722d46522205080510c03e",
        ),
        ("STREAM_SPEECH_REQUEST", {"input": {"text": "Bonsoir."}}, "120a0a08426f6e736f69722e"),
        ("SPEECH_RESPONSE", {"audio_content": b"\x01\x02"}, "0a020102"),
    ],
)
def test_what_the_voice_asks_for_is_what_google_reads(table: str, message: dict[str, Any], written: str) -> None:
    assert encode(getattr(google_speech, table), message).hex() == written
    assert decode(getattr(google_speech, table), bytes.fromhex(written)) == message


@pytest.mark.parametrize("broken", ["3a", "3a04", "3280", "ff", "1803ff", "320a0a05", "0d00"])
def test_what_is_no_message_is_a_value_error(broken: str) -> None:
    with pytest.raises(ValueError, match=r"cut off|wire type|number"):
        decode(google_speech.RECOGNIZE_RESPONSE, bytes.fromhex(broken))
