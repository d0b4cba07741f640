"""An order's way through the kitchen: its statuses, what comes next, and when it has waited too long."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

OrderStatus = Literal["confirmed", "preparing", "ready", "done", "cancelled"]
CancelReason = Literal["customer", "sold_out", "closed", "unreachable", "mistake", "other"]
ChangesUntil = Literal["never", "started", "ready"]
Waiting = Literal["calm", "soon", "late", "overdue"]

OPEN: tuple[OrderStatus, ...] = ("confirmed", "preparing", "ready")
NEXT: dict[OrderStatus, OrderStatus] = {"confirmed": "preparing", "preparing": "ready", "ready": "done"}
BACK: dict[OrderStatus, OrderStatus] = {
    "preparing": "confirmed",
    "ready": "preparing",
    "done": "ready",
    "cancelled": "confirmed",
}

# In which statuses whoever ordered may still change or cancel, by what the restaurant wants.
CHANGEABLE: dict[ChangesUntil, tuple[OrderStatus, ...]] = {
    "never": (),
    "started": ("confirmed",),
    "ready": ("confirmed", "preparing"),
}

# What kitchen screens of the trade have settled on.
SOON_AFTER = timedelta(minutes=15)
LATE_AFTER = timedelta(minutes=20)
# An order promised for later than this is one for a wished time, and nobody waits for it yet.
AHEAD_AFTER = timedelta(minutes=75)


def may_move(seen: OrderStatus, to: OrderStatus) -> bool:
    """One step on or back, or cancelled while it is open."""
    return NEXT.get(seen) == to or BACK.get(seen) == to or (to == "cancelled" and seen in OPEN)


def may_be_changed(until: ChangesUntil, status: OrderStatus, promised_at: datetime, now: datetime) -> bool:
    """Whether whoever ordered may still change or cancel it, by phone or on its page. Never once it is due: not every
    kitchen has a board, and what was eaten stands there as it was ordered."""
    return status in CHANGEABLE[until] and now < promised_at


def clock_starts(confirmed_at: datetime, promised_at: datetime) -> datetime:
    """From when on the order waits: at once, or LATE_AFTER before the promise when it was wished for later."""
    if promised_at - confirmed_at <= AHEAD_AFTER:
        return confirmed_at
    return promised_at - LATE_AFTER


def waiting(confirmed_at: datetime, promised_at: datetime, now: datetime) -> Waiting:
    """How urgent an open order is: ``overdue`` once its promise is over, before that by the time that it has waited."""
    if now >= promised_at:
        return "overdue"
    waited = now - clock_starts(confirmed_at, promised_at)
    return "late" if waited >= LATE_AFTER else "soon" if waited >= SOON_AFTER else "calm"
