"""One caller and one engine: hears, answers, is interrupted, uses tools, and notices silence.

Everything here runs in callbacks of the event loop and returns at once; only tools wait, in a task of their
own. What the caller has heard is ``Playback``'s to know, what was agreed ``ToolLoop``'s.

A reply is dropped from the moment the caller speaks over it until a new one begins. When tools end while the
caller is speaking, no reply is asked for: the engine makes one by itself when the caller pauses, and is asked
only if it does not (REPLY_AFTER_TOOLS_S).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from domain.tools import EndCall, Transfer
from functions.call_handler.engines.base import (
    CallerPauses,
    CallerSaid,
    CallerSpeaks,
    CallerTurn,
    Engine,
    EngineComplains,
    EngineEvent,
    EngineGone,
    Line,
    ReplyAudio,
    ReplyAudioEnds,
    ReplyEnds,
    ReplyStarts,
    ReplyText,
    Speaker,
    ToolCall,
)
from functions.call_handler.engines.costs import Usage
from functions.call_handler.phrases import Phrases
from functions.call_handler.remembering.transcript import Transcript
from functions.call_handler.talking.media import MediaSocket
from functions.call_handler.talking.patience import Patience
from functions.call_handler.talking.playback import Playback
from functions.call_handler.talking.tool_loop import INTERRUPTED, ToolLoop
from process import logs

log = logs.get(__name__)

FAREWELL_WITHIN_S = 15.0  # from the wish to end the call to its end, whatever the engine does
BRIDGE_HANGS_UP_WITHIN_S = 5.0
BRIDGE_TRANSFERS_WITHIN_S = 30.0  # longer than the bridge itself waits for the other phone
KEYPAD_PAUSE_S = 1.5
MAX_KEYS = 32
MAX_TOOL_ROUNDS = 12  # between two things that the caller says
WAITING_AUDIO_FRAMES = 500  # 10 s, while the engine is being dialled again


class Over(Enum):
    """Why a conversation ended."""

    HUNG_UP = "hung_up"  # by the caller
    FAREWELL = "farewell"  # by us, politely
    TRANSFERRED = "transferred"
    SUPERSEDED = "superseded"
    ENGINE_FAILED = "engine_failed"
    MEDIA_LOST = "media_lost"


class Observer(Protocol):
    """Who follows the conversation; must return at once."""

    def said(self, who: Speaker, text: str) -> None: ...

    def turn_ended(self) -> None:
        """Something happened that a handler that takes over has to know."""

    def barged_in(self, ms: float) -> None:
        """The caller spoke over a reply; ``ms`` from the first sound to the ``clear``."""

    def first_audio(self, seconds: float) -> None:
        """From the end of the caller's speech to the engine's first audio."""

    def engine_lost(self, reason: str) -> None:
        """Dial it again and ``join``, or ``finish``."""


class Conversation:
    """A ``MediaListener``. ``over`` is set once, with why the conversation ended."""

    def __init__(
        self,
        media: MediaSocket,
        playback: Playback,
        tools: ToolLoop,
        transcript: Transcript,
        observer: Observer,
        patience: Patience,
        phrases: Phrases,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.over: asyncio.Future[Over] = asyncio.get_running_loop().create_future()
        self.usage = Usage()
        self._media = media
        self._playback = playback
        self._tools = tools
        self._transcript = transcript
        self._observer = observer
        self._patience = patience
        self._phrases = phrases
        self._clock = clock
        self._engine: Engine | None = None
        self._waiting_audio: deque[bytes] = deque(maxlen=WAITING_AUDIO_FRAMES)
        self._caller_speaking = False
        self._paused_at: float | None = None
        self._reply_id = ""  # the reply that the engine is making
        self._audible_id = ""  # the same, until the caller speaks over it
        self._reply_spoke = False
        self._reply_owed = False
        self._tool_rounds = 0
        self._tool_task: asyncio.Task[None] | None = None
        self._keys = ""
        self._keys_at = 0.0
        self._leave_by: float | None = None
        self._leaving: Transfer | EndCall | None = None
        self._gone_by = 0.0

    # --- The engine comes and goes ------------------------------------------------------------------------

    def join(self, engine: Engine) -> None:
        """``engine`` is configured and knows what was said: it hears the caller from now on."""
        self._engine = engine
        if not engine.alive:
            self._lose_engine("the engine closed the connection before the call was joined")
            return
        while self._waiting_audio:
            engine.hear(self._waiting_audio.popleft())

    def joined_by(self, engine: Engine) -> bool:
        return self._engine is engine

    def speak(self, sentence: str = "") -> None:
        """Let the engine reply without waiting for the caller; say ``sentence`` if there is one."""
        self._reply_owed = False
        if self._engine is not None:
            self._engine.speak(sentence)
            self._patience.expect_reply(self._clock())

    def leave(self, sentence: str) -> None:
        """Say ``sentence`` and hang up."""
        self._tools.closing = self._tools.closing or EndCall()
        self.speak(sentence)

    def finish(self, why: Over) -> None:
        if not self.over.done():
            self.over.set_result(why)

    async def settle_tools(self) -> None:
        """Wait for the tools in use, if any; a database that is away makes them wait at most ``order_wait_s``."""
        if self._tool_task is not None:
            await asyncio.wait({self._tool_task})

    def close(self) -> None:
        self.finish(Over.HUNG_UP)
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    # --- From the bridge ----------------------------------------------------------------------------------

    def caller_audio(self, audio: bytes) -> None:
        if self._leaving is not None:
            return
        if self._engine is not None:
            self._engine.hear(audio)
        else:
            self._waiting_audio.append(audio)

    def played(self, mark: str) -> None:
        now = self._clock()
        self._playback.returned(mark, now)
        self._leave_when_said(now)

    def pressed(self, digit: str) -> None:
        self._keys = (self._keys + digit)[-MAX_KEYS:]
        self._keys_at = self._clock()

    def stopped(self, reason: str) -> None:
        if reason == "superseded":
            self.finish(Over.SUPERSEDED)
        elif reason == "transferred" or (isinstance(self._leaving, Transfer) and reason != "caller_hung_up"):
            self.finish(Over.TRANSFERRED)
        else:
            self.finish(Over.FAREWELL if self._leaving is not None else Over.HUNG_UP)

    def media_lost(self, reason: str) -> None:
        if self._leaving is not None:
            self.stopped(reason)
        else:
            log.warning("media socket lost", why=reason)
            self.finish(Over.MEDIA_LOST)

    # --- From the engine ----------------------------------------------------------------------------------

    def on_engine(self, engine: Engine, event: EngineEvent) -> None:
        if engine is not self._engine:
            return
        match event:
            case ReplyAudio():
                self._reply_audio(event)
            case ReplyText():
                self._reply_text(event)
            case CallerSpeaks():
                self._caller_speaks(event)
            case CallerPauses():
                self._caller_pauses()
            case CallerTurn():
                self._tool_rounds = 0
                self._transcript.caller_turn(event.item_id)
            case CallerSaid():
                self._caller_said(event)
            case ReplyStarts():
                self._reply_starts(event)
            case ReplyAudioEnds():
                self._reply_audio_ends(event)
            case ReplyEnds():
                self._reply_ends(event)
            case EngineComplains():
                log.warning("the engine complains", code=event.code, pii_text=event.message)
            case EngineGone():
                self._lose_engine(event.reason)

    def _lose_engine(self, reason: str) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
        self._reply_id = self._audible_id = ""
        self._caller_speaking = False
        self._patience.stop_expecting()
        if not self.over.done():
            self._observer.engine_lost(reason)

    def _caller_speaks(self, event: CallerSpeaks) -> None:
        """Barge-in: silence first, then tell the engine what was heard of its reply."""
        now = self._clock()
        self._caller_speaking = True
        self._patience.caller_spoke()
        self._patience.stop_expecting()
        self._audible_id = ""
        if isinstance(self._tools.closing, EndCall) and self._leaving is None:
            self._tools.closing = self._leave_by = None  # the caller has more to say
        if self._playback.idle(now) or self._leaving is not None:
            return
        self._media.clear()
        cuts = self._playback.clear(now)
        for cut in cuts:
            if self._engine is not None:
                self._engine.truncate(cut.item_id, cut.content_index, cut.audio_end_ms)
            self._transcript.cut(cut.item_id)
        self._observer.barged_in(event.since_ms + (self._clock() - now) * 1000)

    def _caller_pauses(self) -> None:
        now = self._clock()
        self._caller_speaking = False
        self._paused_at = now
        self._patience.expect_reply(now, after_tools=self._reply_owed)

    def _caller_said(self, event: CallerSaid) -> None:
        self.usage.add(event.usage)
        self._transcript.caller_said(event.item_id, event.text)
        if event.text:
            self._observer.said("caller", event.text)
            self._observer.turn_ended()

    def _reply_starts(self, event: ReplyStarts) -> None:
        self._reply_id = self._audible_id = event.reply_id
        self._reply_spoke = self._reply_owed = False
        self._patience.reply_started(self._clock())

    def _reply_audio(self, event: ReplyAudio) -> None:
        if event.reply_id != self._audible_id or self._leaving is not None:
            return
        now = self._clock()
        self._media.play(event.audio)
        self._playback.queue(event.item_id, event.content_index, len(event.audio), now)
        if self._playback.mark_due():
            self._media.mark(self._playback.mark())
        self._reply_spoke = True
        self._patience.answered()
        if self._paused_at is not None:
            self._observer.first_audio(now - self._paused_at)
            self._paused_at = None

    def _reply_text(self, event: ReplyText) -> None:
        if event.reply_id == self._reply_id:
            self._transcript.assistant_says(event.item_id, event.text, event.whole)
            if event.whole and event.text:
                self._observer.said("assistant", event.text)

    def _reply_audio_ends(self, event: ReplyAudioEnds) -> None:
        if event.reply_id == self._audible_id and not self._playback.idle(self._clock()):
            self._media.mark(self._playback.mark())

    def _reply_ends(self, event: ReplyEnds) -> None:
        self.usage.add(event.usage)
        if event.reply_id == self._reply_id:
            self._reply_id = ""
        if event.status == "cancelled":
            for call in event.calls:
                if self._engine is not None:
                    self._engine.answer_tool(call.call_id, INTERRUPTED)
        elif event.status == "failed":
            log.warning("the engine failed to reply", pii_why=event.why)
            self._patience.expect_reply(self._clock(), after_tools=True)
        else:
            self._patience.answered()
            if event.calls:
                work = self._use_tools(event.calls, self._reply_spoke, self._tool_task)
                self._tool_task = asyncio.create_task(work)
                return
        self._observer.turn_ended()
        self._leave_when_said(self._clock())

    # --- Tools --------------------------------------------------------------------------------------------

    async def _use_tools(self, calls: tuple[ToolCall, ...], spoke: bool, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        for call in calls:
            engine = self._engine
            output = await self._tools.run(call)
            if engine is not None and engine is self._engine:
                engine.answer_tool(call.call_id, output)
        self._tool_rounds += 1
        self._tool_task = None
        self._observer.turn_ended()
        if self._tools.closing is not None and spoke:
            self._leave_when_said(self._clock())
        elif self._caller_speaking:
            self._reply_owed = True
        elif self._tool_rounds < MAX_TOOL_ROUNDS:
            self.speak()
        else:
            log.warning("the model only uses tools and does not speak", rounds=self._tool_rounds)
            self.finish(Over.ENGINE_FAILED)

    # --- Time ---------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """To be called a few times a second: what nobody else would notice."""
        now = self._clock()
        self._leave_when_said(now)
        if self._leaving is not None or self._engine is None:
            return
        if self._keys and now - self._keys_at >= KEYPAD_PAUSE_S:
            self._engine.remember(Line("caller", f"({self._keys})"))
            self._keys = ""
            self.speak()
        if self._patience.reply_missing(now):
            if self._patience.given_up():
                self._lose_engine("the engine does not reply")
            else:
                self.speak()
        elif self._tools.closing is None:
            wish = self._patience.silent(now, self._is_quiet(now))
            if wish is not None:
                sentence, leave = wish
                self.leave(sentence) if leave else self.speak(sentence)

    def _is_quiet(self, now: float) -> bool:
        busy = self._caller_speaking or self._reply_id or self._tool_task or self._patience.expecting
        return not busy and self._playback.idle(now)

    def _stayed(self) -> None:
        """The bridge did not take the caller off us: a hang-up is as good as done, a failed transfer is not the end."""
        if not isinstance(self._leaving, Transfer):
            self.stopped("")
            return
        log.warning("transfer not taken")
        self._tools.closing = self._leaving = self._leave_by = None
        if self._engine is not None:
            self._engine.remember(Line("system", self._phrases.transfer_failed))
        self.speak()

    def _leave_when_said(self, now: float) -> None:
        """Hang up or transfer once the farewell was heard, at the latest FAREWELL_WITHIN_S after the wish."""
        closing = self._tools.closing
        if self._leaving is not None:
            if now >= self._gone_by:
                self._stayed()
            return
        if closing is None:
            return
        if self._leave_by is None:
            self._leave_by = now + FAREWELL_WITHIN_S
        if not self._is_quiet(now) and now < self._leave_by:
            return
        self._leaving = closing
        if isinstance(closing, Transfer):
            self._gone_by = now + BRIDGE_TRANSFERS_WITHIN_S
            self._media.transfer(closing.number, closing.reason[:256])
        else:
            self._gone_by = now + BRIDGE_HANGS_UP_WITHIN_S
            self._media.hangup("completed")
