"""A card number that the caller says is not kept: not in the transcript, not by the engine, not in the recording.

Its words are known some time after its sound, and the number itself only with its last group. So each turn's beginning
is kept, and what was said since then is blanked in the bridge's recording; the engine forgets the turns, and what
stood in the transcript of earlier groups is replaced.
"""

from domain.card_numbers import MAX_TURNS as CARD_TURNS
from domain.card_numbers import CardWatch, is_more_than_mask, without_card_numbers
from functions.call_handler.engines.base import Engine, Line
from functions.call_handler.phrases import Phrases
from functions.call_handler.remembering.transcript import Transcript
from functions.call_handler.talking.media import MediaSocket
from process import logs

log = logs.get(__name__)

MAX_TURNS = 32  # whose beginnings are kept
# An engine notices speech after its first sound, the bridge records beside what it sends.
BEFORE_S = 1.0
# What was said before this handler listened comes faster than it was spoken: its sound may lie so much further back.
EARLY_S = 15.0


class CardGuard:
    """One a conversation. Times are seconds of any monotonic clock."""

    def __init__(self, media: MediaSocket, transcript: Transcript, phrases: Phrases, language: str, now: float) -> None:
        self._media = media
        self._transcript = transcript
        self._phrases = phrases
        self._language = language
        self._watch = CardWatch(language)
        for line in [line for line in transcript.lines() if line.who == "caller"][-CARD_TURNS:]:  # before a crash
            self._watch.heard_earlier(line.item_id, line.text)
        self._joined_at = now
        self._begun_at = now - EARLY_S
        self._began: dict[str, float] = {}

    def caller_speaks(self, began: float) -> None:
        is_early = began < self._joined_at + EARLY_S
        self._begun_at = self._joined_at - EARLY_S if is_early else began

    def caller_turn(self, item_id: str) -> None:
        self._began[item_id] = self._begun_at
        while len(self._began) > MAX_TURNS:
            del self._began[next(iter(self._began))]

    def caller_said(self, item_id: str, text: str, engine: Engine | None, now: float) -> tuple[str, str]:
        """Put what may be kept into the transcript. What that is of this turn, and what to say at once, "" else."""
        heard = self._watch.heard(item_id, text)
        for kept_item, words in heard.kept.items():
            self._transcript.caller_said(kept_item, words)
        if not heard.is_card:
            return heard.kept[item_id], ""
        log.warning("the caller says a card number: it is not kept", turns=len(heard.masked))
        if engine is not None:
            for masked in heard.masked:
                engine.forget(masked, heard.kept[masked] if is_more_than_mask(heard.kept[masked]) else "")
            engine.remember(Line("system", self._phrases.card_number))
        began = min(self._began.get(masked, self._begun_at) for masked in heard.masked)
        self._media.blank(now - began + BEFORE_S)
        return heard.kept[item_id], self._phrases.no_card_numbers

    def of_assistant(self, text: str) -> str:
        """The engine's own words, as they may be kept."""
        return without_card_numbers(text, self._language)
