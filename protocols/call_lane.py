"""The call lane: what a call handler answers to ``call.incoming``, one JSON object a line, as long as the call.

``accepted`` at once, ``connected`` when media and model are joined, ``alive`` every ALIVE_EVERY_S seconds and
exactly one ``ended``. Only ``ended`` proves that the handler finished: a proxy that times out in mid-stream
closes the body cleanly, with a line of its own text in it, so a stream without ``ended`` is a lost call.
"""

from __future__ import annotations

import msgspec

from domain.calls import Outcome

CONTENT_TYPE = "application/x-ndjson"
ALIVE_EVERY_S = 5.0
FIRST_LINE_WITHIN_S = 4.0
MAX_LINE_BYTES = 4096


class LaneError(ValueError):
    """A line that is not of this protocol; ``reason`` names the field."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AcceptedLine(msgspec.Struct, frozen=True, tag_field="state", tag="accepted", rename="camel"):
    """A handler took the call. ``worker`` is its pod's name, ``attempt`` the event's attempt number, from 1."""

    worker: str
    attempt: int


class ConnectedLine(msgspec.Struct, frozen=True, tag_field="state", tag="connected"):
    """Media and model are joined: the caller can be heard."""


class AliveLine(msgspec.Struct, frozen=True, tag_field="state", tag="alive", rename="camel", omit_defaults=True):
    """Keeps the stream and its proxies awake. ``model_ms``: the model's slowest answer since the last such line, from
    the caller's last word to the first sound; 0 where it gave none."""

    model_ms: int = 0


class EndedLine(msgspec.Struct, frozen=True, tag_field="state", tag="ended", rename="camel", omit_defaults=True):
    """The final line. ``order_id`` when an order was confirmed; ``reason`` says why a ``failed`` call failed."""

    outcome: Outcome
    order_id: str | None = None
    reason: str = ""


LaneLine = AcceptedLine | ConnectedLine | AliveLine | EndedLine

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[LaneLine] = msgspec.json.Decoder(LaneLine)


def encode(line: LaneLine) -> bytes:
    """One line with its newline."""
    return _encoder.encode(line) + b"\n"


def decode(line: bytes) -> LaneLine:
    """Read one line, with or without its newline.

    Raises LaneError for everything else: a proxy's error text, a line over MAX_LINE_BYTES, an unknown state.
    """
    if len(line) > MAX_LINE_BYTES:
        raise LaneError(f"the line is over {MAX_LINE_BYTES} bytes")
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LaneError(f"not a line of the call lane: {error}") from None
