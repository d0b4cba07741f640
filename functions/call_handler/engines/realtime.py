"""The OpenAI Realtime protocol (GA) on a raw WebSocket: whoever speaks it at ``OPENAI_BASE_URL``.

Not the ``openai`` package: it costs half a second of import and 40 µs an event, msgspec 1 µs. One flat
struct reads every server event; fields that are not used are skipped without being built.
"""

from base64 import b64encode
from typing import Any
from urllib.parse import quote

import msgspec

from functions.call_handler.engines import costs
from functions.call_handler.engines.base import (
    CallerSaid,
    EngineComplains,
    EngineDownError,
    EngineGone,
    Line,
    OnEvent,
    ReplyEnds,
    Setup,
)
from functions.call_handler.engines.realtime_events import read_event
from functions.call_handler.settings import MAIN, EngineSettings, RealtimeEndpoint
from functions.call_handler.websocket import RefusedError, TextSocket
from process import logs
from protocols.media import BYTES_PER_MS

log = logs.get(__name__)

PCMU = {"type": "audio/pcmu"}
SETUP_ID = "setup"
SESSION_END_CODE = 1001  # the server's 60 minutes are over


_encode = msgspec.json.Encoder().encode

_ROLES = {
    "caller": ("user", "input_text"),
    "assistant": ("assistant", "output_text"),
    "system": ("system", "input_text"),
}


def realtime_url(base_url: str, model: str) -> str:
    """``https://host/v1`` → ``wss://host/v1/realtime?model=…``; http becomes ws."""
    scheme, _, rest = base_url.rstrip("/").partition("://")
    secure = scheme in ("https", "wss")
    return f"{'wss' if secure else 'ws'}://{rest}/realtime?model={quote(model)}"


