"""The OpenAI Realtime protocol (GA) on a raw WebSocket: whoever speaks it at ``OPENAI_BASE_URL``.

Not the ``openai`` package: it costs half a second of import and 40 µs an event, msgspec 1 µs. One flat
struct reads every server event; fields that are not used are skipped without being built.
"""

from typing import Any

from functions.call_handler.engines import costs
from functions.call_handler.engines.base import (
    CallerSaid,
    CallerTurn,
    CaptionFailed,
    EngineComplains,
    EngineDownError,
    EngineEvent,
    EngineGone,
    Line,
    OnEvent,
    ReplyEnds,
    Setup,
)
from functions.call_handler.engines.realtime_connection import (
    SESSION_END_CODE,
    SETUP_ID,
    RealtimeConnection,
    realtime_url,
)
from functions.call_handler.engines.realtime_events import SilentTurn
from functions.call_handler.engines.realtime_session import Session
from functions.call_handler.settings import MAIN, EngineSettings, RealtimeEndpoint
from functions.call_handler.websocket import RefusedError
from process import logs

log = logs.get(__name__)

CAPTIONS_FAILED_MOST = 2  # in a row, before another transcription model is asked for

_ROLES = {
    "caller": ("user", "input_text"),
    "assistant": ("assistant", "output_text"),
    "system": ("system", "input_text"),
}


class RealtimeEngine:
    """An ``Engine``. The caller's audio must not be sent before ``configure``."""

    def __init__(self, endpoint: RealtimeEndpoint, settings: EngineSettings) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._connection = RealtimeConnection(settings.engine_session_s, self._told, self._on_closed)
        self._on_event: OnEvent = lambda event: None
        self._session: Session | None = None
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
        return self._connection.alive

    async def connect(self, on_event: OnEvent, within_s: float) -> None:
        self._on_event = on_event
        url = realtime_url(self._endpoint.url, model=self._endpoint.model)
        try:
            await self._connection.dial(url, self._settings.key_of(self._endpoint.key), within_s)
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
        return self._connection.seconds_left

    def configure(self, setup: Setup) -> None:
        self._session = Session(setup, self._endpoint, self._settings)
        self._update()

    def reconfigure(self, setup: Setup) -> None:
        assert self._session is not None
        self._session.change(setup)
        self._update()

    def _update(self) -> None:
        assert self._session is not None
        self._connection.send({"type": "session.update", "event_id": SETUP_ID, "session": self._session.as_object()})

    def remember(self, line: Line) -> None:
        role, kind = _ROLES[line.who]
        item = {"type": "message", "role": role, "content": [{"type": kind, "text": line.text}]}
        self._connection.send({"type": "conversation.item.create", "item": item})

    def forget(self, item_id: str, instead: str) -> None:
        if instead:
            # At its place: behind what was done for it, it would be a wish that nobody has met.
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": instead}]}
            place = {"previous_item_id": item_id}
            self._connection.send({"type": "conversation.item.create", "item": item} | place)
        self._connection.send({"type": "conversation.item.delete", "item_id": item_id})

    def hear(self, audio: bytes) -> None:
        self._connection.hear(audio)

    def answer_tool(self, call_id: str, output: str) -> None:
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        self._connection.send({"type": "conversation.item.create", "item": item})

    def speak(self, sentence: str = "") -> None:
        self._connection.send(
            {"type": "response.create"} | ({"response": _word_for_word(sentence)} if sentence else {})
        )

    def cancel(self) -> None:
        self._connection.send({"type": "response.cancel"})

    def end_turn(self) -> None:
        self._connection.send({"type": "input_audio_buffer.commit"})

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        self._connection.send(
            {
                "type": "conversation.item.truncate",
                "item_id": item_id,
                "content_index": content_index,
                "audio_end_ms": audio_end_ms,
            }
        )

    def close(self) -> None:
        self._connection.close()

    def _told(self, event: EngineEvent | SilentTurn) -> None:
        match event:
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
        at_limit = code == SESSION_END_CODE
        ended = " (session limit)" if at_limit else ""
        self._on_event(EngineGone(f"engine closed the connection: {code}{ended} {reason}".rstrip(), not at_limit))


def _word_for_word(sentence: str) -> dict[str, Any]:
    return {"instructions": f"Say exactly this sentence, and nothing else: {sentence}", "tool_choice": "none"}
