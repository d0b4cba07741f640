"""What a scripted caller hears of what its phone has received."""

import socket
import struct

import pytest

from bench.chaos import tones
from bench.chaos.caller import ScriptedCaller
from bench.chaos.dialogue import SENTENCE_S, Wish

pytestmark = pytest.mark.unit


async def test_a_caller_whose_machine_is_late_hears_what_came_before_the_end_of_the_call() -> None:
    sound = tones.tone(tones.CONFIRMED_HZ, SENTENCE_S)
    frames = [sound[at : at + tones.FRAME_BYTES] for at in range(0, len(sound), tones.FRAME_BYTES)]
    scripted = ScriptedCaller(("127.0.0.1", 9), "a line", Wish("Anna", 1, tones.VOICES[0]), "+353")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bridge:
        async with scripted.phone as phone:
            for number, frame in enumerate(frames):
                header = struct.pack(">BBHII", 0x80, 0, number, number * tones.FRAME_BYTES, 1)
                bridge.sendto(header + frame, ("127.0.0.1", phone.rtp_port))
            phone.hung_up.set()

            await scripted.talk()

    assert [what for _, what in scripted.experience.heard] == ["confirmed"]
    assert scripted.experience.confirmed_at
