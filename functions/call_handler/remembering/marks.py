"""Follows a call for what is marked by rule when it is over (``domain.call_marks``).

Times are seconds of one monotonic clock. What the caller heard is what the bridge played: a greeting that they spoke
into told them only what was said of it by then.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.agreement import says_amount
from domain.call_marks import CallMarks, Ended, summary_of
from domain.calls import Outcome
from domain.notices import told_of_ai_by
from domain.tool_outcomes import OrderState
from functions.call_handler.remembering.transcript import Transcript

# Where only what is left of a greeting is known: a voice says about so many letters a second.
LETTERS_PER_S = 15.0


class Marks:
    """One a call; ``restore`` what an earlier handler of it knew."""

    def __init__(self) -> None:
        self._known = CallMarks()
        self._quiet_since: float | None = None
        self._greeting_told_at: float | None = None  # when it will have said that an AI speaks

    def restore(self, known: CallMarks) -> None:
        self._known = known

    @property
    def known(self) -> CallMarks:
        """For a handler that goes on with the call."""
        return self._known

    # --- As it goes on --------------------------------------------------------------------------------------------

    def greeted(self, text: str, left_ms: float, state: OrderState, now: float) -> None:
        """``left_ms`` of the greeting are still to be played."""
        self._quiet_since = now + left_ms / 1000
        by = told_of_ai_by(text, state.restaurant.name, state.restaurant.language)
        if by is not None and self._known.told_of_ai_at is None:
            rest = (len(text) - by) / LETTERS_PER_S
            self._greeting_told_at = max(now, now + left_ms / 1000 - rest)

    def caller_speaks(self, began: float) -> None:
        self._sound(began)
        self._quiet_since = None  # nobody knows until when

    def caller_pauses(self, now: float) -> None:
        self._quiet_since = now

    def plays(self, now: float, until: float) -> None:
        """The caller hears us from now, or from the end of what they hear already, until then."""
        if self._quiet_since is not None and self._quiet_since < now:
            self._sound(now)
        self._quiet_since = max(until, self._quiet_since or 0.0)

    def cut(self, now: float) -> None:
        """What was still to be played is thrown away."""
        self._greeting_ends(now, is_cut=True)

    def card_number(self) -> None:
        self._known = replace(self._known, card_number=True)

    def emergency(self) -> None:
        self._known = replace(self._known, emergency=True)

    def _sound(self, at: float) -> None:
        if self._quiet_since is not None and at > self._quiet_since:
            silence = round((at - self._quiet_since) * 1000)
            longest = max(self._known.longest_silence_ms, silence)
            self._known = replace(self._known, longest_silence_ms=longest)

    def _greeting_ends(self, now: float, is_cut: bool = False) -> None:
        at, self._greeting_told_at = self._greeting_told_at, None
        if at is None or (is_cut and at > now):
            return
        moment = datetime.now(UTC) - timedelta(seconds=max(0.0, now - at))
        self._known = replace(self._known, told_of_ai_at=moment)

    # --- The end --------------------------------------------------------------------------------------------------

    def result(
        self,
        state: OrderState,
        transcript: Transcript,
        outcome: Outcome,
        ended: Ended,
        used: Collection[str],
        now: float,
    ) -> CallMarks:
        self._greeting_ends(now, is_cut=True)
        name, language = state.restaurant.name, state.restaurant.language
        told_at = self._known.told_of_ai_at
        for line in transcript.lines():
            if told_at is None and line.who == "assistant" and line.item_id and not line.cut:
                told_at = line.at if told_of_ai_by(line.text, name, language) is not None else None
        order = state.confirmed
        # A line that was spoken into, too: no order without a read-back that was heard up to its closing question.
        spoken = [line.text for line in transcript.lines() if line.who == "assistant"]
        marks = replace(
            self._known,
            ended=ended,
            read_back=None if order is None else "read_cart" in used,
            total_said=None
            if order is None
            else any(says_amount(text, order.total_cents, language) for text in spoken),
            told_of_ai_at=told_at,
            warned=state.warned,
        )
        return replace(marks, summary=summary_of(state, outcome, used, marks))
