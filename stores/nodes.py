"""Bridge nodes and call workers, by their heartbeats. All of it needs the platform role."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import asyncpg

from stores.postgres import Connection

NodeStatus = Literal["healthy", "draining", "down"]


@dataclass(frozen=True, slots=True)
class BridgeNode:
    id: str
    hostname: str
    pod_ip: str
    registrations_count: int
    max_registrations: int
    status: NodeStatus
    last_heartbeat: datetime


async def heartbeat(
    conn: Connection,
    node_id: str,
    *,
    hostname: str,
    pod_ip: str = "",
    registrations_count: int = 0,
    max_registrations: int = 200,
    status: NodeStatus = "healthy",
) -> None:
    """The node lives: its row is made or brought up to date. One that staff asked to drain is not healthy meanwhile."""
    await conn.execute(
        "insert into sip_bridge_node (id, hostname, pod_ip, registrations_count, max_registrations, status)"
        " values ($1, $2, $3, $4, $5, $6) on conflict (id) do update set hostname = excluded.hostname,"
        " pod_ip = excluded.pod_ip, registrations_count = excluded.registrations_count,"
        " max_registrations = excluded.max_registrations, last_heartbeat = now(), status = case"
        " when sip_bridge_node.drain_asked_at is not null and excluded.status = 'healthy' then 'draining'"
        " else excluded.status end",
        node_id,
        hostname,
        pod_ip,
        registrations_count,
        max_registrations,
        status,
    )


async def all_nodes(conn: Connection) -> tuple[BridgeNode, ...]:
    rows = await conn.fetch("select * from sip_bridge_node order by id")
    return tuple(_node(row) for row in rows)


async def silent(conn: Connection, silent_for: timedelta) -> tuple[str, ...]:
    """The ids of nodes without a heartbeat for so long that are not marked as down."""
    rows = await conn.fetch(
        "select id from sip_bridge_node where status <> 'down' and last_heartbeat < now() - $1::interval", silent_for
    )
    return tuple(row["id"] for row in rows)


async def others_are_healthy(conn: Connection, node_id: str) -> bool:
    """Whether there is another node that could take ``node_id``'s lines."""
    found: bool = await conn.fetchval(
        "select exists (select from sip_bridge_node where status = 'healthy' and id <> $1)", node_id
    )
    return found


async def mark_down(conn: Connection, silent_for: timedelta, spared: Collection[str] = ()) -> tuple[str, ...]:
    """Mark nodes without a heartbeat for so long as down, but for the ``spared``; the ids of those newly down."""
    rows = await conn.fetch(
        "update sip_bridge_node set status = 'down' where status <> 'down' and last_heartbeat < now() - $1::interval"
        " and id <> all($2::text[]) returning id",
        silent_for,
        list(spared),
    )
    return tuple(row["id"] for row in rows)


def _node(row: asyncpg.Record) -> BridgeNode:
    return BridgeNode(
        id=row["id"],
        hostname=row["hostname"],
        pod_ip=row["pod_ip"],
        registrations_count=row["registrations_count"],
        max_registrations=row["max_registrations"],
        status=row["status"],
        last_heartbeat=row["last_heartbeat"],
    )
