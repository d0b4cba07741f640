"""Lines over nodes, on a real Postgres and Valkey."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from eventing import lines as line_changes
from eventing.catalogue import LineChanged
from functions import line_assigner
from functions.line_assigner import assign, bridge_nodes_lost_total
from stores import keys, live, nodes
from stores.ciphers import SipPasswordCipher
from stores.postgres import Connection, Postgres
from stores.redis import Redis
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Run
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

SILENT = "update sip_bridge_node set last_heartbeat = now() - interval '31 s' where id = $1"


async def add_lines(connection: Connection, restaurant_id: str, count: int, first: int = 0) -> None:
    """Without passwords: what registers them is not part of this."""
    await connection.execute(
        "insert into phone_line (restaurant_id, number, provider, sip_domain, sip_username)"
        " select $1, '+3346571' || to_char(n, 'FM0000'), 'sip', 'trunk.test', 'user-' || n"
        " from generate_series($2::int, $3::int) as n",
        restaurant_id,
        first,
        first + count - 1,
    )


async def add_nodes(connection: Connection, *names: str, room: int = 200) -> None:
    for name in names:
        await nodes.heartbeat(connection, name, hostname=name, max_registrations=room)


async def load(postgres: Pools) -> Counter[str | None]:
    async with postgres.platform.platform() as connection:
        rows = await connection.fetch("select bridge_node_id from sip_registration")
    return Counter(row["bridge_node_id"] for row in rows)


async def statuses(postgres: Pools) -> set[tuple[str, str]]:
    async with postgres.platform.platform() as connection:
        return {tuple(row) for row in await connection.fetch("select status, error from sip_registration")}


@contextlib.asynccontextmanager
async def hearing(redis: Redis) -> AsyncIterator[asyncio.Queue[bytes]]:
    """What bridges are told."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with redis.pubsub() as channel:
        await channel.subscribe(keys.LINES_CHANGED)

        async def listen() -> None:
            async for message in channel.listen():
                if message["type"] == "message":
                    heard.put_nowait(message["data"])

        listening = asyncio.create_task(listen())
        yield heard
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_twelve_lines_on_two_nodes_are_six_and_six_and_the_bridges_are_told_once(
    postgres: Pools, redis: Redis, restaurant_id: str
) -> None:
    async with postgres.platform.platform() as connection:
        await add_lines(connection, restaurant_id, 12)
        await add_nodes(connection, "a", "b")

    async with hearing(redis) as heard:
        await assign(postgres.platform, redis)
        await assign(postgres.platform, redis)
        told = await asyncio.wait_for(heard.get(), PATIENCE_S)
        await live.lines_changed(redis, "edited")
        next_word = await asyncio.wait_for(heard.get(), PATIENCE_S)

    assert await load(postgres) == {"a": 6, "b": 6}
    assert (told, next_word) == (b"assigned", b"edited")


async def test_assigners_at_once_give_each_line_away_once(
    postgres: Pools, database: Database, redis: Redis, restaurant_id: str
) -> None:
    async with postgres.platform.platform() as connection:
        await add_lines(connection, restaurant_id, 40)
        await add_nodes(connection, "a", "b", "c", room=20)
    others = [Postgres(database.platform_url) for _ in range(4)]
    for other in others:
        await other.open()

    await asyncio.gather(*(assign(other, redis) for other in others))

    for other in others:
        await other.close()
    async with postgres.platform.platform() as connection:
        generations = {row["generation"] for row in await connection.fetch("select generation from sip_registration")}
    assert sorted((await load(postgres)).values()) == [13, 13, 14]
    assert generations == {1}


def lost_nodes() -> float:
    [family] = bridge_nodes_lost_total.collect()
    return family.samples[0].value


async def test_assigners_at_once_over_a_lost_node_neither_move_a_line_twice_nor_block_each_other(
    postgres: Pools, database: Database, redis: Redis, restaurant_id: str
) -> None:
    async with postgres.platform.platform() as connection:
        await add_lines(connection, restaurant_id, 60)
        await add_nodes(connection, "lost", room=60)
    await assign(postgres.platform, redis)
    async with postgres.platform.platform() as connection:
        await add_nodes(connection, "a", "b")
        await connection.execute(SILENT, "lost")
        await connection.execute("update phone_line set is_active = false where number like '%00'")
    others = [Postgres(database.platform_url) for _ in range(4)]
    for other in others:
        await other.open()

    before = lost_nodes()

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(assign(other, redis) for other in others for _ in range(3)))

    assert lost_nodes() == before + 1

    for other in others:
        await other.close()
    async with postgres.platform.platform() as connection:
        generations = {row["generation"] for row in await connection.fetch("select generation from sip_registration")}
    found = await load(postgres)
    assert set(found) == {"a", "b"}
    assert abs(found["a"] - found["b"]) <= 1
    assert generations == {2}


