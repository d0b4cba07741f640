"""A restaurant's webhooks: where events go, which were kept to be sent, and how each sending went.

Owners set endpoints and read the log on the app role, which never reads a secret. The sender claims what is due on the
platform role: a claim is a lease, so that a sender that dies leaves what it had to the next one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import asyncpg
import msgspec

from domain import webhooks as rules
from domain.breakers import OPENS_AFTER
from stores.ciphers import PiiCipher, RowReader
from stores.errors import require
from stores.paging import Position
from stores.postgres import Connection

MOST_ENDPOINTS = 10
TEST_TYPE = "com.alloresto.webhook.tested"  # is of one endpoint
LEASE = timedelta(seconds=30)  # longer than an attempt may take

DisabledBecause = Literal["", "owner", "failing", "gone"]
DeliveryState = Literal["waiting", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``types`` empty: every type. ``failing_since`` is the first failure after the last success."""

    id: str
    url: str
    description: str
    types: tuple[str, ...]
    personal: bool
    old_secret_until: datetime | None
    created_by: str
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_because: DisabledBecause


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """``event`` is a CloudEvent in structured mode; ``personal`` are the fields of its data that name a caller."""

    id: int
    type: str
    at: datetime
    event: dict[str, Any]
    personal: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """``id`` is the message's webhook-id. ``last_*`` are of the last attempt, None and "" before the first."""

    id: str
    type: str
    event_id: str
    state: DeliveryState
    attempts: int
    next_at: datetime
    last_at: datetime | None
    last_status: int | None
    last_error: str
    last_ms: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """One delivery to attempt now, as the ``attempt``-th. ``secrets`` are sealed, as all that is personal.

    ``counted``: so many attempts have failed while the receiver was taken to be there; ``counts``: it is now, too.
    """

    id: str
    restaurant_id: str
    endpoint_id: str
    attempt: int
    url: str
    counted: int
    counts: bool
    sends_personal: bool
    secrets: tuple[bytes, ...]
    event: dict[str, Any]
    personal_encrypted: bytes | None


_ENDPOINT = (
    "id, url, description, types, personal, old_secret_until, created_by, created_at, failing_since, disabled_at,"
    " disabled_because"
)


async def create_endpoint(
    conn: Connection,
    restaurant_id: str,
    *,
    url: str,
    secret: str,
    pii: PiiCipher,
    created_by: str,
    types: Collection[str] = (),
    personal: bool = False,
    description: str = "",
) -> Endpoint:
    """``url`` as domain.webhooks.check_url gives it; the secret is sealed here."""
    row = await conn.fetchrow(
        "insert into webhook_endpoint (restaurant_id, url, description, types, personal, secret_encrypted, created_by)"
        f" values ($1, $2, $3, $4, $5, $6, $7) returning {_ENDPOINT}",
        restaurant_id,
        url,
        description,
        list(types),
        personal,
        pii.encrypt(restaurant_id, secret),
        created_by,
    )
    assert row is not None
    return _endpoint(row)


async def endpoints(conn: Connection, restaurant_id: str) -> tuple[Endpoint, ...]:
    """The oldest first."""
    rows = await conn.fetch(
        f"select {_ENDPOINT} from webhook_endpoint where restaurant_id = $1 order by created_at, id", restaurant_id
    )
    return tuple(map(_endpoint, rows))


async def endpoint(conn: Connection, endpoint_id: str) -> Endpoint:
    """Raises NotFoundError."""
    row = await conn.fetchrow(f"select {_ENDPOINT} from webhook_endpoint where id = $1", endpoint_id)
    require(row, "webhook", endpoint_id)
    assert row is not None
    return _endpoint(row)


async def update_endpoint(
    conn: Connection, endpoint_id: str, *, url: str, description: str, types: Collection[str], personal: bool
) -> None:
    """What waits is sent at once. Raises NotFoundError."""
    done = await conn.fetchval(
        "update webhook_endpoint set url = $2, description = $3, types = $4, personal = $5, failures = 0,"
        " failing_since = null, open_until = null where id = $1 returning id",
        endpoint_id,
        url,
        description,
        list(types),
        personal,
    )
    require(done, "webhook", endpoint_id)
    await conn.execute(
        "update webhook_delivery set next_at = now()"
        " where endpoint_id = $1 and state = 'waiting' and next_at > now() and last_error <> ''",
        endpoint_id,
    )


