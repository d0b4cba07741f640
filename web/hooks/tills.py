"""What follows from a till's notice. The till acts under its provider's name, by the same rules as a hand at the board.

Notices come late and out of order: an order only ever moves on by them, never back, and one that is closed stays so.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.kitchen import NEXT, OPEN, OrderStatus
from domain.menu import Menu, MenuItem, ModifierOption, groups_of
from domain.names import fold
from eventing import menus as menu_changes
from eventing import ordering, outbox
from integrations.tills.notices import Availability, Busy, Notice, OrderStands, TillMenu
from stores import audit, kitchen, menus, orders, tills
from stores.audit import Actor
from stores.errors import NotFoundError
from stores.hooks import Hook
from stores.kitchen import Move
from stores.postgres import Connection
from web.place.menu.shelf import with_options

SOURCE = "/web/hooks"
LOAD_SOURCE = "till"
PAUSED_MINUTES = 600  # over what any restaurant allows: nothing is promised
AT_MOST = timedelta(hours=12)  # a pause that nobody ends
LONGEST_NOTE = 300

_PLACES: dict[OrderStatus, int] = {"confirmed": 0, "preparing": 1, "ready": 2, "done": 3}

State = tuple[bool, datetime | None]


async def take(conn: Connection, hook: Hook, name: str, notice: Notice) -> None:
    match notice:
        case OrderStands():
            await _stands(conn, hook, name, notice)
        case Availability():
            await _availability(conn, hook, name, notice)
        case Busy():
            minutes = {"normal": 0, "busy": min(notice.minutes, PAUSED_MINUTES), "paused": PAUSED_MINUTES}[notice.state]
            until = datetime.now(UTC) + AT_MOST
            await kitchen.set_load(conn, hook.restaurant_id, LOAD_SOURCE, minutes, until)
        case TillMenu():
            known = codes_of(await menus.load(conn, hook.restaurant_id), notice)
            await tills.set_codes(conn, hook.restaurant_id, hook.connection_id, known)


async def _stands(conn: Connection, hook: Hook, name: str, notice: OrderStands) -> None:
    try:
        order = await orders.get(conn, str(uuid.UUID(notice.order_id)))
    except (NotFoundError, ValueError):
        return  # another system's order on the same link
    if notice.standing == "refused":
        for event in await ordering.till_refuses(conn, order.id, notice.reason or name):
            await outbox.emit(conn, event, source=SOURCE, subject=f"order/{order.id}")
        return
    if order.status not in OPEN:
        return
    if notice.standing == "cancelled":
        note = notice.reason[:LONGEST_NOTE] or name
        await _move(conn, hook, Move(order.id, order.status, "cancelled", name, "other", note))
        return
    await tills.say(conn, order.id, "accepted", reference=notice.reference)
    if notice.standing == "accepted":
        return
    status = order.status
    while _PLACES[status] < _PLACES[notice.standing]:
        await _move(conn, hook, Move(order.id, status, NEXT[status], name))
        status = NEXT[status]


async def _move(conn: Connection, hook: Hook, move: Move) -> None:
    await ordering.move_order(conn, move, source=SOURCE)
    action = "order.cancelled" if move.to == "cancelled" else "order.moved"
    before, after = {"status": move.seen}, {"status": move.to}
    await audit.record(
        conn, hook.restaurant_id, Actor(move.by), action, subject=move.order_id, before=before, after=after
    )


async def _availability(conn: Connection, hook: Hook, name: str, notice: Availability) -> None:
    now = datetime.now(UTC)
    wanted: dict[str, State] = {code: (False, until) for code, until in notice.off if until is None or until > now}
    wanted |= dict.fromkeys(notice.on, (True, None))
    states = {
        thing: wanted[code]
        for code, things in (await tills.things(conn, hook.connection_id, list(wanted))).items()
        for thing in things
    }
    if not states:
        return
    off = any(not available for available, _ in states.values())
    await menu_changes.change(
        conn,
        hook.restaurant_id,
        Actor(name),
        edit(states),
        reason="item_off" if off else "item_back",
        source=SOURCE,
    )


def edit(states: Mapping[str, State]) -> Callable[[Menu], Menu]:
    """By the ids of sizes and options. An item of which every size is said is off, or back, as a whole."""

    def of_item(item: MenuItem) -> MenuItem:
        said = [states[size.id] for size in item.sizes if size.id in states]
        if len(said) == len(item.sizes) and len(set(said)) == 1:
            available, until = said[0]
            sizes = tuple(replace(size, available=True, off_until=None) for size in item.sizes)
            return replace(item, available=available, off_until=until, sizes=sizes if available else item.sizes)
        sizes = tuple(
            replace(size, available=states[size.id][0], off_until=states[size.id][1]) if size.id in states else size
            for size in item.sizes
        )
        return replace(item, sizes=sizes)

    def of_option(option: ModifierOption) -> ModifierOption:
        if option.id not in states:
            return option
        available, until = states[option.id]
        return replace(option, available=available, off_until=until)

    return lambda menu: with_options(replace(menu, items=tuple(map(of_item, menu.items))), of_option)


def codes_of(menu: Menu, sold: TillMenu) -> dict[str, str]:
    """The till's codes of sizes and options, by equal names (``Margherita Large``); a name that two products have, or
    that is another one's, is nobody's."""
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for product in sold.products:
        by_name[fold(product.name)].add(product.code)
    known: dict[str, str] = {}

    def note(thing_id: str, name: str) -> None:
        codes = by_name.get(fold(name), set())
        if len(codes) == 1:
            known[thing_id] = next(iter(codes))

    for item in menu.items:
        for size in item.sizes:
            note(size.id, f"{item.name} {size.name}".strip())
    for group in groups_of(menu).values():
        for option in group.options:
            note(option.id, option.name)
    return known
