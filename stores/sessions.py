"""Who is logged in where: a row for each session, so that ending one needs no word with the browser that has it.

The browser keeps a token, the table its SHA-256. ``find`` and ``end`` answer whoever has a token; everything else works
for one user, named in the transaction, whose rows alone it sees.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from stores.bearer_tokens import hash_of, new_token
from stores.postgres import Connection
from stores.users import Membership, as_user

LONGEST_DEVICE = 300
# A new log-in ends the oldest beyond these: a script that logs in for each request must not fill the table.
MOST_SESSIONS = 30


@dataclass(frozen=True, slots=True)
class Acting:
    """A restaurant that the platform's staff look into; ``reason`` is empty while they may only look."""

    restaurant_id: str
    restaurant_name: str
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A session with all that a request asks about its user."""

    id: str
    user_id: str
    email: str
    name: str
    is_platform: bool
    memberships: tuple[Membership, ...]
    acting: Acting | None


@dataclass(frozen=True, slots=True)
class OwnSession:
    """A line of the list of one's own sessions; ``device`` is a User-Agent, ``last_seen_at`` right to the minute."""

    id: str
    created_at: datetime
    last_seen_at: datetime
    address: str
    device: str


async def start(conn: Connection, user_id: str, *, lifetime: timedelta, address: str = "", device: str = "") -> str:
    """Returns the token for the cookie. What is over of this user's sessions goes."""
    token = new_token()
    await as_user(conn, user_id)
    await conn.execute(
        "delete from user_session where user_id = $1 and (expires_at < now() or id in ("
        " select id from user_session where user_id = $1 order by created_at desc offset $2))",
        user_id,
        MOST_SESSIONS - 1,
    )
    await conn.execute(
        "insert into user_session (token_hash, user_id, expires_at, address, device)"
        " values ($1, $2, now() + $3::interval, $4, $5)",
        hash_of(token),
        user_id,
        lifetime,
        address[:45],
        device[:LONGEST_DEVICE],
    )
    return token


async def find(conn: Connection, token: str, *, idle: timedelta) -> Session | None:
    """None for a session that was ended, is over, was not used for ``idle``, or whose user is disabled."""
    row = await conn.fetchrow("select * from use_session($1, $2)", hash_of(token), idle)
    return None if row is None else of_row(row)


async def find_all(conn: Connection, tokens: Collection[str], *, idle: timedelta) -> dict[str, Session]:
    """``find`` for many at once: the open ones by their token."""
    known = {hash_of(token): token for token in tokens}
    rows = await conn.fetch(
        "select hash, s.* from unnest($1::bytea[]) as hash cross join lateral use_session(hash, $2) s",
        list(known),
        idle,
    )
    return {known[row["hash"]]: of_row(row) for row in rows}


def of_row(row: asyncpg.Record | Mapping[str, Any]) -> Session:
    """A row of ``use_session``."""
    acting = None
    if row["acting_in"] is not None:
        acting = Acting(row["acting_in"], row["acting_restaurant"], row["acting_reason"], row["acting_until"])
    return Session(
        row["session_id"],
        row["user_id"],
        row["email"],
        row["name"],
        row["is_platform"],
        tuple(Membership(*membership) for membership in row["memberships"]),
        acting,
    )


async def end(conn: Connection, token: str) -> None:
    """Log out. Nothing happens for a token that is unknown."""
    await conn.execute("select end_session($1)", hash_of(token))


async def of_user(conn: Connection, user_id: str) -> tuple[OwnSession, ...]:
    """The user's sessions, the last used first; those that are over may be among them until the next log-in."""
    await as_user(conn, user_id)
    rows = await conn.fetch(
        "select id, created_at, last_seen_at, address, device from user_session"
        " where user_id = $1 and expires_at > now() order by last_seen_at desc, id limit $2",
        user_id,
        MOST_SESSIONS,
    )
    return tuple(OwnSession(*row) for row in rows)


async def end_one(conn: Connection, user_id: str, session_id: str) -> bool:
    """Whether the user had such a session."""
    await as_user(conn, user_id)
    ended = await conn.fetchval(
        "delete from user_session where user_id = $1 and id = $2 returning id", user_id, session_id
    )
    return ended is not None


async def end_all(conn: Connection, user_id: str, *, but: str | None = None) -> int:
    """End the user's sessions but the one with the id ``but``; how many there were."""
    await as_user(conn, user_id)
    status = await conn.execute(
        "delete from user_session where user_id = $1 and ($2::uuid is null or id <> $2)", user_id, but
    )
    return int(status.split()[-1])


async def act_in(
    conn: Connection, user_id: str, session_id: str, restaurant_id: str | None, *, reason: str, length: timedelta
) -> None:
    """Let a session of the platform's staff look into a restaurant for ``length``; None ends it."""
    await as_user(conn, user_id)
    await conn.execute(
        "update user_session set acting_in = $3, acting_reason = $4,"
        " acting_until = case when $3::uuid is null then null else now() + $5::interval end"
        " where user_id = $1 and id = $2",
        user_id,
        session_id,
        restaurant_id,
        reason,
        length,
    )