async def test_a_node_that_redis_still_hears_of_keeps_its_lines(
    postgres: Pools, redis: Redis, restaurant_id: str
) -> None:
    async with postgres.platform.platform() as connection:
        await add_lines(connection, restaurant_id, 4)
        await add_nodes(connection, "cut-off")
    await assign(postgres.platform, redis)
    await live.bridge_heartbeat(redis, "cut-off", ())
    async with postgres.platform.platform() as connection:
        await connection.execute(SILENT, "cut-off")
        await add_nodes(connection, "other")
        await connection.execute("update sip_bridge_node set max_registrations = 0 where id = 'other'")

    await assign(postgres.platform, redis)
    spared = await load(postgres)
    await redis.delete(keys.bridge_heartbeat("cut-off"))
    async with postgres.platform.platform() as connection:
        await connection.execute("update sip_bridge_node set max_registrations = 9 where id = 'other'")
    await assign(postgres.platform, redis)

    assert spared == {"cut-off": 4}
    assert await load(postgres) == {"other": 4}


async def test_a_line_that_no_node_has_room_for_says_so_and_is_counted_until_one_has(
    postgres: Pools, redis: Redis, restaurant_id: str
) -> None:
    async with postgres.platform.platform() as connection:
        await add_lines(connection, restaurant_id, 9)
        await add_nodes(connection, "small", room=8)

    await assign(postgres.platform, redis)
    counted = line_assigner.lines_without_node._value.get()
    told = await statuses(postgres)
    async with postgres.platform.platform() as connection:
        await add_nodes(connection, "second", room=8)
    await assign(postgres.platform, redis)

    assert counted == 1
    assert ("error", "no bridge node is up that has room for this line") in told
    assert await statuses(postgres) == {("unregistered", "")}
    assert line_assigner.lines_without_node._value.get() == 0
    assert (await load(postgres))["second"] >= 1


async def test_a_dead_nodes_lines_never_go_on_saying_registered(
    postgres: Pools, redis: Redis, restaurant_id: str
) -> None:
    async with postgres.platform.platform() as connection:
        await add_lines(connection, restaurant_id, 2)
        await add_nodes(connection, "only")
    await assign(postgres.platform, redis)
    async with postgres.platform.platform() as connection:
        await connection.execute("update sip_registration set status = 'registered'")
        await connection.execute(SILENT, "only")

    await assign(postgres.platform, redis)

    assert {status for status, _ in await statuses(postgres)} == {"error"}


async def test_a_hand_over_that_takes_too_long_ends_and_a_line_switched_off_is_nobodys(
    postgres: Pools, redis: Redis, restaurant_id: str
) -> None:
    async with postgres.platform.platform() as connection:
        await add_lines(connection, restaurant_id, 1)
        await add_nodes(connection, "old")
    await assign(postgres.platform, redis)
    async with postgres.platform.platform() as connection:
        await add_nodes(connection, "new")
        await nodes.heartbeat(connection, "old", hostname="old", status="draining")
    await assign(postgres.platform, redis)
    async with postgres.platform.platform() as connection:
        leaving = await connection.fetchval("select leaving_node_id from sip_registration")
        await connection.execute("update sip_registration set moved_at = now() - interval '31 s'")
    await assign(postgres.platform, redis)
    async with postgres.platform.platform() as connection:
        ended = await connection.fetchval("select leaving_node_id from sip_registration")
        await connection.execute("update phone_line set is_active = false")
    await assign(postgres.platform, redis)

    assert (leaving, ended) == ("old", None)
    assert await load(postgres) == {}


async def test_a_new_lines_event_and_the_timer_both_wake_it(
    run: Run, postgres: Pools, database: Database, redis: Redis, redis_url: str, restaurant_id: str, master_key: str
) -> None:
    async with postgres.platform.platform() as connection:
        await add_nodes(connection, "a")
    async with (
        hearing(redis) as heard,
        run("functions", "line_assigner", PLATFORM_DATABASE_URL=database.platform_url, REDIS_URL=redis_url) as function,
    ):
        async with line_changes.announced(redis), postgres.app.tenant(restaurant_id) as connection:
            line = await line_changes.create(
                connection,
                source="/test",
                restaurant_id=restaurant_id,
                number="+33 4 65 71 00 42",
                cipher=SipPasswordCipher(master_key),
                sip_domain="trunk.test",
                sip_username="pizzeria",
                sip_password="secret",
            )
        at_once = await asyncio.wait_for(heard.get(), PATIENCE_S)
        async with postgres.platform.platform() as connection:
            event = await connection.fetchval("select event from outbox where type = $1", LineChanged.TYPE)
        change = LineChanged(restaurant_id=restaurant_id, phone_line_id=line.id, change="created")
        status, _, _ = await function.send(change)
        of_event = await load(postgres)
        async with postgres.platform.platform() as connection:
            await nodes.heartbeat(connection, "a", hostname="a", status="down")
            await add_nodes(connection, "b")
        ticked, _ = await function.tick("assignments-due")
        refused, _, problem = await function.send(change, "assignments-due")

    assert at_once == b"edited"
    assert event["data"]["change"] == "created"
    assert (status, ticked, refused) == (204, 204, 400)
    assert of_event == {"a": 1}
    assert await load(postgres) == {"b": 1}
    assert "assignments-due" in problem["detail"]
