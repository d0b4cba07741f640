"""Orders, newest first, and moved on as the kitchen does."""

from __future__ import annotations

from typing import get_args

from domain.kitchen import CancelReason, OrderStatus, may_move
from domain.order import FulfilmentKind
from eventing import ordering
from stores import audit, orders
from stores.kitchen import Move, StatusChangedError
from stores.orders import Order, OrderFilter
from stores.postgres import Connection
from web.api import problems
from web.api.fields import Currency, Given, Id, Instant, Shape, Word
from web.api.operations import Asked, Nothing, operation
from web.api.paging import Page, PageQuery, is_uuid, page
from web.api.problems import Problem

TAG = "Orders"


class ModifierShape(Shape, frozen=True, kw_only=True):
    name: str
    price_cents: int


class OrderLineShape(Shape, frozen=True, kw_only=True):
    """``sizeName`` is empty for an item sold in one size; ``unitCents`` includes the modifiers."""

    line: int
    item_id: Id
    name: str
    size_name: str
    quantity: int
    unit_cents: int
    total_cents: int
    modifiers: tuple[ModifierShape, ...]
    note: str


class AddressShape(Shape, frozen=True, kw_only=True):
    street: str
    postcode: str
    city: str


class VatShape(Shape, frozen=True, kw_only=True):
    """VAT contained in the total at one rate, in basis points."""

    rate_bp: int
    gross_cents: int
    vat_cents: int


class OrderShape(Shape, frozen=True, kw_only=True):
    """``number`` is the day's ticket. The name, the address and the notes are there with the scope ``personal``."""

    id: Id
    number: int
    call_id: str
    status: OrderStatus
    fulfilment: FulfilmentKind
    fee_cents: int
    total_cents: int
    currency: Currency
    confirmed_at: Instant
    promised_at: Instant
    vat: tuple[VatShape, ...]
    lines: tuple[OrderLineShape, ...]
    customer_name: str | None
    address: AddressShape | None


class OrdersQuery(PageQuery, frozen=True, kw_only=True):
    """``since`` and no order that was confirmed before it."""

    since: Instant | None = None


def _shape(order: Order, personal: bool) -> OrderShape:
    address = order.address
    return OrderShape(
        id=order.id,
        number=order.number,
        call_id=order.call_id,
        status=order.status,
        fulfilment=order.fulfilment,
        fee_cents=order.fee_cents,
        total_cents=order.total_cents,
        currency=order.currency,
        confirmed_at=order.confirmed_at,
        promised_at=order.promised_at,
        vat=tuple(
            VatShape(rate_bp=one.rate_bp, gross_cents=one.gross_cents, vat_cents=one.vat_cents) for one in order.vat
        ),
        lines=tuple(
            OrderLineShape(
                line=one.line,
                item_id=one.item_id,
                name=one.name,
                size_name=one.size_name,
                quantity=one.quantity,
                unit_cents=one.unit_cents,
                total_cents=one.total_cents,
                modifiers=tuple(ModifierShape(name=m.name, price_cents=m.price_cents) for m in one.modifiers),
                note=one.note if personal else "",
            )
            for one in order.lines
        ),
        customer_name=order.customer_name if personal else None,
        address=AddressShape(street=address.street, postcode=address.postcode, city=address.city)
        if personal and address
        else None,
    )


@operation(
    "GET",
    "/restaurants/{restaurantId}/orders",
    tag=TAG,
    query=OrdersQuery,
    answer=Page[OrderShape],
    scope="orders:read",
)
async def list_orders(connection: Connection, asked: Asked[OrdersQuery, None]) -> Page[OrderShape]:
    """List orders, the newest first."""
    query, personal = asked.query, asked.may("personal")
    found = await orders.recent(
        connection,
        query.limit + 1,
        query.position(is_uuid),
        wanted=OrderFilter(since=query.since),
        pii=asked.pii if personal else None,
    )
    return page(found, query.limit, lambda order: _shape(order, personal), lambda order: (order.confirmed_at, order.id))


@operation(
    "GET",
    "/restaurants/{restaurantId}/orders/{orderId}",
    tag=TAG,
    answer=OrderShape,
    scope="orders:read",
    etag="status",
)
async def get_order(connection: Connection, asked: Asked[Nothing, None]) -> OrderShape:
    """Show an order.

    Its ETag is its status: send it as If-Match to move the order on.
    """
    personal = asked.may("personal")
    return _shape(await orders.get(connection, asked.path["orderId"], pii=asked.pii if personal else None), personal)


class OrderMove(Given, frozen=True, kw_only=True):
    """One step on or back, or ``cancelled`` with its ``reason``."""

    status: OrderStatus
    reason: CancelReason | None = None
    note: Word = ""


@operation(
    "PATCH",
    "/restaurants/{restaurantId}/orders/{orderId}",
    tag=TAG,
    body=OrderMove,
    answer=OrderShape,
    scope="orders:write",
    etag="status",
    if_match=True,
    problems=("conflict",),
)
async def move_order(connection: Connection, asked: Asked[Nothing, OrderMove]) -> OrderShape:
    """Move an order on in the kitchen, from the status that was seen.

    If-Match is the status that was seen: of two who move one order at once, the second is told.
    """
    order_id, to = asked.path["orderId"], asked.body.status
    if (to == "cancelled") != (asked.body.reason is not None):
        raise problems.invalid("/reason", "Needed to cancel an order, and for nothing else.")
    present = await orders.get(connection, order_id)
    if asked.seen not in get_args(OrderStatus) or present.status != asked.seen:
        raise Problem("changed-meanwhile", f"The order is {present.status} now.")
    if not may_move(present.status, to):
        raise Problem("conflict", f"An order that is {present.status} can't become {to}.")
    move = Move(order_id, present.status, to, asked.client.actor.name, asked.body.reason, asked.body.note)
    try:
        await ordering.move_order(connection, move, source="/api")
    except StatusChangedError as error:
        raise Problem("changed-meanwhile", f"The order is {error.present.status} now.") from None
    await audit.record(
        connection,
        asked.restaurant_id,
        asked.client.actor,
        "orders.moved",
        subject=order_id,
        before={"status": present.status},
        after={"status": to},
    )
    personal = asked.may("personal")
    return _shape(await orders.get(connection, order_id, pii=asked.pii if personal else None), personal)
