"""What an adapter is asked to do, and what may come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import msgspec

from domain.calendars import BusyTimes
from domain.errands import AnyWork, Work

if TYPE_CHECKING:
    from integrations.network import Answer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt. ``key`` is the same in all attempts: where the service knows no such keys, an adapter looks for what
    it may have brought already before it does so again, when it is ``doubtful``: an attempt before this one may have
    had an effect that nobody knows of. No effect of it is older than ``since``."""

    id: str
    restaurant_id: str
    key: str
    attempt: int
    work: AnyWork
    doubtful: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """``reference`` is the service's own name for it; ``facts`` what follows from it may need."""

    reference: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The service says no, and would say so again. ``reason`` is in its own words, for people.

    ``busy``: it says so because somebody else has that time. ``ours``: it was not asked."""

    reason: str
    busy: bool = False
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """Nobody knows, or not now. ``after_s`` is what the service asks for; ``untouched`` says that surely nothing has
    come of this attempt, ``ours`` that it says nothing about the service: the fault is on this side; ``is_there`` that
    the service answers, and only this has to wait: others go on meanwhile."""

    reason: str
    after_s: float | None = None
    untouched: bool = False
    ours: bool = False
    is_there: bool = False


Outcome = Done | Refused | Later


class StoppedError(Exception):
    """For an adapter's own use, where one of several requests says already what comes of the task."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(str(outcome))


class Adapter(Protocol):
    async def perform(self, task: Task) -> Outcome:
        """Never raises for what the other side does, or does not."""
        ...


@runtime_checkable
class TellsTime(Protocol):
    """A calendar's adapter, which is asked for all that is not free."""

    async def busy_times(self, since: datetime, until: datetime) -> BusyTimes | Later:
        """Within a part of ``[since, until)`` at least, from ``since`` on or from now. Never raises for what the other
        side does, or does not. One that can't tell has nothing that is busy."""
        ...


def unanswered(answer: Answer) -> Later | None:
    """For what is neither a yes nor a no: no answer, the server's own failure, too many requests; else None."""
    if answer.status is None:
        return Later(answer.error)
    if answer.status in (408, 425, 429) or answer.status >= 500 or 300 <= answer.status < 400:
        return Later(answer.error, _seconds(answer.headers.get("retry-after", "")))
    return None


def turned_away(answer: Answer, who: str) -> Later | None:
    """For a no that is to us and not to this task: the connection is wrong, and is mended in the admin; else None."""
    return Later(f"{who} does not know us ({answer.status})") if answer.status in (401, 403, 404) else None


def decoded(answer: Answer, kind: type[T]) -> T | None:
    """None for what is no such thing."""
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.MsgspecError:
        return None


def unknown(work: Work) -> NotImplementedError:
    """For work of another service: nobody plans it for this one."""
    return NotImplementedError(f"{work.kind} is not this service's")


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
