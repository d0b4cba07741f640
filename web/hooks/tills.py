"""What follows from a till's notice. The till acts under its provider's name, by the same rules as a hand at the board.

Notices come late and out of order: an order only ever moves on by them, never back, and one that is closed stays so.
"""

from __future__ import annotations

import contextlib
import uuid
from datetime import UTC, datetime, timedelta

from domain.kitchen import NEXT, OPEN, OrderStatus
from domain.menu_edits import State
from eventing import ordering, outbox, till_menus
from integrations.tills.notices import Availability, Busy, MenuMoved, MenuSold, Notice, OrderStands
from stores import audit, hooks, kitchen, menus, orders, tills
from stores.audit import Actor
from stores.errors import NotFoundError
from stores.hooks import Hook
from stores.kitchen import Move, StatusChangedError
from stores.postgres import Connection

SOURCE = "/web/hooks"
LOAD_SOURCE = "till"
PAUSED_MINUTES = 600  # over what any restaurant allows: nothing is promised
AT_MOST = timedelta(hours=12)  # a pause that nobody ends
LONGEST_NOTE = 300

_PLACES: dict[OrderStatus, int] = {"confirmed": 0, "preparing": 1, "ready": 2, "done": 3}


async def take(conn: Connection, hook: Hook, name: str, notice: Notice) -> str:
    """The id of the order that it tells of, "" for another notice and for an order that is not here."""
    match notice:
        case OrderStands():
            return await _stands(conn, hook, name, notice)
        case Availability():
            states: dict[str, State] = {code: (False, until) for code, until in notice.off}
            states |= dict.fromkeys(notice.on, (True, None))
            if notice.at is not None:
                await menus.lock(conn, hook.restaurant_id)  # one after the other: each sees what was said before
                states = {
                    code: state
                    for code, state in states.items()
                    if await hooks.is_latest(conn, hook, f"stock/{code}", notice.at)
                }
            await till_menus.set_states(conn, hook.restaurant_id, hook.connection_id, name, states, source=SOURCE)
        case Busy():
            minutes = {"normal": 0, "busy": min(notice.minutes, PAUSED_MINUTES), "paused": PAUSED_MINUTES}[notice.state]
            until = datetime.now(UTC) + AT_MOST
            await kitchen.set_load(conn, hook.restaurant_id, LOAD_SOURCE, minutes, until)
        case MenuMoved():
            await till_menus.have_read(conn, hook.restaurant_id, hook.connection_id, source=SOURCE)
        case MenuSold():
            await till_menus.keep(conn, hook.restaurant_id, hook.connection_id, name, notice.menu, source=SOURCE)
    return ""


async def _stands(conn: Connection, hook: Hook, name: str, notice: OrderStands) -> str:
    """Who moves the order at the board meanwhile has it looked at again."""
    with contextlib.suppress(StatusChangedError):
        return await _follow(conn, hook, name, notice)
    return await _follow(conn, hook, name, notice)


async def _follow(conn: Connection, hook: Hook, name: str, notice: OrderStands) -> str:
    known = notice.order_id or await tills.order_of(conn, notice.reference)
    try:
        order = await orders.get(conn, str(uuid.UUID(known or "")))
    except (NotFoundError, ValueError):
        return ""  # not one of ours
    if notice.standing == "refused":
        for event in await ordering.till_refuses(conn, order.id, notice.reason or name):
            await outbox.emit(conn, event, source=SOURCE, subject=f"order/{order.id}")
        return order.id
    if order.status not in OPEN:
        return ""
    if notice.standing == "cancelled":
        note = notice.reason[:LONGEST_NOTE] or name
        await _move(conn, hook, Move(order.id, order.status, "cancelled", name, "other", note))
        return order.id
    await tills.say(conn, order.id, "accepted", reference=notice.reference)
    status = order.status
    while notice.standing != "accepted" and _PLACES[status] < _PLACES[notice.standing]:
        await _move(conn, hook, Move(order.id, status, NEXT[status], name))
        status = NEXT[status]
    return order.id


async def _move(conn: Connection, hook: Hook, move: Move) -> None:
    await ordering.move_order(conn, move, source=SOURCE)
    action = "order.cancelled" if move.to == "cancelled" else "order.moved"
    before, after = {"status": move.seen}, {"status": move.to}
    await audit.record(
        conn, hook.restaurant_id, Actor(move.by), action, subject=move.order_id, before=before, after=after
    )
