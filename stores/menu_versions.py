"""Every state that a menu was in: who made it so, what was different from before, and the menu itself.

A version is the menu from its moment to the next one's. The first is written with the first change and says how the
menu was before it. Only the newest ``KEPT`` are kept.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from domain.menu import Menu
from domain.menu_changes import Change
from stores.audit import Actor
from stores.errors import NotFoundError
from stores.postgres import Connection

KEPT = 300
CHANGES_KEPT = 100  # of one version; an import may have thousands, and the snapshot has them all


@dataclass(frozen=True, slots=True)
class MenuVersion:
    """``reason`` is the change's name, as in the audit log without its area; ``changes`` are the first of them."""

    number: int
    at: datetime
    actor: Actor
    reason: str
    changes: tuple[Change, ...]


_COLUMNS = "number, at, actor, acting_for, reason, changes"


async def newest_number(conn: Connection, restaurant_id: str) -> int:
    """0 for a menu that nobody has changed yet."""
    number: int = await conn.fetchval(
        "select coalesce(max(number), 0) from menu_version where restaurant_id = $1", restaurant_id
    )
    return number


async def record(conn: Connection, menu: Menu, actor: Actor, reason: str, changes: tuple[Change, ...] = ()) -> int:
    """Write the menu as the newest version; returns its number. Needs ``menus.lock``."""
    number: int = await conn.fetchval(
        "insert into menu_version (restaurant_id, number, at, actor, acting_for, reason, changes, snapshot)"
        " select $1, coalesce(max(number), 0) + 1, clock_timestamp(), $2, $3, $4, $5, $6"
        " from menu_version where restaurant_id = $1 returning number",
        menu.restaurant_id,
        actor.name,
        actor.acting_for,
        reason,
        msgspec.to_builtins(changes[:CHANGES_KEPT]),
        zlib.compress(msgspec.json.encode(menu)),
    )
    await conn.execute(
        "delete from menu_version where restaurant_id = $1 and number <= $2", menu.restaurant_id, number - KEPT
    )
    return number


async def recent(conn: Connection, restaurant_id: str, limit: int, below: int | None = None) -> tuple[MenuVersion, ...]:
    """Newest first; ``below`` is the last number of the page before."""
    rows = await conn.fetch(
        f"select {_COLUMNS} from menu_version where restaurant_id = $1 and ($2::integer is null or number < $2)"
        " order by number desc limit $3",
        restaurant_id,
        below,
        limit,
    )
    return tuple(
        MenuVersion(
            row["number"],
            row["at"],
            Actor(row["actor"], row["acting_for"]),
            row["reason"],
            msgspec.convert(row["changes"], tuple[Change, ...]),
        )
        for row in rows
    )


async def snapshot(conn: Connection, restaurant_id: str, number: int) -> Menu:
    """The menu as it was then. Raises NotFoundError for a version that is not kept."""
    packed: bytes | None = await conn.fetchval(
        "select snapshot from menu_version where restaurant_id = $1 and number = $2", restaurant_id, number
    )
    if packed is None:
        raise NotFoundError("menu version", str(number))
    written = zlib.decompress(packed)
    menu = msgspec.json.decode(written, type=Menu)
    if menu.items and b'"photo":' not in written:  # from before versions knew of photos: an item has the one it has now
        rows = await conn.fetch("select id, photo from menu_item where restaurant_id = $1", restaurant_id)
        photos = {row["id"]: row["photo"] for row in rows}
        return replace(menu, items=tuple(replace(item, photo=photos.get(item.id, "")) for item in menu.items))
    return menu


async def live_at(conn: Connection, restaurant_id: str, moment: datetime) -> int | None:
    """The number of the version that callers were told at ``moment``.

    None for a menu that was never changed, and for a moment from which no version is kept any more.
    """
    number: int | None = await conn.fetchval(
        "select coalesce("
        " (select number from menu_version where restaurant_id = $1 and at <= $2 order by at desc limit 1),"
        " (select number from menu_version where restaurant_id = $1 and number = 1))",
        restaurant_id,
        moment,
    )
    return number
