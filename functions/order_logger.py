"""The order log and the day's figures, in the restaurant's own day."""

from __future__ import annotations

from eventing import analytics
from eventing.catalogue import OrderConfirmed, OrderLogged
from eventing.cloudevents import Event
from eventing.consumers import consumer
from eventing.refusals import Unprocessable
from eventing.serving import FunctionSettings, run
from process.asgi import App
from stores import figures
from stores.figures import LoggedOrder
from stores.postgres import Connection, Postgres
from stores.redis import connect

NAME = "order_logger"

_LOCAL_DAY = "select ($2::timestamptz at time zone zone)::date from restaurant where id = $1"


def main() -> None:
    run(NAME, FunctionSettings, build)


def build(settings: FunctionSettings) -> App:
    postgres = Postgres(settings.database_url)
    return consumer(NAME, [OrderConfirmed], log_order, postgres=postgres, redis=connect(settings.redis_url))


async def log_order(connection: Connection, event: Event) -> OrderLogged:
    """Log the order and count it, once, whatever event tells of it; the reply has the day's figures so far."""
    order = event.payload_of(OrderConfirmed)
    analytics.tell(event, order)
    await figures.log_order(connection, _logged(order))
    day = await connection.fetchval(_LOCAL_DAY, order.restaurant_id, order.confirmed_at)
    of_day = await figures.daily(connection, order.restaurant_id, day, day)
    figure = next((one for one in of_day if one.currency == order.currency), None)
    if figure is None:
        raise Unprocessable("orderId: it is in another restaurant's log")
    return OrderLogged(
        restaurant_id=order.restaurant_id,
        order_id=order.order_id,
        number=order.number,
        day=day.isoformat(),
        orders_today=figure.orders,
        total_cents_today=figure.total_cents,
        currency=order.currency,
    )


def _logged(order: OrderConfirmed) -> LoggedOrder:
    return LoggedOrder(
        order_id=order.order_id,
        restaurant_id=order.restaurant_id,
        number=order.number,
        fulfilment=order.fulfilment,
        items=sum(line.quantity for line in order.lines),
        total_cents=order.total_cents,
        currency=order.currency,
        confirmed_at=order.confirmed_at,
    )
