"""A database as large as the admin has to bear: written by Postgres itself, from generated series.

Keys are not checked while it is filled (session_replication_role): the statements below agree with one another.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from stores.ciphers import PiiCipher

DAYS = 90
FORGOTTEN_DAYS = 365  # older ones have no names any more, as retention leaves them
BOARD = 40  # open orders of today in the restaurant that is measured
SIDE_BY_SIDE = 3
BIG = ("order", "order_item", "call_log", "order_log", "order_key")
PEOPLE = 1000  # each with a session: one a live page
COLLEAGUES = 8  # more members of the measured restaurant, numbered after the others
# A member, restaurant and session by number; the same in every run.
TOKEN = "bench session {}"


_FAST = {
    "session_replication_role": "replica",
    "synchronous_commit": "off",
    "maintenance_work_mem": "256MB",
    "work_mem": "64MB",
}
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class Size:
    """``days``: how far back orders and calls go, evenly spread."""

    restaurants: int
    orders: int
    calls: int
    days: int = DAYS


FULL = Size(1000, 1_000_000, 300_000)
QUICK = Size(20, 2_000, 1_000)


async def fill(owner_url: str, pii: PiiCipher, measured: str, size: Size) -> list[str]:
    """The ids of the restaurants; the first is ``measured``, which is there already.

    Indexes are made when the rows are there, tables that do not need one another are filled side by side, and random
    keys are written in their order.
    """
    async with asyncpg.create_pool(
        owner_url, min_size=1, max_size=SIDE_BY_SIDE, command_timeout=3600, server_settings=_FAST
    ) as pool:
        await pool.execute("select ensure_partitions(current_date - $1::int, $2)", size.days, size.days // 28 + 4)
        owners = await _restaurants(pool, pii, measured, size.restaurants)
        await pool.execute(_PEOPLE, PEOPLE + COLLEAGUES, PEOPLE, len(owners))
        await pool.execute(_SESSIONS, [_token_hash(number) for number in range(PEOPLE + COLLEAGUES)])
        indexes = await _without_indexes(pool)

        async def of_orders() -> None:
            await pool.execute(_ORDERS, size.orders, len(owners), size.days, FORGOTTEN_DAYS)
            await pool.execute(_BOARD, measured, BOARD)
            await asyncio.gather(*(pool.execute(one) for one in (_LINES, _KEYS, _LOGGED, _FIGURES, _ORDER_HOURS)))
            await pool.execute(_ORDER_WEEKS)

        async def of_calls() -> None:
            await pool.execute(_CALLS, size.calls, len(owners), size.days, FORGOTTEN_DAYS)
            await pool.execute(_CALL_HOURS)
            await pool.execute(_CALL_WEEKS)

        await asyncio.gather(of_orders(), of_calls(), pool.execute(_COUNTERS))
        await asyncio.gather(*(pool.execute("; ".join(of_table)) for of_table in indexes.values()))
        await pool.execute("drop table owner")
        await pool.execute("vacuum analyze")
        return owners


async def _without_indexes(pool: Pool) -> dict[str, list[str]]:
    """Drop those of the big tables that hold no key; the statements that make them again, by table.

    One after the other for each table: Postgres makes up the names of the partitions' own.
    """
    rows = await pool.fetch(
        "select t.relname, i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as made from pg_index i"
        " join pg_class t on t.oid = i.indrelid"
        " where t.relname = any($1::text[]) and not t.relispartition and not i.indisunique",
        list(BIG),
    )
    for row in rows:
        await pool.execute(f"drop index {row['name']}")
    made: dict[str, list[str]] = {}
    for row in rows:
        made.setdefault(row["relname"], []).append(row["made"].replace(" ON ONLY ", " ON "))
    return made


def _token_hash(number: int) -> bytes:
    return hashlib.sha256(TOKEN.format(number).encode()).digest()


async def _restaurants(pool: Pool, pii: PiiCipher, first: str, count: int) -> list[str]:
    await pool.execute(
        "insert into restaurant (name, language, currency, zone, country, pickup, delivery)"
        " select 'Restaurant ' || n, 'fr', 'EUR', 'Europe/Paris', 'FR', true, true"
        " from generate_series(2, $1) n",
        count,
    )
    rows = await pool.fetch(
        "select id::text from restaurant where id = $1 or name like 'Restaurant %' order by id <> $1, name", first
    )
    owners: list[str] = [row["id"] for row in rows]
    await pool.execute(
        "create unlogged table owner (n integer primary key, id uuid, name bytea, caller bytea, hash bytea)"
    )
    await pool.copy_records_to_table(
        "owner",
        records=[
            (n, one, pii.encrypt(one, "Camille Bernard"), pii.encrypt(one, "+33612345678"), os.urandom(32))
            for n, one in enumerate(owners)
        ],
    )
    return owners


_PEOPLE = """
with people as (
    insert into app_user (email, name, password_hash)
    select 'bench' || n || '@alloresto.example', 'Bench', 'nobody logs in with this' from generate_series(0, $1 - 1) n
    returning id, substring(email from 'bench([0-9]+)')::int as n
)
insert into membership (restaurant_id, user_id, role)
select o.id, p.id, 'owner' from people p join owner o on o.n = case when p.n < $2 then p.n % $3 else 0 end
"""

_SESSIONS = """
insert into user_session (token_hash, user_id, expires_at)
select hash, u.id, now() + interval '7 days'
from unnest($1::bytea[]) with ordinality as given (hash, n)
join app_user u on u.email = 'bench' || (n - 1) || '@alloresto.example'
"""

_ORDERS = """
insert into "order" (id, restaurant_id, number, call_id, status, fulfilment, currency, total_cents,
    customer_name_encrypted, confirmed_at, promised_at, forgotten_at)
