"""OpenAI's Live protocol: full duplex, a voice that listens while it speaks, and a text model behind it with our tools.

Not tried with a key: written against the types of the package ``openai`` 3.52.

The session begins with what was said before and is fixed from then on. Its clock is the audio that it is sent, so
silence is sent where the caller's phone sends none: without that it never speaks. What has to be said word for word
(the cart that is read back, what is said at a limit or before a hang-up) is spoken by a speech model and played as a
fixture; while that plays the session hears nobody, and takes nothing else. Without a speech model the voice is asked to
say it, which it may do in words of its own.
"""

import asyncio
import importlib
import time
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import msgspec

from functions.call_handler.engines import costs
from functions.call_handler.engines.base import (
    EngineComplains,
    EngineDownError,
    EngineEvent,
    EngineGone,
    Line,
    OnEvent,
    ReplyEnds,
    Setup,
    ToolCall,
    end_of_session,
)
from functions.call_handler.engines.live_events import Delegated, LiveEvent, read_event
from functions.call_handler.engines.live_session import session_of
from functions.call_handler.engines.live_speech import Speech
from functions.call_handler.settings import EngineSettings, LiveEndpoint
from functions.call_handler.websocket import RefusedError, TextSocket, websocket_url
from process import logs
from protocols.media import BYTES_PER_MS

if TYPE_CHECKING:
    from functions.call_handler.engines.fixtures import Fixtures

log = logs.get(__name__)

TICK_S = 0.1
START_WITHIN_S = 5.0  # of asking for the session
LAG_MS = 200.0  # behind the clock, after which silence is sent
EARLY_MOST = 30_000 * BYTES_PER_MS  # of audio, kept until the session has started
CONTENT_MOST = 1500  # characters: 500 tokens are the limit of what is put in later
SETUP_ID, FIXTURE_ID = "setup", "fixture"
FIXTURES = "functions.call_handler.engines.fixtures"
EXACTLY = "Say exactly this, and nothing else: "
ENDED_WELL = frozenset({"expired", "close_requested", "remote_hangup"})
READ_ALOUD = frozenset({"read_cart"})  # tools whose ``say`` is said word for word
ALREADY_READ = '{"ok":true,"said":"The caller hears the order and the question whether it is right. Add nothing."}'

_encode = msgspec.json.Encoder().encode


