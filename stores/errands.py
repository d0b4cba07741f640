"""Errands (``domain.errands``): written with what they follow from, claimed by a runner, settled with what follows.

A claim is a lease: a runner that dies leaves what it had to the next one. Of those about one subject a connection gets
the next once the one before is settled, so that nothing is cancelled before it was placed; one that is ``behind``
another subject waits for that one's, too, but for BEHIND_MOST at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from domain import errands as rules
from domain.breakers import OPENS_AFTER
from domain.errands import AskPrice, NoteCustomer, State, Work
from stores.ciphers import PiiCipher, RowReader
from stores.errors import require
from stores.paging import Position
from stores.postgres import Connection

LEASE = timedelta(seconds=45)  # longer than an attempt may take


@dataclass(frozen=True, slots=True)
class Errand:
    """What people see of one."""

    id: str
    connection_id: str
    kind: str
    subject: str
    state: State
    attempts: int
    next_at: datetime
    last_at: datetime | None
    last_error: str
    reference: str
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """One to attempt now, as the ``attempt``-th. ``work`` and ``secrets`` are sealed.

    ``doubtful``: an attempt before this one may have had an effect that nobody knows of.
    """

    id: str
    restaurant_id: str
    connection_id: str
    provider: str
    settings: Mapping[str, str]
    secrets: bytes | None
    kind: str
    subject: str
    key: str
    attempt: int
    doubtful: bool
    work: bytes | None
    created_at: datetime
    give_up_at: datetime


async def add(
    conn: Connection,
    restaurant_id: str,
    connection_id: str,
    work: Work,
    pii: PiiCipher,
    *,
    after: timedelta = timedelta(0),
) -> bool:
    """False when the connection has an errand of this key already. One that serves nobody by now is never told.

    ``after``: not before so long.
    """
    added = await conn.fetchval(
        "insert into errand (restaurant_id, connection_id, kind, subject, key, work_encrypted, give_up_at, next_at,"
        " behind) values ($1, $2, $3, $4, $5, $6, least(now() + $7::interval, $8), now() + $9::interval, $10)"
        " on conflict (restaurant_id, connection_id, key) do nothing returning id",
        restaurant_id,
        connection_id,
        work.kind,
        work.subject,
        work.key,
        pii.encrypt(restaurant_id, rules.encode(work)),
        work.GIVE_UP_AFTER,
        work.useless_from,
        after,
        work.behind,
    )
    return added is not None


_COLUMNS = (
    "id, connection_id, kind, subject, state, attempts, next_at, last_at, last_error, reference, created_at, settled_at"
)


async def of_connection(
    conn: Connection, restaurant_id: str, connection_id: str, limit: int, after: Position | None = None
) -> tuple[Errand, ...]:
    """The newest first, without questions for prices; ``after`` is where the page before ended."""
    rows = await conn.fetch(
        f"select {_COLUMNS} from errand where restaurant_id = $1 and connection_id = $2 and kind <> $6"
        " and created_at <= coalesce($3::timestamptz, 'infinity')"
        " and (created_at < coalesce($3::timestamptz, 'infinity') or id > $4::uuid)"
        " order by created_at desc, id limit $5",
        restaurant_id,
        connection_id,
        after and after.at,
        after and after.id,
        limit,
        AskPrice.named(),
    )
    return tuple(Errand(**dict(row)) for row in rows)


async def about(conn: Connection, restaurant_id: str, subject: str) -> tuple[Errand, ...]:
    """In the order in which they came."""
    rows = await conn.fetch(
        f"select {_COLUMNS} from errand where restaurant_id = $1 and subject = $2 order by number",
        restaurant_id,
        subject,
    )
    return tuple(Errand(**dict(row)) for row in rows)


async def try_again(conn: Connection, restaurant_id: str, errand_id: str) -> None:
    """One that waits, was refused or given up is tried at once; one that is under way now, once that has ended.

    Raises NotFoundError, also for one that is done.
    """
    done = await conn.fetchval(
        "update errand set state = 'waiting', settled_at = null,"
        " next_at = case when state = 'waiting' and last_error = '' then next_at else now() end,"
        " give_up_at = greatest(give_up_at, now() + interval '1 hour')"
        " where id = $2 and restaurant_id = $1 and state <> 'done' returning id",
        restaurant_id,
        errand_id,
    )
    require(done, "errand", errand_id)


async def forget(conn: Connection, restaurant_id: str, subjects: Sequence[str]) -> None:
    """What was told of these is forgotten, once it is settled; what waits is, too, by its age. What waits for customer
    files is never told: nobody is waiting for it, and they would know somebody who wants to be forgotten."""
    await conn.execute(
        "update errand set work_encrypted = null"
        " where restaurant_id = $1 and subject = any($2::text[]) and (state <> 'waiting' or kind = $3)",
        restaurant_id,
        list(map(str, subjects)),
        NoteCustomer.named(),
    )


# --- Running them; a claim needs the platform role --------------------------------------------------------------------

# A connection that is away, or slow, must not keep the others from their turn: it has so many at once, and one while
# its breaker is half open. That is the one whose last attempt is the longest ago: it may be the errand that fails, and
# not the service. All those together that have failed lately have no more than $8: a provider that hangs is away for
# all of its restaurants at once.
_CLAIM = """
with under_way as (
    select * from unnest($4::uuid[], $5::integer[]) as u (connection_id, attempts)
), ranked as (
    select e.id, e.next_at, c.failures > 0 as suspect, case when c.failures >= $6 then 1 else $2 end as most,
        coalesce(u.attempts, 0) + row_number() over (
            partition by e.connection_id order by case when c.failures >= $6 then e.last_at end nulls first, e.number
        ) as place
    from errand e join service_connection c on c.id = e.connection_id left join under_way u using (connection_id)
    where e.state = 'waiting' and e.next_at <= now() and c.disabled_at is null
        and coalesce(c.open_until, '-infinity') <= now()
        and not exists (
            select from errand b where b.connection_id = e.connection_id and b.subject in (e.subject, e.behind)
                and b.state = 'waiting' and b.number < e.number
                and (b.subject = e.subject or e.created_at > now() - $7::interval)
        )
), allowed as (
    select id, next_at, suspect, row_number() over (partition by suspect order by next_at) as nth
    from ranked where place <= most
), picked as (
    select e.id from errand e join allowed a on a.id = e.id
    where e.state = 'waiting' and e.next_at <= now() and (not a.suspect or a.nth <= $8 - (
        select coalesce(sum(u.attempts), 0) from under_way u join service_connection c on c.id = u.connection_id
        where c.failures > 0
    ))
    order by a.next_at limit $1 for update of e skip locked
)
update errand e set attempts = e.attempts + 1, next_at = now() + $3::interval, last_at = now(), last_error = ''
from picked, service_connection c
where e.id = picked.id and c.id = e.connection_id
returning e.id, e.restaurant_id, e.connection_id, c.provider, c.settings, c.secrets_encrypted as secrets, e.kind,
    e.subject, e.key, e.attempts as attempt, e.attempts - 1 > e.untouched as doubtful,
    e.work_encrypted as work, e.created_at, e.give_up_at
