"""Payment by link: from a confirmed order to its page and the text that leads there; what a cancellation undoes.

A page is asked for only where guests can come to it: their order's page has the button, and the text leads to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from domain import payments as rules
from domain.errands import CancelPayment, RefundPayment, RequestPayment, Service, State, Work
from eventing import paying
from eventing.catalogue import OrderCancelled, OrderConfirmed, OrderMoved, Payload
from functions.errand_runner import booking_planning, mail_planning, message_planning
from functions.errand_runner.situation import Home, Planner, Situation, tell_connections
from integrations.tasks import Done, Outcome
from stores import errands, orders, payments, restaurants
from stores.errands import Claimed
from stores.payments import Payment
from stores.postgres import Connection

# A page ends so long after the order is due.
PAYABLE_AFTER = timedelta(hours=1)


async def order_confirmed(situation: Situation, event: OrderConfirmed) -> Sequence[Work]:
    """For what is fetched or brought; who eats in pays at the table."""
    order = await orders.get(situation.database, event.order_id)
    page, ends_at = situation.order_page(order), order.promised_at + PAYABLE_AFTER
    if order.fulfilment == "dine_in" or order.status == "cancelled" or order.total_cents <= 0 or not page:
        return []
    restaurant = await restaurants.get(situation.database, order.restaurant_id)
    connected = situation.connected
    payment_id = await payments.request(
        situation.database, order.restaurant_id, order.id, connected.id, order.total_cents, order.currency
    )
    return [
        RequestPayment(
            payment_id=payment_id,
            amount_cents=order.total_cents,
            currency=order.currency,
            label=rules.label(restaurant.name, order.number, restaurant.language),
            language=restaurant.language,
            expires_at=RequestPayment.ends(ends_at, datetime.now(UTC)),
            useful_until=ends_at,
            back=page,
        )
    ]


async def order_cancelled(situation: Situation, event: OrderCancelled) -> Sequence[Work]:
    """An open page is closed. What was paid is marked: the restaurant sends it back with a button, or agrees otherwise.

    A page that is still being asked for is closed by what follows from it (``requested``).
    """
    payment = await _payment(situation, event.order_id)
    if payment is None:
        return []
    await paying.follow_order(situation.database, payment, cancelled=True)
    if payment.state != "requested" or not payment.reference:
        return []
    return [CancelPayment(payment_id=payment.id, session=payment.reference)]


async def order_moved(situation: Situation, event: OrderMoved) -> Sequence[Work]:
    """A restored order is paid as it was."""
    if event.before == "cancelled":
        payment = await _payment(situation, event.order_id)
        if payment is not None:
            await paying.follow_order(situation.database, payment, cancelled=False)
    return []


async def _payment(situation: Situation, order_id: str) -> Payment | None:
    """The order's, of this connection; locked."""
    found = await payments.of_order(situation.database, situation.connected.restaurant_id, order_id, lock=True)
    return found if found is not None and found.connection_id == situation.connected.id else None


PLANNERS: Mapping[type[Payload], Planner] = {
    OrderConfirmed: order_confirmed,
    OrderCancelled: order_cancelled,
    OrderMoved: order_moved,
    **booking_planning.DEPOSITS,
}


# --- What follows -----------------------------------------------------------------------------------------------------


async def requested(
    home: Home, connection: Connection, one: Claimed, work: RequestPayment, state: State, outcome: Outcome
) -> Sequence[Payload]:
    """The page is there, and its guest is told; or there will be none."""
    payment = await payments.locked(connection, one.restaurant_id, work.payment_id)
    if payment is None:
        return await booking_planning.page_came(home, connection, one, work, outcome)
    if not isinstance(outcome, Done):  # its answer may have been lost, and the guest has paid
        await payments.stand(connection, payment, rules.after(payment.state, "expired", cancelled=False))
        return ()
    await payments.open_page(connection, payment, outcome.reference, str(outcome.facts["url"]))
    order = await orders.get(connection, payment.order_id)
    if order.status == "cancelled":
        closing = CancelPayment(payment_id=payment.id, session=outcome.reference)
        await errands.add(connection, one.restaurant_id, one.connection_id, closing, home.pii)
        return ()
    planners: dict[Service, Planner] = {
        "messages": message_planning.payment_link,
        "mail": mail_planning.payment_link,
    }
    await tell_connections(home, connection, one.restaurant_id, planners, order.id)
    return ()


async def refunded(
    home: Home, connection: Connection, one: Claimed, work: RefundPayment, state: State, outcome: Outcome
) -> Sequence[Payload]:
    """A refund that the service refuses stays due; the connection's page says why."""
    if not isinstance(outcome, Done):
        return ()
    payment = await payments.locked(connection, one.restaurant_id, work.payment_id)
    if payment is None:
        return await booking_planning.settled(home, connection, one, work.payment_id, "refunded")
    told = await paying.settle(connection, payment, "refunded")
    return () if told is None else (told,)