class LiveEngine:
    """An ``Engine``."""

    def __init__(self, endpoint: LiveEndpoint, settings: EngineSettings) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._on_event: OnEvent = lambda event: None
        self._socket: TextSocket | None = None
        self._ends_at = time.monotonic() + settings.engine_session_s
        self._setup: Setup | None = None
        self._voices: list[str] = []
        self._history: list[Line] = []
        self._fixtures = self._make_fixtures()
        self._speech = Speech()
        self._early = bytearray()
        self._asked_at = 0.0
        self._started_at: float | None = None
        self._heard_ms = 0.0
        self._spent_s = 0.0
        self._calls: list[ToolCall] = []  # of the response that is being made
        self._open_calls: dict[str, str] = {}  # not answered yet: id to tool
        self._backend_works = False
        self._waiting: list[dict[str, Any]] = []  # to be sent once the session has started, and no fixture is due
        self._ticking: asyncio.Task[None] | None = None
        self._due_fixtures: list[str] = []  # the first is being made or played
        self._making: asyncio.Task[None] | None = None

    def _make_fixtures(self) -> "Fixtures | None":
        if self._endpoint.speaking is None:
            return None
        module = importlib.import_module(FIXTURES)
        fixtures: Fixtures = module.Fixtures(self._endpoint.speaking, self._settings)
        return fixtures

    @property
    def name(self) -> str:
        return self._endpoint.name

    @property
    def model(self) -> str:
        return self._endpoint.model

    @property
    def alive(self) -> bool:
        return self._socket is not None

    @property
    def seconds_left(self) -> float:
        return self._ends_at - time.monotonic()

    # --- From the conversation ------------------------------------------------------------------------------------

    async def connect(self, on_event: OnEvent, within_s: float) -> None:
        self._on_event = on_event
        url = websocket_url(self._endpoint.url, "live/sessions")
        where = f"ENGINES: url of {self.name!r}"
        key = self._settings.key_of(self._endpoint.key)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self._socket = await TextSocket.dial(url, headers, self._on_text, self._on_closed, within_s)
        except RefusedError as refused:
            passing = refused.status not in (400, 401, 403, 404)
            raise EngineDownError(f"{where}: the engine answered {refused.status}", passing) from None
        except OSError as error:
            raise EngineDownError(f"{where}: cannot connect ({type(error).__name__})", passing=True) from None

    def configure(self, setup: Setup) -> None:
        """The session starts when all that is remembered in the same breath is known."""
        self._setup = setup
        self._voices = [name for name in dict.fromkeys((self._endpoint.voice, setup.voice)) if name]
        asyncio.get_running_loop().call_soon(self._start)

    def reconfigure(self, setup: Setup) -> None:
        """A session is fixed once it has started: another one has to follow it, which is told the new setup."""
        self._ends_at = time.monotonic()

    def _start(self) -> None:
        if self._setup is None or self._socket is None:
            return
        voice = self._voices[0] if self._voices else ""
        session = session_of(self._setup, self._endpoint, self._history, voice)
        self._send({"type": "session.start", "event_id": SETUP_ID, "session": session})
        self._asked_at = time.monotonic()
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick())

    def remember(self, line: Line) -> None:
        if self._ticking is None:
            self._history.append(line)
            return
        who = {"caller": "The caller did this on the phone's keys", "assistant": "You said", "system": "Note"}[line.who]
        self._tell("instructions", f"{who}: {line.text}")

    def forget(self, item_id: str, instead: str) -> None:
        """The protocol takes nothing back: another session has to follow, that is told only what may be kept."""
        self._ends_at = time.monotonic()

    def hear(self, audio: bytes) -> None:
        if self._started_at is None:
            self._early += audio
            del self._early[:-EARLY_MOST]
            return
        self._heard_ms += len(audio) / BYTES_PER_MS
        if self._socket is not None:
            self._socket.send(b'{"type":"session.input_audio.append","audio":"' + b64encode(audio) + b'"}')

    def answer_tool(self, call_id: str, output: str) -> None:
        tool = self._open_calls.pop(call_id, "")
        said = _to_be_read(output) if tool in READ_ALOUD and self._fixtures is not None else ""
        item = {"type": "function_call_output", "call_id": call_id, "output": ALREADY_READ if said else output}
        self._send({"type": "response.item.create", "item": item})
        if said:
            self._say(said)
        if not self._open_calls:
            self._backend_works = True
            self._send_when_free({"type": "response.create"})

    def speak(self, sentence: str = "") -> None:
        if sentence:
            self._say(sentence)
        elif not self._backend_works and not self._open_calls and not self._due_fixtures:
            self._tell("instructions", "It is your turn: go on, or answer the caller now.")

    def cancel(self) -> None:
        """It stops by itself when it hears the caller; what still comes of the reply begins another one."""
        was_fixture = self._speech.is_fixture
        self._speech.forget_reply()
        if was_fixture:
            self._fixture_failed()

    def end_turn(self) -> None:
        self._tell_all(self._speech.turn_ends())

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """It knows what it has said: its sound comes as fast as it is heard."""

    def close(self) -> None:
        for task in (self._ticking, self._making):
            if task is not None:
                task.cancel()
        if self._fixtures is not None:
            self._fixtures.close()
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.send(b'{"type":"session.close"}')
            socket.close()

    # --- Word for word --------------------------------------------------------------------------------------------

    def _say(self, sentence: str) -> None:
        if self._fixtures is None:
            self._tell("commentary", EXACTLY + sentence)
            return
        self._due_fixtures.append(sentence)
        if len(self._due_fixtures) == 1:
            self._making = asyncio.create_task(self._make(self._fixtures, sentence))

    async def _make(self, fixtures: "Fixtures", sentence: str) -> None:
        made = await fixtures.spoken(sentence, self._voices[0] if self._voices else "")
        if made is None:
            self._fixture_failed()
            return
        audio, usage = made
        if not self._endpoint.free:
            self._speech.due.add(usage)
        fixture = {"type": "session.output_audio.fixture.play", "event_id": FIXTURE_ID}
        self._send(fixture | {"audio": b64encode(audio).decode()})

    def _fixture_failed(self) -> None:
        self._next_fixture({"content": EXACTLY + self._due_fixtures[0], "type": "session.commentary.append"})

    def _fixture_played(self) -> None:
        self._tell_all(self._speech.reply_ends())
        told = f"The caller has just heard this, word for word; do not say it again: {self._due_fixtures[0]}"
        self._next_fixture({"content": told, "type": "session.instructions.append"})

    def _next_fixture(self, instead: dict[str, Any]) -> None:
        """The first one is over: tell the voice ``instead``, then what had to wait, or play the next one."""
        self._send(instead | {"content": instead["content"][:CONTENT_MOST], "delegation_id": None})
        del self._due_fixtures[0]
        if self._due_fixtures and self._fixtures is not None:
            self._making = asyncio.create_task(self._make(self._fixtures, self._due_fixtures[0]))
        else:
            self._send_waiting()

    # --- To the engine --------------------------------------------------------------------------------------------

    def _tell(self, kind: str, content: str) -> None:
        message = {"type": f"session.{kind}.append", "content": content[:CONTENT_MOST], "delegation_id": None}
        self._send_when_free(message)

    def _send_when_free(self, message: dict[str, Any]) -> None:
        if self._due_fixtures or self._started_at is None:
            self._waiting.append(message)
        else:
            self._send(message)

    def _send_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self._send(message)

    def _send(self, message: dict[str, Any]) -> None:
        if self._socket is not None:
            self._socket.send(_encode(message))

    async def _tick(self) -> None:
        while self._socket is not None:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            if self._started_at is not None:
                lag_ms = (now - self._started_at) * 1000 - self._heard_ms
                if lag_ms > LAG_MS:
                    self.hear(b"\xff" * (int(lag_ms) * BYTES_PER_MS))
            elif now - self._asked_at > START_WITHIN_S:
                self._gone("the session does not start", at_fault=True)
            self._tell_all(self._speech.tick(now))

    # --- From the engine ------------------------------------------------------------------------------------------

    def _on_text(self, message: bytes) -> None:
        try:
            self._told(read_event(message))
        except (ValueError, RecursionError) as error:
            log.warning("engine message not understood", why=type(error).__name__, bytes=len(message))

    def _told(self, event: LiveEvent) -> None:
        now = time.monotonic()
        match event.type:
            case "session.started":
                self._has_started(event, now)
            case "session.output_audio.delta":
                self._tell_all(self._speech.sound(b64decode(event.delta), now))
            case "session.output_transcript.delta":
                self._tell_all(self._speech.text(event.delta))
            case "session.input_transcript.delta":
                since_ms = 0.0 if event.start_ms is None else max(0.0, self._heard_ms - event.start_ms)
                self._tell_all(self._speech.words(event.delta, since_ms, now))
            case "session.output_audio.fixture.playing" if self._due_fixtures:
                self._tell_all(self._speech.fixture_begins(self._due_fixtures[0], now))
            case "session.output_audio.fixture.played" if self._due_fixtures:
                self._fixture_played()
            case "session.delegation.created":
                self._tell_all(self._speech.turn_ends())
            case "response.event" if event.event is not None:
                self._delegated(event.event)
            case "session.usage.updated" | "session.closed":
                self._spent(event)
            case "error":
                self._complains(event)
        if event.type == "session.closed":
            self._gone(f"the session ended: {event.reason}", event.reason not in ENDED_WELL)

    def _has_started(self, event: LiveEvent, now: float) -> None:
        if event.session is not None and event.session.expires_at:
            self._ends_at = end_of_session(event.session.expires_at, self._settings.engine_session_s)
        self._started_at = now
        early, self._early = bytes(self._early), bytearray()
        if early:
            self.hear(early)
        if not self._due_fixtures:
            self._send_waiting()

    def _delegated(self, event: Delegated) -> None:
        call = event.call()
        if call is not None:
            self._calls.append(call)
        elif event.type == "response.created":
            self._backend_works = True
        elif event.type in ("response.completed", "response.incomplete", "response.failed"):
            self._backend_works = False
            self._response_over(event)

    def _response_over(self, event: Delegated) -> None:
        usage = event.usage()
        if not self._endpoint.free:
            costs.price(usage, self._endpoint.backend, "")
        self._speech.due.add(usage)
        calls, self._calls = tuple(self._calls), []
        if calls:
            self._open_calls.update((call.call_id, call.name) for call in calls)
            self._tell_all(self._speech.turn_ends())  # whoever uses a tool has to know what was said before
            spent, self._speech.due = self._speech.due, costs.Usage()
            self._on_event(ReplyEnds(event.response.id if event.response else "", "completed", "", calls, spent))
        elif event.type != "response.completed":
            log.warning("the engine's text model failed", engine=self.name, status=event.type)
            self._tell("instructions", "Your backend failed: ask the caller to say it once more.")

    def _spent(self, event: LiveEvent) -> None:
        """What is told is the sum since the session began."""
        seconds = event.usage.seconds if event.usage is not None else 0.0
        more = seconds - self._spent_s
        if more > 0:
            self._spent_s = seconds
            if not self._endpoint.free:
                costs.add_live(self._speech.due, more, self.model)

    def _complains(self, event: LiveEvent) -> None:
        failure = event.error
        code, message, param = (failure.code, failure.message, failure.param or "") if failure else ("", "", "")
        about = (failure and failure.client_event_id) or event.client_event_id or ""
        if self._started_at is None:
            log.error("the engine refuses the session", engine=self.name, code=code, why=message, param=param)
            if self._voices:
                self._voices.pop(0)
                self._start()
            else:
                self._gone(f"the engine refuses the session: {code}", at_fault=True)
            return
        if about == FIXTURE_ID and self._due_fixtures:
            self._tell_all(self._speech.reply_ends("cancelled"))
            self._fixture_failed()
        self._on_event(EngineComplains(code, message, about, param))

    def _tell_all(self, events: list[EngineEvent]) -> None:
        for event in events:
            self._on_event(event)

    def _gone(self, reason: str, at_fault: bool) -> None:
        if self._socket is not None:
            self.close()
            self._on_event(EngineGone(reason, at_fault))

    def _on_closed(self, code: int, reason: str) -> None:
        self._gone(f"engine closed the connection: {code} {reason}".rstrip(), at_fault=True)


def _to_be_read(output: str) -> str:
    """``say`` of a tool that succeeded; "" for any other."""
    try:
        told = msgspec.json.decode(output)
    except msgspec.DecodeError:
        return ""
    return str(told.get("say", "")) if isinstance(told, dict) and told.get("ok") else ""
