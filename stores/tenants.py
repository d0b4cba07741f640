"""Restaurants as the platform's staff see them: found, limited, disabled. All of it needs the platform role."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import asyncpg

from stores.errors import NotFoundError, require
from stores.postgres import NO_RESTAURANT, Connection
from stores.users import MemberRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """``disabled_at`` is None while the restaurant is served; ``last_call_at`` None when it never had a call."""

    id: str
    name: str
    city: str
    language: str
    plan: str
    plan_notes: str
    max_calls: int
    disabled_at: datetime | None
    created_at: datetime
    active_lines: int
    last_call_at: datetime | None


_SELECT = (
    "select r.id, r.name, r.city, r.language, coalesce(p.plan, '') as plan, coalesce(p.notes, '') as plan_notes,"
    " r.max_calls, r.disabled_at, r.created_at,"
    " (select count(*) from phone_line l where l.restaurant_id = r.id and l.is_active) as active_lines,"
    " (select c.started_at from call_log c where c.restaurant_id = r.id order by c.started_at desc, c.id limit 1)"
    " as last_call_at from restaurant r left join tenant_plan p on p.restaurant_id = r.id"
)


async def search(
    conn: Connection, text: str, limit: int, *, after: tuple[str, str] = ("", NO_RESTAURANT), disabled: bool = False
) -> tuple[Tenant, ...]:
    """By name and id; those whose name or city has ``text`` in it, or whose id begins with it.

    ``after`` is the name and the id of the last one of the page before; ``disabled`` shows only those that are.
    """
    rows = await conn.fetch(
        f"{_SELECT} where (r.name, r.id) > ($2, $3::uuid)"
        " and ($1 = '' or strpos(lower(r.name), $1) > 0 or strpos(lower(r.city), $1) > 0"
        " or starts_with(r.id::text, $1)) and (not $4 or r.disabled_at is not null)"
        " order by r.name, r.id limit $5",
        text.strip().lower(),
        *after,
        disabled,
        limit,
    )
    return tuple(_tenant(row) for row in rows)


async def get(conn: Connection, restaurant_id: str) -> Tenant:
    """Raises NotFoundError."""
    row = await conn.fetchrow(f"{_SELECT} where r.id = $1", restaurant_id)
    if row is None:
        raise NotFoundError("restaurant", restaurant_id)
    return _tenant(row)


def _tenant(row: asyncpg.Record) -> Tenant:
    return Tenant(**dict(row))


async def set_plan(conn: Connection, restaurant_id: str, *, max_calls: int, plan: str, plan_notes: str) -> None:
    """``max_calls`` is how many callers are served at once. Raises NotFoundError, asyncpg.CheckViolationError."""
    done = await conn.fetchval(
        "update restaurant set max_calls = $2 where id = $1 returning id", restaurant_id, max_calls
    )
    require(done, "restaurant", restaurant_id)
    await conn.execute(
        "insert into tenant_plan (restaurant_id, plan, notes) values ($1, $2, $3)"
        " on conflict (restaurant_id) do update set plan = excluded.plan, notes = excluded.notes",
        restaurant_id,
        plan,
        plan_notes,
    )


async def disable(conn: Connection, restaurant_id: str) -> tuple[str, ...]:
    """Its members are shut out and its lines switched off: their ids. One that is disabled stays as it is."""
    done = await conn.fetchval(
        "update restaurant r set disabled_at = now(), paused_lines = array(select l.id from phone_line l"
        " where l.restaurant_id = r.id and l.is_active order by l.created_at, l.id)"
        " where id = $1 and disabled_at is null returning paused_lines",
        restaurant_id,
    )
    if done is None:
        require(
            await conn.fetchval("select id from restaurant where id = $1", restaurant_id), "restaurant", restaurant_id
        )
        return ()
    await conn.execute("update phone_line set is_active = false where id = any($1::uuid[])", done)
    return tuple(done)


@dataclass(frozen=True, slots=True)
class Enabled:
    """``lines`` ring again; the numbers ``taken`` are another active line's by now and stay off."""

    lines: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()


