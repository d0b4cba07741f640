"""How long to wait, and for what: every open wait of a conversation has its limit here. Pure.

Nobody should hear more than 3.5 s of silence that nothing explains, 5 s while a tool works: beyond that callers say
"hello?" or hang up. So a reply that does not come is asked for again, one that stalls is cancelled and asked for
again, a turn that the engine never ends is ended for it, and until something else is heard a filler is.
"""

from typing import Literal

from functions.call_handler.phrases import Phrases

REPLY_WITHIN_S = 3.5  # from the caller's pause, or from asking, to the reply's beginning
REPLY_AFTER_TOOLS_S = 2.5  # from the caller's pause while a reply is owed for a tool's answer
FIRST_AUDIO_WITHIN_S = 6.0  # from a reply's beginning to its first sound or tool: a reasoning model thinks before
STALL_S = 2.0  # of silence within a reply that was being heard
FILLER_AFTER_S = 2.5  # of silence while something is owed to the caller; and again after
FILLER_EVERY_S = 5.0
MAX_STRIKES = 3
# With another engine at hand: an engine that began a reply and does not sound is given up at once, one that does not
# begin is asked once more.
STRIKES_WITH_ANOTHER = 2
ASKED_AGAIN_WITHIN_S = 2.0
TURN_AT_MOST_S = 25.0  # of a caller who "speaks" without a pause: an endless talker, or noise
TURN_SILENT_S = 3.0  # of quiet audio while the engine still believes that the caller speaks

LOUD_LEVEL = 24  # mean of the 7-bit logarithmic magnitudes of µ-law: about -42 dBFS
_LEVELS = bytes(~sample & 0x7F for sample in range(256))

Missing = Literal["reply", "audio"]


class Patience:
    """The caller is asked once after ``ask_s`` of silence and told goodbye after ``end_s`` more.

    ``has_another``: another engine could take over.
    """

    def __init__(self, ask_s: float, end_s: float, phrases: Phrases) -> None:
        self._ask_s = ask_s
        self._end_s = end_s
        self._phrases = phrases
        self.has_another = False
        self._bridge_due = False
        self._waiting_for: Missing = "reply"
        self._due_at: float | None = None
        self._strikes = 0
        self._quiet_since: float | None = None
        self._asked = False
        self._silent_since: float | None = None
        self._next_filler_s = FILLER_AFTER_S
        self._speaking_since: float | None = None
        self._loud_at = 0.0

    # --- A reply that is owed -----------------------------------------------------------------------------------

    @property
    def expecting(self) -> bool:
        return self._due_at is not None

    def expect_reply(self, now: float, after_tools: bool = False) -> None:
        if self._strikes and self.has_another:
            self.expect_within(now, ASKED_AGAIN_WITHIN_S)
        else:
            self.expect_within(now, REPLY_AFTER_TOOLS_S if after_tools else REPLY_WITHIN_S)

    def expect_within(self, now: float, seconds: float) -> None:
        self._waiting_for = "reply"
        self._due_at = now + seconds

    def reply_started(self, now: float) -> None:
        self._waiting_for = "audio"
        self._due_at = now + FIRST_AUDIO_WITHIN_S

    def audio_came(self, playing_until: float) -> None:
        """``playing_until``: when all that is queued will have been played; the reply goes on until it ends."""
        self._due_at = playing_until + STALL_S
        self._bridge_due = False

    def answered(self) -> None:
        """The reply ended well."""
        self._due_at = None
        self._strikes = 0

    def stop_expecting(self) -> None:
        self._due_at = None

    def missing(self, now: float) -> Missing | None:
        """What did not come in time, once: a ``reply`` that never began, or the ``audio`` of one that did."""
        if self._due_at is None or now < self._due_at:
            return None
        self._due_at = None
        self._strikes += STRIKES_WITH_ANOTHER if self._waiting_for == "audio" and self.has_another else 1
        return self._waiting_for

    def strike(self) -> None:
        """A reply came that was none: empty, broken off, failed."""
        self._strikes += 1

    def given_up(self) -> bool:
        return self._strikes >= (STRIKES_WITH_ANOTHER if self.has_another else MAX_STRIKES)

    def engine_lost(self, bridge: bool) -> None:
        """The next engine begins with a clean sheet; with ``bridge`` the first silence until then is filled at once."""
        self._due_at = None
        self._strikes = 0
        self._bridge_due = bridge

    # --- A silence that nothing explains ------------------------------------------------------------------------

    def filler_due(self, now: float, owed: bool) -> bool:
        """True when the caller should hear that somebody is still there; ``owed`` while it is silent and not theirs."""
        if not owed:
            self._silent_since = None
            self._next_filler_s = FILLER_AFTER_S
            return False
        if self._silent_since is None:
            self._silent_since = now
        if self._bridge_due:
            self._bridge_due = False
        elif now - self._silent_since < self._next_filler_s:
            return False
        self._next_filler_s = now - self._silent_since + FILLER_EVERY_S
        return True

    # --- A turn that does not end -------------------------------------------------------------------------------

    def caller_spoke(self, now: float) -> None:
        self._asked = False
        self._quiet_since = None
        self._speaking_since = self._loud_at = now

    def caller_paused(self) -> None:
        self._speaking_since = None

    def heard(self, audio: bytes, now: float) -> None:
        """µ-law of the caller's, while the engine believes that they speak."""
        if self._speaking_since is not None and sum(audio.translate(_LEVELS)) > LOUD_LEVEL * len(audio):
            self._loud_at = now

    def turn_overdue(self, now: float) -> bool:
        """True once for a turn that the engine should have ended. The caller's silence began before, and counts."""
        if self._speaking_since is None:
            return False
        if now - self._loud_at < TURN_SILENT_S and now - self._speaking_since < TURN_AT_MOST_S:
            return False
        self._speaking_since = None
        self._silent_since = self._loud_at
        return True

    # --- A caller who says nothing ------------------------------------------------------------------------------

    def silent(self, now: float, quiet: bool) -> tuple[str, bool] | None:
        """What to say to a silent caller, and whether to hang up then; None while there is nothing to do."""
        if not quiet:
            self._quiet_since = None
            return None
        if self._quiet_since is None:
            self._quiet_since = now
        waited = now - self._quiet_since
        if not self._asked and waited >= self._ask_s:
            self._asked = True
            self._quiet_since = None
            return self._phrases.still_there, False
        if self._asked and waited >= self._end_s:
            return self._phrases.goodbye, True
        return None
