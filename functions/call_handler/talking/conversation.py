"""The conversation itself: what a caller, an engine and time may do to a call, and what follows from each.

Events in, calls out: the bridge tells what the caller does (``MediaListener``), the engine what it hears and says
(``on_engine``), the owner of the call lets time pass (``tick``). Nothing here waits but the tools.

One reply at a time: what is to be said while a reply is in progress is owed and said right after it, also when the
engine refuses to begin it (it may have begun one by itself in the same moment).
"""

import asyncio
import time
from collections.abc import Callable

from domain.calls import Ending
from domain.card_numbers import has_card_number
from domain.tools import EndCall
from functions.call_handler.engines.base import (
    CallerPauses,
    CallerSaid,
    CallerSpeaks,
    CallerTurn,
    CaptionFailed,
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
    Setup,
    StillReplying,
    ToolCall,
)
from functions.call_handler.phrases import Phrases
from functions.call_handler.talking.card_guard import CardGuard
from functions.call_handler.talking.farewell import Farewell, Over
from functions.call_handler.talking.keypad import Keypad
from functions.call_handler.talking.listening import Listening
from functions.call_handler.talking.media import MediaSocket
from functions.call_handler.talking.memory import Memory
from functions.call_handler.talking.patience import Patience
from functions.call_handler.talking.playback import Playback
from functions.call_handler.talking.read_back import ReadBackWatch
from functions.call_handler.talking.replies import Replies
from functions.call_handler.talking.tool_loop import INTERRUPTED, ToolLoop
from functions.call_handler.talking.unheard import Unheard
from process import logs
from protocols.media import BYTES_PER_MS

log = logs.get(__name__)

MAX_TOOL_ROUNDS = 8  # between two things that the caller says; then the engine has to speak
RETRY_AFTER_FAILURE_S = 1.0
RENEW_BEFORE_S = 90.0  # the engine ends the session; a quiet moment has to be found until then
# What an engine has to hear after a caller who hung up, to notice that the turn is over.
CLOSING_SILENCE = b"\xff" * (1200 * BYTES_PER_MS)


def _nobody_redials(gone: EngineGone) -> None:
    raise RuntimeError("on_engine_lost is not set")


def _nobody_asks() -> None:
    """Not every owner wants to know that an engine can be heard."""


def _nobody_reads(who: str, words: str) -> None:
    """What was said is of interest to the call's memory alone."""


