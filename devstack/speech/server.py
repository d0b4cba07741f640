"""The HTTP side: its settings, the Realtime socket, text to speech, and the probes."""

from __future__ import annotations

import asyncio
import contextlib
import io
import secrets
import wave
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import parse_qs

import msgspec

from devstack.speech.lexicon import guess_language
from devstack.speech.protocol.errors import error_response, from_validation
from devstack.speech.session import MAX_SESSION_S, RealtimeSession
from devstack.speech.session_state import Wire
from devstack.speech.speech_models import Overloaded, SpeechModels
from process import logs
from process.asgi import App, Receive, Request, Response, Scope, Send
from process.health import Health
from process.settings import Port
from voices import Voice, find_voice, g711, resample
from voices.clauses import clauses
from voices.models import ModelPaths, ModelSettings

if TYPE_CHECKING:
    from devstack.speech.grpc_ear import GrpcEar

log = logs.get(__name__)

REALTIME_PATH = "/v1/realtime"
GOING_AWAY = 1001
REFUSED_GONE_WITHIN_S = 5.0
SPEECH_RATE = 24000
MAX_CHARACTERS = 4096


class SpeechSettings(ModelSettings, frozen=True):
    """One field for each environment variable, in addition to where the models are."""

    port: Port = 8800
    host: str = "127.0.0.1"
    # When set, a client must send it as its Bearer token.
    speech_api_key: str = ""
    # Where Google's gRPC for recognition is served too, which needs the extra ``google``; 0: nowhere.
    grpc_port: int = 0


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
    """``POST /v1/audio/speech``: text to one recording."""

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
                file.setframerate(SPEECH_RATE)
                file.writeframes(b"".join([first, *rest]))
            return Response(200, out.getvalue(), {"content-type": "audio/wav"})

        async def stream() -> AsyncIterator[bytes]:
            yield first
            for piece in pieces[1:]:
                yield await self._pcm(piece, voice, wanted.speed)

        return Response(200, stream(), {"content-type": "audio/pcm"})

    async def _pcm(self, clause: str, voice: Voice, speed: float) -> bytes:
        clip = await self._models.say(clause, voice, speed)
        return g711.to_int16(resample(clip.samples, clip.rate, SPEECH_RATE)).astype("<i2").tobytes()


class SpeechApp(App):
    """The probes of every process, ``/v1/realtime`` and ``/v1/audio/speech``."""

    def __init__(self, settings: SpeechSettings, paths: ModelPaths) -> None:
        super().__init__(Health("speech"))
        self._settings = settings
        self._api_key = settings.speech_api_key
        self._grpc_ear: GrpcEar | None = None
        self._models = SpeechModels(paths, settings.speech_threads)
        self._models_loaded = asyncio.Event()
        self._loading: asyncio.Task[None] | None = None
        self._speech = SpeechRequestHandler(self._models)
        self.health.waiting_for("models", "the speech models are being loaded")
        self.route("POST", "/v1/audio/speech", self._speak)

        async def start_loading() -> None:
            self._loading = asyncio.create_task(self._load())

        self.startup.append(start_loading)
        self.shutdown.append(self._stop)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _load(self) -> None:
        try:
            await self._models.load()
            await self._serve_grpc()
        except Exception as error:  # whatever the model libraries raise: the operator must see it
            log.exception("the speech models did not load")
            self.health.waiting_for("models", f"the speech models did not load ({type(error).__name__}); see the log")
            return
        self.health.arrived("models")
        self._models_loaded.set()
        log.info("the speech models are ready")

    async def _serve_grpc(self) -> None:
        if self._settings.grpc_port:
            from devstack.speech.grpc_ear import GrpcEar

            self._grpc_ear = GrpcEar(self._models, self._api_key)
            await self._grpc_ear.start(self._settings.host, self._settings.grpc_port)

    async def _stop(self) -> None:
        if self._loading is not None:
            self._loading.cancel()
        if self._grpc_ear is not None:
            await self._grpc_ear.stop()
        self._models.close()

    def _refusal(self, headers: Mapping[str, str]) -> Response | None:
        """Why a request is not served: its key, or models that are not there yet."""
        sent = headers.get("authorization", "").removeprefix("Bearer ").strip()
        if self._api_key and not secrets.compare_digest(sent.encode(), self._api_key.encode()):
            message = "Incorrect API key provided. It must be the server's SPEECH_API_KEY."
            return error_response(401, message, "invalid_request_error", "invalid_api_key")
        if not self._models_loaded.is_set():
            message = "The speech models are not loaded yet; see /health/ready."
            return error_response(503, message, "server_error", "not_ready")
        return None

    async def _speak(self, request: Request) -> Response:
        refusal = self._refusal(request.headers)
        return refusal if refusal is not None else await self._speech.handle(request)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(headers)
        if scope["path"] != REALTIME_PATH:
            message = f"Nothing is at {scope['path']}; the socket is {REALTIME_PATH}."
            refusal = error_response(404, message, "invalid_request_error", "not_found")
        if refusal is not None:
            await _refuse(receive, send, refusal)
            return
        await send({"type": "websocket.accept"})
        model = parse_qs(scope["query_string"].decode("latin-1")).get("model", ["local"])[0]
        await self._converse(model, receive, send)

    async def _converse(self, model: str, receive: Receive, send: Send) -> None:
        async def send_text(text: str) -> None:
            await send({"type": "websocket.send", "text": text})

        detector = await self._models.take_detector()
        session = RealtimeSession(self._models, Wire(send_text), detector, model)
        try:
            async with asyncio.timeout(MAX_SESSION_S):
                await session.open()
                while (message := await receive())["type"] == "websocket.receive":
                    await session.handle(message.get("text") or message.get("bytes") or b"")
        except TimeoutError:
            await send({"type": "websocket.close", "code": GOING_AWAY, "reason": "session_expired"})
        finally:
            await session.close()
            self._models.give_back(detector)


async def _refuse(receive: Receive, send: Send, refusal: Response) -> None:
    """A plain HTTP answer instead of the upgrade, until the connection is gone.

    uvicorn logs an error when the application returns before that. It says "disconnect" twice: when the answer
    is on its way, and when the connection is lost.
    """
    headers = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
    await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": refusal.body})
    with contextlib.suppress(TimeoutError):
        for _ in range(2):
            await asyncio.wait_for(receive(), REFUSED_GONE_WITHIN_S)
