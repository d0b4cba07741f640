"""How long to wait: for an engine that owes a reply, and for a caller who says nothing. Pure."""

from functions.call_handler.phrases import Phrases

REPLY_WITHIN_S = 8.0  # after the caller paused; then the engine is asked, and after as long again given up
REPLY_AFTER_TOOLS_S = 1.5
REPLY_AUDIO_WITHIN_S = 20.0  # a reasoning model may think before its first sound or tool
MAX_STRIKES = 2


class Patience:
    """The caller is asked once after ``ask_s`` of silence and told goodbye after ``end_s`` more."""

    def __init__(self, ask_s: float, end_s: float, phrases: Phrases) -> None:
        self._ask_s = ask_s
        self._end_s = end_s
        self._phrases = phrases
        self._due_at: float | None = None
        self._strikes = 0
        self._quiet_since: float | None = None
        self._asked = False

    @property
    def expecting(self) -> bool:
        return self._due_at is not None

    def expect_reply(self, now: float, after_tools: bool = False) -> None:
        self._due_at = now + (REPLY_AFTER_TOOLS_S if after_tools else REPLY_WITHIN_S)

    def reply_started(self, now: float) -> None:
        self._due_at = now + REPLY_AUDIO_WITHIN_S

    def answered(self) -> None:
        """Audio came, or the reply ended well."""
        self._due_at = None
        self._strikes = 0

    def stop_expecting(self) -> None:
        self._due_at = None

    def reply_missing(self, now: float) -> bool:
        """True once for each reply that did not come in time."""
        if self._due_at is None or now < self._due_at:
            return False
        self._due_at = None
        self._strikes += 1
        return True

    def given_up(self) -> bool:
        return self._strikes >= MAX_STRIKES

    def caller_spoke(self) -> None:
        self._asked = False
        self._quiet_since = None

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
