"""Text to telephone audio: the speech API's 24 kHz PCM, resampled, as G.711 µ-law."""

from __future__ import annotations

import asyncio

import openai

from eventing.refusals import TryAgain, Unprocessable
from functions.greeting_renderer.resampling import SAMPLE_BYTES, SPEECH_RATE_HZ, to_ulaw
from protocols.media import BYTES_PER_MS

TIMEOUT_S = 20.0
MAX_TEXT = 1_000  # characters; a caller hears all of it before anything else
MAX_AUDIO_MS = 60_000


class Speech:
    """One speech model in one default voice, behind OpenAI's ``/audio/speech``."""

    def __init__(self, base_url: str, api_key: str, model: str, voice: str) -> None:
        self._client = openai.AsyncOpenAI(base_url=base_url, api_key=api_key, timeout=TIMEOUT_S, max_retries=0)
        self._model = model
        self.voice = voice

    async def close(self) -> None:
        await self._client.close()

    async def say(self, text: str, voice: str) -> bytes:
        """The text as µ-law, 8 kHz.

        Raises Unprocessable for what the service refuses for good, TryAgain when it is away, busy, or refuses the
        key (an operator can put that right while the event waits).
        """
        if not text.strip() or len(text) > MAX_TEXT:
            raise Unprocessable(f"greeting: has to have 1 to {MAX_TEXT} characters, not {len(text)}")
        pcm = await self._pcm(text, voice)
        if len(pcm) > MAX_AUDIO_MS * SPEECH_RATE_HZ * SAMPLE_BYTES // 1000:
            raise Unprocessable(f"greeting: is over {MAX_AUDIO_MS // 1000} s long")
        audio = await asyncio.to_thread(to_ulaw, pcm)
        if not audio:
            raise TryAgain("OPENAI_BASE_URL: the speech service sent no audio")
        return audio

    async def _pcm(self, text: str, voice: str) -> bytes:
        try:
            answer = await self._client.audio.speech.create(
                input=text, model=self._model, voice=voice, response_format="pcm"
            )
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise TryAgain(f"OPENAI_API_KEY: the speech service refuses it ({error.status_code})") from None
        except (openai.RateLimitError, openai.InternalServerError) as error:
            raise TryAgain(f"OPENAI_BASE_URL: the speech service is busy ({error.status_code})") from None
        except openai.APIStatusError as error:
            raise Unprocessable(f"greeting: the speech service refuses it ({error.status_code})") from None
        except openai.APIConnectionError as error:
            raise TryAgain(f"OPENAI_BASE_URL: the speech service is away ({type(error).__name__})") from None
        return answer.content


def duration_ms(audio: bytes) -> int:
    return len(audio) // BYTES_PER_MS
