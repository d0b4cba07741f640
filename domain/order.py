"""A cart that the caller builds and the order it becomes. Money is integer cents, computed here and only here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from domain.menu import Amount
from domain.vat import VatRates

FulfilmentKind = Literal["pickup", "delivery", "dine_in"]


@dataclass(frozen=True, slots=True)
class ChosenModifier:
    """``name`` is what people read and hear, the amount in it: ``no Onions``; ``option_name`` the menu's own then.

    Of an ingredient ``group_id`` is empty and ``option_id`` is the ingredient's, of a combo's part ``group_id`` is the
    part's and ``option_id`` the item's. ``within_id`` is the option that this one was chosen inside of.
    """

    option_id: str
    group_id: str
    name: str
    price_cents: int
    amount: Amount = "regular"
    option_name: str = ""
    within_id: str = ""

    @property
    def plain_name(self) -> str:
        return self.option_name or self.name


class LinePart(NamedTuple):
    """A half, or a part of a combo (``part_id``): what it is, and its share of the line's unit price in cents."""

    part_id: str
    item_id: str
    item_name: str
    size_id: str
    size_name: str
    cents: int
    vat: VatRates
    modifiers: tuple[ChosenModifier, ...] = ()


@dataclass(frozen=True, slots=True)
class CartLine:
    """``number`` names the line for the length of the call and is never used again after a removal.

    ``unit_cents`` is size plus modifiers, VAT included. A line of halves or of a combo's ``parts`` has the shares of
    ``unit_cents`` there, and in ``modifiers`` all that was chosen, for people to read.
    """

    number: int
    item_id: str
    item_name: str
    size_id: str
    size_name: str
    quantity: int
    unit_cents: int
    vat: VatRates
    modifiers: tuple[ChosenModifier, ...] = ()
    note: str = ""
    parts: tuple[LinePart, ...] = ()

    @property
    def total_cents(self) -> int:
        return self.unit_cents * self.quantity

    @property
    def shares(self) -> tuple[tuple[VatRates, int], ...]:
        """What the line comes to, by the rates that it bears."""
        if not self.parts:
            return ((self.vat, self.total_cents),)
        return tuple((part.vat, part.cents * self.quantity) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Address:
    street: str
    postcode: str
    city: str = ""


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """How the caller gets the food. ``address`` and ``fee_cents`` only for a delivery."""

    kind: FulfilmentKind
    address: Address | None = None
    fee_cents: int = 0


@dataclass(frozen=True, slots=True)
class Cart:
    """Everything agreed so far. ``version`` grows with each change.

    ``order_id`` (a UUID) is the id of the order that the cart becomes: minted with the cart, so that however often
    and by whomever it is written, it is one order. ``wanted_at`` is the time the caller wished for, aware; None for
    as soon as possible. ``allergies`` are what somebody who will eat can't have, in the restaurant's language.
    """

    currency: str
    order_id: str
    version: int = 0
    next_number: int = 1
    lines: tuple[CartLine, ...] = ()
    fulfilment: Fulfilment | None = None
    customer_name: str = ""
    wanted_at: datetime | None = None
    allergies: tuple[str, ...] = ()

    @property
    def items_cents(self) -> int:
        return sum(line.total_cents for line in self.lines)

    @property
    def fee_cents(self) -> int:
        return self.fulfilment.fee_cents if self.fulfilment else 0

    @property
    def total_cents(self) -> int:
        """Items and delivery fee, VAT included."""
        return self.items_cents + self.fee_cents


class Offer(NamedTuple):
    """The one thing more that was offered; ``portions`` of it were in the cart by then."""

    item_id: str
    portions: int = 0


# Whether one thing more was offered in a call, and whether the caller took it.
Upsell = Literal["", "offered", "accepted"]


def portions_of(cart: Cart, item_id: str) -> int:
    return sum(line.quantity for line in cart.lines if line.item_id == item_id)


def upsell_of(offered: Offer | None, cart: Cart) -> Upsell:
    """Taken is what is in the cart now: not what was added and taken out again."""
    if offered is None:
        return ""
    return "accepted" if portions_of(cart, offered.item_id) > offered.portions else "offered"


@dataclass(frozen=True, slots=True)
class VatShare:
    """VAT contained in the total at one rate, in cents."""

    rate_bp: int
    gross_cents: int
    vat_cents: int


@dataclass(frozen=True, slots=True)
class ConfirmedOrder:
    """What is written: totals VAT included, and the VAT it contains by rate.

    ``allergies`` is for the kitchen to read; it is health data.
    """

    id: str
    call_id: str
    restaurant_id: str
    currency: str
    lines: tuple[CartLine, ...]
    fulfilment: Fulfilment
    customer_name: str
    total_cents: int
    vat: tuple[VatShare, ...]
    confirmed_at: datetime
    promised_at: datetime
    allergies: str = ""
