"""The HTTP side: the Realtime socket, text to speech, and the probes."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qs

from devstack.speech.engine import Engine
from devstack.speech.http_errors import error_response
from devstack.speech.session import MAX_SESSION_S, Session
from devstack.speech.settings import SpeechSettings
from devstack.speech.speech_request import SpeechRequestHandler
from devstack.speech.wire import Wire
from process import logs
from process.asgi import App, Receive, Request, Response, Scope, Send
from process.health import Health
from voices.models import ModelPaths

log = logs.get(__name__)

REALTIME_PATH = "/v1/realtime"
GOING_AWAY = 1001
REFUSED_GONE_WITHIN_S = 5.0


class SpeechApp(App):
    """The process's application: probes of every process, plus the engine's two doors."""

    def __init__(self, settings: SpeechSettings, paths: ModelPaths) -> None:
        super().__init__(Health("speech"))
        self._api_key = settings.speech_api_key
        self._engine = Engine(paths, settings.speech_threads)
        self._models_loaded = asyncio.Event()
        self._loading: asyncio.Task[None] | None = None
        self._speech = SpeechRequestHandler(self._engine)
        self.health.waiting_for("models", "the speech models are being loaded")
        self.route("POST", "/v1/audio/speech", self._speak)
        self.startup.append(self._start_loading)
        self.shutdown.append(self._stop)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _start_loading(self) -> None:
        self._loading = asyncio.create_task(self._load())

    async def _load(self) -> None:
        try:
            await self._engine.load()
        except Exception as error:  # whatever the model libraries raise: the operator must see it
            log.exception("the speech models did not load")
            self.health.waiting_for("models", f"the speech models did not load ({type(error).__name__}); see the log")
            return
        self.health.arrived("models")
        self._models_loaded.set()
        log.info("the speech models are ready")

    async def _stop(self) -> None:
        if self._loading is not None:
            self._loading.cancel()
        self._engine.close()

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

        detector = await self._engine.take_detector()
        session = Session(self._engine, Wire(send_text), detector, model)
        try:
            async with asyncio.timeout(MAX_SESSION_S):
                await session.open()
                while (message := await receive())["type"] == "websocket.receive":
                    await session.handle(message.get("text") or message.get("bytes") or b"")
        except TimeoutError:
            await send({"type": "websocket.close", "code": GOING_AWAY, "reason": "session_expired"})
        finally:
            await session.close()
            self._engine.give_back(detector)


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
