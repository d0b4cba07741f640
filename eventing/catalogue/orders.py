"""Events of an order."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from domain.order import FulfilmentKind
from eventing.catalogue.base import CallId, Cents, Count, Currency, Instant, Payload, Uuid


class OrderedLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of the ticket. ``size`` is "" for an item sold in one size; ``unit_cents`` includes modifiers."""

    item_id: Uuid
    name: str
    size: str
    quantity: int
    unit_cents: Cents
    total_cents: Cents
    modifiers: tuple[str, ...] = ()


class OrderConfirmed(Payload, frozen=True, kw_only=True):
    """The caller agreed and the order is in the database. ``number`` is the day's ticket number."""

    TYPE: ClassVar[str] = "com.alloresto.order.confirmed"

    order_id: Uuid
    call_id: CallId
    number: int
    fulfilment: FulfilmentKind
    total_cents: Cents
    currency: Currency
    lines: tuple[OrderedLine, ...]
    promised_at: Instant
    confirmed_at: Instant


class CartLineLeft(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of a cart that nobody agreed to."""

    name: str
    size: str
    quantity: int
    modifiers: tuple[str, ...] = ()


class CartAbandoned(Payload, frozen=True, kw_only=True):
    """A call ended with a cart that the caller did not agree to: for the restaurant to call back about.

    ``caller`` is the number, "" when withheld; it and ``customer_name`` are personal.
    """

    TYPE: ClassVar[str] = "com.alloresto.cart.abandoned"

    call_id: CallId
    caller: str
    customer_name: str
    reason: Literal["caller_hung_up", "transferred", "engine_failed", "handler_lost", "not_saved"]
    total_cents: Cents
    currency: Currency
    lines: tuple[CartLineLeft, ...]


class OrderLogged(Payload, frozen=True, kw_only=True):
    """The order is in the log; with the restaurant's figures of its day so far (``day`` is the local date)."""

    TYPE: ClassVar[str] = "com.alloresto.order.logged"

    order_id: Uuid
    number: int
    day: str
    orders_today: Count
    total_cents_today: Cents
    currency: Currency
