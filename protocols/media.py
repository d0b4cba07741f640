"""The media protocol between an edge bridge and a call handler: JSON text messages on one WebSocket.

The names and shapes are Twilio Media Streams', so that any bot for those can serve as a handler. Audio is
always µ-law, 8 kHz, mono, 8 bytes a millisecond. Ours on top, from the handler: ``transfer``, ``hold``,
``hangup``, ``prompt``, ``blank`` and audio on the track ``whisper``; from the bridge: ``transferFailed``, after a
``transfer`` alone. A bot that never sends them loses nothing.

Encoding is done by hand where it happens 50 times a second in each direction (``media``): the constant part
of the message is made once a stream. Decoding is one pass of msgspec into a tagged union, base64 included.
"""

from __future__ import annotations

from binascii import b2a_base64
from typing import Annotated, Literal, TypeVar

import msgspec

SAMPLE_RATE_HZ: Literal[8000] = 8000
BYTES_PER_MS = 8
ENCODING: Literal["audio/x-mulaw"] = "audio/x-mulaw"
MAX_AUDIO_BYTES = 60_000 * BYTES_PER_MS  # one message: a minute
MAX_MESSAGE_BYTES = 1 << 20


class MediaError(ValueError):
    """A message that is not of this protocol; ``reason`` names the field and holds nothing personal."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


WHISPER = "whisper"  # a track: what an attended transfer begins with
MAX_WHISPER_BYTES = 30_000 * BYTES_PER_MS
MAX_BLANK_MS = 10 * 60_000

TransferMode = Literal["auto", "refer", "second_leg", "attended"]
Audio = Annotated[bytes, msgspec.Meta(max_length=MAX_AUDIO_BYTES)]
Name = Annotated[str, msgspec.Meta(max_length=256)]


class _StreamMessage(msgspec.Struct, frozen=True, gc=False, tag_field="event", rename="camel"):
    """Base of every message; ``stream_sid`` is "" where Twilio sends none."""


# --- From the bridge -----------------------------------------------------------------------------------------


class Connected(_StreamMessage, frozen=True, gc=False, tag="connected"):
    """The first message on the socket."""

    protocol: str = "Call"
    version: str = "1.0.0"


class MediaFormat(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    encoding: Literal["audio/x-mulaw"] = ENCODING
    sample_rate: Literal[8000] = SAMPLE_RATE_HZ
    channels: Literal[1] = 1


class CustomParameters(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What the handler has to know beyond Twilio's start. On the wire every value is a string, as there.

    ``early_audio_ms`` of the caller were kept while nobody listened and follow at once, faster than real
    time. ``greeting_remaining_ms`` of ``greeting_text`` are still to be played to the caller. ``resumed``: an earlier
    handler had the caller and is gone, whether or not it left anything behind. The caller was asked to wait, which is
    what is still to be played then, and expects to be spoken to. ``transfers`` is what the line is set to: with
    ``attended``, a transfer may begin with a whisper.
    """

    attempt: int = 1
    restaurant_id: str = ""
    early_audio_ms: int = 0
    greeting_text: str = ""
    greeting_remaining_ms: int = 0
    resumed: bool = False
    transfers: TransferMode = "auto"


class StartBody(msgspec.Struct, frozen=True, rename="camel"):
    stream_sid: str
    call_sid: str
    tracks: tuple[str, ...] = ("inbound",)
    media_format: MediaFormat = MediaFormat()
    custom_parameters: CustomParameters = CustomParameters()


class Start(_StreamMessage, frozen=True, gc=False, tag="start"):
    """The second message, once a stream. ``call_sid`` is the call id."""

    start: StartBody
    stream_sid: str = ""
    sequence_number: int = 0


class AudioBody(msgspec.Struct, frozen=True, gc=False):
    """``timestamp`` is in ms since the start of the stream; ``payload`` is µ-law (base64 on the wire)."""

    payload: Audio
    track: str = "inbound"
    chunk: int = 0
    timestamp: int = 0


class Media(_StreamMessage, frozen=True, gc=False, tag="media"):
    """Audio: the caller's from the bridge, the assistant's from the handler. Of the latter only ``payload`` counts, and
    the track ``WHISPER``: the caller does not hear that.
    """

    media: AudioBody
    stream_sid: str = ""
    sequence_number: int = 0


class DtmfBody(msgspec.Struct, frozen=True, gc=False):
    digit: Annotated[str, msgspec.Meta(pattern="^[0-9A-D*#]$")]


