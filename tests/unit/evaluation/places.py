"""Scenarios made in a test, and rows as a call would have left them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from domain.order import ChosenModifier
from evaluation.database import Ending
from evaluation.files import Case, place
from evaluation.record import Record
from evaluation.scenarios import Scenario
from stores.calls import LoggedCall
from stores.orders import Order, OrderLine

NOW = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
GREETING = "Hello, this is the AI assistant of Harbour Pizza."
PEPPERONI = {"item": "Pepperoni", "size": "Large"}


def case(menu: str = "harbour-pizza", **fields: Any) -> Case:
    """A large pepperoni for Ann, where ``fields`` do not say otherwise."""
    order = {"lines": [PEPPERONI], "total_cents": 1500, "fulfilment": "pickup", "name": "Ann"}
    values: dict[str, Any] = {"id": "test", "menu": menu, "persona": "p", "goal": "g", "say": ["One large pepperoni."]}
    values |= {"expect": [{"order": order}]}
    return Case(msgspec.convert(values | fields, Scenario), place(menu))


def line(item: str, size: str = "", quantity: int = 1, options: tuple[str, ...] = (), note: str = "") -> OrderLine:
    chosen = tuple(ChosenModifier(name, "", name, 0) for name in options)
    return OrderLine(1, "", item, size, quantity, 1500, 1500 * quantity, chosen, note)


def order(*lines: OrderLine, total_cents: int = 1500, name: str = "Ann") -> Order:
    return Order(
        id="order-1",
        restaurant_id="restaurant-1",
        number=1,
        call_id="call-1",
        status="confirmed",
        fulfilment="pickup",
        fee_cents=0,
        total_cents=total_cents,
        currency="EUR",
        confirmed_at=NOW,
        promised_at=NOW,
        vat=(),
        lines=lines or (line("Pepperoni", "Large"),),
        customer_name=name,
        address=None,
    )


def ending(*orders: Order, strays: tuple[str, ...] = ()) -> Ending:
    log = LoggedCall(
        id="call-1", restaurant_id="restaurant-1", started_at=NOW, outcome="order_confirmed", usage={}, cost_dollars=0.0
    )
    return Ending(orders, (), strays, log)


def record(total: str = "15 euros") -> Record:
    """A call in which the large pepperoni was read out, agreed to and confirmed."""
    made = Record()
    made.note("assistant", GREETING)
    made.note("caller", "My name is Ann.")
    made.note("tool", "read_cart")
    made.note("assistant", f"So that's 1 Large Pepperoni. The total is {total}. Is that right?")
    made.note("caller", "Yes.")
    made.note("tool", "confirm_order")
    made.note("assistant", f"Your order is confirmed, {total} in all.")
    return made
