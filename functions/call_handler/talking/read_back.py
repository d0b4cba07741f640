"""Follows a read-back from ``read_cart`` to the caller's answer: the facts that ``domain.agreement`` decides on.

The engine says the cart in a reply of its own, some time after the tool. So the first thing that it says after
``read_cart`` is compared with the cart; what leaves out an item or says another total is no read-back, and the
domain's own sentence has to be said instead. The item is heard when it was played up to its closing question; where
that begins in the audio is estimated from where it begins in the text.

Pure: times are arguments (seconds, any monotonic clock).
"""

import asyncio

from domain.agreement import NOTHING_READ, Agreement, misread, question_from
from domain.names import fold
from domain.tools import ReadBack
from functions.call_handler.talking.keypad import PAUSE_S
from functions.call_handler.talking.playback import Playback

MISREADS = 2  # sentences of the engine's own that may differ from the cart before a human has to take over
# People do not speak at an even pace: so much of the question's estimated length may still belong to the total.
QUESTION_SHARE = 0.7
# The engine dates a turn's beginning so much before the first sound that it heard (its prefix padding).
VAD_PREFIX_S = 0.3
ANSWER_TEXT_WITHIN_S = 1.5  # captions come beside the reply, not before it
MAX_TURNS = 32


class ReadBackWatch:
    """One a conversation. ``due`` begins a read-back; ``forget`` ends it without an answer."""

    def __init__(self, playback: Playback, language: str) -> None:
        self._playback = playback
        self._language = language
        self._wanted: ReadBack | None = None
        self._item_id = ""  # what says the cart, once something does
        self._text = ""
        self._ended_item = ""
        self._misreads = 0
        self._heard = False
        self._key = ""  # those that were pressed together: a number is no yes for its last digit
        self._key_at = -PAUSE_S
        self._turns: dict[str, str | None] = {}  # the caller's, after the read-back: item to words, None: not known yet
        self._turn_ended = False
        self._speaking = False
        self._words_came = asyncio.Event()

    # --- The read-back ------------------------------------------------------------------------------------------

    def due(self, wanted: ReadBack) -> None:
        """``read_cart`` was accepted: what the engine says next is the cart."""
        self._start_anew(wanted)

    def forget(self) -> None:
        """What was said is not known to the caller, or not any more: it has to be read again."""
        self._start_anew(None)
        self._speaking = False

    def _start_anew(self, wanted: ReadBack | None) -> None:
        self._wanted, self._misreads = wanted, 0
        self._item_id = self._text = self._key = ""
        self._heard = self._turn_ended = False
        self._turns.clear()

    def said(self, item_id: str, text: str) -> str:
        """All that the engine says in one item. The sentence to say instead when it is not the cart, else ""."""
        if self._wanted is None or self._item_id or self._misreads >= MISREADS:
            return ""
        wanted = self._wanted
        if _is_misread(text, wanted, self._language):
            self._misreads += 1
            return wanted.sentence
        self._item_id, self._text = item_id, text
        return ""

    def audio_ended(self, item_id: str) -> None:
        """All audio of the item was queued."""
        self._ended_item = item_id

    # --- The answer ---------------------------------------------------------------------------------------------

    def caller_speaks(self, began: float, now: float) -> None:
        """The caller speaks since ``began``, as the engine dates it."""
        self._speaking = True
        if self._item_id and not self._is_heard(min(now, began + VAD_PREFIX_S)):
            self._start_anew(None)  # talked over: what was meant by it nobody knows

    def caller_pauses(self) -> None:
        self._speaking = False
        self._turn_ended = self._turn_ended or self._heard

    def caller_turn(self, item_id: str) -> None:
        if self._heard and len(self._turns) < MAX_TURNS:
            self._turns.setdefault(item_id, None)

    def caller_said(self, item_id: str, text: str) -> None:
        if item_id in self._turns:
            self._turns[item_id] = text
            self._words_came.set()

    def pressed(self, digit: str, now: float) -> None:
        if self._is_heard(now):
            self._key = digit if now - self._key_at >= PAUSE_S else self._key + digit
        self._key_at = now

    def agreement(self, now: float) -> Agreement:
        if self._wanted is None:
            return NOTHING_READ
        return Agreement(
            version=self._wanted.cart.version,
            heard=self._is_heard(now),
            answered=self._turn_ended or bool(self._key),
            answer=" ".join(words for words in self._turns.values() if words),
            key=self._key,
            speaking=self._speaking,
        )

    async def words_known(self) -> None:
        """Wait for the words of the answer, at most ANSWER_TEXT_WITHIN_S: a caption may never come."""
        try:
            async with asyncio.timeout(ANSWER_TEXT_WITHIN_S):
                while None in self._turns.values():
                    self._words_came.clear()
                    await self._words_came.wait()
        except TimeoutError:
            return

    def _is_heard(self, now: float) -> bool:
        """Once true it stays so: what is heard is heard."""
        if self._item_id and self._item_id == self._ended_item and not self._heard:
            length_ms = self._playback.length_ms(self._item_id)
            question = 1.0 - question_from(self._text) / max(1, len(self._text))
            self._heard = self._playback.heard_ms(self._item_id, now) >= length_ms * (1.0 - question * QUESTION_SHARE)
        return self._heard


def _is_misread(text: str, wanted: ReadBack, language: str) -> bool:
    if wanted.about:
        return f" {fold(wanted.about)} " not in f" {fold(text)} "
    total = wanted.cart.total_cents
    return bool(misread(text, wanted.cart, total, language, others=wanted.others, sentence=wanted.sentence))