"""


async def claim(
    conn: Connection,
    most: int,
    most_of_one: int,
    under_way: Mapping[str, int] | None = None,
    *,
    of_suspects: int | None = None,
) -> tuple[Claimed, ...]:
    """Up to ``most`` that are due, ``most_of_one`` for one connection with those that are ``under_way`` there, and
    ``of_suspects`` (None: any number) for all those together that have failed since they last answered.

    They are nobody else's for LEASE.
    """
    counts = under_way or {}
    rows = await conn.fetch(
        _CLAIM,
        most,
        most_of_one,
        LEASE,
        list(counts.keys()),
        list(counts.values()),
        OPENS_AFTER,
        rules.BEHIND_MOST,
        most if of_suspects is None else of_suspects,
    )
    return tuple(Claimed(**dict(row)) for row in rows)


async def settle(conn: Connection, one: Claimed, state: State, *, reference: str = "", error: str = "") -> bool:
    """False when it was settled meanwhile, by whoever had the lease after this one: then nothing follows here."""
    settled = await conn.fetchval(
        "update errand set state = $3, settled_at = now(), reference = $4, last_error = $5"
        " where id = $1 and state = 'waiting' and attempts = $2 returning id",
        one.id,
        one.attempt,
        state,
        reference[:200],
        error[:200],
    )
    return settled is not None


async def put_off(conn: Connection, one: Claimed, error: str, after: timedelta, *, untouched: bool = False) -> None:
    """``untouched``: surely nothing has come of this attempt."""
    await conn.execute(
        "update errand set next_at = now() + $3::interval, last_error = $4,"
        " untouched = untouched + case when $5 then 1 else 0 end"
        " where id = $1 and state = 'waiting' and attempts = $2",
        one.id,
        one.attempt,
        after,
        error[:200],
        untouched,
    )


def work_of(one: Claimed, pii: PiiCipher) -> rules.AnyWork | None:
    """None where it can't be read: another MASTER_KEY, or another release."""
    text = RowReader(pii, one.restaurant_id).text("work", one.work)
    try:
        return rules.decode(text) if text else None
    except msgspec.MsgspecError:
        return None
