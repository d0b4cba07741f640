"""One connection of the Realtime protocol, whatever its session is for: how it is dialled, spoken to and heard."""

import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec

from functions.call_handler.engines.base import EngineEvent, end_of_session
from functions.call_handler.engines.realtime_events import SessionTold, SilentTurn, read_event
from functions.call_handler.websocket import OnClosed, TextSocket, websocket_url
from process import logs
from protocols.media import BYTES_PER_MS

log = logs.get(__name__)

SETUP_ID = "setup"
SESSION_END_CODE = 1001  # the server's 60 minutes are over

_encode = msgspec.json.Encoder().encode


def realtime_url(base_url: str, **query: str) -> str:
    """``https://host/v1`` → ``wss://host/v1/realtime?model=…``; http becomes ws."""
    asked = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    return websocket_url(base_url, f"realtime?{asked}")


class RealtimeConnection:
    """``on_event`` is given what the server says, but for how long the session lasts: ``seconds_left`` is that, at most
    ``session_s``, which is also what counts where the server does not say. Sending to nobody does nothing.
    """

    def __init__(
        self, session_s: float, on_event: Callable[[EngineEvent | SilentTurn], None], on_closed: OnClosed
    ) -> None:
        self._session_s = session_s
        self._ends_at = time.monotonic() + session_s
        self._on_event = on_event
        self._told_closed = on_closed
        self._socket: TextSocket | None = None
        self._heard_ms = 0.0

    @property
    def alive(self) -> bool:
        return self._socket is not None

    @property
    def seconds_left(self) -> float:
        return self._ends_at - time.monotonic()

    async def dial(self, url: str, key: str, within_s: float) -> None:
        """Raises RefusedError, or OSError (TimeoutError included)."""
        headers = {"Authorization": f"Bearer {key}"}
        self._socket = await TextSocket.dial(url, headers, self._on_text, self._on_closed, within_s)

    def hear(self, audio: bytes) -> None:
        self._heard_ms += len(audio) / BYTES_PER_MS
        if self._socket is not None:
            self._socket.send(b'{"type":"input_audio_buffer.append","audio":"' + b64encode(audio) + b'"}')

    def send(self, message: dict[str, Any]) -> None:
        if self._socket is not None:
            self._socket.send(_encode(message))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _on_text(self, message: bytes) -> None:
        try:
            event = read_event(message, self._heard_ms)
        except (ValueError, RecursionError) as error:
            log.warning("engine message not understood", why=type(error).__name__, bytes=len(message))
            return
        if isinstance(event, SessionTold):
            if event.expires_at:
                self._ends_at = end_of_session(event.expires_at, self._session_s)
        elif event is not None:
            self._on_event(event)

    def _on_closed(self, code: int, reason: str) -> None:
        self._socket = None
        self._told_closed(code, reason)
