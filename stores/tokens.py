"""The tokens that open the API: each shown once, when it is made, and kept as a hash.

32 random bytes need no slow hash: nobody guesses them, and one SHA-256 a request is not felt.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from stores.bearer_tokens import hash_of, new_token
from stores.errors import require
from stores.postgres import Connection

MARK = "alr_"  # so that a token is known for one wherever it turns up: in a log, in a repository
PREFIX_LENGTH = 8
MOST_TOKENS = 50  # of one restaurant, or of the platform, that open something
LONGEST_NAME = 80
LIFETIMES = {"30": timedelta(days=30), "365": timedelta(days=365), "never": None}  # what the pages offer, by days


class TooManyTokensError(Exception):
    """There are MOST_TOKENS that open something."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as its restaurant's owner sees it. ``prefix`` is what it begins with after MARK.

    ``expires_at`` None: it lasts until it is revoked. ``last_used_at`` is right to the minute. ``is_over``: it was
    revoked, or has expired.
    """

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    is_over: bool


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose token a request has. ``restaurant_id`` is None for one of the platform's."""

    id: str
    restaurant_id: str | None
    name: str
    prefix: str
    scopes: frozenset[str]


async def create(
    conn: Connection,
    restaurant_id: str | None,
    *,
    name: str,
    scopes: Collection[str],
    created_by: str,
    expires_at: datetime | None = None,
) -> str:
    """The new token: nobody can read it again. One without a restaurant needs the platform role.

    Raises TooManyTokensError, asyncpg.CheckViolationError for a name or scopes that are empty or too long.
    """
    made = await (of_restaurant(conn, restaurant_id) if restaurant_id else of_platform(conn))
    if sum(not one.is_over for one in made) >= MOST_TOKENS:
        raise TooManyTokensError
    secret = new_token()
    await conn.execute(
        "insert into api_token (restaurant_id, name, prefix, secret_hash, scopes, created_by, expires_at)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        restaurant_id,
        name,
        secret[:PREFIX_LENGTH],
        hash_of(MARK + secret),
        sorted(scopes),
        created_by,
        expires_at,
    )
    return MARK + secret


async def use(conn: Connection, token: str) -> Bearer | None:
    """Whose token this is, and that it was used; None for one that is unknown, revoked or expired."""
    row = await conn.fetchrow("select * from use_api_token($1)", hash_of(token))
    if row is None:
        return None
    return Bearer(row["id"], row["restaurant_id"], row["name"], row["prefix"], frozenset(row["scopes"]))


_COLUMNS = (
    "id, name, prefix, scopes, created_by, created_at, expires_at, last_used_at, revoked_at,"
    " (revoked_at is not null or coalesce(expires_at < now(), false)) as is_over"
)
_LISTED = f"select {_COLUMNS} from api_token"


async def of_restaurant(conn: Connection, restaurant_id: str) -> tuple[ApiToken, ...]:
    """Its tokens, those that still open something first, then the newest; at most MOST_TOKENS."""
    rows = await conn.fetch(
        f"{_LISTED} where restaurant_id = $1 order by is_over, created_at desc, id limit $2", restaurant_id, MOST_TOKENS
    )
    return tuple(map(_token, rows))


async def of_platform(conn: Connection) -> tuple[ApiToken, ...]:
    """``of_restaurant`` for the platform's own tokens. Needs the platform role."""
    rows = await conn.fetch(
        f"{_LISTED} where restaurant_id is null order by is_over, created_at desc, id limit $1", MOST_TOKENS
    )
    return tuple(map(_token, rows))


async def revoke(conn: Connection, token_id: str) -> ApiToken:
    """The token opens nothing from now on. Raises NotFoundError, also for one that was revoked before."""
    row = await conn.fetchrow(
        f"update api_token set revoked_at = now() where id = $1 and revoked_at is null returning {_COLUMNS}", token_id
    )
    require(row, "token", token_id)
    assert row is not None
    return _token(row)


async def revoke_platforms(conn: Connection, token_id: str) -> ApiToken:
    """``revoke`` for one of the platform's own and no other. Needs the platform role."""
    row = await conn.fetchrow(
        "update api_token set revoked_at = now() where id = $1 and restaurant_id is null and revoked_at is null"
        f" returning {_COLUMNS}",
        token_id,
    )
    require(row, "token", token_id)
    assert row is not None
    return _token(row)


async def require_restaurant(conn: Connection, restaurant_id: str) -> None:
    """Raises NotFoundError where there is none, or it is disabled: its tokens open nothing then."""
    found = await conn.fetchval("select id from restaurant where id = $1 and disabled_at is null", restaurant_id)
    require(found, "restaurant", restaurant_id)


def _token(row: asyncpg.Record) -> ApiToken:
    return ApiToken(**{**dict(row), "scopes": tuple(row["scopes"])})
