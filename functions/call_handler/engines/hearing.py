"""The ear of a cascade: a transcription session of the Realtime protocol, at OpenAI or any server that has it.

It says when the caller begins and stops to speak, and what was said; it makes no replies.
"""

import time
from base64 import b64encode
from typing import Any

import msgspec

from functions.call_handler.engines import costs
from functions.call_handler.engines.base import (
    CallerSaid,
    CaptionFailed,
    EngineComplains,
    EngineDownError,
    EngineGone,
    OnEvent,
    Setup,
)
from functions.call_handler.engines.realtime_events import SessionTold, SilentTurn, read_event
from functions.call_handler.settings import CascadeEndpoint, EngineSettings
from functions.call_handler.websocket import RefusedError, TextSocket
from process import logs
from protocols.media import BYTES_PER_MS

log = logs.get(__name__)

SETUP_ID = "setup"
SESSION_END_CODE = 1001
CAPTIONS_FAILED_MOST = 3  # in a row: an engine that understands nobody is none

_encode = msgspec.json.Encoder().encode


class Ear:
    """``ends_at`` is when the server ends the session, by the monotonic clock."""

    def __init__(self, endpoint: CascadeEndpoint, settings: EngineSettings, on_event: OnEvent) -> None:
        self.ends_at = time.monotonic() + settings.engine_session_s
        self._name = endpoint.name
        self._place = endpoint.hearing
        self._is_free = endpoint.free
        self._settings = settings
        self._on_event = on_event
        self._socket: TextSocket | None = None
        self._heard_ms = 0.0
        self._failed = 0

    @property
    def alive(self) -> bool:
        return self._socket is not None

    async def connect(self, within_s: float) -> None:
        """Raises EngineDownError."""
        scheme, _, rest = self._place.url.rstrip("/").partition("://")
        url = f"{'wss' if scheme in ('https', 'wss') else 'ws'}://{rest}/realtime?intent=transcription"
        headers = {"Authorization": f"Bearer {self._settings.key_of(self._place.key)}"}
        where = f"ENGINES: hearing of {self._name!r}"
        try:
            self._socket = await TextSocket.dial(url, headers, self._on_text, self._on_closed, within_s)
        except RefusedError as refused:
            passing = refused.status not in (400, 401, 403, 404)
            raise EngineDownError(f"{where}: the server answered {refused.status}", passing) from None
        except OSError as error:
            raise EngineDownError(f"{where}: cannot connect ({type(error).__name__})", passing=True) from None

    def configure(self, setup: Setup) -> None:
        settings = self._settings
        captions = {"model": self._place.model, "language": setup.language, "prompt": setup.vocabulary}
        turns = {
            "type": "server_vad",
            "threshold": settings.vad_threshold,
            "prefix_padding_ms": settings.vad_prefix_ms,
            "silence_duration_ms": settings.vad_silence_ms,
        }
        heard = {"format": {"type": "audio/pcmu"}, "transcription": captions, "turn_detection": turns}
        session = {"type": "transcription", "audio": {"input": heard}}
        self._send({"type": "session.update", "event_id": SETUP_ID, "session": session})

    def hear(self, audio: bytes) -> None:
        self._heard_ms += len(audio) / BYTES_PER_MS
        if self._socket is not None:
            self._socket.send(b'{"type":"input_audio_buffer.append","audio":"' + b64encode(audio) + b'"}')

    def commit(self) -> None:
        self._send({"type": "input_audio_buffer.commit"})

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
            case None | SilentTurn():
                return
            case SessionTold():
                if event.expires_at:
                    left_s = min(max(event.expires_at - time.time(), 0.0), self._settings.engine_session_s)
                    self.ends_at = time.monotonic() + left_s
                return
            case EngineComplains() if event.about == SETUP_ID:
                self.close()
                self._on_event(EngineGone(f"the ear refuses the session: {event.code}"))
                return
            case CallerSaid():
                self._failed = 0
                if not self._is_free:
                    costs.price(event.usage, "", self._place.model)
            case CaptionFailed():
                self._failed += 1
        self._on_event(event)
        if self._failed >= CAPTIONS_FAILED_MOST:
            self.close()
            self._on_event(EngineGone("the ear understands nothing"))

    def _on_closed(self, code: int, reason: str) -> None:
        self._socket = None
        self._on_event(EngineGone(f"the ear closed the connection: {code} {reason}".rstrip(), code != SESSION_END_CODE))
