"""The models of one process, each behind its lane: what sessions share."""

from __future__ import annotations

import asyncio
from functools import partial

import numpy as np

from devstack.speech.audio_format import INPUT_RATE
from devstack.speech.lanes import Lane
from devstack.speech.transcriber import LANGUAGES, Recognition, Transcriber
from devstack.speech.vad import VoiceDetector
from voices import Voice, Voices
from voices.clip_cache import Clip
from voices.g711 import Samples
from voices.models import ModelPaths

WAITING_UTTERANCES = 8
WAITING_CLAUSES = 16
TRANSCRIBE_TIMEOUT_S = 30.0
SAY_TIMEOUT_S = 20.0
KEPT_DETECTORS = 8


class SpeechModels:
    """``load`` first. Every method raises Overloaded when too much waits, TimeoutError when it takes too long."""

    def __init__(self, paths: ModelPaths, threads: int) -> None:
        self._paths, self._threads = paths, threads
        self._hearing = Lane("speech-to-text", WAITING_UTTERANCES)
        self._speaking = Lane("text-to-speech", WAITING_CLAUSES)
        self._voices = Voices(paths, threads)
        self._detectors: list[VoiceDetector] = []
        self._transcriber: Transcriber | None = None

    async def load(self) -> None:
        """Load and run every model once (about 2 s on two cores)."""
        await asyncio.gather(asyncio.to_thread(self._load_hearing), asyncio.to_thread(self._voices.warm_up))

    def _load_hearing(self) -> None:
        transcriber = Transcriber(self._paths.whisper_dir, self._threads)
        transcriber.transcribe(np.zeros(INPUT_RATE, np.float32), INPUT_RATE, LANGUAGES[0])
        self._detectors.append(VoiceDetector())
        self._transcriber = transcriber

    async def transcribe(self, samples: Samples, language: str, prompt: str) -> Recognition:
        """``samples`` at 8 kHz."""
        if self._transcriber is None:
            raise RuntimeError("the engine is not loaded")
        work = partial(self._transcriber.transcribe, samples, INPUT_RATE, language, prompt)
        return await self._hearing.run(work, TRANSCRIBE_TIMEOUT_S)

    async def say(self, clause: str, voice: Voice, speed: float) -> Clip:
        return await self._speaking.run(partial(self._voices.say, clause, voice, speed), SAY_TIMEOUT_S)

    async def take_detector(self) -> VoiceDetector:
        """A detector of one's own; loading one takes 76 ms, so they are kept."""
        if self._detectors:
            return self._detectors.pop()
        return await asyncio.to_thread(VoiceDetector)

    def give_back(self, detector: VoiceDetector) -> None:
        if len(self._detectors) < KEPT_DETECTORS:
            self._detectors.append(detector)

    def close(self) -> None:
        self._hearing.close()
        self._speaking.close()