async def switch_endpoint(conn: Connection, endpoint_id: str, on: bool) -> None:
    """Switched on it starts without its failures; switched off, what waits is given up. Raises NotFoundError."""
    done = await conn.fetchval(
        "update webhook_endpoint set disabled_at = case when $2 then null else now() end,"
        " disabled_because = case when $2 then '' else 'owner' end, failing_since = null, failures = 0,"
        " open_until = null where id = $1 returning id",
        endpoint_id,
        on,
    )
    require(done, "webhook", endpoint_id)
    if not on:
        await conn.execute(
            "update webhook_delivery set state = 'failed' where endpoint_id = $1 and state = 'waiting'", endpoint_id
        )


async def rotate_secret(conn: Connection, restaurant_id: str, endpoint_id: str, secret: str, pii: PiiCipher) -> None:
    """The old secret signs beside the new one for OLD_SECRET_FOR. Raises NotFoundError."""
    done = await conn.fetchval(
        "select rotate_webhook_secret($1, $2, $3)",
        endpoint_id,
        pii.encrypt(restaurant_id, secret),
        rules.OLD_SECRET_FOR,
    )
    require(done, "webhook", endpoint_id)


async def delete_endpoint(conn: Connection, endpoint_id: str) -> None:
    """With its log. Raises NotFoundError."""
    done = await conn.fetchval("delete from webhook_endpoint where id = $1 returning id", endpoint_id)
    require(done, "webhook", endpoint_id)


def _endpoint(row: asyncpg.Record) -> Endpoint:
    return Endpoint(**{**dict(row), "types": tuple(row["types"])})


# --- Events that are kept for integrators ---------------------------------------------------------------------------


async def keep_event(
    conn: Connection,
    restaurant_id: str,
    event: dict[str, Any],
    personal: dict[str, Any],
    *,
    pii: PiiCipher,
    only_to: str | None = None,
) -> int:
    """Keep it, and a delivery for each endpoint that wants its type, or for ``only_to`` alone, where it goes at once;
    how many deliveries."""
    sealed = pii.encrypt(restaurant_id, msgspec.json.encode(personal).decode()) if personal else None
    kept = await conn.fetchval(
        "insert into integration_event (restaurant_id, event_id, source, type, event, personal_encrypted)"
        " values ($1, $2, $3, $4, $5, $6) returning id",
        restaurant_id,
        event["id"],
        event["source"],
        event["type"],
        event,
        sealed,
    )
    rows = await conn.fetch(
        "insert into webhook_delivery (restaurant_id, endpoint_id, integration_event_id)"
        " select restaurant_id, id, $2 from webhook_endpoint where restaurant_id = $1 and disabled_at is null"
        " and case when $4::uuid is null then types = '{}' or $3 = any(types) else id = $4 end returning id",
        restaurant_id,
        kept,
        event["type"],
        only_to,
    )
    if only_to is not None:
        await _try_now(conn, only_to)
    return len(rows)


async def events(
    conn: Connection, restaurant_id: str, limit: int, below: int | None = None, *, pii: PiiCipher | None = None
) -> tuple[KeptEvent, ...]:
    """The newest first, or those below the id ``below``. Without a cipher what is personal stays away."""
    rows = await conn.fetch(
        "select id, type, at, event, personal_encrypted from integration_event"
        " where restaurant_id = $1 and id < coalesce($2::bigint, 9223372036854775807) order by id desc limit $3",
        restaurant_id,
        below,
        limit,
    )
    return tuple(
        KeptEvent(
            row["id"], row["type"], row["at"], row["event"], _personal(pii, restaurant_id, row["personal_encrypted"])
        )
        for row in rows
    )


def _personal(pii: PiiCipher | None, restaurant_id: str, sealed: bytes | None) -> dict[str, Any]:
    return RowReader(pii, restaurant_id).struct("personal", sealed, dict[str, Any]) or {}


# --- How each sending went ------------------------------------------------------------------------------------------


async def deliveries(
    conn: Connection, restaurant_id: str, endpoint_id: str, limit: int, after: Position | None = None
) -> tuple[Delivery, ...]:
    """The newest first; ``after`` is where the page before ended."""
    rows = await conn.fetch(
        "select d.id, e.type, e.event_id, d.state, d.attempts, d.next_at, d.last_at, d.last_status, d.last_error,"
        " d.last_ms, d.created_at from webhook_delivery d"
        " join integration_event e on e.restaurant_id = d.restaurant_id and e.id = d.integration_event_id"
        " where d.restaurant_id = $1 and d.endpoint_id = $2"
        " and d.created_at <= coalesce($3::timestamptz, 'infinity')"
        " and (d.created_at < coalesce($3::timestamptz, 'infinity') or d.id > $4::uuid)"
        " order by d.created_at desc, d.id limit $5",
        restaurant_id,
        endpoint_id,
        after and after.at,
        after and after.id,
        limit,
    )
    return tuple(Delivery(**dict(row)) for row in rows)


