"""Bridge nodes and call workers, by their heartbeats. All of it needs the platform role."""

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
    """The node lives: its row is made or brought up to date."""
    await conn.execute(
        "insert into sip_bridge_node (id, hostname, pod_ip, registrations_count, max_registrations, status)"
        " values ($1, $2, $3, $4, $5, $6) on conflict (id) do update set hostname = excluded.hostname,"
        " pod_ip = excluded.pod_ip, registrations_count = excluded.registrations_count,"
        " max_registrations = excluded.max_registrations, status = excluded.status, last_heartbeat = now()",
        node_id,
        hostname,
        pod_ip,
        registrations_count,
        max_registrations,
        status,
    )


async def least_loaded(conn: Connection) -> BridgeNode | None:
    """The healthy node with the most room, counting lines assigned and not only registered; None when all are full."""
    row = await conn.fetchrow(
        "select n.* from sip_bridge_node n left join sip_registration r on r.bridge_node_id = n.id"
        " where n.status = 'healthy' group by n.id having count(r.id) < n.max_registrations"
        " order by count(r.id)::float8 / n.max_registrations, n.id limit 1"
    )
    return None if row is None else _node(row)


async def mark_down(conn: Connection, silent_for: timedelta) -> tuple[str, ...]:
    """Mark nodes without a heartbeat for so long as down; the ids of those newly down."""
    rows = await conn.fetch(
        "update sip_bridge_node set status = 'down' where status <> 'down' and last_heartbeat < now() - $1::interval"
        " returning id",
        silent_for,
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
