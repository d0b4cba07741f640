"""What a guest is told by e-mail: about an order whose page has their address. They get no texts about it then.

Where the mailbox does not take a mail its address is forgotten, and what it said goes by text after all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from domain import mails
from domain.errands import SendMail, Service, State
from eventing.catalogue import OrderCancelled, OrderConfirmed, OrderFollowed, OrderMoved, Payload
from functions.errand_runner import message_planning
from functions.errand_runner.situation import Home, Planner, Situation, tell_connections
from integrations.tasks import Done, Outcome
from stores import guest_emails, messages, orders, restaurants
from stores.errands import Claimed
from stores.postgres import Connection


async def order_followed(situation: Situation, event: OrderFollowed) -> Sequence[SendMail]:
    """What was ordered goes to the address that was just left; to another one again."""
    return await _about_order(situation, event.order_id, "order_confirmed", by_address=True)


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


async def _about_order(
    situation: Situation, order_id: str, template: mails.Template, *, by_address: bool = False
) -> Sequence[SendMail]:
    """``by_address``: each address is told once, and not the order's guest."""
    owner = situation.connected.restaurant_id
    to = await guest_emails.of_order(situation.database, owner, order_id, situation.pii)
    if not to:
        return ()
    order = await orders.get(situation.database, order_id, pii=situation.pii)
    if order.status == "cancelled" and template != "order_cancelled":  # events come out of order
        return ()
    restaurant = await restaurants.get(situation.database, owner)
    link = situation.order_page(order)
    facts = await message_planning.order_facts(situation, order, restaurant, link)
    stop = f"{link}/stop" if link else ""
    mail = mails.order_mail(template, restaurant.language, facts, stop)
    return [
        SendMail(
            about=order_id,
            occasion=f"{template}/{hashlib.sha256(to.encode()).hexdigest()[:12]}" if by_address else template,
            template=template,
            to=to,
            sender=" ".join(restaurant.name.split()),
            title=mail.subject,
            text=mail.text,
            html=mail.html,
            stop=stop,
            useful_until=None if template == "order_cancelled" else order.promised_at + SendMail.GIVE_UP_AFTER,
        )
    ]


PLANNERS: Mapping[type[Payload], Planner] = {
    OrderConfirmed: order_confirmed,
    OrderFollowed: order_followed,
    OrderMoved: order_moved,
    OrderCancelled: order_cancelled,
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
    if await guest_emails.of_order(connection, one.restaurant_id, work.about, home.pii) != work.to:
        return ()  # another one was left meanwhile
    await guest_emails.forget(connection, one.restaurant_id, [work.about])
    planners: dict[Service, Planner] = {"messages": message_planning.instead_of_mail}
    await tell_connections(home, connection, one.restaurant_id, planners, work)
    return ()
