"""How the platform stands, in a few bounded queries. All of it needs the platform role."""

from dataclasses import dataclass
from datetime import datetime

from stores.errors import require
from stores.postgres import Connection

MOST_LETTERS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """A bridge node. ``lines`` are those that it says it holds, ``assigned`` those that it should.

    ``drain_asked_at`` is when staff asked for its lines to move to others, None when nobody did.
    """

    id: str
    hostname: str
    status: str
    lines: int
    assigned: int
    most_lines: int
    last_heartbeat: datetime
    drain_asked_at: datetime | None


async def bridges(conn: Connection, limit: int = 200) -> tuple[Bridge, ...]:
    """Those that live first."""
    rows = await conn.fetch(
        "select n.id, n.hostname, n.status, n.registrations_count as lines, n.max_registrations as most_lines,"
        " n.last_heartbeat, n.drain_asked_at,"
        " (select count(*) from sip_registration r where r.bridge_node_id = n.id) as assigned"
        " from sip_bridge_node n order by n.status = 'down', n.id limit $1",
        limit,
    )
    return tuple(Bridge(**dict(row)) for row in rows)


async def ask_to_drain(conn: Connection, node_id: str, asked: bool) -> None:
    """Have the node's lines move to others, or take that back. Raises NotFoundError.

    The node itself lives and goes on with its calls. It is the assigner that gives nothing to a draining node.
    """
    done = await conn.fetchval(
        "update sip_bridge_node set drain_asked_at = case when $2 then coalesce(drain_asked_at, now()) end,"
        " status = case when $2 and status = 'healthy' then 'draining'"
        " when not $2 and drain_asked_at is not null and status = 'draining' then 'healthy' else status end"
        " where id = $1 returning id",
        node_id,
        asked,
    )
    require(done, "bridge node", node_id)


@dataclass(frozen=True, slots=True)
class BackupRun:
    """One that could be restored."""

    finished_at: datetime
    sealed_bytes: int
    seconds: float


async def last_backup(conn: Connection) -> BackupRun | None:
    row = await conn.fetchrow(
        "select finished_at, sealed_bytes, seconds from backup_run order by finished_at desc limit 1"
    )
    return BackupRun(**dict(row)) if row else None


@dataclass(frozen=True, slots=True)
class Outbox:
    """``oldest_at`` is None when nothing waits; ``failing`` counts events that were tried and not taken."""

    waiting: int
    failing: int
    oldest_at: datetime | None


async def outbox(conn: Connection) -> Outbox:
    row = await conn.fetchrow(
        "select count(*) as waiting, count(*) filter (where attempts > 0) as failing, min(created_at) as oldest_at"
        " from outbox"
    )
    assert row is not None
    return Outbox(row["waiting"], row["failing"], row["oldest_at"])


async def open_letters(conn: Connection) -> int:
    """How many dead letters are not delivered, MOST_LETTERS for as many or more."""
    count: int = await conn.fetchval(
        "select count(*) from (select from dead_letter where replayed_at is null or failed_at > replayed_at limit $1)"
        " as open",
        MOST_LETTERS,
    )
    return count


@dataclass(frozen=True, slots=True)
class TakenEvent:
    """An event that a function has taken. ``type`` is "" for one of a release that did not keep it."""

    at: datetime
    type: str
    consumer: str
    source: str
    restaurant_id: str | None
    restaurant_name: str


async def taken_events(conn: Connection, limit: int) -> tuple[TakenEvent, ...]:
    """The newest first."""
    rows = await conn.fetch(
        "select e.at, e.type, e.consumer, e.source, e.restaurant_id, coalesce(r.name, '') as name"
        " from (select * from processed_event order by at desc limit $1) as e"
        " left join restaurant r on r.id = e.restaurant_id order by e.at desc, e.event_id",
        limit,
    )
    return tuple(TakenEvent(*row.values()) for row in rows)


async def names(conn: Connection, restaurant_ids: set[str]) -> tuple[tuple[str, str], ...]:
    """The restaurants, each with its id and name."""
    rows = await conn.fetch("select id, name from restaurant where id = any($1::uuid[])", list(restaurant_ids))
    return tuple((row["id"], row["name"]) for row in rows)
