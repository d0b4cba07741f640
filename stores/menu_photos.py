"""Photos of dishes: two small pictures for each, in the database, so that a copy of it is a copy of everything."""

from __future__ import annotations

from typing import Literal, NamedTuple

from stores.errors import NotFoundError, require
from stores.postgres import Connection


class Photo(NamedTuple):
    """WebP. ``digest`` names the content: 32 hexadecimal digits."""

    digest: str
    small: bytes
    large: bytes


async def digests(conn: Connection, restaurant_id: str) -> dict[str, str]:
    """Of every item with a photo, by item id."""
    rows = await conn.fetch("select item_id, digest from menu_photo where restaurant_id = $1", restaurant_id)
    return {row["item_id"]: row["digest"] for row in rows}


async def put(conn: Connection, restaurant_id: str, item_id: str, photo: Photo) -> None:
    """Replace the item's photo. Raises asyncpg.ForeignKeyViolationError for an item that is not there."""
    await conn.execute(
        "insert into menu_photo (restaurant_id, item_id, digest, small, large) values ($1, $2, $3, $4, $5)"
        " on conflict (restaurant_id, item_id) do update set digest = excluded.digest, small = excluded.small,"
        " large = excluded.large",
        restaurant_id,
        item_id,
        *photo,
    )


async def picture(
    conn: Connection, restaurant_id: str, item_id: str, digest: str, size: Literal["small", "large"]
) -> bytes:
    """Raises NotFoundError, also for the digest of a photo that was replaced."""
    column = "large" if size == "large" else "small"
    found: bytes | None = await conn.fetchval(
        f"select {column} from menu_photo where restaurant_id = $1 and item_id = $2 and digest = $3",
        restaurant_id,
        item_id,
        digest,
    )
    if found is None:
        raise NotFoundError("photo", digest)
    return found


async def remove(conn: Connection, restaurant_id: str, item_id: str) -> None:
    """Raises NotFoundError."""
    gone = await conn.fetchval(
        "delete from menu_photo where restaurant_id = $1 and item_id = $2 returning item_id", restaurant_id, item_id
    )
    require(gone, "photo", item_id)
