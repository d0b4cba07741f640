"""What the caller says: when they begin and end, what became a turn, and its words, which come later or never.

An engine tells of it and may be lost in the middle: the audio of a turn that nobody has understood is kept for the next
one.
"""

from functions.call_handler.engines.base import CallerSaid, CallerSpeaks, CaptionFailed, Engine
from functions.call_handler.talking.caller_audio import CallerAudio
from functions.call_handler.talking.card_guard import CardGuard
from functions.call_handler.talking.memory import Memory
from functions.call_handler.talking.patience import Patience
from functions.call_handler.talking.read_back import ReadBackWatch
from functions.call_handler.talking.recognition import Recognition


class Listening:
    """``speaking`` while the engine believes that the caller does; ``times_spoken`` counts how often they began.

    ``paused_at`` is when they stopped, until the first sound of the answer (``answered``).
    """

    def __init__(self, cards: CardGuard, read_back: ReadBackWatch, memory: Memory, patience: Patience) -> None:
        self.audio = CallerAudio()
        self.speaking = False
        self.times_spoken = 0
        self.paused_at: float | None = None
        self._recognition = Recognition()
        self._cards = cards
        self._read_back = read_back
        self._memory = memory
        self._patience = patience

    def hears(self, audio: bytes, engine: Engine | None, now: float) -> None:
        """µ-law of the line, whether they speak or not."""
        if self.speaking:
            self._patience.heard(audio, now)
        self.audio.add(audio)
        if engine is not None:
            engine.hear(audio)

    def begins(self, event: CallerSpeaks, now: float) -> None:
        self.speaking = True
        self.times_spoken += 1
        self.audio.turn_begins()
        since = now - event.since_ms / 1000
        self._read_back.caller_speaks(since, now)
        self._cards.caller_speaks(since)
        self._memory.marks.caller_speaks(since)
        self._patience.caller_spoke(now)
        self._patience.stop_expecting()

    def pauses(self, now: float) -> None:
        self.speaking = False
        self.paused_at = now
        self._recognition.paused(now)
        self._read_back.caller_pauses()
        self._memory.marks.caller_pauses(now)
        self._patience.caller_paused()

    def turn(self, item_id: str) -> None:
        """What was said until now is item ``item_id`` of the engine's conversation."""
        self._recognition.turn(item_id)
        self._memory.transcript.caller_turn(item_id)
        self._cards.caller_turn(item_id)
        self._read_back.caller_turn(item_id)

    def words(self, engine: Engine, event: CallerSaid, now: float) -> tuple[str, str]:
        """What may be kept of the words, and what is to be said of a card number among them, "" for none."""
        self._memory.usage.add(event.usage)
        took = self._recognition.words(event.item_id, now)
        if took is not None:
            self._memory.recognised(engine.name, took)
        kept, reminder = self._cards.caller_said(event.item_id, event.text, engine, now)
        self._read_back.caller_said(event.item_id, event.text)
        return kept, reminder

    def no_words(self, event: CaptionFailed, now: float) -> None:
        self._recognition.words(event.item_id, now)
        self._memory.transcript.caption_failed(event.item_id)
        self._read_back.caller_said(event.item_id, "")
        self._memory.caption_failed(event.code)

    def answered(self, now: float) -> None:
        """The first sound since they paused is played."""
        if self.paused_at is not None:
            self._memory.first_audio(now - self.paused_at)
            self.paused_at = None

    def engine_lost(self) -> bool:
        """Whether they were speaking to it."""
        was_speaking, self.speaking = self.speaking, False
        self.audio.engine_lost()
        self._recognition.lost()
        return was_speaking
