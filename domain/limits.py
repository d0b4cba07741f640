"""How large an order may be: beyond it a human takes over, because nobody cooks 2,000 pizzas on a voice's word."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from domain import money
from domain.errors import Refused
from domain.order import Cart

# What the database's integer columns hold. Whatever a restaurant allows itself, no total goes beyond.
MAX_TOTAL_CENTS = 2_147_483_647


class Limits(Protocol):
    """A Restaurant, or as much of one: cents VAT included and the delivery fee too; portions over all lines."""

    @property
    def max_order_cents(self) -> int: ...
    @property
    def max_order_items(self) -> int: ...


class StandardLimits(NamedTuple):
    """Those of a restaurant that set none."""

    max_order_cents: int = 50_000
    max_order_items: int = 60


STANDARD_LIMITS = StandardLimits()


def portions(cart: Cart) -> int:
    return sum(line.quantity for line in cart.lines)


def require_within(cart: Cart, limits: Limits) -> None:
    """Raises Refused ``over_limit``."""
    most_cents = min(limits.max_order_cents, MAX_TOTAL_CENTS)
    if cart.total_cents <= most_cents and portions(cart) <= limits.max_order_items:
        return
    message = (
        f"An order of more than {limits.max_order_items} portions or {money.decimal_text(most_cents)} {cart.currency}"
        " is taken by the team in person: offer transfer_to_human."
    )
    raise Refused("over_limit", message, ("transfer_to_human",), "items")


def require_no_growth_beyond(before: Cart, after: Cart, limits: Limits) -> None:
    """As ``require_within(after)``, but a change that makes a too large order smaller is let through."""
    if after.total_cents > before.total_cents or portions(after) > portions(before):
        require_within(after, limits)
