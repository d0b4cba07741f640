"""Who speaks in a full-duplex session, which has no turns: told by its sound and by the words that it writes down.

A reply is sound of the engine's with no more than REPLY_GAP_S of silence in it. A turn of the caller's is words with
no more than TURN_GAP_S between them; it ends as well when the engine begins to reply or hands over to its tools. Words
that fall into a reply are an interruption when the reply stops short of them, else a "mhm". Pure: times are arguments.
"""

import itertools

from functions.call_handler.engines.base import (
    CallerPauses,
    CallerSaid,
    CallerSpeaks,
    CallerTurn,
    EngineEvent,
    ReplyAudio,
    ReplyAudioEnds,
    ReplyEnds,
    ReplyStarts,
    ReplyText,
)
from functions.call_handler.engines.costs import Usage

REPLY_GAP_S = 0.8
INTERRUPTED_GAP_S = 0.3  # of silence, when the caller has spoken over the reply
TURN_GAP_S = 0.7
LOUD_LEVEL = 10  # mean of the 7-bit logarithmic magnitudes of µ-law: softer than any speech
_LEVELS = bytes(~sample & 0x7F for sample in range(256))

_numbers = itertools.count(1)


def is_loud(audio: bytes) -> bool:
    return sum(audio.translate(_LEVELS)) > LOUD_LEVEL * len(audio)


class Speech:
    """``due`` is what was spent and not told yet; each end of a reply or a turn takes it along."""

    def __init__(self) -> None:
        self.due = Usage()
        self._reply_id = ""
        self._fixture = ""  # what is said word for word in this reply
        self._text = ""
        self._loud_at = 0.0
        self._turn_id = ""
        self._words = ""
        self._words_at = 0.0
        self._talks_over = False

    @property
    def is_replying(self) -> bool:
        return bool(self._reply_id)

    @property
    def is_fixture(self) -> bool:
        return bool(self._fixture)

    # --- The engine ---------------------------------------------------------------------------------------------

    def sound(self, audio: bytes, now: float) -> list[EngineEvent]:
        events: list[EngineEvent] = []
        if is_loud(audio):
            self._loud_at = now
            if not self._reply_id:
                events += [*self.turn_ends(), *self._begins()]
        if self._reply_id:
            events.append(ReplyAudio(self._reply_id, self._reply_id, 0, audio))
        return events

    def text(self, delta: str) -> list[EngineEvent]:
        """Words of the engine's; those that come before their sound wait for it."""
        if self._fixture:
            return []
        self._text += delta
        return [ReplyText(self._reply_id, self._reply_id, delta)] if self._reply_id else []

    def fixture_begins(self, sentence: str, now: float) -> list[EngineEvent]:
        events = [*self.reply_ends("cancelled"), *self.turn_ends()]
        self._fixture, self._text, self._loud_at = sentence, sentence, now
        return [*events, *self._begins()]

    def reply_ends(self, status: str = "completed") -> list[EngineEvent]:
        """Nothing for a reply that is none."""
        if not self._reply_id:
            return []
        reply_id, text, usage = self._reply_id, self._text, self._spent()
        self.forget_reply()
        ends = ReplyEnds(reply_id, "cancelled" if status == "cancelled" else "completed", "", (), usage)
        return [ReplyText(reply_id, reply_id, text.strip(), whole=True), ReplyAudioEnds(reply_id), ends]

    def forget_reply(self) -> None:
        self._reply_id = self._fixture = self._text = ""

    def _begins(self) -> list[EngineEvent]:
        self._reply_id = f"live-{next(_numbers)}"
        events: list[EngineEvent] = [ReplyStarts(self._reply_id)]
        if self._text:
            events.append(ReplyText(self._reply_id, self._reply_id, self._text))
        return events

    # --- The caller ---------------------------------------------------------------------------------------------

    def words(self, delta: str, since_ms: float, now: float) -> list[EngineEvent]:
        self._words += delta
        self._words_at = now
        if self._turn_id:
            return []
        self._turn_id = f"heard-{next(_numbers)}"
        self._talks_over = self.is_replying
        return [] if self._talks_over else [CallerSpeaks(since_ms)]

    def turn_ends(self) -> list[EngineEvent]:
        """Nothing for a caller who said nothing. A "mhm" is no turn that a reply follows."""
        if not self._turn_id:
            return []
        said = CallerSaid(self._turn_id, self._words.strip(), self._spent())
        pauses: list[EngineEvent] = [] if self._talks_over else [CallerPauses()]
        turn = CallerTurn(self._turn_id)
        self._turn_id, self._words, self._talks_over = "", "", False
        return [*pauses, turn, said]

    # --- Time ---------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[EngineEvent]:
        events: list[EngineEvent] = []
        quiet_s = now - self._loud_at
        if self._reply_id and not self._fixture:
            if self._talks_over and quiet_s >= INTERRUPTED_GAP_S:
                self._talks_over = False
                events += [CallerSpeaks(1000 * (now - self._words_at)), *self.reply_ends("cancelled")]
            elif quiet_s >= REPLY_GAP_S:
                events += self.reply_ends()
        if self._turn_id and now - self._words_at >= TURN_GAP_S:
            events += self.turn_ends()
        return events

    def _spent(self) -> Usage:
        spent, self.due = self.due, Usage()
        return spent
