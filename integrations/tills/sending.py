"""What every till's adapter does alike: what of an order is said in words, what it lacks, and how long a reason is."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.errands import PlaceOrder, TicketLine
from integrations.tasks import Refused

LONGEST_REASON = 200
SENT = {"standing": "sent"}  # what an answer says: not yet that the till takes it


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
