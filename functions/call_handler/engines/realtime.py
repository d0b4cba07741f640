"""The OpenAI Realtime protocol (GA) on a raw WebSocket: whoever speaks it at ``OPENAI_BASE_URL``.

Not the ``openai`` package: it costs half a second of import and 40 µs an event, msgspec 1 µs. One flat
struct reads every server event; fields that are not used are skipped without being built.
"""

import time
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import msgspec

from functions.call_handler.engines import costs
from functions.call_handler.engines.base import (
    CallerSaid,
    CallerTurn,
    CaptionFailed,
    EngineComplains,
    EngineDownError,
    EngineGone,
    Line,
    OnEvent,
    ReplyEnds,
    Setup,
)
from functions.call_handler.engines.realtime_events import SessionTold, SilentTurn, read_event
from functions.call_handler.engines.realtime_session import Session
from functions.call_handler.settings import MAIN, EngineSettings, RealtimeEndpoint
from functions.call_handler.websocket import RefusedError, TextSocket
from process import logs
from protocols.media import BYTES_PER_MS

log = logs.get(__name__)

SETUP_ID = "setup"
CAPTIONS_FAILED_MOST = 2  # in a row, before another transcription model is asked for
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
        self._session: Session | None = None
        self._ends_at = time.monotonic() + settings.engine_session_s
        self._captions_failed = 0
        self._silent_item = ""

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

    @property
    def seconds_left(self) -> float:
        return self._ends_at - time.monotonic()

    def configure(self, setup: Setup) -> None:
        self._session = Session(setup, self._endpoint, self._settings)
        self._update()

    def _update(self) -> None:
        assert self._session is not None
        self._send({"type": "session.update", "event_id": SETUP_ID, "session": self._session.as_object()})

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
        match event:
            case None:
                return
            case SessionTold():
                if event.expires_at:  # the server's clock and ours may differ, so no more than the usual length
                    left_s = event.expires_at - time.time()
                    self._ends_at = time.monotonic() + min(max(left_s, 0.0), self._settings.engine_session_s)
                return
            case SilentTurn():
                self._silent_item = event.item_id
                return
            case CallerTurn() | CallerSaid() if event.item_id == self._silent_item:
                return
            case EngineComplains() if event.about == SETUP_ID:
                self._setup_refused(event)
                return
            case ReplyEnds():
                if not self._endpoint.free:
                    costs.price(event.usage, self._endpoint.model, "")
            case CallerSaid():
                self._captions_failed = 0
                if self._session is not None and not self._endpoint.free:
                    costs.price(event.usage, "", self._session.transcription_model)
            case CaptionFailed():
                self._caption_failed()
        self._on_event(event)

    def _caption_failed(self) -> None:
        """A model that was switched off is taken at the setup and fails at every turn: then the next one's turn."""
        self._captions_failed += 1
        if self._captions_failed < CAPTIONS_FAILED_MOST or self._session is None:
            return
        self._captions_failed = 0
        refused = self._session.transcription_model
        found = self._session.next_captions()
        log.error("captions fail", engine=self.name, model=refused, another=found)
        self._update()

    def _setup_refused(self, complaint: EngineComplains) -> None:
        """Without instructions and tools there is no call; anything else is given up for it."""
        part = self._session.give_up(complaint) if self._session is not None else None
        log.error(
            "the engine refuses the session", engine=self.name, code=complaint.code, why=complaint.message, without=part
        )
        if part is not None:
            self._update()
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
