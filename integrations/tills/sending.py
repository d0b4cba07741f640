"""What every till's adapter does alike: tokens that are kept, answers read, and what of a line is said in words."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec

from domain.errands import PlaceOrder, TicketLine
from integrations.tasks import Refused

if TYPE_CHECKING:
    from integrations.network import Answer

LONGEST_REASON = 200
SENT = {"standing": "sent"}  # what an answer says: not yet that the till takes it
MOST_TOKENS = 1000
SOON_S = 30.0

T = TypeVar("T")

_tokens: dict[tuple[str, ...], tuple[str, float]] = {}
"""By address, client and its secret's digest: a token and when it ends (Unix time). Providers ask for it to be kept."""


def kept_token(key: tuple[str, ...]) -> str | None:
    kept = _tokens.get(key)
    return kept[0] if kept is not None and kept[1] > time.time() + SOON_S else None


def keep_token(key: tuple[str, ...], token: str, ends_at: float) -> None:
    if len(_tokens) >= MOST_TOKENS:
        _tokens.clear()
    _tokens[key] = (token, ends_at)


def drop_token(key: tuple[str, ...]) -> bool:
    """Whether there was one."""
    return _tokens.pop(key, None) is not None


def without_token(answer: Answer) -> Answer:
    """What a login without a token means: nothing that was to be asked has been, whatever its status is."""
    return replace(answer, status=None, error="there is no token in its answer") if answer.good else answer


def decoded(answer: Answer, kind: type[T]) -> T | None:
    """None for what is no such thing."""
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.MsgspecError:
        return None


def without_product(work: PlaceOrder) -> Refused | None:
    """The refusal of an order in which something has no code at the till; None where all have one."""
    missing = [line.name for line in work.lines if not line.code]
    return Refused(f"the till has no product for: {', '.join(missing)}"[:LONGEST_REASON]) if missing else None


def in_words(line: TicketLine) -> list[str]:
    """What no code says."""
    known = {choice.name for choice in line.choices}
    return [*(one for one in line.modifiers if one not in known), *filter(None, (line.note,))]


def bare_cents(line: TicketLine) -> int:
    """The price of one without its choices; what is said in words is in it."""
    return line.unit_cents - sum(choice.cents for choice in line.choices)


def allergies(work: PlaceOrder) -> str:
    return f"ALLERGIES: {work.allergies}" if work.allergies else ""


def rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
