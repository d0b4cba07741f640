"""An order as it goes out of the house: to a till with the till's own codes, to a printer with its station's lines."""

from __future__ import annotations

from collections.abc import Mapping

from domain.errands import Occasion, PlaceOrder, PrintTicket, TicketLine, TillChoice
from domain.names import fold
from domain.order import ChosenModifier
from domain.till_menus import TillCode
from stores import customers, errands, menus, orders, restaurants, tills
from stores.ciphers import PiiCipher
from stores.connections import Connection as Connected
from stores.orders import OrderLine
from stores.postgres import Connection


async def for_till(conn: Connection, connected: Connected, order_id: str, pii: PiiCipher) -> PlaceOrder:
    """Raises NotFoundError."""
    order = await orders.get(conn, order_id, pii=pii)
    codes = await tills.codes(conn, connected.id)
    return PlaceOrder(
        order_id=order.id,
        number=order.number,
        fulfilment=order.fulfilment,
        lines=tuple(_line(line, codes) for line in order.lines),
        fee_cents=order.fee_cents,
        total_cents=order.total_cents,
        currency=order.currency,
        confirmed_at=order.confirmed_at,
        promised_at=order.promised_at,
        customer=order.customer_name,
        phone=await customers.phone_of_order(conn, order.id, pii=pii),
        address=order.address,
        allergies=order.allergies,
    )


async def for_printer(
    conn: Connection, connected: Connected, order_id: str, occasion: Occasion, pii: PiiCipher
) -> PrintTicket | None:
    """None where nothing of the order is made at this printer's station. Raises NotFoundError.

    A ticket that is printed again is its next copy.
    """
    order = await orders.get(conn, order_id, pii=pii)
    lines = await _of_station(conn, connected, order.lines)
    if not lines:
        return None
    restaurant = await restaurants.get(conn, order.restaurant_id)
    before = [
        one
        for one in await errands.about(conn, order.restaurant_id, order_id)
        if one.connection_id == connected.id and one.kind == "ticket.print"
    ]
    return PrintTicket(
        order_id=order.id,
        number=order.number,
        occasion=occasion,
        fulfilment=order.fulfilment,
        lines=tuple(_line(line, {}) for line in lines),
        confirmed_at=order.confirmed_at,
        promised_at=order.promised_at,
        zone=restaurant.zone,
        language=restaurant.language,
        copy=len(before) if occasion == "again" else 0,
        customer=order.customer_name,
        address=order.address,
        allergies=order.allergies,
        replaces=order.replaces_number,
    )


async def _of_station(conn: Connection, connected: Connected, lines: tuple[OrderLine, ...]) -> tuple[OrderLine, ...]:
    """The lines of the printer's ``categories`` (by name, with commas); all where it names none.

    What is on the menu no more comes out everywhere: twice on paper is better than nowhere.
    """
    wanted = {fold(name) for name in connected.settings.get("categories", "").split(",") if name.strip()}
    if not wanted:
        return lines
    menu = await menus.load(conn, connected.restaurant_id)
    names = {category.id: fold(category.name) for category in menu.categories}
    of_item = {item.id: names.get(item.category_id, "") for item in menu.items}
    return tuple(line for line in lines if of_item.get(line.item_id) is None or of_item[line.item_id] in wanted)


def _line(line: OrderLine, codes: Mapping[str, TillCode]) -> TicketLine:
    known = codes.get(line.size_id, TillCode(""))
    return TicketLine(
        item_id=line.item_id,
        name=line.name,
        size=line.size_name,
        quantity=line.quantity,
        unit_cents=line.unit_cents,
        modifiers=tuple(one.name for one in line.modifiers),
        note=line.note,
        code=known.code,
        within=known.within,
        choices=_choices(line, codes),
    )


def _choices(line: OrderLine, codes: Mapping[str, TillCode]) -> tuple[TillChoice, ...]:
    """A little, more or none of something is no choice that a till knows: it is said in words."""
    known = tuple(
        TillChoice(codes[one.option_id].code, one.name, one.price_cents, codes[one.option_id].within)
        for one in line.modifiers
        if _is_plain(one) and one.option_id in codes
    )
    return known if sum(one.cents for one in known) <= line.unit_cents else ()


def _is_plain(one: ChosenModifier) -> bool:
    return one.amount == "regular" and one.price_cents >= 0
