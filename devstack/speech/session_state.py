"""What the parts of a session share: the way to its client, its state, and the transcripts of what was said."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from devstack.speech.agent import Agent
from devstack.speech.audio_format import INPUT_RATE
from devstack.speech.expecting import expected
from devstack.speech.lexicon import guess_language
from devstack.speech.postcodes import codes_of
from devstack.speech.protocol.items import Message, RealtimeConversation, new_id
from devstack.speech.protocol.session_config import SessionConfig
from devstack.speech.protocol.usage import Tokens
from devstack.speech.speech_models import Overloaded, SpeechModels
from devstack.speech.whisper import LANGUAGES
from process import logs
from voices.g711 import Samples

log = logs.get(__name__)

MAX_WAITING = 8


class Wire:
    """``bytes`` anywhere in an event become base64, as the protocol wants its audio."""

    def __init__(self, send_text: Callable[[str], Awaitable[None]]) -> None:
        self._send_text = send_text

    async def send(self, event_type: str, **fields: Any) -> None:
        event = {"type": event_type, "event_id": new_id("event"), **fields}
        with contextlib.suppress(OSError):  # the client is gone; its reader will notice
            await self._send_text(msgspec.json.encode(event).decode())


@dataclass
class SessionState:
    """Written by the session's reader, its transcriptions and its responses, all on one event loop."""

    wire: Wire
    config: SessionConfig
    agent: Agent = field(default_factory=Agent)
    conversation: RealtimeConversation = field(default_factory=RealtimeConversation)
    id: str = field(default_factory=lambda: new_id("sess"))
    spoken_ms: dict[str, int] = field(default_factory=dict)  # audio length of each user item
    unsure: set[str] = field(default_factory=set)  # user items in which a name may have been heard wrongly
    cached: Tokens = field(default_factory=Tokens)
    audio_was_sent: bool = False
    # The caller spoke over the assistant, or at length, and waits for an answer even if no word was understood.
    expects_reply: bool = False
    playback_ends_at: float = 0.0  # monotonic; when the client has played all it was sent
    # Set while no utterance waits for its transcript.
    transcribed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.transcribed.set()

    @property
    def language(self) -> str:
        """The transcription's language; without one, French where the instructions are French, else English."""
        transcription = self.config.audio.input.transcription
        named = ((transcription.language if transcription else None) or "")[:2].lower()
        if named in LANGUAGES:
            return named
        return guess_language(self.config.instructions)

    def will_play(self, duration_ms: int) -> None:
        self.playback_ends_at = max(self.playback_ends_at, time.monotonic()) + duration_ms / 1000

    @property
    def playing(self) -> bool:
        return time.monotonic() < self.playback_ends_at


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
                self._waiting.popleft()  # only now: the one in work counts towards MAX_WAITING
            self._state.transcribed.set()

    async def _transcribe(self, item: Message, samples: Samples) -> None:
        wanted = self._state.config.audio.input.transcription
        prompt = "" if wanted is None else " ".join([*(wanted.keywords or []), wanted.prompt]).strip()
        try:
            expectation = expected(
                self._state.language,
                prompt,
                self._state.conversation.last_said,
                codes_of(self._state.config.instructions),
            )
            heard = await self._models.transcribe(samples, expectation)
        except (Overloaded, TimeoutError, RuntimeError):
            log.exception("an utterance was not transcribed", item_id=item.id)
            await self._failed(item, "the speech engine could not transcribe the audio")
            return
        item.content[0].transcript = heard.text
        if heard.unsure:
            self._state.unsure.add(item.id)
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
