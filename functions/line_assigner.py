"""Gives each registering phone line to a bridge node: new ones at once, those of a lost or leaving node to others.

Asked by a timer every two seconds, which is how a node's death, drain or arrival is seen, and by each ``line.changed``,
so that a new line does not wait for the timer. Which line goes where is ``domain.assignment``'s. Any number of
assigners may run at once: a lock lets one plan and write at a time, so the next sees what it did and finds nothing to
do. Bridges are told over Redis, and read from Postgres what is theirs.

A node is down when neither Postgres nor Redis has had its heartbeat for DOWN_AFTER: one that is cut off from Postgres
alone still holds its lines, and would go on to register them beside the next.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from prometheus_client import Counter, Gauge

from domain.assignment import Node, Plan, plan
from eventing.catalogue import LineChanged
from eventing.serving import PlatformSettings, hold_open, run
from eventing.ticks import on_tick
from process import logs
from process.asgi import App
from process.health import Health
from stores import lines, live, locks, nodes
from stores.postgres import Connection, Postgres
from stores.redis import Redis, RedisError, connect

NAME = "line_assigner"
DOWN_AFTER = timedelta(seconds=30)  # three heartbeats
# For a new node to register a line whose old one leaves. Then the old one lets it go: its trunk may take one only.
HAND_OVER = timedelta(seconds=30)

lines_assigned_total = Counter("lines_assigned_total", "Lines given to a bridge node, moved ones included.")
lines_without_node = Gauge("lines_without_node", "Active lines that no living bridge node holds or has room for.")
bridge_nodes_lost_total = Counter("bridge_nodes_lost_total", "Bridge nodes found dead: gone without a good-bye.")
bridge_nodes = Gauge("bridge_nodes", "Bridge nodes by status.", ["status"])

log = logs.get(__name__)


class Settings(PlatformSettings, frozen=True, kw_only=True):
    redis_url: str


def main() -> None:
    run(NAME, Settings, build)


def build(settings: Settings) -> App:
    postgres, redis = Postgres(settings.platform_database_url, max_size=2), connect(settings.redis_url)
    app = App(Health(NAME))
    hold_open(app, postgres)
    app.shutdown.append(redis.aclose)
    on_tick(app, "/assignments-due", partial(assign, postgres, redis))
    on_tick(app, "/", partial(take_change, postgres, redis), type=LineChanged.TYPE)
    return app


async def take_change(postgres: Postgres, redis: Redis) -> None:
    """A line was made, edited, switched or taken away: bridges read it, whether or not it moves."""
    await assign(postgres, redis)
    await live.lines_changed(redis, "edited")


async def assign(postgres: Postgres, redis: Redis) -> None:
    """Do what is due by now, and tell the bridges."""
    async with postgres.platform() as connection:
        silent = await nodes.silent(connection, DOWN_AFTER)
    spared = await _alive(redis, silent)
    async with postgres.platform() as connection:
        # First of all: row locks taken before it would be waited for by who has it.
        await connection.execute("select pg_advisory_xact_lock($1)", locks.LINE_ASSIGNER)
        lost = await nodes.mark_down(connection, DOWN_AFTER, spared)
        changed = await lines.let_go(connection, HAND_OVER)
        assigned = await lines.assignments(connection)
        known = await nodes.all_nodes(connection)
        due = plan([Node(node.id, node.max_registrations, node.status) for node in known], assigned)
        changed += await _write(connection, due)
    bridge_nodes_lost_total.inc(len(lost))
    for node_id in lost:
        log.error("a bridge node is down", node=node_id)
    if due.moves:
        log.info("lines assigned", moved=len(due.moves), to=sorted({move.to for move in due.moves}))
    lines_assigned_total.inc(len(due.moves))
    lines_without_node.set(len(due.stranded))
    for status in ("healthy", "draining", "down"):
        bridge_nodes.labels(status).set(sum(node.status == status for node in known))
    if changed:
        await live.lines_changed(redis, "assigned")


async def _alive(redis: Redis, silent: tuple[str, ...]) -> tuple[str, ...]:
    """Those that Redis has heard of. While Redis is away Postgres alone decides."""
    try:
        return await live.bridges_alive(redis, silent)
    except (RedisError, OSError) as error:
        log.warning("heartbeats in Redis are not read", why=type(error).__name__)
        return ()


async def _write(connection: Connection, due: Plan) -> int:
    if due.moves:
        await lines.move(connection, due.moves)
    newly = 0
    if due.stranded:
        newly = await lines.strand(connection, due.stranded, "no bridge node is up that has room for this line")
    if newly:
        log.error("lines without a bridge node", lines=len(due.stranded), newly=newly)
    return len(due.moves) + newly