class Dtmf(_StreamMessage, frozen=True, gc=False, tag="dtmf"):
    """The caller pressed a key."""

    dtmf: DtmfBody
    stream_sid: str = ""
    sequence_number: int = 0


class MarkBody(msgspec.Struct, frozen=True, gc=False):
    name: Name


class Mark(_StreamMessage, frozen=True, gc=False, tag="mark"):
    """From the handler: tell me when all audio sent so far is played. From the bridge: it is, or was cleared."""

    mark: MarkBody
    stream_sid: str = ""
    sequence_number: int = 0


class StopBody(msgspec.Struct, frozen=True, gc=False):
    reason: Name = ""


class Stop(_StreamMessage, frozen=True, gc=False, tag="stop"):
    """The last message from the bridge: the caller hung up, was transferred, or a newer attempt took over."""

    stop: StopBody = StopBody()
    stream_sid: str = ""
    sequence_number: int = 0


class TransferFailedBody(msgspec.Struct, frozen=True, gc=False):
    """``not_allowed``: the restaurant has not named this number."""

    reason: Literal["not_allowed", "no_answer"]


class TransferFailed(_StreamMessage, frozen=True, gc=False, tag="transferFailed"):
    """Nobody took the caller, who was told so and is the handler's again."""

    transfer_failed: TransferFailedBody
    stream_sid: str = ""
    sequence_number: int = 0


# --- From the handler ----------------------------------------------------------------------------------------


class Clear(_StreamMessage, frozen=True, gc=False, tag="clear"):
    """Throw away audio that is not played yet; its marks come back at once."""

    stream_sid: str = ""


class TransferBody(msgspec.Struct, frozen=True, gc=False):
    """``refer`` has the trunk do it, ``second_leg`` the bridge, which then calls ``target`` itself. ``attended``: so,
    too, and whoever answers hears the audio of the track ``whisper`` that was sent before, and then the caller.
    ``auto`` is what the line is set to.
    """

    target: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    reason: Name = ""
    mode: TransferMode = "auto"


class TransferRequest(_StreamMessage, frozen=True, gc=False, tag="transfer"):
    """Put the caller through to ``target``, the number or SIP URI that the restaurant has named, once the audio sent so
    far is played."""

    transfer: TransferBody
    stream_sid: str = ""


class HoldBody(msgspec.Struct, frozen=True, gc=False):
    on: bool


class Hold(_StreamMessage, frozen=True, gc=False, tag="hold"):
    """Play music instead of silence (``on``) until taken off hold."""

    hold: HoldBody
    stream_sid: str = ""


class HangupBody(msgspec.Struct, frozen=True, gc=False):
    reason: Name = ""


class Hangup(_StreamMessage, frozen=True, gc=False, tag="hangup"):
    """End the call once the audio sent so far is played."""

    hangup: HangupBody = HangupBody()
    stream_sid: str = ""


class PromptBody(msgspec.Struct, frozen=True, gc=False):
    name: Literal["one_moment"]


class Prompt(_StreamMessage, frozen=True, gc=False, tag="prompt"):
    """Say one of the bridge's own sentences behind the audio sent so far, while the engine is late."""

    prompt: PromptBody
    stream_sid: str = ""


class BlankBody(msgspec.Struct, frozen=True, gc=False):
    ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_BLANK_MS)]


class Blank(_StreamMessage, frozen=True, gc=False, tag="blank"):
    """The caller said what must not be kept: if the call is recorded, their last ``ms`` are made silent in it."""

    blank: BlankBody
    stream_sid: str = ""


FromBridge = Connected | Start | Media | Dtmf | Mark | Stop | TransferFailed
FromHandler = Media | Mark | Clear | TransferRequest | Hold | Hangup | Prompt | Blank

_from_bridge: msgspec.json.Decoder[FromBridge] = msgspec.json.Decoder(FromBridge, strict=False)
_from_handler: msgspec.json.Decoder[FromHandler] = msgspec.json.Decoder(FromHandler, strict=False)
_encode = msgspec.json.Encoder().encode


def decode_from_bridge(message: bytes | str) -> FromBridge:
    """Read what the bridge sent. Raises MediaError. Numbers are taken as JSON numbers or, as Twilio's, as strings."""
    return _decode(_from_bridge, message)


def decode_from_handler(message: bytes | str) -> FromHandler:
    """Read what the handler sent. Raises MediaError."""
    return _decode(_from_handler, message)


T = TypeVar("T")


