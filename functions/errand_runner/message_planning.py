"""What a caller is told by text message, from the event to the message; and what is kept of it.

Nobody is told who has no number that takes texts, or wants none. A text goes once for an occasion, whatever is
delivered again and however often an order is moved to and fro.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from prometheus_client import Counter

from domain import messages as words
from domain.allergens import of_items
from domain.errands import AskPrice, SendMail, SendMessage, State
from domain.messages import Line, OrderFacts, ReservationFacts, Template
from domain.restaurant import Restaurant
from eventing import deposit_settling, depositing
from eventing.catalogue import (
    CallMissed,
    DepositChanged,
    OrderCancelled,
    OrderConfirmed,
    OrderMoved,
    Payload,
    ReservationCancelled,
    ReservationChanged,
    ReservationMade,
)
from functions.errand_runner.situation import Home, Planner, Situation
from integrations.tasks import Done, Outcome
from stores import (
    connections,
    customers,
    deposits,
    errands,
    guest_emails,
    menus,
    message_costs,
    messages,
    orders,
    reservations,
    restaurants,
)
from stores.deposits import Deposit
from stores.errands import Claimed
from stores.orders import Order
from stores.postgres import Connection
from stores.reservations import Reservation

# A text about a call of before is no answer to it.
ANSWERS_FOR = timedelta(hours=1)
# A link that comes later than so long before its deadline is of no use.
TIME_TO_PAY = timedelta(minutes=5)
PRICED_AFTER = timedelta(minutes=10)
CREDITS = "credits"
message_cost_total = Counter(
    "message_cost_total", "What text messages have cost, as their services tell it.", ["provider", "currency"]
)
LEFT = "address/"
"""Begins the occasion of a mail that tells an address, which was just left, how things stand."""
MENU_LINK = "menu_link"
"""The setting of a connection that has callers who were missed told where the menu is."""


async def order_confirmed(situation: Situation, event: OrderConfirmed) -> Sequence[SendMessage]:
    template: Template = "order_confirmed" if event.replaces_order_id is None else "order_changed"
    return await _about_order(situation, event.order_id, template)


async def order_moved(situation: Situation, event: OrderMoved) -> Sequence[SendMessage]:
    return await _about_order(situation, event.order_id, "order_ready") if event.status == "ready" else ()


async def order_cancelled(situation: Situation, event: OrderCancelled) -> Sequence[SendMessage]:
    """Whoever changed an order is told of the new one."""
    if event.replaced_by_order_id is not None:
        return ()
    return await _about_order(situation, event.order_id, "order_cancelled")


async def payment_link(situation: Situation, order_id: str) -> Sequence[SendMessage]:
    """Where the order can be paid: its own page, which knows whether it was."""
    return await _about_order(situation, order_id, "payment_link")


async def instead_of_mail(situation: Situation, mail: SendMail) -> Sequence[SendMessage]:
    """A mailbox that does not take it. What was told when the address was left has gone by text before that."""
    template = next((one for one in words.TEMPLATES if one == mail.template), None)
    if template is None or mail.occasion.startswith(LEFT):
        return ()
    if not template.startswith(("reservation", "deposit")):
        return await _about_order(situation, mail.about, template)
    told = mail.occasion.partition("/")[2]
    every = await deposits.of_reservation(situation.database, situation.connected.restaurant_id, mail.about)
    deposit = next((one for one in every if one.id == told), None)
    return await _about_reservation(situation, mail.about, template, told, deposit)


async def reservation_made(situation: Situation, event: ReservationMade) -> Sequence[SendMessage]:
    if event.status not in ("confirmed", "requested"):  # one that is held waits for the guest's own word
        return ()
    template: Template = "reservation_confirmed" if event.status == "confirmed" else "reservation_requested"
    return await _about_reservation(situation, event.reservation_id, template)


async def reservation_changed(situation: Situation, event: ReservationChanged) -> Sequence[SendMessage]:
    if (told := news_of_change(event)) is None:
        return ()
    template: Template = "reservation_changed" if told else "reservation_confirmed"
    return await _about_reservation(situation, event.reservation_id, template, told)


def news_of_change(event: ReservationChanged) -> str | None:
    """What its guest is told once of it: a time and a party, "" that they have the table; None for nothing."""
    if event.status != "confirmed" or event.before not in ("requested", "held", "confirmed"):
        return None
    return f"{event.starts_at:%Y%m%dT%H%M}/{event.covers}" if event.before == "confirmed" else ""


async def reservation_cancelled(situation: Situation, event: ReservationCancelled) -> Sequence[SendMessage]:
    deposit = await depositing.latest(situation.database, event.restaurant_id, event.reservation_id)
    lapsed = deposit is not None and deposit.state == "lapsed"
    template: Template = "deposit_lapsed" if lapsed else "reservation_cancelled"
    return await _about_reservation(situation, event.reservation_id, template)


async def deposit_changed(situation: Situation, event: DepositChanged) -> Sequence[SendMessage]:
    """That it can be paid, while it can; and that it goes back."""
    deposit = next(
        one
        for one in await deposits.of_reservation(situation.database, event.restaurant_id, event.reservation_id)
        if one.id == event.deposit_id
    )
    if event.state == "awaited" and deposit.state == "awaited":
        return await _about_reservation(situation, event.reservation_id, "deposit_link", deposit.id, deposit)
    if event.state == "refund_due":
        return await _about_reservation(situation, event.reservation_id, "deposit_refunded", deposit.id, deposit)
    return ()


async def call_missed(situation: Situation, event: CallMissed) -> Sequence[SendMessage]:
    """Only where the restaurant wants it: it has said where its menu is. A number of its country gets one a day: who
    calls may show the number of somebody else, who must not be sent a hundred, or one that costs a lot to text.
    """
    link, now = situation.connected.settings.get(MENU_LINK, ""), datetime.now(UTC)
    if not link or now - event.ended_at > ANSWERS_FOR or not await _may_be_told(situation, event.caller):
        return ()
    restaurant = await restaurants.get(situation.database, event.restaurant_id)
    if not words.may_be_sent("missed_call", now, restaurant.zone, restaurant.country):
        return ()
    if not words.is_of(event.caller, restaurant.country):
        return ()
    text = words.missed_call_text(restaurant.language, restaurant.name, link)
    quiet_from = words.quiet_from(now, restaurant.zone, restaurant.country)
    until = min(filter(None, (event.ended_at + ANSWERS_FOR, quiet_from)))
    message = _message(situation, event.call_id, "missed_call", event.caller, text, until=until)
    return [msgspec.structs.replace(message, once=_once_a_day(situation, event.caller, now, restaurant.zone))]


def _once_a_day(situation: Situation, number: str, now: datetime, zone: str) -> str:
    """The same for a number all day, and nothing that it could be found by."""
    known = situation.pii.phone_hash(situation.connected.restaurant_id, number)
    day = now.astimezone(ZoneInfo(zone)).date().isoformat()
    return hashlib.sha256(known + day.encode()).hexdigest()[:32]


async def _about_order(situation: Situation, order_id: str, template: Template) -> Sequence[SendMessage]:
    phone = await customers.phone_of_order(situation.database, order_id, pii=situation.pii)
    if not await _may_be_told(situation, phone):
        return ()
    if await _is_mailed(situation, order_id):
        return ()
    order = await orders.get(situation.database, order_id, pii=situation.pii)
    if order.status == "cancelled" and template != "order_cancelled":  # events come out of order
        return ()
    restaurant = await restaurants.get(situation.database, order.restaurant_id)
    link = situation.order_page(order)
    facts = await order_facts(situation, order, restaurant, link)
    text = words.order_text(template, restaurant.language, facts)
    until = None if template == "order_cancelled" else order.promised_at + SendMessage.GIVE_UP_AFTER
    return [_message(situation, order_id, template, phone, text, until=until)]


async def _about_reservation(
    situation: Situation, reservation_id: str, template: Template, told: str = "", deposit: Deposit | None = None
) -> Sequence[SendMessage]:
    found = await reservations.get(situation.database, reservation_id, pii=situation.pii)
    if not await _may_be_told(situation, found.phone):
        return ()
    if template != "deposit_link" and await _is_mailed(situation, reservation_id):  # the table hangs on that one
        return ()
    restaurant = await restaurants.get(situation.database, situation.connected.restaurant_id)
    page = situation.booking_page(found)
    if template == "deposit_link":
        link = page or (deposit.url if deposit else "")
    else:  # there an address can be left, which is all that the page is for
        link = page if await _brings_mails(situation) else ""
    facts = booking_facts(found, restaurant, link, deposit)
    text = words.reservation_text(template, restaurant.language, facts)
    until: datetime | None = found.starts_at
    if template == "deposit_link" and deposit is not None:
        until = deposit.due_at - TIME_TO_PAY
    elif template == "deposit_refunded":
        until = None
    return [_message(situation, reservation_id, template, found.phone, text, told, until=until)]


async def order_facts(situation: Situation, order: Order, restaurant: Restaurant, link: str) -> OrderFacts:
    items = {item for line in order.lines for item in line.item_ids}
    listed = await menus.allergens_of(situation.database, order.restaurant_id, items)
    return OrderFacts(
        restaurant=restaurant.name,
        number=order.number,
        lines=tuple(Line(line.quantity, line.name, of_items(listed, line.item_ids)) for line in order.lines),
        total_cents=order.total_cents,
        currency=order.currency,
        fulfilment=order.fulfilment,
        promised_at=order.promised_at,
        zone=restaurant.zone,
        link=link,
        before=order.replaces_number,
    )


def booking_facts(booking: Reservation, restaurant: Restaurant, link: str, deposit: Deposit | None) -> ReservationFacts:
    facts = ReservationFacts(restaurant.name, booking.covers, booking.starts_at, restaurant.zone, link)
    if deposit is None:
        return facts
    return facts._replace(amount_cents=deposit.amount_cents, currency=deposit.currency, due_at=deposit.due_at)


async def _is_mailed(situation: Situation, about: str) -> bool:
    """Whether its guest has left an address, and the restaurant has who brings mails."""
    owner = situation.connected.restaurant_id
    if not await guest_emails.left_for(situation.database, owner, about, situation.pii):
        return False
    return await _brings_mails(situation)


async def _brings_mails(situation: Situation) -> bool:
    on = await connections.in_use(situation.database, situation.connected.restaurant_id)
    return any(one.service == "mail" for one in on)


async def _may_be_told(situation: Situation, number: str) -> bool:
    if not words.can_receive(number):
        return False
    return not await messages.wants_none(situation.database, situation.connected.restaurant_id, number, situation.pii)


def _message(
    situation: Situation,
    about: str,
    template: Template,
    to: str,
    text: str,
    told: str = "",
    *,
    until: datetime | None,
) -> SendMessage:
    occasion = f"{template}/{told}" if told else template
    connected, pages = situation.connected, situation.links.pages
    receipts = f"{pages}/hooks/twilio/{connected.id}" if pages and connected.provider == "twilio" else ""
    return SendMessage(
        about=about, occasion=occasion, template=template, to=to, text=text, receipts=receipts, useful_until=until
    )


async def sent(
    home: Home, connection: Connection, one: Claimed, work: Any, state: State, outcome: Outcome
) -> Sequence[Payload]:
    """What follows from ``message.send``: what receipts will tell of is known, and what it has cost, now or later.

    A deposit's link that did not go is not the guest's fault: the table is theirs without it.
    """
    if not isinstance(outcome, Done) and isinstance(work, SendMessage) and work.template == "deposit_link":
        await _do_without(home, connection, one.restaurant_id, work.occasion.removeprefix("deposit_link/"))
    if not (isinstance(outcome, Done) and outcome.reference and isinstance(work, SendMessage)):
        return ()
    parts = int(outcome.facts.get("parts", 0)) or words.parts(work.text).number
    await messages.record_sent(
        connection,
        one.restaurant_id,
        one.connection_id,
        outcome.reference,
        about=work.about,
        template=work.template,
        parts=parts,
    )
    await message_costs.add(connection, one.restaurant_id, one.provider, parts)
    if "currency" in outcome.facts:
        await _cost(connection, one, parts, outcome)
    elif one.provider == "twilio":
        asked = AskPrice(reference=outcome.reference, parts=parts)
        await errands.add(connection, one.restaurant_id, one.connection_id, asked, home.pii, after=PRICED_AFTER)
    return ()


async def _do_without(home: Home, connection: Connection, restaurant_id: str, deposit_id: str) -> None:
    deposit = await depositing.lock(connection, restaurant_id, deposit_id)
    if deposit is not None and deposit.state == "awaited":
        await deposit_settling.waive(connection, deposit, datetime.now(UTC))
        await deposit_settling.close_page(connection, deposit, home.pii)


async def priced(
    _home: Home, connection: Connection, one: Claimed, work: Any, state: State, outcome: Outcome
) -> Sequence[Payload]:
    """What follows from ``message.price``."""
    if isinstance(outcome, Done) and isinstance(work, AskPrice) and "currency" in outcome.facts:
        await _cost(connection, one, work.parts, outcome)
    return ()


async def _cost(connection: Connection, one: Claimed, parts: int, outcome: Done) -> None:
    currency, micros = str(outcome.facts["currency"]), int(outcome.facts["micros"])
    if currency != CREDITS and not (currency.isascii() and currency.isalpha() and len(currency) == 3):
        return
    await message_costs.add(connection, one.restaurant_id, one.provider, parts, currency=currency, micros=micros)
    message_cost_total.labels(one.provider, currency).inc(micros / 1_000_000)


PLANNERS: Mapping[type[Payload], Planner] = {
    OrderConfirmed: order_confirmed,
    OrderMoved: order_moved,
    OrderCancelled: order_cancelled,
    ReservationMade: reservation_made,
    ReservationChanged: reservation_changed,
    ReservationCancelled: reservation_cancelled,
    DepositChanged: deposit_changed,
    CallMissed: call_missed,
}
