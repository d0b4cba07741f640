"""Restaurants that answer for one another: a chain as one of its houses has it, and who may join and leave.

The houses stay tenants of their own. What one of them learns of the others is what ``chain_houses`` gives: name, place,
hours and where they deliver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import asyncpg

from domain.chains import Because, Chain, House
from domain.restaurant import DeliveryZone, Opening, Restaurant
from stores import restaurants
from stores.errors import require
from stores.postgres import Connection

WhyNotJoined = Literal["", "not_owner", "in_a_chain", "no_chain", "too_many", "same_name"]
"""Why a restaurant did not join; "" when it did."""


@dataclass(frozen=True, slots=True)
class OwnHouse:
    """What a house says of itself: ``domain.chains.Chain`` explains each."""

    called: str
    asks: bool = False
    serves: bool = True
    offers_closed: bool = False
    offers_full: bool = False
    offers_outside: bool = False


async def of_restaurant(conn: Connection, restaurant_id: str) -> Chain | None:
    """The chain that it is in, with the houses of its language and currency; None for one that is in none."""
    rows = await conn.fetch("select * from chain_houses($1)", restaurant_id)
    own = next((row for row in rows if row["restaurant_id"] == restaurant_id), None)
    if own is None:
        return None
    offers: tuple[tuple[Because, bool], ...] = (
        ("closed", own["offers_closed"]),
        ("full", own["offers_full"]),
        ("outside", own["offers_outside"]),
    )
    alike = [row for row in rows if (row["language"], row["currency"]) == (own["language"], own["currency"])]
    return Chain(
        id=own["chain_id"],
        name=own["chain_name"],
        own=restaurant_id,
        asks=own["asks"],
        offers=tuple(because for because, is_offered in offers if is_offered),
        houses=tuple(_house(row) for row in alike),
    )


@dataclass(frozen=True, slots=True)
class ListedHouse:
    """``alike``: of the language and currency of the restaurant that asks; else no call goes on there."""

    id: str
    called: str
    city: str
    alike: bool


async def listed(conn: Connection, restaurant_id: str) -> tuple[ListedHouse, ...]:
    """All houses of its chain, itself among them, in the order in which they are offered; none without a chain."""
    rows = await conn.fetch("select * from chain_houses($1)", restaurant_id)
    own = {(row["language"], row["currency"]) for row in rows if row["restaurant_id"] == restaurant_id}
    return tuple(
        ListedHouse(row["restaurant_id"], row["called"], row["city"], (row["language"], row["currency"]) in own)
        for row in rows
    )


async def own_house(conn: Connection, restaurant_id: str) -> OwnHouse | None:
    row = await conn.fetchrow(
        "select called, asks, serves, offers_closed, offers_full, offers_outside from chain_house"
        " where restaurant_id = $1",
        restaurant_id,
    )
    return OwnHouse(**row) if row else None


async def update(conn: Connection, restaurant_id: str, wanted: OwnHouse) -> None:
    """Raises NotFoundError; asyncpg.UniqueViolationError where a sister is called so."""
    done = await conn.fetchval(
        "update chain_house set called = $2, asks = $3, serves = $4, offers_closed = $5, offers_full = $6,"
        " offers_outside = $7 where restaurant_id = $1 returning restaurant_id",
        restaurant_id,
        wanted.called,
        wanted.asks,
        wanted.serves,
        wanted.offers_closed,
        wanted.offers_full,
        wanted.offers_outside,
    )
    require(done, "house of a chain", restaurant_id)


async def join(
    conn: Connection, actor_id: str, actor_email: str, restaurant_id: str, called: str, chain_name: str = ""
) -> WhyNotJoined:
    """Bring a restaurant into the chain of the one whose transaction this is, which makes one when it joins itself.

    Done only for an account that owns both.
    """
    return await conn.fetchval(  # type: ignore[no-any-return]
        "select join_chain($1, $2, $3, $4, $5)", actor_id, actor_email, restaurant_id, called, chain_name or called
    )


async def leave(conn: Connection, restaurant_id: str) -> bool:
    """Whether it was in a chain. Nobody needs to be asked."""
    gone = await conn.fetchval("delete from chain_house where restaurant_id = $1 returning called", restaurant_id)
    return gone is not None


async def remove(conn: Connection, actor_id: str, restaurant_id: str) -> bool:
    """Take a sister out; False for one that the account does not own, or that is no sister."""
    return bool(await conn.fetchval("select remove_from_chain($1, $2)", actor_id, restaurant_id))


async def set_order(conn: Connection, actor_id: str, restaurant_ids: Sequence[str]) -> None:
    """In which order the chain's houses are offered; nothing for an account that does not own the present one."""
    await conn.execute("select order_chain($1, $2)", actor_id, list(restaurant_ids))


async def name_of(conn: Connection, restaurant_id: str) -> str:
    """Of the chain that it is in; "" without one."""
    found = await conn.fetchval("select chain_name from chain_houses($1) limit 1", restaurant_id)
    return str(found or "")


async def rename(conn: Connection, actor_id: str, name: str) -> bool:
    """Whether the present restaurant's chain has another name now: only an account that owns the restaurant may."""
    return bool(await conn.fetchval("select rename_chain($1, $2)", actor_id, name))


async def make(conn: Connection, name: str, houses: Sequence[tuple[str, OwnHouse]]) -> str:
    """A chain of these restaurants, in the order in which they are offered; its id. Needs the platform role."""
    chain_id: str = await conn.fetchval("insert into chain (name) values ($1) returning id", name)
    for position, (restaurant_id, house) in enumerate(houses):
        await conn.execute(
            "insert into chain_house (restaurant_id, chain_id, called, position, asks, serves, offers_closed,"
            " offers_full, offers_outside, joined_by) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'platform')",
            restaurant_id,
            chain_id,
            house.called,
            position,
            house.asks,
            house.serves,
            house.offers_closed,
            house.offers_full,
            house.offers_outside,
        )
    return chain_id


def _house(row: asyncpg.Record) -> House:
    about = Restaurant(
        id=row["restaurant_id"],
        name=row["called"],
        language=row["language"],
        currency=row["currency"],
        zone=row["zone"],
        street=row["street"],
        postcode=row["postcode"],
        city=row["city"],
        country=row["country"],
        openings=tuple(Opening(*one) for one in row["week"]),
        exceptions=restaurants.exceptions_of(row["exceptions"]),
        delivery_zones=tuple(DeliveryZone(name, tuple(codes), 0, 0, 0) for name, codes in row["zones"]),
        pickup=row["pickup"],
        delivery=row["delivery"],
        dine_in=row["dine_in"],
    )
    return House(about, row["serves"])
