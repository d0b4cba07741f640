"""How much of the caller's audio is in a message to the handler."""

from typing import cast

import pytest
from picows import WSMsgType, WSTransport

from bench.rtp.ours import Owner
from edge_bridge.media.audio import FRAME_BYTES, CallAudio
from edge_bridge.media.stream import MediaStream
from protocols import media

pytestmark = pytest.mark.unit

FRAMES = [bytes([place]) * FRAME_BYTES for place in range(1, 7)]


class Socket:
    """The handler's end: what was sent, as audio with its moment."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, bytes]] = []

    def send(self, kind: WSMsgType, message: bytes) -> None:
        assert kind == WSMsgType.TEXT
        read = media.decode_from_bridge(message)
        if isinstance(read, media.Media):
            self.heard.append((read.media.timestamp, read.media.payload))


def joined() -> tuple[CallAudio, Socket]:
    audio, socket = CallAudio(), Socket()
    MediaStream("c1", audio, Owner()).joined(cast(WSTransport, socket))
    return audio, socket


def test_while_nothing_is_said_to_the_caller_a_message_has_two_frames() -> None:
    audio, socket = joined()
    for frame in FRAMES[:5]:
        audio.heard(frame)
    assert socket.heard == [(0, FRAMES[0] + FRAMES[1]), (40, FRAMES[2] + FRAMES[3])]


def test_who_interrupts_is_heard_frame_by_frame() -> None:
    audio, socket = joined()
    audio.heard(FRAMES[0])
    audio.play(b"\x55" * FRAME_BYTES * 3)
    for frame in FRAMES[1:3]:
        audio.heard(frame)
    assert socket.heard == [(0, FRAMES[0] + FRAMES[1]), (40, FRAMES[2])]
    audio.clear()
    for frame in FRAMES[3:5]:
        audio.heard(frame)
    assert socket.heard[2:] == [(60, FRAMES[3] + FRAMES[4])]
