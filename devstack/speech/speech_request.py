"""``POST /v1/audio/speech``: text to one recording."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec

from devstack.speech.lexicon import guess_language
from devstack.speech.protocol.errors import error_response, from_validation
from devstack.speech.speech_models import Overloaded, SpeechModels
from process.asgi import Request, Response
from voices import Voice, find_voice, g711, resample
from voices.clauses import clauses

RATE = 24000
MAX_CHARACTERS = 4096


class SpeechRequest(msgspec.Struct, forbid_unknown_fields=True):
    """OpenAI's fields and one of our own: ``language``, for a voice name that speaks several."""

    input: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CHARACTERS)]
    model: str = "local"
    voice: str = "marin"
    response_format: Literal["pcm", "wav"] = "wav"
    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4.0)] = 1.0
    instructions: str = ""
    language: Literal["en", "fr", ""] = ""


class SpeechRequestHandler:
    def __init__(self, models: SpeechModels) -> None:
        self._models = models

    async def handle(self, request: Request) -> Response:
        try:
            wanted = msgspec.json.decode(request.body, type=SpeechRequest)
        except msgspec.ValidationError as error:
            problem = from_validation(error, "")
            message = problem.message
            if problem.param == "response_format":
                message = f"{message} This server makes 'pcm' (24 kHz, 16 bits, mono) and 'wav'."
            return error_response(400, message, "invalid_request_error", problem.code, problem.param)
        except msgspec.DecodeError:
            return error_response(400, "The body is not valid JSON.", "invalid_request_error", "invalid_json")
        voice = find_voice(wanted.voice, wanted.language or guess_language(wanted.input))
        try:
            return await self._made(wanted, voice)
        except (Overloaded, TimeoutError):
            return error_response(503, "The speech engine is busy; try again.", "server_error", "engine_overloaded")

    async def _made(self, wanted: SpeechRequest, voice: Voice) -> Response:
        pieces = clauses(wanted.input)
        # Before the status line is sent: a busy server answers 503 and not half a recording.
        first = await self._pcm(pieces[0], voice, wanted.speed)
        if wanted.response_format == "wav":
            rest = [await self._pcm(piece, voice, wanted.speed) for piece in pieces[1:]]
            out = io.BytesIO()
            with wave.open(out, "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                file.writeframes(b"".join([first, *rest]))
            return Response(200, out.getvalue(), {"content-type": "audio/wav"})

        async def stream() -> AsyncIterator[bytes]:
            yield first
            for piece in pieces[1:]:
                yield await self._pcm(piece, voice, wanted.speed)

        return Response(200, stream(), {"content-type": "audio/pcm"})

    async def _pcm(self, clause: str, voice: Voice, speed: float) -> bytes:
        clip = await self._models.say(clause, voice, speed)
        return g711.to_int16(resample(clip.samples, clip.rate, RATE)).astype("<i2").tobytes()
