"""AudioSocket on the wire: a kind, the payload's length in 16 bits (big endian), the payload.

Kinds and their rates are those of Asterisk's ``res_audiosocket``; PCM is 16-bit, mono and little endian.
"""

import struct
import uuid
from dataclasses import dataclass

HANG_UP = 0x00
UUID = 0x01
DTMF = 0x03
ERROR = 0xFF
SLIN = 0x10
RATES = {
    SLIN: 8_000,
    0x11: 12_000,
    0x12: 16_000,
    0x13: 24_000,
    0x14: 32_000,
    0x15: 44_100,
    0x16: 48_000,
    0x17: 96_000,
    0x18: 192_000,
}
KEYS = b"0123456789ABCD*#"
MAX_PAYLOAD_BYTES = 0xFFFF

_header = struct.Struct(">BH")


class FrameError(ValueError):
    """A frame that is none of this protocol's; says why and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Frame:
    kind: int
    payload: bytes = b""

    def encode(self) -> bytes:
        """Raises FrameError when the payload is longer than 16 bits can say."""
        if len(self.payload) > MAX_PAYLOAD_BYTES:
            raise FrameError(f"a payload of {len(self.payload)} bytes")
        return _header.pack(self.kind, len(self.payload)) + self.payload


class FrameReader:
    """Puts frames together from what arrives; holds at most one that is not whole."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole by now."""
        buffer = self._rest + data
        frames: list[Frame] = []
        at = 0
        while at + _header.size <= len(buffer):
            kind, length = _header.unpack_from(buffer, at)
            end = at + _header.size + length
            if end > len(buffer):
                break
            frames.append(Frame(kind, buffer[at + _header.size : end]))
            at = end
        self._rest = buffer[at:]
        return frames


def read_uuid(frame: Frame) -> str:
    """Raises FrameError when it is no UUID frame."""
    if frame.kind != UUID or len(frame.payload) != 16:
        raise FrameError("the first frame is no UUID")
    return str(uuid.UUID(bytes=frame.payload))


def read_key(frame: Frame) -> str:
    """Raises FrameError when the payload is no DTMF digit."""
    if len(frame.payload) != 1 or frame.payload.upper() not in KEYS:
        raise FrameError("a DTMF frame without a digit")
    return frame.payload.upper().decode()
