"""Why a call that did not end right did not: where on the way from the caller's mouth to the database it was lost.

Pure, by what the record has. It is the first cause on that way, so that a mend begins there: what was heard otherwise
than it was said may have been understood rightly all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from domain.number_words import spoken_numbers
from evaluation.outcome import Run
from evaluation.questions import folded
from evaluation.record import SAYS_NOTHING, Moment

Kind = Literal["call", "caller", "unheard", "misheard", "late", "understood"]
NAMED: dict[Kind, str] = {
    "call": "the call broke",
    "caller": "the caller misbehaved",
    "unheard": "a sentence was not heard",
    "misheard": "heard otherwise than said",
    "late": "right so far, but too late",
    "understood": "heard rightly, understood wrongly",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """``details``: of what was misheard, each sentence with what was made of it."""

    kind: Kind
    details: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        return f"{NAMED[self.kind]}: {'; '.join(self.details)}" if self.details else NAMED[self.kind]


def reason_of(run: Run, language: str) -> Reason | None:
    """None for a call that ended right."""
    if run.verdict.status in ("passed", "passes"):
        return None
    record = run.record
    if record.failure:
        return Reason("call", (record.failure,))
    if run.verdict.status == "caller":
        return Reason("caller", (record.trouble,))
    if run.verdict.only_late or record.gave_up == SAYS_NOTHING:
        return Reason("late", (record.gave_up,) if record.gave_up else ())
    pairs = list(_said_and_heard(record.moments))
    unheard = tuple(f"«{said}»" for said, heard in pairs if not heard)
    misheard = tuple(
        f"«{said}» as «{heard}»" for said, heard in pairs if heard and _words(said, language) != _words(heard, language)
    )
    if misheard or unheard:
        return Reason("misheard" if misheard else "unheard", misheard + unheard)
    return Reason("understood")


def _said_and_heard(moments: Sequence[Moment]) -> Iterator[tuple[str, str]]:
    """Each sentence, or those said one into the other, with all that was transcribed until the next."""
    said: list[str] = []
    heard: list[str] = []
    answered = False
    for moment in moments:
        if moment.who == "says":
            if said and (answered or heard):
                yield " ".join(said), " ".join(heard)
                said, heard = [], []
            said.append(moment.text)
            answered = False
        elif moment.who == "caller" and said:
            heard.append(moment.text)
        elif moment.who == "assistant":
            answered = bool(said)
    if said:
        yield " ".join(said), " ".join(heard)


def _words(text: str, language: str) -> list[str]:
    return folded(spoken_numbers(folded(text), language)).split()
