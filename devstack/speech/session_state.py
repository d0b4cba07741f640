"""What a session is at any moment: shared by its reader, its transcriptions and its responses."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from devstack.speech.agent import Agent
from devstack.speech.language import guess_language
from devstack.speech.protocol.items import RealtimeConversation, new_id
from devstack.speech.protocol.session_config import SessionConfig
from devstack.speech.protocol.usage import Tokens
from devstack.speech.transcriber import LANGUAGES
from devstack.speech.wire import Wire


@dataclass
class SessionState:
    wire: Wire
    config: SessionConfig
    agent: Agent = field(default_factory=Agent)
    conversation: RealtimeConversation = field(default_factory=RealtimeConversation)
    id: str = field(default_factory=lambda: new_id("sess"))
    spoken_ms: dict[str, int] = field(default_factory=dict)  # audio length of each user item
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
