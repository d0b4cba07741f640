"""Restaurants with their hours, delivery zones and FAQ."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import asyncpg

from domain.restaurant import DeliveryZone, FaqEntry, Opening, OpeningException, Restaurant
from stores.errors import NotFoundError, require
from stores.postgres import NO_RESTAURANT, Connection

# What create() writes, in the order of its parameters.
_COLUMNS = (
    "max_calls",
    "name",
    "language",
    "currency",
    "zone",
    "street",
    "postcode",
    "city",
    "phone",
    "greeting",
    "voice",
    "pickup",
    "delivery",
    "dine_in",
    "prep_minutes",
    "record_calls",
    "fallback",
    "fallback_number",
    "country",
    "orders_ahead",
    "last_order_minutes",
    "max_order_cents",
    "max_order_items",
    "max_load_minutes",
    "when_closed",
    "style",
    "upsell",
    "engines",
    "changes_until",
)


@dataclass(frozen=True, slots=True)
class Greeted:
    """As much of a restaurant as its greeting is made of (``domain.greetings.Greeter``), and the voice that says it."""

    id: str
    name: str
    language: str
    greeting: str
    voice: str
    record_calls: bool


async def get(conn: Connection, restaurant_id: str) -> Restaurant:
    """The restaurant with its hours and zones. Raises NotFoundError."""
    # One round trip: every page and every call begins with it.
    row = await conn.fetchrow(
        "select *,"
        " (select coalesce(jsonb_agg(jsonb_build_array(weekday, opens, closes) order by weekday, opens), '[]')"
        "  from opening_hours where restaurant_id = $1) as week,"
        " (select coalesce(jsonb_agg(jsonb_build_array(day, spans) order by day), '[]')"
        "  from opening_exception where restaurant_id = $1) as exceptions,"
        " (select coalesce(jsonb_agg(jsonb_build_array(name, postcodes, minimum_cents, fee_cents, minutes)"
        "  order by position, name), '[]') from delivery_zone where restaurant_id = $1) as zones"
        " from restaurant where id = $1",
        restaurant_id,
    )
    if row is None:
        raise NotFoundError("restaurant", restaurant_id)
    return _restaurant(row)


def exceptions_of(days: Iterable[tuple[str, Iterable[tuple[int, int]]]]) -> tuple[OpeningException, ...]:
    """From ``[day, [[opens, closes], ...]]`` as Postgres gives them."""
    return tuple(
        OpeningException(date.fromisoformat(day), tuple((opens, closes) for opens, closes in spans))
        for day, spans in days
    )


def _restaurant(row: asyncpg.Record) -> Restaurant:
    return Restaurant(
        id=row["id"],
        name=row["name"],
        language=row["language"],
        currency=row["currency"],
        zone=row["zone"],
        street=row["street"],
        postcode=row["postcode"],
        city=row["city"],
        phone=row["phone"],
        greeting=row["greeting"],
        voice=row["voice"],
        openings=tuple(Opening(*one) for one in row["week"]),
        exceptions=exceptions_of(row["exceptions"]),
        delivery_zones=tuple(DeliveryZone(name, tuple(postcodes), *terms) for name, postcodes, *terms in row["zones"]),
        pickup=row["pickup"],
        delivery=row["delivery"],
        dine_in=row["dine_in"],
        prep_minutes=row["prep_minutes"],
        max_calls=row["max_calls"],
        record_calls=row["record_calls"],
        fallback=row["fallback"],
        fallback_number=row["fallback_number"],
        country=row["country"],
        orders_ahead=row["orders_ahead"],
        last_order_minutes=row["last_order_minutes"],
        max_order_cents=row["max_order_cents"],
        max_order_items=row["max_order_items"],
        max_load_minutes=row["max_load_minutes"],
        when_closed=row["when_closed"],
        changes_until=row["changes_until"],
        style=row["style"],
        upsell=row["upsell"],
        engines=tuple(row["engines"]),
    )


async def greeted(conn: Connection, *, after_id: str = NO_RESTAURANT, limit: int = 500) -> tuple[Greeted, ...]:
    """Every restaurant with an active line, by id; ``after_id`` is the last id of the page before. At most 1000.

    Needs the app role, and no restaurant: the one thing that it may know of all of them.
    """
    rows = await conn.fetch("select * from greeted_restaurants($1, $2)", after_id, limit)
    return tuple(Greeted(**row) for row in rows)


async def create(conn: Connection, restaurant: Restaurant) -> str:
    """Insert it with its hours and zones; returns its id, a new one when ``restaurant.id`` is empty.

    Needs the platform role. Raises asyncpg.UniqueViolationError when the id exists.
    """
    names, places = ", ".join(_COLUMNS), ", ".join(f"${number}" for number in range(2, len(_COLUMNS) + 2))
    restaurant_id: str = await conn.fetchval(
        f"insert into restaurant (id, {names}) values (coalesce($1, gen_random_uuid()), {places}) returning id",
        restaurant.id or None,
        *(getattr(restaurant, column) for column in _COLUMNS),
    )
    await set_openings(conn, restaurant_id, restaurant.openings)
    for exception in restaurant.exceptions:
        await set_exception(conn, restaurant_id, exception)
    await set_delivery_zones(conn, restaurant_id, restaurant.delivery_zones)
    return restaurant_id


async def update(conn: Connection, restaurant_id: str, values: Mapping[str, object]) -> dict[str, object]:
    """Set these fields (the names of ``_COLUMNS``, but for ``max_calls``: the platform's); what each was before.

    Raises NotFoundError, asyncpg.CheckViolationError.
    """
    unknown = values.keys() - set(_COLUMNS)
    if unknown:
        raise ValueError(f"no fields of a restaurant: {', '.join(sorted(unknown))}")
    names = ", ".join(values)
    # Locked, so that what it was before is what this change replaces.
    before = await conn.fetchrow(f"select {names} from restaurant where id = $1 for update", restaurant_id)
    require(before, "restaurant", restaurant_id)
    places = ", ".join(f"{name} = ${number}" for number, name in enumerate(values, 2))
    await conn.execute(f"update restaurant set {places} where id = $1", restaurant_id, *values.values())
    return dict(before or {})


async def openings(conn: Connection, restaurant_id: str) -> tuple[Opening, ...]:
    """The week, in order."""
    rows = await conn.fetch(
        "select weekday, opens, closes from opening_hours where restaurant_id = $1 order by weekday, opens",
        restaurant_id,
    )
    return tuple(Opening(row["weekday"], row["opens"], row["closes"]) for row in rows)


async def set_openings(conn: Connection, restaurant_id: str, week: Iterable[Opening]) -> None:
    """Replace the week."""
    await conn.execute("delete from opening_hours where restaurant_id = $1", restaurant_id)
    await conn.executemany(
        "insert into opening_hours (restaurant_id, weekday, opens, closes) values ($1, $2, $3, $4)",
        [(restaurant_id, one.weekday, one.opens, one.closes) for one in week],
    )


async def set_exception(conn: Connection, restaurant_id: str, exception: OpeningException) -> None:
    """Replace what is said of one date."""
    await conn.execute(
        "insert into opening_exception (restaurant_id, day, spans) values ($1, $2, $3)"
        " on conflict (restaurant_id, day) do update set spans = excluded.spans",
        restaurant_id,
        exception.day,
        exception.spans,
    )


async def remove_exception(conn: Connection, restaurant_id: str, day: date) -> None:
    """The date follows the week again. Raises NotFoundError."""
    done = await conn.fetchval(
        "delete from opening_exception where restaurant_id = $1 and day = $2 returning day", restaurant_id, day
    )
    require(done, "opening exception", day.isoformat())


async def set_delivery_zones(conn: Connection, restaurant_id: str, zones: Iterable[DeliveryZone]) -> None:
    """Replace all zones; their order is kept."""
    await conn.execute("delete from delivery_zone where restaurant_id = $1", restaurant_id)
    await conn.executemany(
        "insert into delivery_zone (restaurant_id, name, postcodes, minimum_cents, fee_cents, minutes, position)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        [
            (restaurant_id, zone.name, zone.postcodes, zone.minimum_cents, zone.fee_cents, zone.minutes, position)
            for position, zone in enumerate(zones)
        ],
    )


async def faq(conn: Connection, restaurant_id: str) -> tuple[FaqEntry, ...]:
    rows = await conn.fetch(
        "select id, question, answer from faq where restaurant_id = $1 order by position, id", restaurant_id
    )
    return tuple(FaqEntry(row["id"], row["question"], row["answer"]) for row in rows)


async def set_faq(conn: Connection, restaurant_id: str, entries: Iterable[FaqEntry]) -> None:
    """Replace all entries; their order is kept. An entry with an empty id gets a new one."""
    await conn.execute("delete from faq where restaurant_id = $1", restaurant_id)
    await conn.executemany(
        "insert into faq (id, restaurant_id, question, answer, position)"
        " values (coalesce($1, gen_random_uuid()), $2, $3, $4, $5)",
        [
            (entry.id or None, restaurant_id, entry.question, entry.answer, position)
            for position, entry in enumerate(entries)
        ],
    )
