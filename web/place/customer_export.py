"""The copy of all that is kept of one customer, as JSON: what the law lets them ask for."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from flask import url_for

from stores import customers, guest_emails, subject_access, waiting_list
from stores.calls import LoggedCall
from stores.ciphers import PiiCipher
from stores.customers import Customer
from stores.orders import Order
from stores.postgres import Connection
from stores.reservations import Reservation
from stores.subject_access import CallMessages, HeldLetter, SentEvent
from stores.waiting_list import WaitingParty

MOST = 1000  # of each kind


@dataclass(frozen=True, slots=True)
class Held:
    """What there is beside the customer's row, their orders and their reservations. ``emails`` are by the order or the
    reservation that they were left for."""

    calls: tuple[LoggedCall, ...]
    messages: dict[str, CallMessages]
    events: tuple[SentEvent, ...]
    letters: tuple[HeldLetter, ...]
    waiting: tuple[WaitingParty, ...]
    emails: dict[str, str]


async def read(
    connection: Connection,
    restaurant_id: str,
    customer: Customer,
    orders: Collection[Order],
    booked: Collection[Reservation],
    pii: PiiCipher,
) -> Held:
    calls = await subject_access.calls_of(connection, customers.hashes_of(customer, restaurant_id, pii), MOST, pii=pii)
    call_ids = {call.id for call in calls} | {order.call_id for order in orders} | {one.call_id for one in booked}
    call_ids.discard("")
    named = call_ids | {order.id for order in orders} | {one.id for one in booked}
    messages = await subject_access.messages_of(connection, restaurant_id, call_ids)
    return Held(
        calls,
        {one.call_id: one for one in messages},
        await subject_access.events_of(connection, restaurant_id, named, MOST, pii=pii),
        await subject_access.letters_of(connection, restaurant_id, named, MOST),
        await waiting_list.of_customer(connection, customer.id, MOST, pii=pii),
        await guest_emails.left_for_each(
            connection, restaurant_id, [one.id for one in orders] + [one.id for one in booked], pii
        ),
    )


def document(
    customer: Customer,
    orders: Collection[Order],
    booked: Collection[Reservation],
    held: Held,
    recorded: Collection[str],
) -> dict[str, Any]:
    """``recorded`` are the calls whose recording can be fetched, at the address that is given."""
    return {
        "name": customer.name,
        "phone": customer.phone,
        "knownSince": _instant(customer.created_at),
        "lastSeen": _instant(customer.last_seen_at),
        "orders": [_order(order) | {"email": held.emails.get(order.id, "")} for order in orders],
        "calls": [_call(call, held.messages.get(call.id), recorded) for call in held.calls],
        "reservations": [
            {
                "startsAt": _instant(one.starts_at),
                "covers": one.covers,
                "status": one.status,
                "name": one.name,
                "note": one.note,
                "cancelNote": one.cancel_note,
                "email": held.emails.get(one.id, ""),
            }
            for one in booked
        ],
        "waitingList": [
            {"askedAt": _instant(one.created_at), "wantedAt": _instant(one.wanted_at), "covers": one.covers}
            | {"name": one.name, "note": one.note}
            for one in held.waiting
        ],
        "events": [
            {"at": _instant(one.at), "event": one.event, "personal": one.personal, "sentTo": one.sent_to}
            for one in held.events
        ],
        "undelivered": [
            {"receivedAt": _instant(one.received_at), "type": one.type, "body": one.body} for one in held.letters
        ],
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "number": order.number,
        "callId": order.call_id,
        "status": order.status,
        "confirmedAt": _instant(order.confirmed_at),
        "fulfilment": order.fulfilment,
        "name": order.customer_name,
        "address": msgspec.to_builtins(order.address),
        "allergies": order.allergies,
        "cancelReason": order.cancel_reason,
        "cancelNote": order.cancel_note,
        "totalCents": order.total_cents,
        "currency": order.currency,
        "lines": msgspec.to_builtins(order.lines),
    }


def _call(call: LoggedCall, messages: CallMessages | None, recorded: Collection[str]) -> dict[str, Any]:
    return {
        "id": call.id,
        "startedAt": _instant(call.started_at),
        "endedAt": _instant(call.ended_at) if call.ended_at else None,
        "outcome": call.outcome,
        "missedReason": call.missed_reason,
        "caller": call.caller,
        "transcript": msgspec.to_builtins(call.transcript),
        "unconfirmedCart": msgspec.to_builtins(call.unconfirmed),
        "messages": [one._asdict() for one in call.messages],
        "tools": msgspec.to_builtins(dict(call.tools)),
        "upsell": call.upsell,
        "followedUp": call.followed_up,
        "sipMessages": messages.ladder if messages else None,
        "course": messages.moments if messages else None,
        "recording": url_for("calls.play_recording", call_id=call.id, download="yes", _external=True)
        if call.id in recorded
        else None,
    }


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
