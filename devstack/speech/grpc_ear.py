"""The speech server's Whisper behind Google's gRPC: ``StreamingRecognize`` of Speech-to-Text v2, as far as the ear of a
cascade uses it. A turn's words come once, at its end. Needs the extra ``google``.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from devstack.speech.audio_format import AudioFormat
from devstack.speech.expecting import expected
from devstack.speech.input_audio import InputAudio, TurnStarted, TurnStopped
from devstack.speech.protocol.errors import ProtocolError
from devstack.speech.protocol.session_config import ServerVad
from devstack.speech.speech_models import Overloaded, SpeechModels
from devstack.speech.whisper import LANGUAGES
from functions.call_handler.engines import google_speech as google
from functions.call_handler.engines.protobuf_wire import decode, encode

PCMU = AudioFormat("audio/pcmu", 8000, 1)


class GrpcEar:
    """``start`` once the models are loaded. With ``api_key`` a client has to show it as Google's are shown."""

    def __init__(self, models: SpeechModels, api_key: str) -> None:
        self._models = models
        self._api_key = api_key
        self._server = grpc.aio.server()
        handler = grpc.stream_stream_rpc_method_handler(self._recognize)
        service, method = google.RECOGNIZE.strip("/").split("/")
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))

    async def start(self, host: str, port: int) -> None:
        self._server.add_insecure_port(f"{host}:{port}")
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)

    async def _recognize(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        key = dict(context.invocation_metadata()).get("x-goog-api-key", "")
        if self._api_key and not secrets.compare_digest(key.encode(), self._api_key.encode()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the key is not the server's SPEECH_API_KEY")
        detector = await self._models.take_detector()
        try:
            async for response in self._hear(requests, InputAudio(detector, PCMU, ServerVad()), context):
                yield encode(google.RECOGNIZE_RESPONSE, response)
        except Overloaded as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        except (ProtocolError, ValueError) as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        finally:
            self._models.give_back(detector)

    async def _hear(
        self, requests: AsyncIterator[bytes], audio: InputAudio, context: Any
    ) -> AsyncIterator[dict[str, Any]]:
        language, prompt = LANGUAGES[0], ""
        async for raw in requests:
            message = decode(google.RECOGNIZE_REQUEST, raw)
            if "audio" not in message:
                language, prompt = _asked_for(message)
                continue
            for edge in audio.append(message["audio"]):
                if isinstance(edge, TurnStarted):
                    yield _activity(google.ACTIVITY_BEGIN, edge.audio_start_ms)
                else:
                    yield _activity(google.ACTIVITY_END, edge.audio_end_ms)
                    yield await self._words(edge, language, prompt)
        if audio.speaking:  # the client has ended the turn
            yield await self._words(audio.commit(), language, prompt)

    async def _words(self, turn: TurnStopped, language: str, prompt: str) -> dict[str, Any]:
        heard = await self._models.transcribe(turn.samples, expected(language, prompt))
        final = {"alternatives": [{"transcript": heard.text}], "is_final": True}
        return {"results": [final | {"result_end_offset": _duration(turn.audio_end_ms)}]}


def _asked_for(message: dict[str, Any]) -> tuple[str, str]:
    """Language and prompt. Raises ValueError for audio that is no µ-law of 8 kHz."""
    config = message.get("streaming_config", {}).get("config", {})
    encoding = config.get("explicit_decoding_config", {})
    if (encoding.get("encoding"), encoding.get("sample_rate_hertz")) != (google.RECOGNIZER_MULAW, PCMU.rate):
        raise ValueError("only MULAW of 8000 Hz is heard here")
    language = next(iter(config.get("language_codes", ())), LANGUAGES[0]).partition("-")[0]
    sets = config.get("adaptation", {}).get("phrase_sets", ())
    names = [phrase["value"] for one in sets for phrase in one.get("inline_phrase_set", {}).get("phrases", ())]
    return (language if language in LANGUAGES else LANGUAGES[0]), f"{', '.join(names)}." if names else ""


def _activity(kind: int, at_ms: int) -> dict[str, Any]:
    return {"results": [], "speech_event_type": kind, "speech_event_offset": _duration(at_ms)}


def _duration(ms: int) -> dict[str, int]:
    return {"seconds": ms // 1000, "nanos": ms % 1000 * 1_000_000}
