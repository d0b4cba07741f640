"""What was said in a call, laid over its recording: where each line begins, and how long the caller waited for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from stores.calls import LoggedCall
from stores.checkpoints import Utterance

SPOKEN_LETTERS_PER_S = 15.0


@dataclass(frozen=True, slots=True)
class Line:
    """``begins_s`` counts from the recording's start; ``reply_ms`` from the caller's end to the assistant's first word,
    None where a line is no answer."""

    said: Utterance
    begins_s: float
    reply_ms: int | None


def lines(call: LoggedCall) -> Iterator[Line]:
    """A recording begins when the call is answered. The assistant's lines have the moment of their first word, the
    caller's that of their last: they began about as long before as their words take to say."""
    start = call.answered_at or call.started_at
    before: Utterance | None = None
    for said in call.transcript:
        begins, reply = said.at, None
        if said.who == "caller":
            begins -= timedelta(seconds=len(said.text) / SPOKEN_LETTERS_PER_S)
            begins = begins if before is None else max(begins, before.at)
        elif before is not None and before.who == "caller":
            reply = max(0, round((said.at - before.at).total_seconds() * 1000))
        yield Line(said, max(0.0, round((begins - start).total_seconds(), 1)), reply)
        before = said


def slowest_and_middle_ms(found: tuple[Line, ...]) -> tuple[int, int] | None:
    """The slowest and the median reply; None without any."""
    replies = sorted(line.reply_ms for line in found if line.reply_ms is not None)
    return (replies[-1], replies[len(replies) // 2]) if replies else None
