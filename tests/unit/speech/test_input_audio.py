"""What a turn of the caller's audio holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.speech.audio_format import FORMATS, INPUT_RATE
from devstack.speech.input_audio import LEAD_IN_MS, Edge, InputAudio, TurnStarted, TurnStopped, VoiceDetector
from devstack.speech.protocol.session_config import ServerVad
from voices.g711 import Samples

pytestmark = pytest.mark.unit

STARTS_AT, STOPS_AT = INPUT_RATE, 2 * INPUT_RATE


class Told(VoiceDetector):
    """A detector that finds one turn, from the first second to the second."""

    def __init__(self) -> None:
        self._heard = 0
        self.speaking = False

    def configure(self, *, threshold: float, silence_ms: int) -> None:
        pass

    def reset(self, position: int) -> None:
        pass

    def feed(self, samples: Samples) -> Iterator[Edge]:
        before, self._heard = self._heard, self._heard + len(samples)
        for kind, at in (("started", STARTS_AT), ("stopped", STOPS_AT)):
            if before < at <= self._heard:
                self.speaking = kind == "started"
                yield Edge("started" if kind == "started" else "stopped", at)


def test_recognition_has_more_of_what_came_before_than_the_client_is_told_of() -> None:
    audio = InputAudio(Told(), FORMATS["audio/pcmu"], ServerVad(prefix_padding_ms=300))
    frames = [audio.append(b"\xff" * 160) for _ in range(3 * INPUT_RATE // 160)]
    started, stopped = [edge for found in frames for edge in found]
    assert isinstance(started, TurnStarted) and isinstance(stopped, TurnStopped)
    assert started.audio_start_ms == 1000 - 300
    assert len(stopped.samples) == STOPS_AT - STARTS_AT + LEAD_IN_MS * INPUT_RATE // 1000
    assert stopped.spoken_ms == 1000 - 500
