"""Text to telephone audio: the speech API's 24 kHz PCM, brought down to 8 kHz by a filter of our own, as G.711 µ-law.

soxr does it better than anyone can hear, but with numpy it is 70 MB in every function's image. miniaudio (1 MB) takes
only 10 dB off a tone of 5 kHz, which is then heard at 3 kHz; this filter takes off 59. ``audioop.ratecv`` has none.
A second of audio costs some 80 ms, in a thread; a greeting is rendered when its text changes.
"""

from __future__ import annotations

import asyncio
import audioop
import math
import sys
from array import array
from operator import mul

import openai

from eventing.refusals import TryAgain, Unprocessable
from protocols.media import BYTES_PER_MS, SAMPLE_RATE_HZ

TIMEOUT_S = 20.0
MAX_TEXT = 1_000  # characters; a caller hears all of it before anything else
MAX_AUDIO_MS = 60_000
SPEECH_RATE_HZ = 24_000
SAMPLE_BYTES = 2
STEP = SPEECH_RATE_HZ // SAMPLE_RATE_HZ
CUTOFF_HZ = 3_650  # −6 dB; a telephone's band ends at 3.4 kHz, and what is above 4 kHz would be heard as something else
TAP_COUNT = 121  # a Hamming window of this length falls by 53 dB within ±330 Hz, below µ-law's own noise
LOUDEST = 32_767


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


def _low_pass() -> tuple[float, ...]:
    """The taps of a windowed-sinc low-pass filter; their sum is 1."""
    middle = TAP_COUNT // 2
    width = 2 * CUTOFF_HZ / SPEECH_RATE_HZ
    taps = []
    for index in range(TAP_COUNT):
        turn = math.pi * width * (index - middle)
        sinc = math.sin(turn) / turn if turn else 1.0
        taps.append(sinc * (0.54 - 0.46 * math.cos(2 * math.pi * index / (TAP_COUNT - 1))))
    return tuple(tap / sum(taps) for tap in taps)


TAPS = _low_pass()


def to_ulaw(pcm: bytes) -> bytes:
    """24 kHz signed 16-bit little-endian mono to 8 kHz µ-law; half a sample at the end is dropped."""
    samples = array("h", pcm[: len(pcm) - len(pcm) % SAMPLE_BYTES])
    if sys.byteorder == "big":
        samples.byteswap()
    silence = array("h", bytes(TAP_COUNT // 2 * SAMPLE_BYTES))
    padded = silence + samples + silence
    narrow = array("h")
    for start in range(0, len(samples), STEP):
        sample = round(sum(map(mul, padded[start : start + TAP_COUNT], TAPS)))
        narrow.append(max(-LOUDEST, min(LOUDEST, sample)))
    return audioop.lin2ulaw(narrow.tobytes(), SAMPLE_BYTES)