async def enable(conn: Connection, restaurant_id: str) -> Enabled:
    """Let the members in again and switch on the lines that ``disable`` switched off. Raises NotFoundError."""
    paused = await conn.fetchval(
        "with before as (select id, paused_lines, disabled_at from restaurant where id = $1 for update)"
        " update restaurant r set disabled_at = null, paused_lines = '{}' from before where r.id = before.id"
        " returning before.paused_lines",
        restaurant_id,
    )
    require(paused, "restaurant", restaurant_id)
    return await _switch_on(conn, paused)


async def _switch_on(conn: Connection, line_ids: Collection[str]) -> Enabled:
    taken = await conn.fetch(
        "select l.id, l.number from phone_line l join phone_line o on o.number = l.number and o.is_active"
        " where l.id = any($1::uuid[]) and o.id <> l.id",
        line_ids,
    )
    off = {row["id"] for row in taken}
    on = [line_id for line_id in line_ids if line_id not in off]
    switched = await conn.fetch(
        "update phone_line set is_active = true where id = any($1::uuid[]) and not is_active returning id", on
    )
    return Enabled(tuple(row["id"] for row in switched), tuple(row["number"] for row in taken))


@dataclass(frozen=True, slots=True)
class TenantMember:
    user_id: str
    email: str
    name: str
    role: MemberRole
    disabled: bool


async def members(conn: Connection, restaurant_id: str, limit: int = 200) -> tuple[TenantMember, ...]:
    """Owners first."""
    rows = await conn.fetch(
        "select u.id, u.email, u.name, m.role, u.disabled_at is not null as disabled from membership m"
        " join app_user u on u.id = m.user_id where m.restaurant_id = $1"
        " order by array_position(array['owner', 'manager', 'staff'], m.role), u.email limit $2",
        restaurant_id,
        limit,
    )
    return tuple(TenantMember(row["id"], row["email"], row["name"], row["role"], row["disabled"]) for row in rows)


@dataclass(frozen=True, slots=True)
class TenantLine:
    """``state`` is what its registrar last said: ``registered``, ``unregistered``, ``error``, or "" for none."""

    id: str
    number: str
    provider: str
    is_active: bool
    node: str
    state: str
    error: str


async def lines(conn: Connection, restaurant_id: str, limit: int = 100) -> tuple[TenantLine, ...]:
    rows = await conn.fetch(
        "select l.id, l.number, l.provider, l.is_active, coalesce(r.bridge_node_id, '') as node,"
        " coalesce(r.status, '') as status, coalesce(r.error, '') as error from phone_line l"
        " left join sip_registration r on r.phone_line_id = l.id where l.restaurant_id = $1"
        " order by l.created_at, l.id limit $2",
        restaurant_id,
        limit,
    )
    return tuple(TenantLine(*row.values()) for row in rows)


@dataclass(frozen=True, slots=True)
class Cost:
    """What the models cost over some days. ``name`` is a restaurant's or a model's; ``id`` the restaurant's, or ""."""

    id: str
    name: str
    calls: int
    duration_ms: int
    dollars: Decimal


async def costs_by_restaurant(conn: Connection, first: date, last: date, limit: int) -> tuple[Cost, ...]:
    """The dearest first, both days included; days are UTC's."""
    rows = await conn.fetch(
        "select c.restaurant_id, r.name, c.calls, c.duration_ms, c.dollars from (select restaurant_id,"
        " sum(calls)::bigint as calls, sum(duration_ms)::bigint as duration_ms, sum(cost_dollars) as dollars"
        " from daily_cost where day between $1 and $2 group by restaurant_id"
        " order by sum(cost_dollars) desc, restaurant_id limit $3) as c join restaurant r on r.id = c.restaurant_id"
        " order by c.dollars desc, c.restaurant_id",
        first,
        last,
        limit,
    )
    return tuple(Cost(*row.values()) for row in rows)


async def costs_by_model(conn: Connection, first: date, last: date, restaurant_id: str = "") -> tuple[Cost, ...]:
    """The dearest first, of all restaurants or of one."""
    rows = await conn.fetch(
        "select '' as id, model, sum(calls)::bigint as calls, sum(duration_ms)::bigint as duration_ms,"
        " sum(cost_dollars) as dollars from daily_cost where day between $1 and $2"
        " and ($3 = '' or restaurant_id = nullif($3, '')::uuid) group by model order by 5 desc, 2 limit 50",
        first,
        last,
        restaurant_id,
    )
    return tuple(Cost(*row.values()) for row in rows)