class RealtimeEngine:
    """An ``Engine``. The caller's audio must not be sent before ``configure``."""

    def __init__(self, endpoint: RealtimeEndpoint, settings: EngineSettings) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._socket: TextSocket | None = None
        self._on_event: OnEvent = lambda event: None
        self._heard_ms = 0.0
        self._setup: Setup | None = None

    @property
    def name(self) -> str:
        return self._endpoint.name

    @property
    def model(self) -> str:
        return self._endpoint.model

    @property
    def alive(self) -> bool:
        return self._socket is not None

    async def connect(self, on_event: OnEvent, within_s: float) -> None:
        self._on_event = on_event
        url = realtime_url(self._endpoint.url, self._endpoint.model)
        headers = {"Authorization": f"Bearer {self._settings.key_of(self._endpoint.key)}"}
        try:
            self._socket = await TextSocket.dial(url, headers, self._on_text, self._on_closed, within_s)
        except RefusedError as refused:
            raise self._explain(refused) from None
        except TimeoutError:
            raise EngineDownError(f"{self._setting('url')}: no answer within {within_s:g} s") from None
        except OSError as error:
            raise EngineDownError(
                f"{self._setting('url')}: cannot connect ({error.strerror or type(error).__name__})", passing=True
            ) from None

    def _explain(self, refused: RefusedError) -> EngineDownError:
        status = refused.status
        if status in (401, 403):
            return EngineDownError(f"{self._endpoint.key}: refused by the engine ({status}); set a valid key")
        if status in (400, 404):
            wrong = f"{self._setting('model')} or {self._setting('url')}"
            return EngineDownError(f"{wrong}: the engine answered {status}; set a model it has")
        return EngineDownError(f"the engine answered the upgrade with {status}", passing=True)

    def _setting(self, field: str) -> str:
        """What an operator has to look at."""
        if self._endpoint.name == MAIN:
            return {"url": "OPENAI_BASE_URL", "model": "OPENAI_REALTIME_MODEL"}[field]
        return f"ENGINES: {field} of {self._endpoint.name!r}"

    def configure(self, setup: Setup) -> None:
        self._setup = setup
        session = session_object(setup, self._endpoint, self._settings)
        self._send({"type": "session.update", "event_id": SETUP_ID, "session": session})

    def remember(self, line: Line) -> None:
        role, kind = _ROLES[line.who]
        item = {"type": "message", "role": role, "content": [{"type": kind, "text": line.text}]}
        self._send({"type": "conversation.item.create", "item": item})

    def hear(self, audio: bytes) -> None:
        self._heard_ms += len(audio) / BYTES_PER_MS
        if self._socket is not None:
            self._socket.send(b'{"type":"input_audio_buffer.append","audio":"' + b64encode(audio) + b'"}')

    def answer_tool(self, call_id: str, output: str) -> None:
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        self._send({"type": "conversation.item.create", "item": item})

    def speak(self, sentence: str = "") -> None:
        self._send({"type": "response.create"} | ({"response": _word_for_word(sentence)} if sentence else {}))

    def cancel(self) -> None:
        self._send({"type": "response.cancel"})

    def end_turn(self) -> None:
        self._send({"type": "input_audio_buffer.commit"})

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        self._send(
            {
                "type": "conversation.item.truncate",
                "item_id": item_id,
                "content_index": content_index,
                "audio_end_ms": audio_end_ms,
            }
        )

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: dict[str, Any]) -> None:
        if self._socket is not None:
            self._socket.send(_encode(message))

    def _on_text(self, message: bytes) -> None:
        try:
            event = read_event(message, self._heard_ms)
        except ValueError as error:
            log.warning("engine message not understood", why=type(error).__name__, bytes=len(message))
            return
        if isinstance(event, ReplyEnds | CallerSaid):
            costs.price(event.usage, self._endpoint.model, self._endpoint.transcription_models)
        if isinstance(event, EngineComplains) and event.about == SETUP_ID:
            self._setup_refused(event)
        elif event is not None:
            self._on_event(event)

    def _setup_refused(self, complaint: EngineComplains) -> None:
        """Without instructions and tools there is no call. A voice that the engine does not have is given up first."""
        log.error("the engine refuses the session", code=complaint.code, why=complaint.message)
        if self._setup is not None and self._setup.voice:
            self.configure(msgspec.structs.replace(self._setup, voice=""))
        else:
            self.close()
            self._on_event(EngineGone(f"the engine refuses the session: {complaint.code}"))

    def _on_closed(self, code: int, reason: str) -> None:
        self._socket = None
        at_limit = code == SESSION_END_CODE
        ended = " (session limit)" if at_limit else ""
        self._on_event(EngineGone(f"engine closed the connection: {code}{ended} {reason}".rstrip(), not at_limit))


def _word_for_word(sentence: str) -> dict[str, Any]:
    return {"instructions": f"Say exactly this sentence, and nothing else: {sentence}", "tool_choice": "none"}


def session_object(setup: Setup, endpoint: RealtimeEndpoint, settings: EngineSettings) -> dict[str, Any]:
    """The ``session`` of a ``session.update``."""
    output: dict[str, Any] = {"format": PCMU}
    # A restaurant chooses among the voices of the main engine; another one may not have them.
    voice = setup.voice or endpoint.voice if endpoint.name == MAIN else endpoint.voice or setup.voice
    if voice:
        output["voice"] = voice
    transcription = {
        "model": endpoint.transcription_models,
        "language": setup.language,
        "prompt": setup.vocabulary,
    }
    return {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": setup.instructions,
        "tools": list(setup.tools),
        "tool_choice": "auto",
        "audio": {
            "input": {
                "format": PCMU,
                "noise_reduction": None,
                "transcription": transcription,
                "turn_detection": _turn_detection(settings),
            },
            "output": output,
        },
    }


def _turn_detection(settings: EngineSettings) -> dict[str, Any]:
    common = {"type": settings.turn_detection, "create_response": True, "interrupt_response": True}
    if settings.turn_detection == "semantic_vad":
        return common | {"eagerness": settings.vad_eagerness}
    return common | {
        "threshold": settings.vad_threshold,
        "prefix_padding_ms": settings.vad_prefix_ms,
        "silence_duration_ms": settings.vad_silence_ms,
    }
