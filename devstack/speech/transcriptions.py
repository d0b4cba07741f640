"""The transcripts of one session's utterances, made in the order in which they were spoken."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from devstack.speech.audio_format import INPUT_RATE
from devstack.speech.engine import SpeechModels
from devstack.speech.lanes import Overloaded
from devstack.speech.protocol.items import Message
from devstack.speech.protocol.session_config import Transcription
from devstack.speech.session_state import SessionState
from process import logs
from voices.g711 import Samples

log = logs.get(__name__)

MAX_WAITING = 8


class Transcriptions:
    """Every utterance is transcribed, since the agent reads text; the client is told when it asked for it."""

    def __init__(self, models: SpeechModels, state: SessionState) -> None:
        self._models, self._state = models, state
        self._waiting: deque[tuple[Message, Samples]] = deque()
        self._arrived = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._worker

    async def add(self, item: Message, samples: Samples) -> None:
        """Queue an utterance; one too many fails at once, as its own event."""
        self._state.spoken_ms[item.id] = len(samples) * 1000 // INPUT_RATE
        if len(self._waiting) >= MAX_WAITING:
            await self._failed(item, "too many utterances wait for their transcript")
            return
        self._waiting.append((item, samples))
        self._state.transcribed.clear()
        self._arrived.set()

    async def _work(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._transcribe(*self._waiting[0])
                self._waiting.popleft()
            self._state.transcribed.set()

    async def _transcribe(self, item: Message, samples: Samples) -> None:
        wanted = self._state.config.audio.input.transcription
        try:
            heard = await self._models.transcribe(samples, self._state.language, _prompt(wanted))
        except (Overloaded, TimeoutError, RuntimeError):
            log.exception("an utterance was not transcribed", item_id=item.id)
            await self._failed(item, "the speech engine could not transcribe the audio")
            return
        item.content[0].transcript = heard.text
        if wanted is None:
            return
        name = "conversation.item.input_audio_transcription"
        place = {"item_id": item.id, "content_index": 0}
        if heard.text:
            await self._state.wire.send(f"{name}.delta", **place, delta=heard.text)
        spent = {"type": "duration", "seconds": round(len(samples) / INPUT_RATE, 2)}
        await self._state.wire.send(f"{name}.completed", **place, transcript=heard.text, usage=spent)

    async def _failed(self, item: Message, why: str) -> None:
        item.content[0].transcript = ""
        problem = {"type": "server_error", "code": "transcription_failed", "message": why, "param": None}
        await self._state.wire.send(
            "conversation.item.input_audio_transcription.failed", item_id=item.id, content_index=0, error=problem
        )


def _prompt(wanted: Transcription | None) -> str:
    if wanted is None:
        return ""
    return " ".join([*(wanted.keywords or []), wanted.prompt]).strip()