def _decode(decoder: msgspec.json.Decoder[T], message: bytes | str) -> T:
    if len(message) > MAX_MESSAGE_BYTES:
        raise MediaError(f"the message is over {MAX_MESSAGE_BYTES} bytes")
    try:
        return decoder.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MediaError(str(error)) from None


class BridgeStream:
    """Encodes what a bridge sends on one stream, and numbers it. Each method gives one text message in UTF-8."""

    __slots__ = ("_media_head", "_sequence", "call_sid", "chunk", "stream_sid")

    def __init__(self, stream_sid: str, call_sid: str) -> None:
        self.stream_sid = stream_sid
        self.call_sid = call_sid
        self.chunk = 0
        self._sequence = 0
        self._media_head = b'{"event":"media","streamSid":' + _encode(stream_sid) + b',"sequenceNumber":"'

    def connected(self) -> bytes:
        return b'{"event":"connected","protocol":"Call","version":"1.0.0"}'

    def start(self, parameters: CustomParameters) -> bytes:
        body = {
            "streamSid": self.stream_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": MediaFormat(),
            "customParameters": {
                "attempt": str(parameters.attempt),
                "restaurantId": parameters.restaurant_id,
                "earlyAudioMs": str(parameters.early_audio_ms),
                "greetingText": parameters.greeting_text,
                "greetingRemainingMs": str(parameters.greeting_remaining_ms),
                "resumed": "true" if parameters.resumed else "false",
                "transfers": parameters.transfers,
            },
        }
        return self._message("start", body)

    def media(self, timestamp_ms: int, audio: bytes) -> bytes:
        """The caller's µ-law audio that began ``timestamp_ms`` after the start of the stream."""
        self._sequence += 1
        self.chunk += 1
        return (
            self._media_head
            + b'%d","media":{"track":"inbound","chunk":"%d","timestamp":"%d","payload":"'
            % (self._sequence, self.chunk, timestamp_ms)
            + b2a_base64(audio, newline=False)
            + b'"}}'
        )

    def dtmf(self, digit: str) -> bytes:
        return self._message("dtmf", {"track": "inbound_track", "digit": digit})

    def mark(self, name: str) -> bytes:
        return self._message("mark", {"name": name})

    def transfer_failed(self, reason: Literal["not_allowed", "no_answer"]) -> bytes:
        return self._message("transferFailed", {"reason": reason})

    def stop(self, reason: str) -> bytes:
        return self._message("stop", {"callSid": self.call_sid, "reason": reason})

    def _message(self, event: str, body: object) -> bytes:
        self._sequence += 1
        return _encode(
            {"event": event, "streamSid": self.stream_sid, "sequenceNumber": str(self._sequence), event: body}
        )


class HandlerStream:
    """Encodes what a handler sends on one stream. Each method gives one text message in UTF-8."""

    __slots__ = ("_media_head", "stream_sid")

    def __init__(self, stream_sid: str) -> None:
        self.stream_sid = stream_sid
        self._media_head = b'{"event":"media","streamSid":' + _encode(stream_sid) + b',"media":{"payload":"'

    def media(self, audio: bytes) -> bytes:
        """The assistant's µ-law audio, at most MAX_AUDIO_BYTES, to be played after what was sent before."""
        return self._media_head + b2a_base64(audio, newline=False) + b'"}}'

    def mark(self, name: str) -> bytes:
        return _encode({"event": "mark", "streamSid": self.stream_sid, "mark": {"name": name}})

    def clear(self) -> bytes:
        return _encode(Clear(self.stream_sid))

    def whisper(self, audio: bytes) -> bytes:
        """For who answers the next attended transfer, at most MAX_WHISPER_BYTES in all."""
        return _encode(Media(AudioBody(audio, track=WHISPER), self.stream_sid))

    def transfer(self, target: str, reason: str, mode: TransferMode = "auto") -> bytes:
        return _encode(TransferRequest(TransferBody(target, reason, mode), self.stream_sid))

    def hold(self, on: bool) -> bytes:
        return _encode(Hold(HoldBody(on), self.stream_sid))

    def prompt(self, name: Literal["one_moment"]) -> bytes:
        return _encode(Prompt(PromptBody(name), self.stream_sid))

    def blank(self, ms: int) -> bytes:
        return _encode(Blank(BlankBody(ms), self.stream_sid))

    def hangup(self, reason: str) -> bytes:
        return _encode(Hangup(HangupBody(reason), self.stream_sid))
