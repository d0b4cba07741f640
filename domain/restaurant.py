"""Who answers the phone: a restaurant's address, hours, delivery rules and policy, as its prompt needs them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from domain.kitchen import ChangesUntil
from domain.vat import NO_COUNTRY

Fallback = Literal["forward", "take_message", "busy"]
WhenClosed = Literal["answer", "forward", "take_message", "busy"]
Style = Literal["warm", "brief", "formal"]


@dataclass(frozen=True, slots=True)
class Opening:
    """Minutes after local midnight, ``closes > opens``; ``closes`` may pass 1440 (open past midnight)."""

    weekday: int  # 0 is Monday, as in datetime
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class OpeningException:
    """One local date that differs: closed all day when ``spans`` is empty."""

    day: date
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class DeliveryZone:
    name: str
    postcodes: tuple[str, ...]
    minimum_cents: int
    fee_cents: int
    minutes: int


@dataclass(frozen=True, slots=True)
class FaqEntry:
    id: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Restaurant:
    """``zone`` is an IANA time zone, ``language`` ``fr`` or ``en``, ``country`` an ISO 3166 alpha-2 code
    (``NO_COUNTRY`` while it is not known).

    ``prep_minutes`` is the kitchen's calm time. ``orders_ahead``: orders are taken for a later opening too.
    ``last_order_minutes`` before closing the kitchen starts nothing more. An order beyond ``max_order_cents``
    (VAT included) or ``max_order_items`` (portions) is a human's; with more than ``max_load_minutes`` of other
    work the kitchen promises nothing. ``when_closed``: what callers get outside of the hours, the assistant or no
    handler at all; ``fallback_number`` is also the only one that callers are put through to. ``upsell``: one thing more
    is offered, once a call. ``engines``: the names of the voice engines that may serve its callers, in the order in
    which they take over from one another; empty for the operator's. ``changes_until``: until when callers may change or
    cancel an order: never, until the kitchen has started on it, or until it is ready.
    """

    id: str
    name: str
    language: str
    currency: str
    zone: str
    street: str = ""
    postcode: str = ""
    city: str = ""
    phone: str = ""
    greeting: str = ""
    voice: str = ""
    openings: tuple[Opening, ...] = ()
    exceptions: tuple[OpeningException, ...] = ()
    delivery_zones: tuple[DeliveryZone, ...] = ()
    pickup: bool = True
    delivery: bool = False
    dine_in: bool = False
    prep_minutes: int = 20
    max_calls: int = 10
    record_calls: bool = False
    fallback: Fallback = "busy"
    fallback_number: str = ""
    when_closed: WhenClosed = "answer"
    country: str = NO_COUNTRY
    orders_ahead: bool = False
    last_order_minutes: int = 0
    max_order_cents: int = 50_000
    max_order_items: int = 60
    max_load_minutes: int = 120
    style: Style = "warm"
    upsell: bool = False
    engines: tuple[str, ...] = ()
    changes_until: ChangesUntil = "started"
