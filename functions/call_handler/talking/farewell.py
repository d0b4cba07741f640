"""How a conversation is left once a tool has asked for it: the last words heard, then a hang-up or a transfer.

The bridge does both behind the audio that it has. What it does not do in time is done without it: a hang-up is as good
as done, a transfer that nobody took leaves the caller with the assistant.
"""

from enum import Enum

from domain.call_marks import Ended
from domain.tools import EndCall, Transfer
from functions.call_handler.engines.base import Engine, EngineEvent
from functions.call_handler.phrases import Phrases
from functions.call_handler.talking.media import MediaSocket
from functions.call_handler.talking.tool_loop import ToolLoop
from functions.call_handler.talking.whisper import Whisper, summary_of
from protocols.media import TransferMode

FAREWELL_WITHIN_S = 15.0  # from the wish to end the call to its end, whatever the engine does
BRIDGE_HANGS_UP_WITHIN_S = 5.0
BRIDGE_TRANSFERS_WITHIN_S = 90.0  # longer than the bridge itself waits for the other phone, and then says so


class Over(Enum):
    """Why a conversation ended."""

    HUNG_UP = "hung_up"  # by the caller
    FAREWELL = "farewell"  # by us, politely
    TRANSFERRED = "transferred"
    SUPERSEDED = "superseded"
    ENGINE_FAILED = "engine_failed"
    MEDIA_LOST = "media_lost"


_ENDED: dict[Over, Ended] = {Over.TRANSFERRED: "transferred", Over.ENGINE_FAILED: "engine_failed"}


class Farewell:
    """``under_way`` is what the bridge was told to do; ``tools.closing`` is what a tool asked for."""

    def __init__(self, media: MediaSocket, tools: ToolLoop, phrases: Phrases) -> None:
        self.attended = False  # whoever takes a transferred call is told why, before the caller is there
        self.under_way: Transfer | EndCall | None = None
        self._media = media
        self._tools = tools
        self._phrases = phrases
        self._whisper: Whisper | None = None
        self._leave_by: float | None = None
        self._gone_by = 0.0

    @property
    def is_transfer(self) -> bool:
        return isinstance(self.under_way, Transfer)

    def takes(self, event: EngineEvent) -> bool:
        """Whether ``event`` is of what is said to whoever takes the caller, and so nobody else's."""
        return self._whisper is not None and self._whisper.takes(event)

    def caller_speaks(self) -> None:
        """The caller has more to say: no goodbye yet."""
        closing = self._tools.closing
        if isinstance(closing, EndCall) and not closing.firm and self.under_way is None:
            self._tools.closing = self._leave_by = None

    def came_to_nothing(self) -> None:
        """The transfer failed, and the call goes on."""
        self._tools.closing = self.under_way = self._leave_by = None

    def ended(self, reason: str) -> Over:
        """What the bridge's ``stop`` means."""
        if reason == "superseded":
            return Over.SUPERSEDED
        if reason == "transferred" or (self.is_transfer and reason != "caller_hung_up"):
            return Over.TRANSFERRED
        return Over.FAREWELL if self.under_way is not None else Over.HUNG_UP

    def why(self, over: Over) -> Ended:
        """Who or what ended the call that is ``over``."""
        if over is Over.FAREWELL and isinstance(self.under_way, EndCall):
            return self.under_way.because
        return _ENDED.get(over, "caller")

    def proceed(self, now: float, is_quiet: bool, engine: Engine | None) -> bool:
        """Hang up or transfer once the farewell was heard, at the latest FAREWELL_WITHIN_S after the wish.

        False when the bridge did not take the caller off us in time.
        """
        if self.under_way is not None:
            if self._whisper is not None and (self._whisper.over or now >= self._whisper.by):
                self._put_through(self.under_way, "attended" if self._whisper.is_whole else "auto")
                return True
            return now < self._gone_by
        closing = self._tools.closing
        if closing is None:
            return True
        if self._leave_by is None:
            self._leave_by = now + FAREWELL_WITHIN_S
        if is_quiet or now >= self._leave_by:
            self._begin(closing, now, engine)
        return True

    def _begin(self, closing: Transfer | EndCall, now: float, engine: Engine | None) -> None:
        self.under_way = closing
        if isinstance(closing, EndCall):
            self._gone_by = now + BRIDGE_HANGS_UP_WITHIN_S
            self._media.hangup("completed")
            return
        self._gone_by = now + BRIDGE_TRANSFERS_WITHIN_S
        if self.attended and engine is not None:
            summary = summary_of(closing.reason, self._tools.state.cart, self._phrases)
            self._whisper = Whisper(self._media, engine, summary, now)
        else:
            self._put_through(closing, "auto")

    def _put_through(self, closing: Transfer | EndCall, mode: TransferMode) -> None:
        self._whisper = None
        if isinstance(closing, Transfer):
            self._media.transfer(closing.number, closing.reason[:256], mode)
