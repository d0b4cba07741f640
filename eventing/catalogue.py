"""Every event that AlloResto makes, as frozen structs: Python names here, camel case in JSON.

``BY_TYPE`` maps a CloudEvents type to its struct. Adding an optional field keeps a type's version; anything
else is a new version, and with it a new ``dataschema``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from domain.calls import Attestation, LeftBecause, Outcome
from domain.chains import Because
from domain.deposits import State as DepositState
from domain.kitchen import CancelReason, OrderStatus
from domain.order import FulfilmentKind
from domain.payments import Fate
from domain.reservations import CancelReason as ReservationCancelReason
from domain.reservations import Status as ReservationStatus
from domain.traces import AudioFigures

VERSION = 1

# What a JSON schema can check of a field.
Uuid = Annotated[
    str,
    msgspec.Meta(
        pattern="^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
        description="A UUID in its text form.",
    ),
]
CallId = Annotated[
    str, msgspec.Meta(min_length=1, max_length=128, description="Names a call across all parts: one for each INVITE.")
]
Instant = Annotated[datetime, msgspec.Meta(tz=True, description="A moment in UTC, RFC 3339.")]
Cents = Annotated[int, msgspec.Meta(description="Integer cents, VAT included.")]
Count = Annotated[int, msgspec.Meta(ge=0)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, description="Milliseconds.")]
Attempt = Annotated[int, msgspec.Meta(ge=1, description="1 for the first handler asked, then one more for each.")]
Economy = Annotated[int, msgspec.Meta(ge=0, le=2, description="0; 1: a shorter prompt; 2: a cheaper model, too.")]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", description="ISO 4217.")]

Codec = Literal["PCMU", "PCMA"]
MissedReason = Literal[
    "no_handler",
    "handler_lost",
    "restaurant_full",
    "node_full",
    "ai_down",
    "caller_hung_up",
    "bridge_lost",
    "closed",
    "line_disabled",
]
LineChange = Literal["created", "assigned", "updated", "activated", "deactivated", "removed"]


class Payload(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event's data. ``TYPE`` is its CloudEvents type; unknown fields are ignored, so that fields may be added."""

    TYPE: ClassVar[str]

    restaurant_id: Uuid


class CallEvent(Payload, frozen=True, kw_only=True):
    """What every event of a call says. ``received_at`` is when the INVITE came: with the id it names the call's row."""

    call_id: CallId
    phone_line_id: Uuid
    bridge_node_id: str
    received_at: Instant


class CallIncoming(CallEvent, frozen=True, kw_only=True):
    """A caller rings: a bridge asks for a handler. Goes straight to the call handler, never through the broker.

    ``audio_stream_token`` opens ``audio_stream_url`` once, for this ``attempt``. ``greeting`` is the text that
    the caller is hearing already. ``codec`` is the phone side's; the media stream is always µ-law. ``attestation`` is
    SHAKEN's level of the caller's number as the trunk has verified it, "" where it says nothing. ``economy`` is how
    far to save, as there is more to do than can be done (``domain.overload``).
    """

    TYPE: ClassVar[str] = "com.alloresto.call.incoming"

    attempt: Attempt
    caller: str
    called: str
    codec: Codec
    audio_stream_url: str
    audio_stream_token: str
    greeting: str
    attestation: Attestation = ""
    economy: Economy = 0


class CallStarted(CallEvent, frozen=True, kw_only=True):
    """A caller is on the line, whether or not a handler will join. ``caller`` is the number, "" when withheld."""

    TYPE: ClassVar[str] = "com.alloresto.call.started"

    caller: str
    called: str


