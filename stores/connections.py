"""What a restaurant has connected (``integrations.catalogue``), with its breaker. Secrets go in and never out here: the
errands' runner reads them, on the platform role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from domain import breakers
from domain.errands import Service
from stores import calendar_copies
from stores.ciphers import PiiCipher
from stores.errors import require
from stores.postgres import Connection as Database

MOST_CONNECTIONS = 20


class AlreadyConnectedError(Exception):
    """A restaurant has one till, one calendar, …; only printers are several."""


@dataclass(frozen=True, slots=True)
class Connection:
    """``secrets_at`` is since when it has its secrets, None without them.

    ``failing_since`` is the first failure after the last success; until ``open_until`` nothing is tried."""

    id: str
    restaurant_id: str
    service: Service
    provider: str
    name: str
    settings: dict[str, str]
    created_by: str
    created_at: datetime
    disabled_at: datetime | None
    failures: int
    failing_since: datetime | None
    open_until: datetime | None
    last_error: str
    secrets_at: datetime | None = None


_COLUMNS = (
    "id, restaurant_id, service, provider, name, settings, created_by, created_at, disabled_at, failures,"
    " failing_since, open_until, last_error, secrets_at"
)


async def connect(
    conn: Database,
    restaurant_id: str,
    *,
    service: Service,
    provider: str,
    settings: Mapping[str, str],
    secrets: Mapping[str, str],
    pii: PiiCipher,
    created_by: str,
    name: str = "",
) -> Connection:
    """Raises AlreadyConnectedError; the transaction stays usable."""
    try:
        async with conn.transaction():
            row = await conn.fetchrow(
                "insert into service_connection (restaurant_id, service, provider, name, settings, secrets_encrypted,"
                f" created_by) values ($1, $2, $3, $4, $5, $6, $7) returning {_COLUMNS}",
                restaurant_id,
                service,
                provider,
                name,
                dict(settings),
                _sealed(pii, restaurant_id, secrets),
                created_by,
            )
    except asyncpg.UniqueViolationError:
        raise AlreadyConnectedError(service) from None
    assert row is not None
    return _connection(row)


async def of_restaurant(conn: Database, restaurant_id: str) -> tuple[Connection, ...]:
    """Service by service, the oldest first."""
    rows = await conn.fetch(
        f"select {_COLUMNS} from service_connection where restaurant_id = $1 order by service, created_at, id",
        restaurant_id,
    )
    return tuple(map(_connection, rows))


async def in_use(conn: Database, restaurant_id: str) -> tuple[Connection, ...]:
    """As ``of_restaurant``, without those that are off."""
    return tuple(one for one in await of_restaurant(conn, restaurant_id) if one.disabled_at is None)


async def get(conn: Database, connection_id: str) -> Connection:
    """Raises NotFoundError."""
    row = await conn.fetchrow(f"select {_COLUMNS} from service_connection where id = $1", connection_id)
    require(row, "connection", connection_id)
    assert row is not None
    return _connection(row)


async def change(
    conn: Database,
    connection: Connection,
    *,
    name: str,
    settings: Mapping[str, str],
    secrets: Mapping[str, str] | None,
    pii: PiiCipher,
) -> None:
    """``secrets`` None: they stay. What waits is tried at once, a calendar read anew. Raises NotFoundError."""
    done = await conn.fetchval(
        "update service_connection set name = $2, settings = $3,"
        " failures = 0, failing_since = null, open_until = null, last_error = '' where id = $1 returning id",
        connection.id,
        name,
        dict(settings),
    )
    require(done, "connection", connection.id)
    if secrets is not None:
        await conn.execute(
            "update service_connection set secrets_encrypted = $2 where id = $1",
            connection.id,
            _sealed(pii, connection.restaurant_id, secrets),
        )
    await calendar_copies.forget(conn, connection.id)
    await _try_all_now(conn, connection.id)


async def switch(conn: Database, connection_id: str, on: bool) -> None:
    """Off: what waits stays, untried. Raises NotFoundError, AlreadyConnectedError."""
    try:
        async with conn.transaction():
            done = await conn.fetchval(
                "update service_connection set disabled_at = case when $2 then null else now() end, failures = 0,"
                " failing_since = null, open_until = null, last_error = '' where id = $1 returning id",
                connection_id,
                on,
            )
    except asyncpg.UniqueViolationError:
        raise AlreadyConnectedError(connection_id) from None
    require(done, "connection", connection_id)
    if on:
        await _try_all_now(conn, connection_id)


async def disconnect(conn: Database, connection_id: str) -> None:
    """With its errands, also those that wait. Raises NotFoundError."""
    done = await conn.fetchval("delete from service_connection where id = $1 returning id", connection_id)
    require(done, "connection", connection_id)


# --- The breaker ----------------------------------------------------------------------------------------------------


async def answered(conn: Database, connection_id: str) -> None:
    """The service said yes or no: it is there. After an outage all that waits is due at once."""
    was_away = await conn.fetchval(
        "update service_connection set failures = 0, failing_since = null, open_until = null, last_error = ''"
        " where id = $1 and failures > 0 returning id",
        connection_id,
    )
    if was_away is not None:
        await _try_all_now(conn, connection_id)


async def failed(conn: Database, connection_id: str, error: str) -> bool:
    """Whether the breaker opened by it, or opened again."""
    failures: int | None = await conn.fetchval(
        "update service_connection set failures = failures + 1, failing_since = coalesce(failing_since, now()),"
        " last_error = $2 where id = $1 returning failures",
        connection_id,
        error[:200],
    )
    pause = None if failures is None else breakers.open_for(failures)
    if pause is None:
        return False
    await conn.execute(
        "update service_connection set open_until = now() + $2::interval where id = $1", connection_id, pause
    )
    return True


async def _try_all_now(conn: Database, connection_id: str) -> None:
    await conn.execute(
        "update errand set next_at = now() where connection_id = $1 and state = 'waiting' and next_at > now()"
        # What is under way now has a lease, and no other must begin it.
        " and last_error <> ''",
        connection_id,
    )


def unsealed(pii: PiiCipher, restaurant_id: str, sealed: bytes | None) -> dict[str, str]:
    """A connection's secrets by name; none of None. Raises CipherError."""
    return {} if sealed is None else msgspec.json.decode(pii.decrypt(restaurant_id, sealed), type=dict[str, str])


def _sealed(pii: PiiCipher, restaurant_id: str, secrets: Mapping[str, str]) -> bytes | None:
    return pii.encrypt(restaurant_id, msgspec.json.encode(dict(secrets)).decode()) if secrets else None


def _connection(row: asyncpg.Record) -> Connection:
    facts: dict[str, Any] = dict(row)
    return Connection(**facts)
