"""The ear of a cascade: a transcription session of the Realtime protocol, at OpenAI or any server that has it.

It says when the caller begins and stops to speak, and what was said; it makes no replies.
"""

from typing import Protocol

from functions.call_handler.engines import costs
from functions.call_handler.engines.base import (
    CallerSaid,
    CaptionFailed,
    EngineComplains,
    EngineDownError,
    EngineEvent,
    EngineGone,
    OnEvent,
    Setup,
)
from functions.call_handler.engines.realtime_connection import (
    SESSION_END_CODE,
    SETUP_ID,
    RealtimeConnection,
    realtime_url,
)
from functions.call_handler.engines.realtime_events import SilentTurn
from functions.call_handler.engines.realtime_session import PCMU, turns_by_volume
from functions.call_handler.settings import CascadeEndpoint, EngineSettings
from functions.call_handler.websocket import RefusedError

CAPTIONS_FAILED_MOST = 3  # in a row: an engine that understands nobody is none


class Ear(Protocol):
    """Gives CallerSpeaks, CallerPauses, CallerTurn, and CallerSaid or CaptionFailed of each turn; EngineGone last."""

    @property
    def alive(self) -> bool: ...

    @property
    def seconds_left(self) -> float:
        """Until the server ends the session."""

    async def connect(self, within_s: float) -> None:
        """Raises EngineDownError."""

    def configure(self, setup: Setup) -> None: ...

    def hear(self, audio: bytes) -> None: ...

    def commit(self) -> None:
        """The caller's turn is over, though the server has not noticed."""

    def close(self) -> None: ...


class RealtimeEar:
    """An ``Ear``."""

    def __init__(self, endpoint: CascadeEndpoint, settings: EngineSettings, on_event: OnEvent) -> None:
        self._connection = RealtimeConnection(settings.engine_session_s, self._told, self._on_closed)
        self._name = endpoint.name
        self._place = endpoint.hearing
        self._is_free = endpoint.free
        self._settings = settings
        self._on_event = on_event
        self._failed = 0

    @property
    def alive(self) -> bool:
        return self._connection.alive

    @property
    def seconds_left(self) -> float:
        """Until the server ends the session."""
        return self._connection.seconds_left

    async def connect(self, within_s: float) -> None:
        """Raises EngineDownError."""
        url = realtime_url(self._place.url, intent="transcription")
        where = f"ENGINES: hearing of {self._name!r}"
        try:
            await self._connection.dial(url, self._settings.key_of(self._place.key), within_s)
        except RefusedError as refused:
            passing = refused.status not in (400, 401, 403, 404)
            raise EngineDownError(f"{where}: the server answered {refused.status}", passing) from None
        except OSError as error:
            raise EngineDownError(f"{where}: cannot connect ({type(error).__name__})", passing=True) from None

    def configure(self, setup: Setup) -> None:
        captions = {"model": self._place.model, "language": setup.language, "prompt": setup.vocabulary}
        heard = {"format": PCMU, "transcription": captions, "turn_detection": turns_by_volume(self._settings)}
        session = {"type": "transcription", "audio": {"input": heard}}
        self._connection.send({"type": "session.update", "event_id": SETUP_ID, "session": session})

    def hear(self, audio: bytes) -> None:
        self._connection.hear(audio)

    def commit(self) -> None:
        self._connection.send({"type": "input_audio_buffer.commit"})

    def close(self) -> None:
        self._connection.close()

    def _told(self, event: EngineEvent | SilentTurn) -> None:
        match event:
            case SilentTurn():
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
        self._on_event(EngineGone(f"the ear closed the connection: {code} {reason}".rstrip(), code != SESSION_END_CODE))