select made.id, o.id, 1 + (i / $2) % 200, 'call-' || i % 300000,
    case when i % 31 = 0 then 'cancelled' else 'done' end, 'pickup', 'EUR', 2400,
    case when t.at >= now() - interval '1 day' * $4 then o.name end, t.at, t.at + interval '30 min',
    case when t.at < now() - interval '1 day' * $4 then now() end
from (select i, gen_random_uuid() as id from generate_series(1, $1) i order by id) made
join owner o on o.n = i % $2
cross join lateral (
    select now() - interval '1 day' - interval '1 second' * ((i::bigint * 7919) % ($3 * 86400)) as at
) t
"""

_BOARD = """
insert into "order" (restaurant_id, number, call_id, status, fulfilment, currency, total_cents,
    customer_name_encrypted, confirmed_at, promised_at)
select o.id, 1000 + i, 'call-today-' || i, (array['confirmed', 'preparing', 'ready'])[1 + i % 3], 'pickup', 'EUR', 2400,
    o.name, now() - interval '40 s' * i, now() + interval '20 min'
from generate_series(1, $2) i join owner o on o.id = $1::uuid
"""

_LINES = """
insert into order_item (restaurant_id, order_id, confirmed_at, line, item_id, name, size_id, size_name, quantity,
    unit_cents, total_cents, vat_rate_bp, modifiers, note)
select restaurant_id, id, confirmed_at, line, id, (array['Margherita', 'Tiramisu'])[line], id, '', line, 800,
    800 * line, 1000, '[]', ''
from "order" cross join generate_series(1, case when number % 4 = 0 then 2 else 1 end) line
"""

_CALLS = """
insert into call_log (id, started_at, restaurant_id, outcome, answered_at, ended_at, duration_ms, missed_reason,
    caller_encrypted, caller_hash, transcript)
select 'call-' || i, t.at, o.id,
    (array['order_confirmed', 'answered', 'reservation_made', 'abandoned', 'order_confirmed'])[1 + (i / $2) % 5],
    t.at + interval '1 s', t.at + interval '80 s', 80000, '', case when known then o.caller end,
    case when known then o.hash end,
    case when known then '[{"who": "assistant", "text": "Bonjour", "at": "2026-01-01T12:00:00Z"}]'::jsonb else '[]' end
from generate_series(1, $1) i
join owner o on o.n = i % $2
cross join lateral (select now() - interval '1 second' * ((i::bigint * 7919) % ($3 * 86400)) as at) t
cross join lateral (select t.at >= now() - interval '1 day' * $4 as known) k
"""

_KEYS = """
insert into order_key (restaurant_id, call_id, order_id, confirmed_at)
select restaurant_id, call_id, id, confirmed_at from "order"
"""

_LOGGED = """
insert into order_log (order_id, restaurant_id, number, fulfilment, items, total_cents, currency, confirmed_at)
select id, restaurant_id, number, fulfilment, 3, total_cents, currency, confirmed_at from "order"
"""

_FIGURES = """
insert into daily_figure (restaurant_id, day, currency, orders, items, total_cents)
select restaurant_id, (confirmed_at at time zone 'Europe/Paris')::date, currency, count(*), 3 * count(*),
    sum(total_cents)
from "order" group by 1, 2, 3
"""

_ORDER_HOURS = """
insert into order_figure (restaurant_id, day, hour, currency, orders, items, total_cents)
select restaurant_id, local::date, extract(hour from local), currency, count(*), 3 * count(*), sum(total_cents)
from (select *, confirmed_at at time zone 'Europe/Paris' as local from "order") o group by 1, 2, 3, 4
"""

# The triggers that carry hours into their weeks do not run while it is filled.
_ORDER_WEEKS = """
insert into order_week (restaurant_id, week, hour, currency, orders, items, total_cents, cancelled)
select restaurant_id, date_trunc('week', day)::date, hour, currency, sum(orders), sum(items), sum(total_cents),
    sum(cancelled)
from order_figure group by 1, 2, 3, 4
"""

_CALL_HOURS = """
insert into call_figure (restaurant_id, day, hour, calls, ordered, duration_ms)
select restaurant_id, local::date, extract(hour from local), count(*),
    count(*) filter (where outcome = 'order_confirmed'), sum(duration_ms)
from (select *, started_at at time zone 'Europe/Paris' as local from call_log) c group by 1, 2, 3
"""

_CALL_WEEKS = """
insert into call_week (restaurant_id, week, hour, calls, ordered, duration_ms)
select restaurant_id, date_trunc('week', day)::date, hour, sum(calls), sum(ordered), sum(duration_ms)
from call_figure group by 1, 2, 3
"""

_COUNTERS = """
insert into ticket_counter (restaurant_id, day, last) select id, current_date, 2000 from owner
on conflict do nothing
"""
