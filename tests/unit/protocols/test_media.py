import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import media
from protocols.media import BridgeStream, CustomParameters, HandlerStream, MediaError

pytestmark = pytest.mark.unit

FRAME = bytes(range(160))


def test_a_stream_opens_as_twilio_opens_it() -> None:
    bridge = BridgeStream("MZ1", "c0ffee")
    parameters = CustomParameters(2, "r-1", 340, 'Bonjour, "Chez Léa"', 1200, resumed=True)

    connected, start = json.loads(bridge.connected()), json.loads(bridge.start(parameters))

    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": "MZ1",
        "start": {
            "streamSid": "MZ1",
            "callSid": "c0ffee",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {
                "attempt": "2",
                "restaurantId": "r-1",
                "earlyAudioMs": "340",
                "greetingText": 'Bonjour, "Chez Léa"',
                "greetingRemainingMs": "1200",
                "resumed": "true",
                "transfers": "auto",
            },
        },
    }
    decoded = media.decode_from_bridge(json.dumps(start))
    assert isinstance(decoded, media.Start)
    assert decoded.start.custom_parameters == parameters


def test_the_callers_audio_is_numbered_and_arrives_unchanged() -> None:
    bridge = BridgeStream('MZ"1"', "c")

    first, second = bridge.media(0, FRAME), bridge.media(20, FRAME[::-1])

    assert json.loads(first)["media"] == {
        "track": "inbound",
        "chunk": "1",
        "timestamp": "0",
        "payload": json.loads(first)["media"]["payload"],
    }
    decoded = media.decode_from_bridge(second)
    assert isinstance(decoded, media.Media)
    assert (decoded.media.payload, decoded.media.chunk, decoded.media.timestamp) == (FRAME[::-1], 2, 20)
    assert (decoded.stream_sid, decoded.sequence_number) == ('MZ"1"', 2)


def test_every_message_of_the_bridge_reads_as_it_was_written() -> None:
    bridge = BridgeStream("MZ1", "c")

    dtmf, mark, stop = (
        media.decode_from_bridge(m) for m in (bridge.dtmf("#"), bridge.mark("turn-3"), bridge.stop("hung up"))
    )

    assert isinstance(dtmf, media.Dtmf)
    assert dtmf.dtmf.digit == "#"
    assert isinstance(mark, media.Mark)
    assert mark.mark.name == "turn-3"
    assert isinstance(stop, media.Stop)
    assert stop.stop.reason == "hung up"
    assert stop.sequence_number == 3


def test_every_message_of_the_handler_reads_as_it_was_written() -> None:
    handler = HandlerStream("MZ1")

    messages = [
        media.decode_from_handler(m)
        for m in (
            handler.media(FRAME),
            handler.mark("turn-3"),
            handler.clear(),
            handler.whisper(FRAME),
            handler.transfer("+33123456789", "asked for a human", "attended"),
            handler.hold(True),
            handler.hangup("done"),
        )
    ]

    assert messages == [
        media.Media(media.AudioBody(FRAME), "MZ1"),
        media.Mark(media.MarkBody("turn-3"), "MZ1"),
        media.Clear("MZ1"),
        media.Media(media.AudioBody(FRAME, track=media.WHISPER), "MZ1"),
        media.TransferRequest(media.TransferBody("+33123456789", "asked for a human", "attended"), "MZ1"),
        media.Hold(media.HoldBody(True), "MZ1"),
        media.Hangup(media.HangupBody("done"), "MZ1"),
    ]


def test_a_handler_reads_that_nobody_took_the_caller() -> None:
    told = media.decode_from_bridge(media.BridgeStream("MZ1", "c0ffee").transfer_failed("no_answer"))

    assert isinstance(told, media.TransferFailed)
    assert told.transfer_failed.reason == "no_answer"


def test_a_plain_twilio_bot_can_answer() -> None:
    message = media.decode_from_handler('{"event":"media","streamSid":"MZ1","media":{"payload":"//8="}}')

    assert message == media.Media(media.AudioBody(b"\xff\xff"), "MZ1")


@pytest.mark.parametrize(
    ("message", "names"),
    [
        (b"", "truncated"),
        (b"hello", "malformed"),
        (b"[]", "object"),
        (b'{"media":{"payload":""}}', "event"),
        (b'{"event":"dance"}', "$.event"),
        (b'{"event":"media"}', "`media`"),
        (b'{"event":"media","media":{}}', "payload"),
        (b'{"event":"media","media":{"payload":"***"}}', "$.media.payload"),
        (b'{"event":"media","media":{"payload":"AAAA","timestamp":"soon"}}', "$.media.timestamp"),
        (b'{"event":"mark","mark":{"name":7}}', "$.mark.name"),
        ("x" * (media.MAX_MESSAGE_BYTES + 1), "over 1048576 bytes"),
        ('{"event":"\ud800"}', "surrogate"),
        (b'{"event":"mark","x":' + b"[" * 100_000, "recursion"),
    ],
)
def test_a_malformed_message_is_refused_with_the_field(message: bytes | str, names: str) -> None:
    with pytest.raises(MediaError) as refusal:
        media.decode_from_bridge(message)

    assert names in refusal.value.reason


def test_a_stream_in_another_codec_is_refused() -> None:
    start = {"event": "start", "start": {"streamSid": "M", "callSid": "c", "mediaFormat": {"encoding": "audio/l16"}}}

    with pytest.raises(MediaError, match="encoding"):
        media.decode_from_bridge(json.dumps(start))


def test_a_transfer_needs_a_target() -> None:
    with pytest.raises(MediaError, match="target"):
        media.decode_from_handler(b'{"event":"transfer","transfer":{"target":""}}')


def test_one_message_carries_at_most_a_minute() -> None:
    too_long = HandlerStream("M").media(bytes(media.MAX_AUDIO_BYTES + 1))

    with pytest.raises(MediaError, match="payload"):
        media.decode_from_handler(too_long)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_any_message_is_decoded_or_refused(noise: bytes) -> None:
    for decode in (media.decode_from_bridge, media.decode_from_handler):
        with suppress(MediaError):
            assert decode(noise)
