"""What a guest is told by e-mail: about an order or a reservation whose page has their address. They get no texts about
it then, but the link to a deposit, on which their table hangs.

Where the mailbox does not take a mail its address is forgotten, and what it said goes by text after all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from domain import mails
from domain.errands import SendMail, Service, State
from domain.reservations import Status
from domain.restaurant import Restaurant
from eventing import depositing
from eventing.catalogue import (
    DepositChanged,
    OrderCancelled,
    OrderConfirmed,
    OrderFollowed,
    OrderMoved,
    Payload,
    ReservationCancelled,
    ReservationChanged,
    ReservationFollowed,
)
from functions.errand_runner import message_planning
from functions.errand_runner.situation import Home, Planner, Situation, tell_connections
from integrations.tasks import Done, Outcome
from stores import guest_emails, messages, orders, reservations, restaurants
from stores.errands import Claimed
from stores.postgres import Connection

AS_IT_STANDS: Mapping[Status, mails.BookingTemplate] = {
    "requested": "reservation_requested",
    "held": "reservation_held",
    "confirmed": "reservation_confirmed",
}
GOES_TO_CANCELLED: frozenset[mails.Template] = frozenset(
    {"order_cancelled", "reservation_cancelled", "deposit_refunded"}
)


async def order_followed(situation: Situation, event: OrderFollowed) -> Sequence[SendMail]:
    """What was ordered goes to the address that was just left; to another one again."""
    return await _about_order(situation, event.order_id, "order_confirmed", is_left=True)


async def order_moved(situation: Situation, event: OrderMoved) -> Sequence[SendMail]:
    return await _about_order(situation, event.order_id, "order_ready") if event.status == "ready" else ()


async def order_confirmed(situation: Situation, event: OrderConfirmed) -> Sequence[SendMail]:
    """One in the place of another has its guest's address from the beginning."""
    return await _about_order(situation, event.order_id, "order_changed") if event.replaces_order_id else ()


async def order_cancelled(situation: Situation, event: OrderCancelled) -> Sequence[SendMail]:
    """Whoever changed an order is told of the new one."""
    if event.replaced_by_order_id is not None:
        return ()
    return await _about_order(situation, event.order_id, "order_cancelled")


async def payment_link(situation: Situation, order_id: str) -> Sequence[SendMail]:
    return await _about_order(situation, order_id, "payment_link")


async def reservation_followed(situation: Situation, event: ReservationFollowed) -> Sequence[SendMail]:
    booking = await reservations.get(situation.database, event.reservation_id)
    template = AS_IT_STANDS.get(booking.status)
    return await _about_booking(situation, booking.id, template, is_left=True) if template else ()


async def reservation_changed(situation: Situation, event: ReservationChanged) -> Sequence[SendMail]:
    if (told := message_planning.news_of_change(event)) is None:
        return ()
    template: mails.BookingTemplate = "reservation_changed" if told else "reservation_confirmed"
    return await _about_booking(situation, event.reservation_id, template, told)


async def reservation_cancelled(situation: Situation, event: ReservationCancelled) -> Sequence[SendMail]:
    return await _about_booking(situation, event.reservation_id, "reservation_cancelled")


async def deposit_changed(situation: Situation, event: DepositChanged) -> Sequence[SendMail]:
    if event.state != "refund_due":
        return ()
    return await _about_booking(situation, event.reservation_id, "deposit_refunded", event.deposit_id)


async def _about_booking(
    situation: Situation, reservation_id: str, template: mails.BookingTemplate, told: str = "", *, is_left: bool = False
) -> Sequence[SendMail]:
    owner = situation.connected.restaurant_id
    to = await guest_emails.left_for(situation.database, owner, reservation_id, situation.pii)
    if not to:
        return ()
    booking = await reservations.get(situation.database, reservation_id)
    if booking.status == "cancelled" and template not in GOES_TO_CANCELLED:  # events come out of order
        return ()
    restaurant = await restaurants.get(situation.database, owner)
    link = situation.booking_page(booking)
    deposit = await depositing.latest(situation.database, owner, booking.id)
    facts = message_planning.booking_facts(booking, restaurant, link, deposit)
    stop = f"{link}/stop" if link else ""
    mail = mails.booking_mail(template, restaurant.language, facts, deposit.state if deposit else None, stop)
    until = None if template == "deposit_refunded" else booking.starts_at
    occasion = f"{template}/{told}" if told else template
    return [_mail(to, reservation_id, template, _left(to) if is_left else occasion, mail, restaurant, stop, until)]


async def _about_order(
    situation: Situation, order_id: str, template: mails.OrderTemplate, *, is_left: bool = False
) -> Sequence[SendMail]:
    owner = situation.connected.restaurant_id
    to = await guest_emails.left_for(situation.database, owner, order_id, situation.pii)
    if not to:
        return ()
    order = await orders.get(situation.database, order_id, pii=situation.pii)
    if order.status == "cancelled" and template not in GOES_TO_CANCELLED:  # events come out of order
        return ()
    restaurant = await restaurants.get(situation.database, owner)
    link = situation.order_page(order)
    facts = await message_planning.order_facts(situation, order, restaurant, link)
    stop = f"{link}/stop" if link else ""
    mail = mails.order_mail(template, restaurant.language, facts, stop)
    until = None if template == "order_cancelled" else order.promised_at + SendMail.GIVE_UP_AFTER
    return [_mail(to, order_id, template, _left(to) if is_left else template, mail, restaurant, stop, until)]


def _left(address: str) -> str:
    """The occasion of what each address is told once, and not each guest."""
    return message_planning.LEFT + hashlib.sha256(address.encode()).hexdigest()[:12]


def _mail(
    to: str,
    about: str,
    template: mails.Template,
    occasion: str,
    mail: mails.Mail,
    restaurant: Restaurant,
    stop: str,
    until: datetime | None,
) -> SendMail:
    return SendMail(
        about=about,
        occasion=occasion,
        template=template,
        to=to,
        sender=" ".join(restaurant.name.split()),
        title=mail.subject,
        text=mail.text,
        html=mail.html,
        stop=stop,
        useful_until=until,
    )


PLANNERS: Mapping[type[Payload], Planner] = {
    OrderConfirmed: order_confirmed,
    OrderFollowed: order_followed,
    OrderMoved: order_moved,
    OrderCancelled: order_cancelled,
    ReservationFollowed: reservation_followed,
    ReservationChanged: reservation_changed,
    ReservationCancelled: reservation_cancelled,
    DepositChanged: deposit_changed,
}


async def sent(
    home: Home, connection: Connection, one: Claimed, work: Any, state: State, outcome: Outcome
) -> Sequence[Payload]:
    """What follows from ``mail.send``."""
    if not isinstance(work, SendMail):
        return ()
    if isinstance(outcome, Done):
        await messages.record_sent(
            connection, one.restaurant_id, one.connection_id, one.id, about=work.about, template=work.template, parts=0
        )
        return ()
    if await guest_emails.left_for(connection, one.restaurant_id, work.about, home.pii) not in ("", work.to):
        return ()  # another one was left meanwhile
    await guest_emails.forget(connection, one.restaurant_id, [work.about])
    planners: dict[Service, Planner] = {"messages": message_planning.instead_of_mail}
    await tell_connections(home, connection, one.restaurant_id, planners, work)
    return ()