class CallEnded(CallEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A call is over. ``recording`` says where its audio lies, when the restaurant records; ``audio`` how it sounded
    over SIP's RTP."""

    TYPE: ClassVar[str] = "com.alloresto.call.ended"

    outcome: Outcome
    attempts: int
    ended_at: Instant
    duration_ms: Milliseconds
    answered_at: Instant | None = None
    joined_at: Instant | None = None
    order_id: Uuid | None = None
    recording: str | None = None
    audio: AudioFigures | None = None


class CallMissed(CallEvent, frozen=True, kw_only=True):
    """Nobody served the caller: the restaurant's fallback spoke, or the caller gave up. ``caller`` can be rung back."""

    TYPE: ClassVar[str] = "com.alloresto.call.missed"

    reason: MissedReason
    caller: str
    ended_at: Instant


class CallTransferred(CallEvent, frozen=True, kw_only=True):
    """The caller was put through to a human at ``target`` (a number or SIP URI)."""

    TYPE: ClassVar[str] = "com.alloresto.call.transferred"

    target: str
    reason: str
    transferred_at: Instant


class CallRerouted(Payload, frozen=True, kw_only=True):
    """A call went on in another house of the restaurant's chain, ``to_restaurant_id``, and ended there.

    ``because``: its caller ``asked`` for that house or named its ``place``, or the called one was ``closed``, ``full``
    or the address ``outside`` its zones. What is ordered or booked there is told as that house's, with this call's id.
    """

    TYPE: ClassVar[str] = "com.alloresto.call.rerouted"

    call_id: CallId
    to_restaurant_id: Uuid
    to_house: str
    because: Because


class LineChanged(Payload, frozen=True, kw_only=True):
    """A phone line was made, assigned to a node, edited or taken away."""

    TYPE: ClassVar[str] = "com.alloresto.line.changed"

    phone_line_id: Uuid
    change: LineChange


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
    """The caller agreed and the order is in the database. ``number`` is the day's ticket number.

    For people to read, and personal: ``allergies``, what somebody who will eat can't have and in which lines it is or
    may be, and ``notes``, the wishes for the kitchen, one a row behind its line's place (``2: cut in squares``).
    ``replaces_order_id`` is the order that its caller changed into this one; it is cancelled.
    """

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
    allergies: str = ""
    notes: str = ""
    replaces_order_id: Uuid | None = None


class OrderRehearsed(Payload, frozen=True, kw_only=True):
    """The platform's own synthetic caller agreed to an order. It is no order: nobody cooks, counts or bills it."""

    TYPE: ClassVar[str] = "com.alloresto.order.rehearsed"

    order_id: Uuid
    call_id: CallId
    total_cents: Cents
    currency: Currency
    confirmed_at: Instant


class OrderMoved(Payload, frozen=True, kw_only=True):
    """The kitchen moved an order on, or back: from ``before`` to ``status``. A restored order was ``cancelled``."""

    TYPE: ClassVar[str] = "com.alloresto.order.moved"

    order_id: Uuid
    number: int
    before: OrderStatus
    status: OrderStatus
    moved_at: Instant


class OrderCancelled(Payload, frozen=True, kw_only=True):
    """The restaurant, or its guest, cancelled an order that was in ``before``.

    ``replaced_by_order_id`` is the order that its guest changed it into: no guest is told of such a cancellation.
    """

    TYPE: ClassVar[str] = "com.alloresto.order.cancelled"

    order_id: Uuid
    number: int
    before: OrderStatus
    reason: CancelReason
    cancelled_at: Instant
    replaced_by_order_id: Uuid | None = None


class OrderFollowed(Payload, frozen=True, kw_only=True):
    """Whoever ordered has left an e-mail address on the order's page: what follows is told there. It isn't in here."""

    TYPE: ClassVar[str] = "com.alloresto.order.followed"

    order_id: Uuid
    number: int


class OrderRefused(Payload, frozen=True, kw_only=True):
    """A connected till did not take an order, or could not be told in time. The order stands: its restaurant decides.

    ``reason`` is in the till's words, for people.
    """

    TYPE: ClassVar[str] = "com.alloresto.order.refused"

    order_id: Uuid
    number: int
    reason: str
    refused_at: Instant


class PaymentSettled(Payload, frozen=True, kw_only=True):
    """What became of an order's payment by link: it was paid, nobody can pay any more, or all of it went back.

    Each outcome is told once. A page that has ended may still turn out to be paid: ``paid`` counts then.
    """

    TYPE: ClassVar[str] = "com.alloresto.payment.settled"

    payment_id: Uuid
    order_id: Uuid
    number: int
    outcome: Fate
    amount_cents: Cents
    currency: Currency


class CartLineLeft(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of a cart that nobody agreed to."""

    name: str
    size: str
    quantity: int
    modifiers: tuple[str, ...] = ()


class CartAbandoned(Payload, frozen=True, kw_only=True):
    """A call ended with a cart that the caller did not agree to: for the restaurant to call back about.

    ``caller`` is the number, "" when withheld; it and ``customer_name`` are personal. ``lines`` is empty and
    ``total_cents`` 0 when the call had gone on in another house: what was wanted there is not the called one's.
    """

    TYPE: ClassVar[str] = "com.alloresto.cart.abandoned"

    call_id: CallId
    caller: str
    customer_name: str
    reason: LeftBecause
    total_cents: Cents
    currency: Currency
    lines: tuple[CartLineLeft, ...]


class ReservationMade(Payload, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody reserved: ``requested`` waits for the restaurant's word, ``held`` for the guest's or a calendar's.

    ``table_ids`` are several when tables are joined, and none for a request.
    """

    TYPE: ClassVar[str] = "com.alloresto.reservation.made"

    reservation_id: Uuid
    status: ReservationStatus
    starts_at: Instant
    ends_at: Instant
    covers: int
    table_ids: tuple[Uuid, ...]
    call_id: CallId | None = None


class ReservationChanged(Payload, frozen=True, kw_only=True):
    """A reservation is at another time, for another number, at another table, or moved on from ``before``."""

    TYPE: ClassVar[str] = "com.alloresto.reservation.changed"

    reservation_id: Uuid
    before: ReservationStatus
    status: ReservationStatus
    starts_at: Instant
    ends_at: Instant
    covers: int
    table_ids: tuple[Uuid, ...]


class ReservationCancelled(Payload, frozen=True, kw_only=True):
    """A reservation that was in ``before`` is off; its tables are free."""

    TYPE: ClassVar[str] = "com.alloresto.reservation.cancelled"

    reservation_id: Uuid
    before: ReservationStatus
    reason: ReservationCancelReason
    cancelled_at: Instant


class ReservationFollowed(Payload, frozen=True, kw_only=True):
    """Whoever reserved has left an e-mail address on the reservation's page: what follows is told there. It isn't in
    here."""

    TYPE: ClassVar[str] = "com.alloresto.reservation.followed"

    reservation_id: Uuid


class DepositChanged(Payload, frozen=True, kw_only=True):
    """A booking's deposit: ``awaited`` from when it can be paid until ``due_at``, then ``paid``, or ``lapsed`` with the
    table let go. ``waived``: the booking stands without it. ``refund_due`` goes back, ``refunded`` did."""

    TYPE: ClassVar[str] = "com.alloresto.deposit.changed"

    deposit_id: Uuid
    reservation_id: Uuid
    state: DepositState
    amount_cents: Cents
    currency: Currency
    due_at: Instant


class OrderLogged(Payload, frozen=True, kw_only=True):
    """The order is in the log; with the restaurant's figures of its day so far (``day`` is the local date)."""

    TYPE: ClassVar[str] = "com.alloresto.order.logged"

    order_id: Uuid
    number: int
    day: str
    orders_today: Count
    total_cents_today: Cents
    currency: Currency


class MenuChanged(Payload, frozen=True, kw_only=True):
    """``item_ids`` are the items whose price, name, availability or modifiers changed; empty for the whole menu."""

    TYPE: ClassVar[str] = "com.alloresto.menu.changed"

    item_ids: tuple[Uuid, ...] = ()
    reason: str = ""


class TillChanged(Payload, frozen=True, kw_only=True):
    """A connected till sells something else now, or has run out of something: it is to be read (``reading_id``)."""

    TYPE: ClassVar[str] = "com.alloresto.till.changed"

    connection_id: Uuid
    reading_id: Uuid


class RestaurantChanged(Payload, frozen=True, kw_only=True):
    """``fields`` are the changed fields of the restaurant, as the domain names them (``name``, ``openings``, …)."""

    TYPE: ClassVar[str] = "com.alloresto.restaurant.changed"

    fields: tuple[str, ...]


class FaqChanged(Payload, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "com.alloresto.faq.changed"

    faq_ids: tuple[Uuid, ...] = ()


class GreetingChanged(Payload, frozen=True, kw_only=True):
    """The text or the voice of the greeting changed; its audio has to be rendered again."""

    TYPE: ClassVar[str] = "com.alloresto.greeting.changed"

    text: str
    voice: str
    language: str


class GreetingRendered(Payload, frozen=True, kw_only=True):
    """The greeting's audio is ready: µ-law, 8 kHz, at the Redis key ``key``."""

    TYPE: ClassVar[str] = "com.alloresto.greeting.rendered"

    text: str
    voice: str
    language: str
    key: str
    duration_ms: Milliseconds


class CacheInvalidated(Payload, frozen=True, kw_only=True):
    """``keys`` are the Redis keys that are gone; the next call builds them again."""

    TYPE: ClassVar[str] = "com.alloresto.cache.invalidated"

    keys: tuple[str, ...]


class ReleaseReturned(Payload, frozen=True, kw_only=True):
    """A new Revision of the call handler, ``candidate``, failed more calls than ``stable`` and takes none any more.

    Of the platform; the restaurant and the call are those whose failure was the last that it took.
    """

    TYPE: ClassVar[str] = "com.alloresto.release.returned"

    call_id: CallId
    release_id: Uuid
    stable: str
    candidate: str
    why: str
    returned_at: Instant


class WebhookTested(Payload, frozen=True, kw_only=True):
    """An owner wants to see whether a webhook arrives: sent to this endpoint and to no other."""

    TYPE: ClassVar[str] = "com.alloresto.webhook.tested"

    endpoint_id: Uuid


BY_TYPE: dict[str, type[Payload]] = {
    kind.TYPE: kind
    for kind in (
        CallIncoming,
        CallStarted,
        CallEnded,
        CallMissed,
        CallTransferred,
        CallRerouted,
        LineChanged,
        OrderConfirmed,
        OrderRehearsed,
        OrderMoved,
        OrderCancelled,
        OrderRefused,
        OrderFollowed,
        PaymentSettled,
        ReservationMade,
        ReservationChanged,
        ReservationCancelled,
        ReservationFollowed,
        DepositChanged,
        OrderLogged,
        CartAbandoned,
        MenuChanged,
        TillChanged,
        RestaurantChanged,
        FaqChanged,
        GreetingChanged,
        GreetingRendered,
        CacheInvalidated,
        ReleaseReturned,
        WebhookTested,
    )
}


def dataschema(event_type: str) -> str:
    """The URI of the type's JSON schema, as sent in ``ce-dataschema``."""
    return f"urn:alloresto:schema:{event_type}:{VERSION}"


def schemas() -> dict[str, dict[str, Any]]:
    """A JSON Schema (2020-12) for each type, by type name."""
    return {
        event_type: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": dataschema(event_type),
            "title": event_type,
            **msgspec.json.schema(kind),
        }
        for event_type, kind in sorted(BY_TYPE.items())
    }
