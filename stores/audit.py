"""Who changed what: one row for each change, written in its transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from stores.postgres import Connection


@dataclass(frozen=True, slots=True)
class Actor:
    """``name`` is an e-mail address or a token's name; ``acting_for`` the platform user behind an impersonation."""

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
    return tuple(
        AuditEntry(
            row["id"],
            row["at"],
            Actor(row["actor"], row["acting_for"]),
            row["action"],
            row["subject"],
            row["before"],
            row["after"],
        )
        for row in rows
    )
