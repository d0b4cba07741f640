"""Photos of dishes: two small pictures for each, in the database, so that a copy of it is a copy of everything.

An item names its photo by the digest of its content (``domain.menu``), and so do the menu's earlier versions: a photo
that no item has any more stays until it is too old, so that a version can be put back with it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

from stores.errors import NotFoundError
from stores.postgres import Connection


class Photo(NamedTuple):
    """WebP. ``digest`` names the content: 32 hexadecimal digits."""

    digest: str
    small: bytes
    large: bytes


async def put(conn: Connection, restaurant_id: str, photo: Photo) -> None:
    """Keep it, for an item to name it in the same transaction."""
    await conn.execute(
        "insert into menu_photo (restaurant_id, digest, small, large, unused_since) values ($1, $2, $3, $4, now())"
        " on conflict (restaurant_id, digest) do nothing",
        restaurant_id,
        *photo,
    )


async def kept(conn: Connection, restaurant_id: str, wanted: Collection[str]) -> tuple[str, ...]:
    """Those of these digests that there is a photo of, locked: they stay while this transaction lasts."""
    rows = await conn.fetch(
        "select digest from menu_photo where restaurant_id = $1 and digest = any($2::text[]) for update",
        restaurant_id,
        list(wanted),
    )
    return tuple(row["digest"] for row in rows)


async def count_use(conn: Connection, restaurant_id: str) -> None:
    """The items are written: note from when on which photos are no item's, and which are again."""
    used = "exists (select from menu_item i where i.restaurant_id = p.restaurant_id and i.photo = p.digest)"
    await conn.execute(
        f"update menu_photo p set unused_since = case when {used} then null else now() end"
        f" where restaurant_id = $1 and {used} = (unused_since is not null)",
        restaurant_id,
    )


async def picture(conn: Connection, restaurant_id: str, digest: str, size: Literal["small", "large"]) -> bytes:
    """Raises NotFoundError."""
    column = "large" if size == "large" else "small"
    found: bytes | None = await conn.fetchval(
        f"select {column} from menu_photo where restaurant_id = $1 and digest = $2", restaurant_id, digest
    )
    if found is None:
        raise NotFoundError("photo", digest)
    return found
