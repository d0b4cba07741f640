"""What one look at the stores tells of the whole platform: small counts, for gauges. Needs the platform role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from domain.breakers import OPENS_AFTER
from domain.deposits import NO_PAGE_AFTER
from domain.errands import SECRETS_GOOD_FOR
from stores import infrastructure, keys, rehearsals
from stores.postgres import Connection
from stores.redis import Redis
from stores.rehearsals import SyntheticCall

# A model is in use when it held a call within this time.
USED_WITHIN = timedelta(days=30)
# A series each: those with the most calls of the day, so that ten thousand restaurants do not fill a monitoring server.
MOST_RESTAURANTS = 2000
SYNTHETIC_CALLS = 12  # an hour of them


# What a failing service is owed waits for its breaker, and what follows another about its subject waits for that one.
_OVERDUE = """
select coalesce(extract(epoch from now() - min(e.next_at)), 0) from errand e
    join service_connection c on c.id = e.connection_id
where e.state = 'waiting' and e.next_at <= now() and c.disabled_at is null and c.failures < $1
    and not exists (
        select from errand b where b.connection_id = e.connection_id and b.subject = e.subject
            and b.state = 'waiting' and b.number < e.number
    )
"""


# Those who look at what is due do so every few seconds; a refund goes within an hour, though its service is away.
_STUCK = """
with late as materialized (
    select subject::uuid as payment_id from errand
    where kind = 'payment.refund' and state in ('waiting', 'failed') and created_at <= now() - $3::interval
)
select (select count(*) from deposit where state in ('awaited', 'closing')
        and due_at <= now() - $1::interval - case when state = 'awaited' and reference = '' then $2::interval
            else interval '0' end) as deposits,
    (select count(*) from deposit where state = 'refund_due' and changed_at <= now() - $3::interval)
    + (select count(*) from late join payment p on p.id = late.payment_id and p.state = 'refund_due') as refunds
"""
DEPOSIT_LATE = timedelta(minutes=10)
REFUND_LATE = timedelta(hours=1)


class RestaurantDay(NamedTuple):
    """What a restaurant's finished calls were since midnight UTC."""

    restaurant_id: str
    calls: int
    seconds: float
    dollars: float


@dataclass(frozen=True, slots=True)
class PlatformFigures:
    """``lines`` counts the active lines that a node should register, by their state; ``longest_call_s`` is 0 when
    nobody is on the phone. ``costs_today`` is in dollars by model, of the day in UTC; ``models`` held calls of late.
    ``letters`` is ``infrastructure.MOST_LETTERS`` at most, ``restaurants`` the MOST_RESTAURANTS busiest; ``synthetic``
    are the last SYNTHETIC_CALLS, the newest first. ``failing`` counts the connections whose breaker is not closed, by
    provider; ``errands_overdue_s`` is how long the first errand has been due that nobody has claimed, though its
    service is there. ``old_secrets`` counts the connections whose secrets are older than SECRETS_GOOD_FOR.
    ``stuck_deposits`` are open though their time is over by DEPOSIT_LATE, ``stuck_refunds`` have not gone back within
    REFUND_LATE.
    """

    letters: int
    lines: Mapping[str, int]
    open_calls: int
    longest_call_s: float
    costs_today: Mapping[str, float]
    models: frozenset[str]
    restaurants: Sequence[RestaurantDay]
    synthetic: Sequence[SyntheticCall]
    failing: Mapping[str, int]
    errands_overdue_s: float
    old_secrets: int
    stuck_deposits: int
    stuck_refunds: int


async def look(conn: Connection) -> PlatformFigures:
    """A few short statements, each on an index or on what the day has summed up already."""
    row = await conn.fetchrow(
        "select (select count(*) from call_log where ended_at is null) as open_calls,"
        " (select extract(epoch from now() - min(started_at)) from call_log where ended_at is null) as longest_s,"
        " array(select distinct model from daily_cost where day >= (now() at time zone 'UTC')::date - $1::integer)"
        " as models",
        USED_WITHIN.days,
    )
    assert row is not None  # of scalars alone
    lines = await conn.fetch(
        "select coalesce(s.status, 'unassigned') as state, count(*) from phone_line l"
        " left join sip_registration s on s.phone_line_id = l.id"
        " where l.is_active and l.provider = 'sip' and l.sip_username <> '' group by 1"
    )
    costs = await conn.fetch(
        "select model, sum(cost_dollars) from daily_cost where day = (now() at time zone 'UTC')::date group by 1"
    )
    restaurants = await conn.fetch(
        "select restaurant_id, sum(calls), sum(duration_ms) / 1000.0, sum(cost_dollars) from daily_cost"
        " where day = (now() at time zone 'UTC')::date group by 1 order by 2 desc, 1 limit $1",
        MOST_RESTAURANTS,
    )
    failing = await conn.fetch(
        "select provider, count(*) from service_connection where failures >= $1 and disabled_at is null group by 1",
        OPENS_AFTER,
    )
    overdue = await conn.fetchval(_OVERDUE, OPENS_AFTER)
    old_secrets: int = await conn.fetchval(
        "select count(*) from service_connection where secrets_at < now() - $1::interval and disabled_at is null",
        SECRETS_GOOD_FOR,
    )
    stuck = await conn.fetchrow(_STUCK, DEPOSIT_LATE, NO_PAGE_AFTER, REFUND_LATE)
    assert stuck is not None  # of scalars alone
    return PlatformFigures(
        letters=await infrastructure.open_letters(conn),
        lines=dict(tuple(line) for line in lines),
        open_calls=row["open_calls"],
        longest_call_s=float(row["longest_s"] or 0),
        costs_today={model: float(dollars) for model, dollars in costs},
        models=frozenset(row["models"]),
        restaurants=[
            RestaurantDay(restaurant_id, int(calls), float(seconds), float(dollars))
            for restaurant_id, calls, seconds, dollars in restaurants
        ],
        synthetic=await rehearsals.last_calls(conn, SYNTHETIC_CALLS),
        failing={provider: int(count) for provider, count in failing},
        errands_overdue_s=float(overdue),
        old_secrets=old_secrets,
        stuck_deposits=stuck["deposits"],
        stuck_refunds=stuck["refunds"],
    )


async def count_cut_calls(redis: Redis, calls: int) -> None:
    """So many calls were hung up because their bridge had to go."""
    await redis.incrby(keys.CALLS_CUT, calls)


async def cut_calls(redis: Redis) -> int:
    """All that were counted since Redis last lost its data. Raises RedisError."""
    return int(await redis.get(keys.CALLS_CUT) or 0)
