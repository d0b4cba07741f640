"""A Realtime client's side of a spoken call, by the typed client of the ``openai`` package."""

from __future__ import annotations

import asyncio
import base64
from functools import cache
from typing import Any

from openai.resources.realtime.realtime import AsyncRealtimeConnection

from voices import synthesize_ulaw

SILENCE = b"\xff"
TIMEOUT_S = 40.0
CHUNK_BYTES = 1600


@cache
def caller_audio(text: str, voice: str) -> bytes:
    """The sentence with the silence that ends a turn."""
    return SILENCE * 2400 + synthesize_ulaw(text, voice) + SILENCE * 8000


def session(language: str = "en", tools: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    audio_input = {
        "format": {"type": "audio/pcmu"},
        "transcription": {"model": "whisper-1", "language": language, "prompt": changes.pop("prompt", "")},
        "turn_detection": changes.pop("turn_detection", {"type": "server_vad", "silence_duration_ms": 400}),
    }
    audio = {"input": audio_input, "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"}}
    return {"type": "realtime", "output_modalities": ["audio"], "tools": tools or [], "audio": audio, **changes}


async def respond(connection: AsyncRealtimeConnection, **response: Any) -> None:
    """``response.create`` with its own settings, as plain JSON."""
    settings: Any = response
    await connection.response.create(response=settings)


async def speak(connection: AsyncRealtimeConnection, audio: bytes) -> None:
    """As fast as the socket takes it: the server's clock is the audio's."""
    for start in range(0, len(audio), CHUNK_BYTES):
        chunk = audio[start : start + CHUNK_BYTES]
        await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())


async def until(connection: AsyncRealtimeConnection, *kinds: str) -> list[Any]:
    """Every event up to the first of ``kinds``, that one last."""
    events: list[Any] = []
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            events.append(await connection.recv())
            if events[-1].type in kinds:
                return events


async def update(connection: AsyncRealtimeConnection, **settings: Any) -> Any:
    wanted: Any = session(**settings)
    await connection.session.update(session=wanted)
    return (await until(connection, "session.updated", "error"))[-1]


def types(events: list[Any], *, without: tuple[str, ...] = ()) -> list[str]:
    """The kinds of events in order, runs of one kind as one."""
    kinds: list[str] = []
    for event in events:
        if event.type not in without and (not kinds or kinds[-1] != event.type):
            kinds.append(event.type)
    return kinds
