"""How a booking's deposit stands, whatever its service tells, however late and in which order.

A table is let go once the service says that nobody can pay any more, not when our own clock says so: who pays in the
last second has the table. What was paid for a table that is gone goes back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from domain.payments import Fate

State = Literal["awaited", "closing", "paid", "lapsed", "closed", "waived", "refund_due", "refunded"]
"""``closing``: its time is over, and the service is asked to close the page. ``lapsed``: not paid in time. ``closed``:
the booking was changed or cancelled before it was paid. ``waived``: the booking stands without it. ``refund_due``: paid
for a table that is gone."""

OPEN: frozenset[State] = frozenset({"awaited", "closing"})
# How long a service has for closing a page before the table goes without its answer.
CLOSES_WITHIN = timedelta(minutes=10)
SHORTEST_MINUTES, LONGEST_MINUTES = 10, 22 * 60
"""What a restaurant may give its guests: a service keeps a page for a day."""
# A page that never came: so long behind its deposit's time the table is its guest's without one.
NO_PAGE_AFTER = timedelta(minutes=90)


def after(state: State, fate: Fate, *, stands: bool) -> State:
    """``stands``: the booking has its table. Told again that it was paid, once its guest has cancelled, changes
    nothing."""
    if "refunded" in (state, fate):
        return "refunded"
    if fate == "expired":
        return "lapsed" if state in OPEN else state
    return "paid" if state == "paid" or (stands and state in (*OPEN, "waived")) else "refund_due"


def when_due(state: State, has_page: bool) -> State:
    """An open one whose time is over: is its page closed first, or what else becomes of it?"""
    if state == "awaited":
        return "closing" if has_page else "waived"
    return "lapsed"


def minutes_for(minutes: int, now: datetime, starts_at: datetime) -> int:
    """How long there is to pay: no longer than until the booking, but long enough to do it."""
    left = (starts_at - now) // timedelta(minutes=1)
    return min(minutes, max(left, SHORTEST_MINUTES))


def due_after_page(due_at: datetime, opened_at: datetime, minutes: int, ends_at: datetime) -> datetime:
    """Who waits for the link has the whole time from when there is one, but no longer than the page, to ``ends_at``."""
    return min(max(due_at, opened_at + timedelta(minutes=minutes)), ends_at - CLOSES_WITHIN)


def page_useful_until(due_at: datetime, starts_at: datetime) -> datetime:
    """As long as its page is asked for, however long the service is away: what is left then is long enough to pay."""
    return max(due_at, min(due_at + NO_PAGE_AFTER - timedelta(minutes=SHORTEST_MINUTES), starts_at))


def label(restaurant: str, covers: int, language: str) -> str:
    """What the payer reads on the service's page."""
    if language.startswith("fr"):
        return f"{restaurant}, acompte pour une table de {covers}"
    return f"{restaurant}, deposit for a table for {covers}"
