"""How tills stand to orders, and a till's own codes for what is on the menu."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from domain.till_menus import TillCode
from stores.postgres import Connection

TillState = Literal["", "sent", "accepted", "refused"]


@dataclass(frozen=True, slots=True)
class Told:
    """The order that a till has told of; ``changed`` is False for what was known."""

    restaurant_id: str
    number: int
    changed: bool


async def say(
    conn: Connection, order_id: str, state: TillState, *, reference: str = "", reason: str = ""
) -> Told | None:
    """Note how the till stands to the order; None for one that is not here.

    What comes late changes nothing: an order that was accepted or refused is not merely sent.
    """
    row = await conn.fetchrow(
        'select restaurant_id, number, till_state, till_reason from "order" where id = $1 for update', order_id
    )
    if row is None:
        return None
    known = row["till_state"]
    if (state == "sent" and known) or (known, row["till_reason"]) == (state, reason[:200]):
        return Told(row["restaurant_id"], row["number"], False)
    await conn.execute(
        'update "order" set till_state = $2, till_reason = $3,'
        " till_reference = case when $4 = '' then till_reference else $4 end where id = $1",
        order_id,
        state,
        reason[:200],
        reference[:200],
    )
    return Told(row["restaurant_id"], row["number"], True)


async def order_of(conn: Connection, reference: str) -> str | None:
    """The id of an order of these days by the till's own name for it; what has no name is none of them."""
    if not reference:
        return None
    found: str | None = await conn.fetchval(
        "select id from \"order\" where till_reference = $1 and confirmed_at > now() - interval '4 days' limit 1",
        reference,
    )
    return found


async def codes(conn: Connection, connection_id: str) -> dict[str, TillCode]:
    """By the id of what is on the menu: sizes and options by what they are sold as, the rest by where it stands."""
    rows = await conn.fetch("select thing_id, code, within from till_code where connection_id = $1", connection_id)
    return {row["thing_id"]: TillCode(row["code"], row["within"]) for row in rows}


async def things(conn: Connection, connection_id: str, wanted: Collection[str]) -> dict[str, list[str]]:
    """The ids behind each of these codes; what is not known has none."""
    found: dict[str, list[str]] = {}
    for row in await conn.fetch(
        "select code, thing_id from till_code where connection_id = $1 and code = any($2::text[])",
        connection_id,
        list(wanted),
    ):
        found.setdefault(row["code"], []).append(row["thing_id"])
    return found


async def set_codes(conn: Connection, restaurant_id: str, connection_id: str, known: Mapping[str, TillCode]) -> None:
    """The till's codes by the id of what is on the menu, in the place of all that were. What could never be sent, or
    kept, is no code: nothing, and control characters."""
    await conn.execute(
        "delete from till_code where connection_id = $1 and restaurant_id = $2", connection_id, restaurant_id
    )
    await conn.executemany(
        "insert into till_code (restaurant_id, connection_id, thing_id, code, within) values ($1, $2, $3, $4, $5)",
        [
            (restaurant_id, connection_id, thing, one.code[:120], one.within[:120])
            for thing, one in known.items()
            if one.code and (one.code + one.within).isprintable()
        ],
    )