async def send_again(conn: Connection, endpoint_id: str, delivery_id: str) -> None:
    """The same message, with the same webhook-id, as soon as may be. Raises NotFoundError, also while it waits."""
    done = await conn.fetchval(
        "update webhook_delivery set state = 'waiting', attempts = 0, counted = 0, next_at = now()"
        " where id = $1 and endpoint_id = $2 and state <> 'waiting' returning id",
        delivery_id,
        endpoint_id,
    )
    require(done, "delivery", delivery_id)
    await _try_now(conn, endpoint_id)


async def replay(conn: Connection, restaurant_id: str, endpoint_id: str, since: datetime) -> int:
    """Send all that the endpoint wants and that has happened since, but tests; how many. Raises NotFoundError.

    What it was sent before goes under the webhook-id that it had. What waits anyhow is not counted.
    """
    wanted = await endpoint(conn, endpoint_id)
    again = await conn.fetch(
        "update webhook_delivery d set state = 'waiting', attempts = 0, counted = 0, next_at = now()"
        " from integration_event e"
        " where d.restaurant_id = $1 and d.endpoint_id = $2 and d.state <> 'waiting' and e.restaurant_id = $1"
        " and e.id = d.integration_event_id and e.at >= $3"
        " and case when $4::text[] = '{}' then e.type <> $5 else e.type = any($4) end returning d.id",
        restaurant_id,
        endpoint_id,
        since,
        wanted.types,
        TEST_TYPE,
    )
    never_sent = await conn.fetch(
        "insert into webhook_delivery (restaurant_id, endpoint_id, integration_event_id)"
        " select $1, $2, e.id from integration_event e where e.restaurant_id = $1 and e.at >= $3"
        " and case when $4::text[] = '{}' then e.type <> $5 else e.type = any($4) end and not exists ("
        "  select from webhook_delivery d where d.restaurant_id = $1 and d.endpoint_id = $2"
        "  and d.integration_event_id = e.id) order by e.id returning id",
        restaurant_id,
        endpoint_id,
        since,
        wanted.types,
        TEST_TYPE,
    )
    await _try_now(conn, endpoint_id)
    return len(again) + len(never_sent)


async def _try_now(conn: Connection, endpoint_id: str) -> None:
    """Somebody says that it is there: it is asked again, however long it was to be left alone."""
    await conn.execute("update webhook_endpoint set open_until = null where id = $1", endpoint_id)


# --- Sending; all of it needs the platform role ---------------------------------------------------------------------

# A slow or a dead endpoint with thousands that wait must not keep the others from their turn: it has so many at once,
# and one while its breaker is half open. That is the one whose last attempt is the longest ago: it may be the message
# that fails. All those together that have failed lately have no more than $7.
_CLAIM = """
with under_way as (
    select * from unnest($4::uuid[], $5::integer[]) as u (endpoint_id, attempts)
), ranked as (
    select d.id, d.next_at, w.failures > 0 as suspect, case when w.failures >= $6 then 1 else $2 end as most,
        coalesce(u.attempts, 0) + row_number() over (
            partition by d.endpoint_id
            order by case when w.failures >= $6 then d.last_at end nulls first, d.next_at, d.id
        ) as place
    from webhook_delivery d join webhook_endpoint w on w.id = d.endpoint_id left join under_way u using (endpoint_id)
    where d.state = 'waiting' and d.next_at <= now() and w.disabled_at is null
        and coalesce(w.open_until, '-infinity') <= now()
), allowed as (
    select id, next_at, suspect, row_number() over (partition by suspect order by next_at) as nth
    from ranked where place <= most
), picked as (
    select d.id from webhook_delivery d join allowed a on a.id = d.id
    where d.state = 'waiting' and d.next_at <= now() and (not a.suspect or a.nth <= $7 - (
        select coalesce(sum(u.attempts), 0) from under_way u join webhook_endpoint w on w.id = u.endpoint_id
        where w.failures > 0
    ))
    order by a.next_at limit $1 for update of d skip locked
)
update webhook_delivery d set attempts = d.attempts + 1, next_at = now() + $3::interval, last_at = now(),
    last_error = ''
from picked, webhook_endpoint w, integration_event e
where d.id = picked.id and w.id = d.endpoint_id and e.id = d.integration_event_id and w.disabled_at is null
returning d.id, d.restaurant_id, d.endpoint_id, d.attempts as attempt, d.counted, w.failures < $6 as counts, w.url,
    w.personal as sends_personal, w.secret_encrypted, w.old_secret_encrypted, w.old_secret_until > now() as old_signs,
    e.event, e.personal_encrypted
"""