class Conversation:
    """A ``MediaListener``. ``over`` is set once, with why the conversation ended.

    ``on_engine_lost`` has to be set: it dials another engine that will ``join``, or ends the conversation.
    ``on_engine_heard`` is called at the first sound of each engine that joined, ``on_session_ending`` once when the
    engine will soon end the session by itself: another one may then ``join`` as soon as ``may_change_engine``.
    ``observer`` is told each event of the engine on the line before anything follows from it.
    """

    def __init__(
        self,
        media: MediaSocket,
        playback: Playback,
        tools: ToolLoop,
        read_back: ReadBackWatch,
        memory: Memory,
        patience: Patience,
        phrases: Phrases,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.over: asyncio.Future[Over] = asyncio.get_running_loop().create_future()
        self.on_engine_lost: Callable[[EngineGone], None] = _nobody_redials
        self.on_engine_heard: Callable[[], None] = _nobody_asks
        self.on_session_ending: Callable[[], None] = _nobody_asks
        self.observer: Callable[[Engine, EngineEvent], None] | None = None
        self.on_said: Callable[[str, str], None] = _nobody_reads  # "caller" or "assistant", and what may be kept of it
        self.farewell = Farewell(media, tools, phrases)
        self._media = media
        self._playback = playback
        self._tools = tools
        self._read_back = read_back
        self._memory = memory
        self._transcript = memory.transcript
        self._usage = memory.usage
        self._patience = patience
        self._phrases = phrases
        self._clock = clock
        self._engine: Engine | None = None
        self._is_heard = False  # the engine that is here now
        self._is_ending = False  # its session
        self._replies = Replies()
        self._unheard = Unheard()
        self._tool_rounds = 0
        self._tool_task: asyncio.Task[None] | None = None
        self._keypad = Keypad()
        language = tools.state.restaurant.language
        self._cards = CardGuard(media, memory.transcript, phrases, language, clock())
        self._caller = Listening(self._cards, read_back, memory, patience)

    # --- The engine comes and goes ------------------------------------------------------------------------

    def join(self, engine: Engine) -> bool:
        """``engine`` is configured and knows what was said: it hears the caller from now on.

        True when it was given a turn of the caller's that an engine before it took away: it will answer that.
        """
        if self._engine is not None:
            self._engine.close()
            self._caller.audio.engine_lost()
        self._engine = engine
        self._is_heard = self._is_ending = False
        if not engine.alive:
            self._lose_engine(EngineGone("the engine closed the connection before the call was joined"))
            return False
        self._caller.audio.give(engine)
        if self._caller.audio.turn_is_open:
            self._patience.expect_reply(self._clock())
        return self._caller.audio.turn_is_open

    def may_change_engine(self) -> bool:
        """Nobody speaks, and nothing is owed: a change now goes unnoticed."""
        busy = self._engine is None or self.farewell.under_way is not None or self._keypad.is_used
        return not busy and self._is_quiet(self._clock())

    def reconfigure(self, setup: Setup) -> None:
        """The engine goes on with other instructions and tools."""
        if self._engine is not None:
            self._engine.reconfigure(setup)

    def joined_by(self, engine: Engine) -> bool:
        return self._engine is engine

    def speak(self, sentence: str = "") -> None:
        """Let the engine reply without waiting for the caller, as soon as it may; word for word with ``sentence``."""
        if self._engine is None or self._replies.under_way:
            self._replies.owe(sentence)
            return
        self._replies.ask(sentence)
        self._engine.speak(sentence)
        self._patience.expect_reply(self._clock())

    def leave(self, sentence: str, because: Ending = "done") -> None:
        """Say ``sentence`` and hang up."""
        self._tools.close(EndCall(because))
        self.speak(sentence)

    def finish(self, why: Over) -> None:
        if not self.over.done():
            self.over.set_result(why)

    async def finish_turn(self, within_s: float) -> None:
        """The caller hung up right after the read-back: let the engine hear the turn's end and do what follows.

        Without a read-back that was heard nothing can follow that a kitchen should know.
        """
        if self._engine is None or not self._read_back.agreement(self._clock()).heard or self._tools.state.confirmed:
            return
        if self._caller.speaking or not self._read_back.agreement(self._clock()).answered:
            self._engine.hear(CLOSING_SILENCE)
        by = self._clock() + within_s
        quiet_by = self._clock() + within_s / 2
        while self._engine is not None and self._clock() < by and self._tools.state.confirmed is None:
            busy = self._replies.under_way or self._tool_task or self._caller.speaking
            if not busy and self._clock() > quiet_by:
                break
            await asyncio.sleep(0.02)
        await self.settle_tools()

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
        if self.farewell.under_way is None:
            self._caller.hears(audio, self._engine, self._clock())

    def played(self, mark: str) -> None:
        now = self._clock()
        self._playback.returned(mark, now)
        self._leave_when_said(now)

    def pressed(self, digit: str) -> None:
        now = self._clock()
        self._keypad.pressed(digit, now)
        self._unheard.words()
        self._read_back.pressed(digit, now)

    def transfer_failed(self) -> None:
        if self.farewell.is_transfer:
            self._stayed()

    def stopped(self, reason: str) -> None:
        self.finish(self.farewell.ended(reason))

    def media_lost(self, reason: str) -> None:
        if self.farewell.under_way is not None:
            self.stopped(reason)
        else:
            log.warning("media socket lost", why=reason)
            self.finish(Over.MEDIA_LOST)

    # --- From the engine ----------------------------------------------------------------------------------

    def on_engine(self, engine: Engine, event: EngineEvent) -> None:
        if engine is not self._engine:
            return
        if self.observer is not None:
            self.observer(engine, event)
        if self.farewell.takes(event):
            if isinstance(event, ReplyEnds):
                self._usage.add(event.usage)
                self._leave_when_said(self._clock())
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
                self._tools.caller_turn()
                self._caller.turn(event.item_id)
            case CallerSaid():
                self._caller_said(engine, event)
            case CaptionFailed():
                self._caller.no_words(event, self._clock())
                self._unheard.words()
            case ReplyStarts():
                self._unheard.forget()
                self._replies.begins(event.reply_id)
                self._patience.reply_started(self._clock())
            case ReplyAudioEnds():
                self._reply_audio_ends(event)
            case ReplyEnds():
                self._reply_ends(event)
            case StillReplying():
                self._replies.refused()
            case EngineComplains():
                log.warning("the engine complains", code=event.code, pii_text=event.message)
            case EngineGone():
                self._lose_engine(event)

    def _lose_engine(self, gone: EngineGone) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
        caller_was_speaking = self._caller.engine_lost()
        self._replies.lost()
        self._unheard.forget()
        self._read_back.forget()  # a new engine has not read anything out
        self._patience.caller_paused()
        self._patience.engine_lost(bridge=not caller_was_speaking)
        if not self.over.done():
            self.on_engine_lost(gone)
            self._fill_silence(self._clock())

    def _caller_speaks(self, event: CallerSpeaks) -> None:
        """Barge-in: silence first, then tell the engine what was heard of its reply."""
        now = self._clock()
        self._caller.begins(event, now)
        self._replies.talked_over()
        self.farewell.caller_speaks()
        self._unheard.caller_speaks()
        if self._playback.idle(now) or self.farewell.under_way is not None:
            return
        shares = self._playback.shares_heard(now)
        self._unheard.cut((self._transcript.text_of(item), heard) for item, heard in shares)
        self._stop_playing(now)
        self._memory.barged_in(event.since_ms + (self._clock() - now) * 1000)

    def _stop_playing(self, now: float) -> None:
        self._media.clear()
        self._memory.marks.cut(now)
        for cut in self._playback.clear(now):
            if self._engine is not None:
                self._engine.truncate(cut.item_id, cut.content_index, cut.audio_end_ms)
            self._transcript.cut(cut.item_id)

    def _caller_pauses(self) -> None:
        now = self._clock()
        self._caller.pauses(now)
        self._unheard.caller_pauses(now)
        self._patience.expect_reply(now, after_tools=self._replies.owed is not None)

    def _caller_said(self, engine: Engine, event: CallerSaid) -> None:
        kept, reminder = self._caller.words(engine, event, self._clock())
        if event.text:
            self._unheard.words()
            self._caller.audio.understood()
            self._memory.said("caller", kept)
            self.on_said("caller", kept)
            self._memory.turn_ended()
            danger = self._tools.emergency(event.text)
            if reminder:
                self._memory.marks.card_number()
            if danger:
                self._memory.marks.emergency()
                self.speak(danger)
            elif reminder:
                self._interrupt(reminder)

    def _interrupt(self, sentence: str) -> None:
        """Say ``sentence`` now, whatever is being said."""
        now = self._clock()
        if self._engine is None or self.farewell.under_way is not None:
            return
        self._replies.inaudible()
        if not self._playback.idle(now):
            self._stop_playing(now)
        if self._replies.id:
            self._engine.cancel()
        self._replies.urgent = True
        self.speak(sentence)

    def _reply_audio(self, event: ReplyAudio) -> None:
        if event.reply_id != self._replies.audible_id or self.farewell.under_way is not None:
            return
        now = self._clock()
        self._media.play(event.audio)
        self._playback.queue(event.item_id, event.content_index, len(event.audio), now)
        if self._playback.mark_due():
            self._media.mark(self._playback.mark())
        self._replies.item = event.item_id
        self._replies.spoke = True
        self._caller.audio.understood()
        if not self._is_heard:
            self._is_heard = True
            self.on_engine_heard()
        until = now + self._playback.ms_left(now) / 1000
        self._patience.audio_came(until)
        self._memory.marks.plays(now, until)
        self._caller.answered(now)

    def _reply_text(self, event: ReplyText) -> None:
        if event.reply_id != self._replies.id:
            return
        text = self._cards.of_assistant(event.text) if event.whole else event.text
        self._transcript.assistant_says(event.item_id, text, event.whole)
        if event.whole and event.text:
            self._memory.said("assistant", text)
            self.on_said("assistant", text)
            audible = event.reply_id == self._replies.audible_id
            instead = self._read_back.said(event.item_id, event.text) if audible else ""
            if instead:
                log.warning("the voice read out another cart than there is: said again")
                self._replies.owe(instead)

    def _reply_audio_ends(self, event: ReplyAudioEnds) -> None:
        if event.reply_id != self._replies.audible_id:
            return
        self._read_back.audio_ended(self._replies.item)
        if not self._playback.idle(self._clock()):
            self._media.mark(self._playback.mark())

    def _reply_ends(self, event: ReplyEnds) -> None:
        is_current = event.reply_id == self._replies.id
        if not self._replies.ends(event.reply_id):
            return
        self._usage.add(event.usage)
        if event.status == "cancelled":
            for call in event.calls:
                if self._engine is not None:
                    self._engine.answer_tool(call.call_id, INTERRUPTED)
        elif event.calls:
            self._caller.audio.understood()
            self._patience.answered()
            work = self._use_tools(event.calls, self._replies.spoke, self._caller.times_spoken, self._tool_task)
            self._tool_task = asyncio.create_task(work)
            return
        elif is_current:
            self._judge(event)
        self._memory.turn_ended()
        self._leave_when_said(self._clock())
        may_speak = self._replies.urgent or not self._caller.speaking
        if self._replies.owed is not None and may_speak and self._tool_task is None:
            self.speak(self._replies.owed)

    def _judge(self, event: ReplyEnds) -> None:
        """A reply that uses no tool has to have said something, and all of it."""
        if event.status == "completed" and self._replies.spoke:
            self._patience.answered()
            return
        log.warning("the engine failed to reply", status=event.status, spoke=self._replies.spoke, pii_why=event.why)
        self._patience.strike()
        if self._patience.given_up():
            self._lose_engine(EngineGone(f"the engine fails to reply ({event.status})"))
        elif event.status == "failed":  # at once it would fail again
            self._patience.expect_within(self._clock(), RETRY_AFTER_FAILURE_S)
        else:
            self._replies.owe()

    # --- Tools --------------------------------------------------------------------------------------------

    async def _use_tools(
        self, calls: tuple[ToolCall, ...], spoke: bool, times_spoken: int, before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await asyncio.wait({before})
        for call in calls:
            engine = self._engine
            output = await self._tools.run(call)
            if output is not None and engine is not None and engine is self._engine:
                engine.answer_tool(call.call_id, output)
        self._tool_rounds += 1
        self._tool_task = None
        self._memory.turn_ended()
        if self._caller.times_spoken != times_spoken:
            self.farewell.caller_speaks()  # since the model wished to leave
        closing = self._tools.closing
        if closing is not None and spoke:
            self._leave_when_said(self._clock())
        elif self._caller.speaking:
            self._replies.owe()
        elif closing is not None and self._tool_rounds > 1:
            self.leave(self._phrases.goodbye if isinstance(closing, EndCall) else "")
        elif self._tool_rounds < MAX_TOOL_ROUNDS:
            self.speak(self._replies.owed or "")
        elif self._tool_rounds == MAX_TOOL_ROUNDS:
            log.warning("the model only uses tools and does not speak", rounds=self._tool_rounds)
            self.speak(self._tools.last_sentence)
        elif self._tools.state.confirmed is not None:
            self.leave(self._phrases.goodbye)
        else:
            self.finish(Over.ENGINE_FAILED)

    # --- Time ---------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """To be called a few times a second: what nobody else would notice."""
        now = self._clock()
        self._leave_when_said(now)
        if self.farewell.under_way is not None:
            return
        if self._engine is not None:
            self._look_after(self._engine, now)
        self._fill_silence(now)

    def _fill_silence(self, now: float) -> None:
        if self.farewell.under_way is None and self._patience.filler_due(now, self._is_owed(now)):
            self._media.prompt("one_moment")

    def _look_after(self, engine: Engine, now: float) -> None:
        """Tell the engine of keys, of a turn's end and of silence, and ask for what it owes."""
        if not self._caller.speaking:
            self._take_keys(engine, self._keypad.entered(now))
        if not self._is_ending and engine.seconds_left < RENEW_BEFORE_S:
            self._is_ending = True
            self.on_session_ending()
        rest = "" if self._caller.speaking or self._replies.under_way or self._tool_task else self._unheard.due(now)
        missing = self._patience.missing(now)
        if rest:
            self.speak(rest)
        elif missing is not None:
            self._ask_again(missing)
        elif self._patience.turn_overdue(now):
            log.warning("the engine does not end the caller's turn: ended for it")
            engine.end_turn()
            self._caller_pauses()
            self.speak()
        elif self._tools.closing is None:
            wish = self._patience.silent(now, self._is_quiet(now))
            if wish is not None:
                sentence, leave = wish
                self.leave(sentence, "silence") if leave else self.speak(sentence)

    def _take_keys(self, engine: Engine, keys: str) -> None:
        if keys and any(map(has_card_number, self._keypad.numbers())):
            self._memory.marks.card_number()
            self._interrupt(self._phrases.no_card_numbers)
        elif keys:
            engine.remember(Line("caller", f"({keys})"))
            self._tools.caller_turn()
            self.speak()

    def _ask_again(self, missing: str) -> None:
        """A reply did not begin, or stopped in the middle."""
        assert self._engine is not None
        log.warning("the engine owes a reply", missing=missing)
        if self._patience.given_up():
            self._lose_engine(EngineGone("the engine does not reply"))
            return
        if missing == "audio":
            self._engine.cancel()
            self._replies.abandoned()
        self._replies.asked = False
        self.speak(self._replies.owed or "")

    def _is_owed(self, now: float) -> bool:
        """The caller hears nothing and waits for us."""
        busy = self._replies.under_way or self._replies.owed is not None or self._tool_task or self._patience.expecting
        return bool(busy or self._engine is None) and not self._caller.speaking and self._playback.idle(now)

    def _is_quiet(self, now: float) -> bool:
        busy = self._caller.speaking or self._replies.under_way or self._tool_task or self._patience.expecting
        return not busy and self._playback.idle(now)

    def _stayed(self) -> None:
        """The bridge did not take the caller off us: a hang-up is as good as done, a failed transfer is not the end."""
        if not self.farewell.is_transfer:
            self.stopped("")
            return
        log.warning("transfer not taken")
        self.farewell.came_to_nothing()
        if self._engine is not None:
            self._engine.remember(Line("system", self._phrases.transfer_failed))
        self.speak()

    def _leave_when_said(self, now: float) -> None:
        if not self.farewell.proceed(now, self._is_quiet(now), self._engine):
            self._stayed()
