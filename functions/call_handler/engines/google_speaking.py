"""The voice of a cascade at Google Cloud Text-to-Speech, or at a server that speaks its gRPC.

Voices that can be streamed (Chirp 3 HD) are. Where that fails, whole sentences are asked for from then on, which every
voice can do. Both give µ-law of 8 kHz, so nothing is converted here.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from functions.call_handler.engines.google_speech import (
    FOR_GOOD,
    LOCALES,
    SPEECH_MULAW,
    SPEECH_RESPONSE,
    STREAM_SPEECH,
    STREAM_SPEECH_REQUEST,
    SYNTHESIZE,
    SYNTHESIZE_REQUEST,
    Service,
    why,
)
from functions.call_handler.engines.text_models import FIRST_WITHIN_S, STALL_S, ModelDownError, Server

SENTENCE_WITHIN_S = 30.0
RATE = 8000
_NAME = re.compile(r"^([a-z]{2,3}-[A-Z]{2})-.+")  # fr-FR-Chirp3-HD-Aoede


class GoogleVoice:
    """A ``Voice``. Raises ValueError for a key that is none."""

    def __init__(self, server: Server) -> None:
        self._service = Service(server.url, server.key)
        self._streams = True

    async def say(self, sentence: str, voice: str, language: str) -> AsyncIterator[bytes]:
        """µ-law, 8 kHz, in pieces. A ``voice`` that is none of Google's counts as none. Raises ModelDownError."""
        named = _NAME.match(voice)
        wanted = (
            {"language_code": named[1], "name": voice} if named else {"language_code": LOCALES.get(language, language)}
        )
        for is_last in (False, True):
            has_sound, ask = False, self._streamed if self._streams else self._whole
            try:
                async for audio in ask(sentence, wanted):
                    has_sound = True
                    yield audio
                return
            except grpc.aio.AioRpcError as error:
                self._streams = False
                if has_sound or is_last:
                    raise ModelDownError(f"the speech model answered {why(error)}", error.code() in FOR_GOOD) from None
            except (TimeoutError, ValueError) as error:
                self._streams = False
                if has_sound or is_last:
                    raise ModelDownError(f"the speech model is away ({type(error).__name__})") from None

    async def close(self) -> None:
        await self._service.close()

    async def _streamed(self, sentence: str, voice: dict[str, str]) -> AsyncIterator[bytes]:
        stream = self._service.stream(STREAM_SPEECH, STREAM_SPEECH_REQUEST, SPEECH_RESPONSE, SENTENCE_WITHIN_S)
        audio = {"audio_encoding": SPEECH_MULAW, "sample_rate_hertz": RATE}
        try:
            await _tell(stream, {"streaming_config": {"voice": voice, "streaming_audio_config": audio}})
            await _tell(stream, {"input": {"text": sentence}})
            within_s = FIRST_WITHIN_S
            while (response := await asyncio.wait_for(stream.read(), within_s)) is not grpc.aio.EOF:
                within_s = STALL_S
                if content := _sound(response):
                    yield content
        finally:
            stream.cancel()

    async def _whole(self, sentence: str, voice: dict[str, str]) -> AsyncIterator[bytes]:
        request = {
            "input": {"text": sentence},
            "voice": voice,
            "audio_config": {"audio_encoding": SPEECH_MULAW, "sample_rate_hertz": RATE},
        }
        answer = await self._service.ask(SYNTHESIZE, SYNTHESIZE_REQUEST, SPEECH_RESPONSE, request, FIRST_WITHIN_S)
        yield without_header(_sound(answer))


async def _tell(stream: Any, message: dict[str, Any]) -> None:
    try:
        await stream.write(message)
        if "input" in message:
            await stream.done_writing()
    except asyncio.InvalidStateError:
        return  # it is over already, and reading tells why


def _sound(response: dict[str, Any] | None) -> bytes:
    """Raises ValueError for what gRPC could not decode."""
    if response is None:
        raise ValueError("no message")
    sound: bytes = response.get("audio_content", b"")
    return sound


def without_header(audio: bytes) -> bytes:
    """The samples of a WAV file; anything else as it is."""
    if not audio.startswith(b"RIFF"):
        return audio
    at = audio.find(b"data", 12)
    return audio[at + 8 :] if at >= 0 else b""
