"""The models of one process, which all sessions share, each behind a bounded worker thread.

A model runs for tens of milliseconds to seconds, so that none may run on the event loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np

from devstack.speech.audio_format import INPUT_RATE
from devstack.speech.expecting import Expectation, expected
from devstack.speech.input_audio import VoiceDetector
from devstack.speech.lead import Pace
from devstack.speech.whisper import LANGUAGES, Recognition, Transcriber
from voices import Voice, Voices
from voices.clauses import Clip
from voices.g711 import Samples
from voices.models import ModelPaths

WAITING_UTTERANCES = 8
WAITING_CLAUSES = 16
TRANSCRIBE_TIMEOUT_S = 30.0
SAY_TIMEOUT_S = 20.0
KEPT_DETECTORS = 8

T = TypeVar("T")


class Overloaded(Exception):  # noqa: N818 - a refusal, nothing is broken
    """The lane's queue is full; the work was not taken."""


class Lane:
    """One worker thread and at most ``waiting`` jobs behind it, served in order."""

    def __init__(self, name: str, waiting: int) -> None:
        self._name = name
        self._bound = waiting + 1
        self._taken = 0
        self._counting = threading.Lock()  # a job's end is counted on the worker thread
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, work: Callable[[], T], timeout_s: float) -> T:
        """Raises Overloaded at once when the lane is full, TimeoutError after ``timeout_s``.

        A job whose caller is cancelled before it starts never runs; a running one goes on to its end, without a
        listener.
        """

        def release(_: Future[T]) -> None:
            with self._counting:
                self._taken -= 1

        with self._counting:
            if self._taken >= self._bound:
                raise Overloaded(f"{self._name} has {self._taken} jobs waiting; try again later")
            self._taken += 1
        job = self._pool.submit(work)
        job.add_done_callback(release)
        return await asyncio.wait_for(asyncio.wrap_future(job), timeout_s)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class SpeechModels:
    """``load`` first. Every method raises Overloaded when too much waits, TimeoutError when it takes too long."""

    def __init__(self, paths: ModelPaths, threads: int) -> None:
        self._paths, self._threads = paths, threads
        self._hearing = Lane("speech-to-text", WAITING_UTTERANCES)
        self._speaking = Lane("text-to-speech", WAITING_CLAUSES)
        self._voices = Voices(paths, threads)
        self._paces: defaultdict[str, Pace] = defaultdict(Pace)
        self._detectors: list[VoiceDetector] = []
        self._transcriber: Transcriber | None = None

    async def load(self) -> None:
        """Load and run every model once (about 2 s on two cores)."""

        def load_hearing() -> None:
            transcriber = Transcriber(self._paths.whisper_dir, self._threads)
            transcriber.transcribe(np.zeros(INPUT_RATE, np.float32), INPUT_RATE, expected(LANGUAGES[0]))
            self._detectors.append(VoiceDetector())
            self._transcriber = transcriber

        await asyncio.gather(asyncio.to_thread(load_hearing), asyncio.to_thread(self._voices.warm_up))

    async def transcribe(self, samples: Samples, expectation: Expectation) -> Recognition:
        """``samples`` at 8 kHz."""
        if self._transcriber is None:
            raise RuntimeError("the speech models are not loaded")
        work = partial(self._transcriber.transcribe, samples, INPUT_RATE, expectation)
        return await self._hearing.run(work, TRANSCRIBE_TIMEOUT_S)

    async def say(self, clause: str, voice: Voice, speed: float) -> Clip:
        """What was said before waits for nothing."""
        known = self.kept(clause, voice, speed)
        if known is not None:
            return known
        began = time.monotonic()
        clip = await self._speaking.run(partial(self._voices.say, clause, voice, speed), SAY_TIMEOUT_S)
        self._paces[voice.engine].made(time.monotonic() - began, len(clip.pcm) / clip.rate)
        return clip

    def kept(self, clause: str, voice: Voice, speed: float) -> Clip | None:
        return self._voices.known(clause, voice, speed)

    def pace(self, voice: Voice) -> float:
        """Seconds that a second of its speech takes, of late."""
        return self._paces[voice.engine].value

    async def take_detector(self) -> VoiceDetector:
        """A detector for one session; loading one takes 76 ms, so that up to KEPT_DETECTORS are kept."""
        if self._detectors:
            return self._detectors.pop()
        return await asyncio.to_thread(VoiceDetector)

    def give_back(self, detector: VoiceDetector) -> None:
        if len(self._detectors) < KEPT_DETECTORS:
            self._detectors.append(detector)

    def close(self) -> None:
        self._hearing.close()
        self._speaking.close()