async def claim(
    conn: Connection,
    most: int,
    most_of_one: int,
    under_way: Mapping[str, int] | None = None,
    *,
    of_suspects: int | None = None,
) -> tuple[Claimed, ...]:
    """Up to ``most`` deliveries that are due, ``most_of_one`` for one endpoint with those that are ``under_way`` to it,
    and ``of_suspects`` (None: any number) for all those together that have failed since their last success.

    They are nobody else's for LEASE.
    """
    counts = under_way or {}
    places, attempts = list(counts.keys()), list(counts.values())
    rows = await conn.fetch(
        _CLAIM, most, most_of_one, LEASE, places, attempts, OPENS_AFTER, most if of_suspects is None else of_suspects
    )
    return tuple(
        Claimed(
            id=row["id"],
            restaurant_id=row["restaurant_id"],
            endpoint_id=row["endpoint_id"],
            attempt=row["attempt"],
            url=row["url"],
            counted=row["counted"],
            counts=row["counts"],
            sends_personal=row["sends_personal"],
            secrets=(row["secret_encrypted"], row["old_secret_encrypted"])
            if row["old_signs"]
            else (row["secret_encrypted"],),
            event=row["event"],
            personal_encrypted=row["personal_encrypted"],
        )
        for row in rows
    )


async def delivered(conn: Connection, one: Claimed, status: int, ms: int) -> None:
    """After an outage all that it has kept waiting is due at once."""
    await conn.execute(
        "update webhook_delivery set state = 'delivered', last_status = $2, last_error = '', last_ms = $3"
        " where id = $1 and state = 'waiting' and attempts = $4",
        one.id,
        status,
        ms,
        one.attempt,
    )
    before = await conn.fetchrow(
        "with before as (select id, failures, failing_since from webhook_endpoint"
        "  where id = $1 and failing_since is not null for update)"
        " update webhook_endpoint w set failing_since = null, failures = 0, open_until = null from before"
        " where w.id = before.id returning before.failures, before.failing_since",
        one.endpoint_id,
    )
    if before is None or before["failures"] < OPENS_AFTER:
        return
    await conn.execute(
        "update webhook_delivery set next_at = now() where restaurant_id = $1 and endpoint_id = $2"
        " and state = 'waiting' and next_at > now() and last_at >= $3 and counted <= $4"
        # What is under way now has a lease, and no other must begin it.
        " and last_error <> ''",
        one.restaurant_id,
        one.endpoint_id,
        before["failing_since"] - LEASE,  # what failed first was begun before that
        rules.RELEASED_MOST,
    )


async def failed(
    conn: Connection, one: Claimed, status: int | None, error: str, ms: int, *, spread: float = 1.0
) -> datetime | None:
    """Since when the endpoint has only failed; None when it is gone. ``spread`` times as long it waits now."""
    row = await conn.fetchrow(
        "update webhook_endpoint set failures = failures + 1, failing_since = coalesce(failing_since, now())"
        " where id = $1 returning failures, failing_since, now() - failing_since as failing_for",
        one.endpoint_id,
    )
    if row is None:
        return None
    pause = rules.open_for(row["failures"], row["failing_for"])
    if pause is not None:
        await conn.execute(
            "update webhook_endpoint set open_until = now() + $2::interval where id = $1", one.endpoint_id, pause
        )
    counted = one.counted + (1 if one.counts else 0)
    again_after = rules.again_after(counted, pause)
    await conn.execute(
        "update webhook_delivery set state = case when $5::interval is null then 'failed' else 'waiting' end,"
        " next_at = now() + coalesce($5::interval, '0'), last_status = $2, last_error = $3, last_ms = $4, counted = $7"
        " where id = $1 and state = 'waiting' and attempts = $6",
        one.id,
        status,
        error[:200],
        ms,
        None if again_after is None else again_after * spread,
        one.attempt,
        counted,
    )
    since: datetime = row["failing_since"]
    return since


async def disable(conn: Connection, endpoint_id: str, because: Literal["failing", "gone"]) -> bool:
    """Switch it off, and give up what waits for it; False when it was off already."""
    done = await conn.fetchval(
        "update webhook_endpoint set disabled_at = now(), disabled_because = $2"
        " where id = $1 and disabled_at is null returning id",
        endpoint_id,
        because,
    )
    await conn.execute(
        "update webhook_delivery set state = 'failed' where endpoint_id = $1 and state = 'waiting'", endpoint_id
    )
    return done is not None
