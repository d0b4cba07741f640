"""E-mail addresses that guests have left for one order or one reservation: kept sealed, and until days after it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from stores.ciphers import PiiCipher, RowReader
from stores.postgres import Connection


async def leave(conn: Connection, restaurant_id: str, about: str, email: str, pii: PiiCipher) -> None:
    """In the place of one that was left before."""
    await conn.execute(
        "insert into guest_email (restaurant_id, about, email_encrypted) values ($1, $2, $3)"
        " on conflict (restaurant_id, about) do update set email_encrypted = $3, at = now()",
        restaurant_id,
        about,
        pii.encrypt(restaurant_id, email),
    )


async def go_on(conn: Connection, restaurant_id: str, before_id: str, order_id: str) -> None:
    """What was left for one order is that of the order in its place, if anything was."""
    await conn.execute(
        "update guest_email set about = $3, at = now() where restaurant_id = $1 and about = $2",
        restaurant_id,
        before_id,
        order_id,
    )


async def left_for(conn: Connection, restaurant_id: str, about: str, pii: PiiCipher) -> str:
    """An empty text where none was left, or it can't be read any more."""
    sealed = await conn.fetchval(
        "select email_encrypted from guest_email where restaurant_id = $1 and about = $2", restaurant_id, about
    )
    return RowReader(pii, restaurant_id).text("email", sealed)


async def left_for_each(
    conn: Connection, restaurant_id: str, subjects: Collection[str], pii: PiiCipher
) -> dict[str, str]:
    """By what it was left for; only what can be read."""
    rows = await conn.fetch(
        "select about, email_encrypted from guest_email where restaurant_id = $1 and about = any($2::uuid[])",
        restaurant_id,
        list(subjects),
    )
    reader = RowReader(pii, restaurant_id)
    return {str(row["about"]): email for row in rows if (email := reader.text("email", row["email_encrypted"]))}


async def forget(conn: Connection, restaurant_id: str, subjects: Sequence[str]) -> None:
    """What becomes of these is told by e-mail no more."""
    await conn.execute(
        "delete from guest_email where restaurant_id = $1 and about = any($2::uuid[])",
        restaurant_id,
        [str(one) for one in subjects],
    )
