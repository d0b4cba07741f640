"""Text to telephone audio, as it comes: ``POST /audio/speech`` of OpenAI, or of any server that has it.

24 kHz PCM becomes 8 kHz µ-law by the mean of three samples: that takes 10 dB off what would be heard as something else,
for 1 ms of CPU a second of speech.
"""

import asyncio
import audioop
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from functions.call_handler.engines.lean_http import LeanHttp
from functions.call_handler.engines.text_models import FIRST_WITHIN_S, FOR_GOOD, STALL_S, ModelDownError, Server

STEP_BYTES = 6  # three samples of 16 bits: one of 8 kHz


class Voice(Protocol):
    """Speaks for a cascade."""

    def say(self, sentence: str, voice: str, language: str) -> AsyncIterator[bytes]:
        """µ-law, 8 kHz, in pieces. Raises ModelDownError."""

    async def close(self) -> None: ...


class SpeechModel:
    """A ``Voice``."""

    def __init__(self, http: LeanHttp, server: Server) -> None:
        self._http = http
        self._server = server

    async def say(self, sentence: str, voice: str, language: str) -> AsyncIterator[bytes]:
        """The model knows ``language`` by the sentence."""
        left = b""
        async for chunk in self.pcm(sentence, voice):
            left += chunk
            whole = len(left) - len(left) % STEP_BYTES
            if whole:
                yield to_ulaw(left[:whole])
            left = left[whole:]

    async def pcm(self, sentence: str, voice: str) -> AsyncIterator[bytes]:
        """24 kHz signed 16-bit little-endian mono, in pieces of any length. Raises ModelDownError."""
        body = {"model": self._server.model, "voice": voice, "input": sentence, "response_format": "pcm"}
        url = f"{self._server.url}/audio/speech"
        try:
            async with asyncio.timeout(FIRST_WITHIN_S):
                answer = await self._http.post(url, self._server.bearer(), msgspec.json.encode(body))
            async with answer:
                if answer.status != 200:
                    raise ModelDownError(f"the speech model answered {answer.status}", answer.status in FOR_GOOD)
                while chunk := await asyncio.wait_for(answer.read(), STALL_S):
                    yield chunk
        except OSError as error:  # TimeoutError is an OSError
            raise ModelDownError(f"the speech model is away ({type(error).__name__})") from None

    async def close(self) -> None:
        """The HTTP client is the cascade's."""


def to_ulaw(pcm: bytes) -> bytes:
    """24 kHz signed 16-bit little-endian mono, a multiple of three samples, to 8 kHz µ-law."""
    third = [audioop.mul(_every_third(pcm, offset), 2, 1 / 3) for offset in range(3)]
    return audioop.lin2ulaw(audioop.add(audioop.add(third[0], third[1], 2), third[2], 2), 2)


def _every_third(pcm: bytes, offset: int) -> bytes:
    samples = memoryview(pcm).cast("h")
    return samples[offset::3].tobytes()
