"""An engine in three parts: speech to text, a text model, text to speech, sentence by sentence.

The ear tells when the caller speaks and what was said: a transcription session of the Realtime protocol, or Google's
gRPC. What was said is given to the text model; each sentence that it completes is spoken while it goes on writing. The
conversation itself is kept here, as text, with what the caller has heard of it.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Literal

from functions.call_handler.engines import costs
from functions.call_handler.engines.base import (
    CallerPauses,
    CallerSaid,
    CallerSpeaks,
    CallerTurn,
    CaptionFailed,
    EngineEvent,
    EngineGone,
    Line,
    OnEvent,
    ReplyAudio,
    ReplyAudioEnds,
    ReplyEnds,
    ReplyStarts,
    ReplyText,
    Setup,
    StillReplying,
    ToolCall,
)
from functions.call_handler.engines.costs import Usage
from functions.call_handler.engines.hearing import Ear, RealtimeEar
from functions.call_handler.engines.lean_http import LeanHttp
from functions.call_handler.engines.sentences import Sentences
from functions.call_handler.engines.speaking import SpeechModel, Voice
from functions.call_handler.engines.text_models import (
    ChatModel,
    Entry,
    MessagesModel,
    ModelDownError,
    Server,
    TextModel,
)
from functions.call_handler.settings import CascadeEndpoint, EngineSettings, SpeakingPlace, ThinkingPlace
from process import logs
from protocols.media import BYTES_PER_MS

log = logs.get(__name__)

INAUDIBLE = "(inaudible)"
WORDS_WITHIN_S = 3.0  # after which a reply is made without the words that are still missing
ENTRIES_MOST = 400
SENTENCES_AHEAD = 8

_numbers = itertools.count(1)


class _Speech:
    """What one reply says: its sentences, and where each ends in its audio."""

    def __init__(self, reply_id: str) -> None:
        self.reply_id = reply_id
        self.entry = Entry("assistant", "", item_id=f"{reply_id}-speech")
        self.parts: list[tuple[str, float]] = []
        self.ms = 0.0
        self.characters = 0

    def heard_until(self, end_ms: float) -> str:
        starts = [0.0, *(end for _, end in self.parts)]
        return " ".join(text for (text, _), start in zip(self.parts, starts, strict=False) if start < end_ms)


class CascadeEngine:
    """An ``Engine``."""

    def __init__(self, endpoint: CascadeEndpoint, settings: EngineSettings) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._ear = self._make_ear()
        self._on_event: OnEvent = lambda event: None
        self._http: LeanHttp | None = None
        self._model: TextModel | None = None
        self._voice: Voice | None = None
        self._setup: Setup | None = None
        self._entries: list[Entry] = []
        self._speeches: dict[str, _Speech] = {}
        self._reply: asyncio.Task[None] | None = None
        self._caller_speaks = False
        self._forgotten: set[str] = set()  # turns that are not to be kept
        self._wordless: set[str] = set()  # turns whose words have not come
        self._words_came = asyncio.Event()
        self._answers_itself = True
        self._is_gone = False

    @property
    def name(self) -> str:
        return self._endpoint.name

    @property
    def model(self) -> str:
        return self._endpoint.thinking.model

    @property
    def alive(self) -> bool:
        return self._ear.alive and not self._is_gone

    @property
    def seconds_left(self) -> float:
        return self._ear.seconds_left

    # --- From the conversation ------------------------------------------------------------------------------------

    async def connect(self, on_event: OnEvent, within_s: float) -> None:
        self._on_event = on_event
        await self._ear.connect(within_s)
        thinking = self._endpoint.thinking
        self._http = LeanHttp()
        kind = ChatModel if thinking.api == "chat" else MessagesModel
        self._model = kind(self._http, self._server(thinking))
        self._voice = self._make_voice(self._http)

    def _make_ear(self) -> Ear:
        if self._endpoint.hearing.api == "google":
            from functions.call_handler.engines.google_hearing import GoogleEar

            return GoogleEar(self._endpoint, self._settings, self._on_ear)
        return RealtimeEar(self._endpoint, self._settings, self._on_ear)

    def _make_voice(self, http: LeanHttp) -> Voice:
        server = self._server(self._endpoint.speaking)
        if self._endpoint.speaking.api == "google":
            from functions.call_handler.engines.google_speaking import GoogleVoice

            return GoogleVoice(server)
        return SpeechModel(http, server)

    def _server(self, place: ThinkingPlace | SpeakingPlace) -> Server:
        effort = place.effort if isinstance(place, ThinkingPlace) else ""
        return Server(place.url.rstrip("/"), self._settings.key_of(place.key), place.model, effort)

    def configure(self, setup: Setup) -> None:
        self._setup = setup
        self._ear.configure(setup)

    def reconfigure(self, setup: Setup) -> None:
        self.configure(setup)

    def remember(self, line: Line) -> None:
        self._add(Entry(line.who, line.text))

    def forget(self, item_id: str, instead: str) -> None:
        was_there = any(entry.item_id == item_id for entry in self._entries)
        put = [Entry("caller", instead)] if instead else []
        places = ([entry] if entry.item_id != item_id else put for entry in self._entries)
        self._entries = [entry for place in places for entry in place]
        self._forgotten.add(item_id)
        if instead and not was_there:
            self._add(put[0])

    def hear(self, audio: bytes) -> None:
        self._ear.hear(audio)

    def answer_tool(self, call_id: str, output: str) -> None:
        self._add(Entry("tool", output, call_id=call_id))

    def speak(self, sentence: str = "") -> None:
        if self._reply is not None and not self._reply.done():
            self._on_event(StillReplying())
            return
        self._begin(sentence)

    def cancel(self) -> None:
        if self._reply is not None:
            self._reply.cancel()

    def end_turn(self) -> None:
        self._answers_itself = False
        self._caller_speaks = False
        self._ear.commit()

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        speech = self._speeches.get(item_id)
        if speech is not None:
            speech.entry.text = f"{speech.heard_until(audio_end_ms)} …"

    def close(self) -> None:
        self._is_gone = True
        self.cancel()
        self._ear.close()
        if self._http is not None:
            closing = asyncio.get_running_loop().create_task(self._close_parts(self._http))
            _closing.add(closing)
            closing.add_done_callback(_closing.discard)
            self._http = None

    async def _close_parts(self, http: LeanHttp) -> None:
        if self._reply is not None:
            await asyncio.wait({self._reply})
        if self._voice is not None:
            await self._voice.close()
        http.close()

    # --- From the ear ---------------------------------------------------------------------------------------------

    def _on_ear(self, event: EngineEvent) -> None:
        if isinstance(event, CallerSpeaks):
            self._caller_speaks = True
            self.cancel()
        elif isinstance(event, CallerPauses):
            self._caller_speaks = False
        elif isinstance(event, CallerTurn):
            self._wordless.add(event.item_id)
        elif isinstance(event, CallerSaid | CaptionFailed):
            self._on_event(event)
            self._words(event.item_id, event.text if isinstance(event, CallerSaid) else "")
            return
        elif isinstance(event, EngineGone):
            self._is_gone = True
            self.cancel()
        self._on_event(event)

    def _words(self, item_id: str, text: str) -> None:
        self._wordless.discard(item_id)
        if item_id not in self._forgotten:
            self._add(Entry("caller", text or INAUDIBLE, item_id=item_id))
        if not self._wordless:
            self._words_came.set()
            itself, self._answers_itself = self._answers_itself, True
            if itself and not self._caller_speaks:
                self._begin("")

    def _add(self, entry: Entry) -> None:
        self._entries.append(entry)
        if len(self._entries) > ENTRIES_MOST:
            del self._entries[0]

    # --- A reply --------------------------------------------------------------------------------------------------

    def _begin(self, sentence: str) -> None:
        if self._is_gone or self._setup is None:
            return
        before = self._reply
        if before is not None and not before.done() and not before.cancelling():
            return  # the one that is being made will have to do
        self._reply = asyncio.create_task(self._run(sentence, before))

    async def _run(self, sentence: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        speech = _Speech(f"reply-{next(_numbers)}")
        self._on_event(ReplyStarts(speech.reply_id))
        usage, calls = Usage(), tuple[ToolCall, ...]()
        status: Literal["completed", "cancelled", "failed", "incomplete"] = "completed"
        why, is_down = "", False
        try:
            calls = await self._make(sentence, speech, usage)
        except asyncio.CancelledError:
            status = "cancelled"
        except ModelDownError as error:
            status, why, is_down = ("incomplete" if speech.ms else "failed"), error.reason, error.for_good
            log.warning("a part of the engine fails", engine=self.name, why=error.reason)
        if speech.parts:
            self._on_event(ReplyText(speech.reply_id, speech.entry.item_id, speech.entry.text, whole=True))
            self._on_event(ReplyAudioEnds(speech.reply_id))
        if is_down:
            self._is_gone = True
            self._on_event(EngineGone(why))
            return
        if not self._endpoint.free:
            costs.add_speech(usage, speech.characters, self._endpoint.speaking.model)
        if calls:
            self._add(Entry("assistant", "", calls=calls))
        self._on_event(ReplyEnds(speech.reply_id, status, why, calls, usage))

    async def _make(self, sentence: str, speech: _Speech, usage: Usage) -> tuple[ToolCall, ...]:
        """Say the sentence, or what the model answers; its tool calls. Raises ModelDownError."""
        if sentence:
            await self._say(sentence, speech, usage)
            return ()
        await self._wait_for_words()
        assert self._model is not None and self._setup is not None
        entries = [entry for entry in self._entries if entry.text or entry.calls]
        waiting: asyncio.Queue[str | None] = asyncio.Queue(SENTENCES_AHEAD)
        speaking = asyncio.create_task(self._say_all(waiting, speech, usage))
        try:
            calls = await _read(self._model.answer(self._setup, entries), waiting, usage, speaking)
            await speaking
        finally:
            speaking.cancel()
            await asyncio.wait({speaking})
        if not self._endpoint.free:
            costs.price(usage, self._endpoint.thinking.model, "")
        return calls

    async def _wait_for_words(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WORDS_WITHIN_S):
                while self._wordless:
                    self._words_came.clear()
                    await self._words_came.wait()
        self._wordless.clear()

    async def _say_all(self, waiting: "asyncio.Queue[str | None]", speech: _Speech, usage: Usage) -> None:
        while (sentence := await waiting.get()) is not None:
            await self._say(sentence, speech, usage)

    async def _say(self, sentence: str, speech: _Speech, usage: Usage) -> None:
        assert self._voice is not None and self._setup is not None
        entry = speech.entry
        if not speech.parts:
            self._add(entry)
            self._speeches[entry.item_id] = speech
            while len(self._speeches) > SENTENCES_AHEAD:
                del self._speeches[next(iter(self._speeches))]
        entry.text = f"{entry.text} {sentence}".strip()
        speech.parts.append((sentence, speech.ms))
        self._on_event(ReplyText(speech.reply_id, entry.item_id, sentence + " "))
        voice = self._endpoint.speaking.voice or self._setup.voice
        async for audio in self._voice.say(sentence, voice, self._setup.language):
            speech.ms += len(audio) / BYTES_PER_MS
            speech.parts[-1] = (sentence, speech.ms)
            self._on_event(ReplyAudio(speech.reply_id, entry.item_id, 0, audio))
        speech.characters += len(sentence)


_closing: set[asyncio.Task[None]] = set()


async def _read(
    answer: AsyncIterator[str | ToolCall | Usage],
    waiting: "asyncio.Queue[str | None]",
    usage: Usage,
    speaking: asyncio.Task[None],
) -> tuple[ToolCall, ...]:
    """Put the sentences of ``answer`` where they are spoken; its tool calls. Stops when nobody speaks any more."""
    sentences, calls = Sentences(), []
    async for piece in answer:
        if isinstance(piece, ToolCall):
            calls.append(piece)
        elif isinstance(piece, Usage):
            usage.add(piece)
        else:
            for sentence in sentences.add(piece):
                await _put(waiting, sentence, speaking)
    if rest := sentences.rest():
        await _put(waiting, rest, speaking)
    await _put(waiting, None, speaking)
    return tuple(calls)


async def _put(waiting: "asyncio.Queue[str | None]", sentence: str | None, speaking: asyncio.Task[None]) -> None:
    putting = asyncio.ensure_future(waiting.put(sentence))
    await asyncio.wait({putting, speaking}, return_when=asyncio.FIRST_COMPLETED)
    if not putting.done():
        putting.cancel()
        await speaking  # raises why it ended
