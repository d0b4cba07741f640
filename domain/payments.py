"""How an order's payment by link stands.

The service's notices come twice, late and out of order: the state is the same.

What was paid is never unpaid by a page that ends later; what went back is never paid again.
"""

from __future__ import annotations

from typing import Literal

State = Literal["requested", "expired", "paid", "refund_due", "refunded"]
"""``refund_due``: paid, and the order is cancelled."""
Fate = Literal["paid", "expired", "refunded"]
"""What the service tells."""


def after(state: State, fate: Fate, *, cancelled: bool) -> State:
    """``cancelled`` is the order."""
    if "refunded" in (state, fate):
        return "refunded"
    if fate == "expired":
        return "expired" if state == "requested" else state
    return "refund_due" if cancelled else "paid"


def with_order(state: State, *, cancelled: bool) -> State:
    """Once its order is cancelled, or restored."""
    if state not in ("paid", "refund_due"):
        return state
    return "refund_due" if cancelled else "paid"


def label(restaurant: str, number: int, language: str) -> str:
    """What the payer reads on the service's page."""
    return f"{restaurant}, commande n° {number}" if language.startswith("fr") else f"{restaurant}, order no. {number}"
