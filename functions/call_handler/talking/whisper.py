"""What whoever takes a transferred call hears before the caller is there: the engine's voice, for them alone.

The caller hears it ring by then, and nothing of this.
"""

from domain.order import Cart
from functions.call_handler.engines.base import (
    Engine,
    EngineEvent,
    ReplyAudio,
    ReplyAudioEnds,
    ReplyEnds,
    ReplyStarts,
    ReplyText,
)
from functions.call_handler.phrases import Phrases
from functions.call_handler.talking.media import MediaSocket

WITHIN_S = 4.0  # the caller waits; an engine speaks faster than it is heard


def summary_of(reason: str, cart: Cart, phrases: Phrases) -> str:
    """One or two sentences: why the caller is put through, and what has been ordered so far."""
    said = phrases.caller_for_you.format(reason=reason.strip().rstrip("."))
    ordered = ", ".join(f"{line.quantity} {line.item_name}" for line in cart.lines)
    return f"{said} {phrases.ordered_so_far.format(items=ordered)}" if ordered else said


class Whisper:
    """One summary, from asking the engine for it until ``over``. Times are those of the conversation's clock."""

    def __init__(self, media: MediaSocket, engine: Engine, summary: str, now: float) -> None:
        self.by = now + WITHIN_S
        self.over = False
        self.is_whole = False
        self._media = media
        self._reply_id = ""
        engine.speak(summary)

    def takes(self, event: EngineEvent) -> bool:
        """Whether ``event`` is of the summary, and so nobody else's."""
        match event:
            case ReplyStarts() if not self._reply_id:
                self._reply_id = event.reply_id
            case ReplyAudio() if event.reply_id == self._reply_id:
                self._media.whisper(event.audio)
                self.is_whole = True
            case ReplyText() | ReplyAudioEnds() if event.reply_id == self._reply_id:
                pass
            case ReplyEnds() if event.reply_id == self._reply_id:
                self.is_whole = self.is_whole and event.status == "completed"
                self.over = True
            case _:
                return False
        return True
