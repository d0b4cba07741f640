"""What happened in one call, in order: who said what, which tools were used, how long the caller waited."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

SAYS_NOTHING = "the assistant says nothing"  # why a caller gave up
Who = Literal["says", "caller", "assistant", "tool", "call"]


@dataclass(frozen=True, slots=True)
class Moment:
    """``at_s`` from the call's beginning. Of a tool, ``text`` is its name and ``ok`` whether the domain accepted it.

    ``says`` is what a caller by audio begins to say, ``caller`` what was heard of it; by text there is only the latter.
    """

    at_s: float
    who: Who
    text: str
    ok: bool = True
    detail: str = ""


@dataclass
class Record:
    """``reply_ms`` from the end of a sentence to the answer's first word; ``after_tools`` those with a tool between."""

    began: float = field(default_factory=time.monotonic)
    moments: list[Moment] = field(default_factory=list)
    reply_ms: list[float] = field(default_factory=list)
    reply_ms_after_tools: list[float] = field(default_factory=list)
    hung_up_by: Literal["", "caller", "restaurant"] = ""
    transferred: bool = False
    trouble: str = ""  # of the caller: then this call says nothing about the assistant
    gave_up: str = ""
    failure: str = ""  # the call itself did not come about, or broke
    recording: str = ""
    seconds: float = 0.0
    fillers: int = 0
    interruptions: int = 0

    def note(self, who: Who, text: str, *, ok: bool = True, detail: str = "") -> None:
        self.moments.append(Moment(time.monotonic() - self.began, who, text, ok, detail))

    def replied(self, ms: float, *, after_tools: bool) -> None:
        (self.reply_ms_after_tools if after_tools else self.reply_ms).append(ms)

    def said_by(self, who: Who) -> list[str]:
        return [moment.text for moment in self.moments if moment.who == who]

    @property
    def longest_wait_ms(self) -> float:
        return max((*self.reply_ms, *self.reply_ms_after_tools), default=0.0)
