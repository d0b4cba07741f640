import uuid
from datetime import UTC, datetime

import pytest

from eventing.catalogue import OrderConfirmed, OrderedLine, OrderLogged
from eventing.cloudevents import Event
from tests.conftest import Pools
from tests.integration.functions_small.conftest import StartFunction

pytestmark = pytest.mark.integration


def logged(reply: Event | None) -> OrderLogged:
    assert reply is not None
    return reply.payload_of(OrderLogged)


def confirmed(restaurant_id: str, confirmed_at: datetime, total_cents: int = 2500, quantity: int = 2) -> OrderConfirmed:
    line = OrderedLine(
        item_id=str(uuid.uuid4()),
        name="Regina",
        size="",
        quantity=quantity,
        unit_cents=total_cents // quantity,
        total_cents=total_cents,
    )
    return OrderConfirmed(
        restaurant_id=restaurant_id,
        order_id=str(uuid.uuid4()),
        call_id="call-1",
        number=12,
        fulfilment="pickup",
        total_cents=total_cents,
        currency="EUR",
        lines=(line,),
        promised_at=confirmed_at,
        confirmed_at=confirmed_at,
    )


async def test_orders_are_logged_once_and_counted_on_the_restaurants_own_day(
    function: StartFunction, postgres: Pools, restaurant_id: str
) -> None:
    before_midnight = datetime(2026, 11, 20, 22, 59, tzinfo=UTC)  # 23:59 in Paris
    after_midnight = datetime(2026, 11, 20, 23, 1, tzinfo=UTC)
    first, second = confirmed(restaurant_id, before_midnight), confirmed(restaurant_id, before_midnight, 1000, 1)
    event = Event.of(first, source="/call-handler", extensions={"callid": "call-1"})
    async with function("order_logger") as logger:
        status, reply, _ = await logger.send(event)
        duplicate = await logger.send(event)
        again_under_another_id = await logger.send(first)
        _, of_second, _ = await logger.send(second)
        _, of_next_day, _ = await logger.send(confirmed(restaurant_id, after_midnight))

    assert reply is not None
    assert (status, reply.type, reply.extensions["callid"]) == (200, "com.alloresto.order.logged", "call-1")
    of_first = logged(reply)
    assert (of_first.day, of_first.orders_today, of_first.total_cents_today) == ("2026-11-20", 1, 2500)
    assert duplicate == (200, reply, {})
    assert logged(again_under_another_id[1]).orders_today == 1
    assert (logged(of_second).orders_today, logged(of_second).total_cents_today) == (2, 3500)
    assert (logged(of_next_day).day, logged(of_next_day).orders_today) == ("2026-11-21", 1)
    async with postgres.app.tenant(restaurant_id) as connection:
        assert await connection.fetchval("select count(*) from order_log") == 3
        figures = await connection.fetch("select day::text, orders, items, total_cents from daily_figure order by day")
    assert [tuple(row) for row in figures] == [("2026-11-20", 2, 3, 3500), ("2026-11-21", 1, 2, 2500)]


async def test_an_order_of_an_unknown_restaurant_is_refused(function: StartFunction) -> None:
    async with function("order_logger") as logger:
        status, _, problem = await logger.send(confirmed(str(uuid.uuid4()), datetime.now(UTC)))

    assert (status, problem["detail"]) == (400, "data: Postgres refuses it (ForeignKeyViolationError 23503)")
