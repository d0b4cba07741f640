"""Who changed what: one row for each change, written in its transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from stores.postgres import Connection

GUEST = "guest"  # the name of who ordered, on their order's page
SUPPORT = "support"  # the name of the platform's staff in a restaurant that is not theirs


@dataclass(frozen=True, slots=True)
class Actor:
    """``name`` is an e-mail address, a token's name, SUPPORT or GUEST.

    ``acting_for`` is the platform user behind an impersonation.
    """

    name: str
    acting_for: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """``before`` and ``after`` are what the pages show of the subject, None where it did not exist."""

    id: int
    at: datetime
    actor: Actor
    action: str
    subject: str
    before: Any
    after: Any


async def record(
    conn: Connection,
    restaurant_id: str | None,
    actor: Actor,
    action: str,
    *,
    subject: str = "",
    before: object = None,
    after: object = None,
) -> None:
    """Write one entry. ``action`` is like ``menu.price_changed``; ``before`` and ``after`` anything JSON can hold.

    Give neither secrets nor callers' personal data. Raises asyncpg.CheckViolationError for a malformed action.
    """
    await conn.execute(
        "insert into audit_log (restaurant_id, actor, acting_for, action, subject, before, after)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        restaurant_id,
        actor.name,
        actor.acting_for,
        action,
        subject,
        msgspec.to_builtins(before),
        msgspec.to_builtins(after),
    )


async def recent(
    conn: Connection, limit: int, below: int | None = None, *, subject: str = ""
) -> tuple[AuditEntry, ...]:
    """The newest entries that the connection's role sees, or those below the id ``below``; of one subject if given."""
    rows = await conn.fetch(
        "select id, at, actor, acting_for, action, subject, before, after from audit_log"
        " where ($1::bigint is null or id < $1) and ($2 = '' or subject = $2) order by id desc limit $3",
        below,
        subject,
        limit,
    )
    return tuple(_entry(row) for row in rows)


@dataclass(frozen=True, slots=True)
class PlatformEntry:
    """An entry with its restaurant; ``restaurant_id`` is None and the name "" for what concerns no single one."""

    entry: AuditEntry
    restaurant_id: str | None
    restaurant_name: str


async def everywhere(
    conn: Connection,
    limit: int,
    below: int | None = None,
    *,
    restaurant_id: str | None = None,
    actor: str = "",
    action: str = "",
) -> tuple[PlatformEntry, ...]:
    """The newest entries of all restaurants or of one, below the id ``below``; by one person, of one action if given.

    Needs the platform role to see more than one restaurant.
    """
    rows = await conn.fetch(
        "select a.id, a.at, a.actor, a.acting_for, a.action, a.subject, a.before, a.after, a.restaurant_id,"
        " coalesce(r.name, '') as restaurant_name from audit_log a left join restaurant r on r.id = a.restaurant_id"
        " where ($2::bigint is null or a.id < $2) and ($3::uuid is null or a.restaurant_id = $3)"
        " and ($4 = '' or a.actor = $4) and ($5 = '' or starts_with(a.action, $5)) order by a.id desc limit $1",
        limit,
        below,
        restaurant_id,
        actor,
        action,
    )
    return tuple(PlatformEntry(_entry(row), row["restaurant_id"], row["restaurant_name"]) for row in rows)


def _entry(row: asyncpg.Record) -> AuditEntry:
    return AuditEntry(
        row["id"],
        row["at"],
        Actor(row["actor"], row["acting_for"]),
        row["action"],
        row["subject"],
        row["before"],
        row["after"],
    )
