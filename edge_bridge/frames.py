"""G.711 µ-law in 20 ms frames: the unit of everything between the SIP side and the media socket."""

import audioop
from collections.abc import Iterator

FRAME_MS = 20
FRAME_BYTES = 160  # 8 bytes a millisecond
SILENCE = b"\xff" * FRAME_BYTES
VOICE_RMS = 250  # of 16-bit samples; line noise lies below 100


def split(ulaw: bytes) -> Iterator[bytes]:
    """Whole frames; the last one is filled up with silence."""
    for start in range(0, len(ulaw), FRAME_BYTES):
        frame = ulaw[start : start + FRAME_BYTES]
        yield frame if len(frame) == FRAME_BYTES else frame + SILENCE[len(frame) :]


def is_voice(frame: bytes) -> bool:
    """A rough guess by loudness: enough to tell a message from an empty line."""
    return audioop.rms(audioop.ulaw2lin(frame, 2), 2) > VOICE_RMS
