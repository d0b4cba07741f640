"""What tills sell, as they last said it, until somebody has it take the menu's place."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime

import msgspec

from domain.till_menus import TillMenu
from stores.postgres import Connection


@dataclass(frozen=True, slots=True)
class Told:
    """``digest`` names what was told; ``taken_at`` is None until it was taken over."""

    connection_id: str
    digest: str
    menu: TillMenu
    at: datetime
    taken_at: datetime | None


async def put(conn: Connection, restaurant_id: str, connection_id: str, menu: TillMenu) -> None:
    """In the place of what this till has said before; the same again changes nothing but its time."""
    written = msgspec.json.encode(menu)
    await conn.execute(
        "insert into till_menu (restaurant_id, connection_id, digest, menu) values ($1, $2, $3, $4)"
        " on conflict (connection_id) do update set digest = excluded.digest, menu = excluded.menu, at = now(),"
        " taken_at = case when till_menu.digest = excluded.digest then till_menu.taken_at end",
        restaurant_id,
        connection_id,
        hashlib.sha256(written).hexdigest()[:32],
        zlib.compress(written),
    )


async def get(conn: Connection, connection_id: str) -> Told | None:
    """None where the till has said nothing yet, or what another release has written."""
    row = await conn.fetchrow(
        "select connection_id, digest, menu, at, taken_at from till_menu where connection_id = $1", connection_id
    )
    if row is None:
        return None
    try:
        menu = msgspec.json.decode(zlib.decompress(row["menu"]), type=TillMenu)
    except msgspec.MsgspecError:
        return None
    return Told(row["connection_id"], row["digest"], menu, row["at"], row["taken_at"])


async def note_taken(conn: Connection, connection_id: str, digest: str) -> None:
    await conn.execute(
        "update till_menu set taken_at = now() where connection_id = $1 and digest = $2", connection_id, digest
    )
