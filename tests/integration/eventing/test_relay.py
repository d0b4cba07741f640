import asyncio
import collections
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

import asyncpg
import pytest
from prometheus_client import REGISTRY

from devstack.servers.embedded import EmbeddedPostgres
from devstack.servers.ports import free_port
from eventing import letters, outbox
from eventing.catalogue import FaqChanged, MenuChanged
from eventing.cloudevents import Event
from eventing.relay import claims, service
from eventing.relay.claims import Lane
from eventing.relay.publishing import PUBLISH_TIMEOUT_S, Publisher
from eventing.relay.service import Relay
from process.health import Health
from process.telemetry import spans
from stores.migrate import migrate
from stores.postgres import Connection
from tests.conftest import Database, Pools
from tests.integration.eventing.conftest import WORKERS, Eventually, MakeRestaurant, RawSink, Sink, StartRelay
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

UntilEmpty = Callable[[], Awaitable[None]]


async def emit(postgres: Pools, restaurant_id: str, count: int = 1, *, subject: str = "") -> list[Event]:
    events = []
    changed = FaqChanged(restaurant_id=restaurant_id)
    for _ in range(count):
        async with postgres.app.tenant(restaurant_id) as connection:
            events.append(await outbox.emit(connection, changed, source="/web", subject=subject))
    return events


async def rows(postgres: Pools, query: str) -> list[asyncpg.Record]:
    async with postgres.platform.platform() as connection:
        found: list[asyncpg.Record] = await connection.fetch(query)
        return found


def value(name: str) -> float:
    """What the relay's /metrics says: a gauge by its name, a counter by its middle."""
    measured = REGISTRY.get_sample_value(name if name.startswith("outbox") else f"outbox_{name}_total")
    assert measured is not None
    return measured


@pytest.fixture
def until_empty(postgres: Pools, eventually: Eventually) -> UntilEmpty:
    async def is_empty() -> bool:
        return not await rows(postgres, "select 1 from outbox")

    return lambda: eventually(is_empty)


async def test_an_event_is_published_whole_and_then_gone(
    postgres: Pools, database: Database, sink: Sink, relay: StartRelay, restaurant_id: str, until_empty: UntilEmpty
) -> None:
    async with relay(database.platform_url, sink.url, extensions={"cluster": "eu-1"}):
        async with postgres.app.tenant(restaurant_id) as connection:
            payload = MenuChanged(restaurant_id=restaurant_id, reason="prix à jour")
            with spans.within("00-1-2-03"):
                event = await outbox.emit(connection, payload, source="/web")
        await sink.until(1)
        await until_empty()

    received = sink.received[0]
    assert (received.id, received.source, received.payload()) == (event.id, "/web", payload)
    assert received.extensions == {"restaurantid": restaurant_id, "traceparent": "00-1-2-03", "cluster": "eu-1"}
    assert sink.headers[0]["Content-Type"] == "application/json"


async def test_what_was_written_while_no_relay_ran_is_published(
    postgres: Pools, database: Database, sink: Sink, relay: StartRelay, restaurant_id: str
) -> None:
    await emit(postgres, restaurant_id, 3)

    async with relay(database.platform_url, sink.url):
        await sink.until(3)


async def test_events_of_one_subject_leave_in_order_also_through_two_relays(
    postgres: Pools, database: Database, sink: Sink, relay: StartRelay, another_restaurant: MakeRestaurant
) -> None:
    sink.delay_s = lambda event: random.uniform(0, 0.02)
    about = [(await another_restaurant(), subject) for _ in range(2) for subject in ("", "order/1", "order/2")]
    lists = {one: await emit(postgres, one[0], 10, subject=one[1]) for one in about}
    async with relay(database.platform_url, sink.url), relay(database.platform_url, sink.url):
        await sink.until(60)

    for one, written in lists.items():
        published = [event.id for event in sink.answered if (event.extensions["restaurantid"], event.subject) == one]
        assert published == [event.id for event in written]


async def test_a_subscriber_that_hangs_holds_up_its_subject_alone(
    postgres: Pools, database: Database, sink: Sink, relay: StartRelay, restaurant_id: str
) -> None:
    sink.hanging = lambda event: event.subject == "greeting"
    async with relay(database.platform_url, sink.url):
        hanging, behind_it = await emit(postgres, restaurant_id, 2, subject="greeting")
        await sink.until_received(hanging)
        for number in range(5):
            (order,) = await emit(postgres, restaurant_id, subject=f"order/{number}")
            await sink.until_received(order, within_s=PUBLISH_TIMEOUT_S / 2)
        assert behind_it.id not in {event.id for event in sink.received}, "it is of the subject that hangs"
        sink.released.set()
        await sink.until(7)

    assert [event.id for event in sink.answered if event.subject == "greeting"] == [hanging.id, behind_it.id]


async def test_a_restaurant_with_many_subjects_that_hang_leaves_room_for_the_others(
    postgres: Pools,
    database: Database,
    sink: Sink,
    relay: StartRelay,
    restaurant_id: str,
    another_restaurant: MakeRestaurant,
) -> None:
    sink.hanging = lambda event: event.extensions["restaurantid"] == restaurant_id
    for number in range(2 * WORKERS):
        await emit(postgres, restaurant_id, subject=f"order/{number}")
    async with relay(database.platform_url, sink.url):
        (other,) = await emit(postgres, await another_restaurant())
        await sink.until_received(other, within_s=PUBLISH_TIMEOUT_S / 2)
        assert 1 < len(sink.received) - 1 <= WORKERS // 2
        sink.released.set()
        await sink.until(2 * WORKERS + 1)


async def test_a_slow_restaurant_does_not_hold_up_the_others(
    postgres: Pools,
    database: Database,
    sink: Sink,
    relay: StartRelay,
    restaurant_id: str,
    another_restaurant: MakeRestaurant,
) -> None:
    sink.delay_s = lambda event: 2.0 if event.extensions["restaurantid"] == restaurant_id else 0
    async with relay(database.platform_url, sink.url):
        await emit(postgres, restaurant_id, 2)
        await emit(postgres, await another_restaurant(), 5)

        await sink.until(5, within_s=1.9)

        assert {event.extensions["restaurantid"] for event in sink.answered} != {restaurant_id}


async def test_two_relays_under_faults_deliver_everything(
    postgres: Pools,
    database: Database,
    sink: Sink,
    relay: StartRelay,
    another_restaurant: MakeRestaurant,
    until_empty: UntilEmpty,
) -> None:
    chance = random.Random(7)
    sink.answer = lambda event: 503 if chance.random() < 0.05 else 202
    restaurants = [await another_restaurant() for _ in range(10)]
    owner = await asyncpg.connect(database.owner_url)
    async with relay(database.platform_url, sink.url), relay(database.platform_url, sink.url):
        written = []
        for round_ in range(30):
            for restaurant in restaurants:
                written += await emit(postgres, restaurant)
            if round_ in (8, 20):
                await owner.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where usename = 'alloresto_platform' and datname = current_database()"
                )
        await sink.until(300, within_s=30)
        await owner.close()
        await until_empty()

    times = collections.Counter(event.id for event in sink.answered)
    assert set(times) == {event.id for event in written}
    assert sum(times.values()) - len(times) <= 16, "at most what was under way when the connections were cut"


@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_a_refused_event_waits_and_is_tried_again(
    postgres: Pools,
    database: Database,
    sink: Sink,
    relay: StartRelay,
    restaurant_id: str,
    status: int,
    until_empty: UntilEmpty,
) -> None:
    sink.answer = lambda event: status if len(sink.received) < 3 else 202
    async with relay(database.platform_url, sink.url):
        await emit(postgres, restaurant_id)
        await sink.until(1)
        await until_empty()

    assert len({event.id for event in sink.received}) == 1
    assert len(sink.received) == 3


async def test_an_event_refused_too_often_becomes_a_dead_letter_that_can_be_replayed(
    postgres: Pools,
    database: Database,
    sink: Sink,
    relay: StartRelay,
    restaurant_id: str,
    monkeypatch: pytest.MonkeyPatch,
    until_empty: UntilEmpty,
) -> None:
    monkeypatch.setattr(claims, "MAX_ATTEMPTS", 3)
    sink.answer = lambda event: 400
    async with relay(database.platform_url, sink.url):
        (event,) = await emit(postgres, restaurant_id)
        await until_empty()
        (letter,) = await rows(postgres, "select *, restaurant_id::text as restaurant from dead_letter")
        assert (letter["event_id"], letter["restaurant"], letter["subscriber"]) == (event.id, restaurant_id, "relay")
        assert (letter["type"], letter["source"]) == ("com.alloresto.faq.changed", "/web")
        assert letter["reason"] == "the sink answered 400 Bad Request"
        assert len(sink.received) == 3

        sink.answer = lambda event: 202
        async with postgres.platform.platform() as connection:
            assert await letters.replay(connection, letter["id"])
        await sink.until(1)

    assert sink.answered[0] == sink.received[0]
    assert (await rows(postgres, "select replayed_at from dead_letter"))[0]["replayed_at"] is not None


async def test_a_replay_of_an_unknown_letter_is_told_so(postgres: Pools, database: Database) -> None:
    async with postgres.platform.platform() as connection:
        assert not await letters.replay(connection, "0b6e8a1e-7b1c-4c0e-9a53-4a40d9a3f001")


async def test_a_row_that_is_no_event_is_buried_at_once(
    postgres: Pools, database: Database, sink: Sink, relay: StartRelay, restaurant_id: str, until_empty: UntilEmpty
) -> None:
    async with postgres.app.tenant(restaurant_id) as connection:
        await connection.execute(
            "insert into outbox (event_id, restaurant_id, type, event) values ('x', $1, 'y', '{}')", restaurant_id
        )
    async with relay(database.platform_url, sink.url):
        await until_empty()

    (letter,) = await rows(postgres, "select reason from dead_letter")
    assert letter["reason"].startswith("id: missing")
    assert not sink.received


async def test_a_broker_that_is_away_costs_no_attempt_and_is_named(
    postgres: Pools,
    database: Database,
    sink: Sink,
    relay: StartRelay,
    restaurant_id: str,
    unused_tcp_port: int,
    until_empty: UntilEmpty,
    eventually: Eventually,
) -> None:
    health = Health("relay")
    await emit(postgres, restaurant_id, 2)
    async with relay(database.platform_url, f"http://127.0.0.1:{unused_tcp_port}/", health):

        async def sink_is_missed() -> bool:
            return "sink" in await health.missing()

        await eventually(sink_is_missed)
        assert f"nobody answers at http://127.0.0.1:{unused_tcp_port}/" in (await health.missing())["sink"]

    assert [row["attempts"] for row in await rows(postgres, "select attempts from outbox")] == [0, 0]
    async with relay(database.platform_url, sink.url, health):
        await sink.until(2)
        await until_empty()


async def test_with_a_token_mounted_each_event_carries_the_one_of_now(
    postgres: Pools, database: Database, sink: Sink, relay: StartRelay, restaurant_id: str, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    async with relay(database.platform_url, sink.url, token_file=token_file):
        await emit(postgres, restaurant_id)
        await sink.until(1)
        for count, token in enumerate(("first", "second"), 2):
            renewed = tmp_path / token  # as the kubelet does: the file is replaced, never written into
            renewed.write_text(f"{token}\n")
            renewed.rename(token_file)
            await emit(postgres, restaurant_id)
            await sink.until(count)

    sent = [headers.get("Authorization") for headers in sink.headers]
    assert sent == [None, "Bearer first", "Bearer second"]


async def test_a_token_that_is_refused_costs_no_attempt_and_is_named(
    postgres: Pools,
    database: Database,
    sink: Sink,
    relay: StartRelay,
    restaurant_id: str,
    tmp_path: Path,
    eventually: Eventually,
) -> None:
    health = Health("relay")
    token_file = tmp_path / "token"
    token_file.write_text("expired")
    sink.answer = lambda event: 202 if sink.headers[-1]["Authorization"] == "Bearer valid" else 401
    await emit(postgres, restaurant_id)
    async with relay(database.platform_url, sink.url, health, token_file=token_file):

        async def sink_is_missed() -> bool:
            return "sink" in await health.missing()

        await eventually(sink_is_missed)
        assert f"401; is there a valid token in {token_file}" in (await health.missing())["sink"]
        assert [row["attempts"] for row in await rows(postgres, "select attempts from outbox")] == [0]
        token_file.write_text("valid")
        await sink.until(1)

    assert len(sink.answered) == 1


async def test_the_backlog_and_what_became_of_the_events_are_measured(
    postgres: Pools,
    database: Database,
    sink: Sink,
    relay: StartRelay,
    restaurant_id: str,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Eventually,
) -> None:
    monkeypatch.setattr(service, "MEASURE_EVERY_S", 0.05)
    monkeypatch.setattr(claims, "MAX_ATTEMPTS", 2)
    before = {name: value(name) for name in ("published", "failed", "buried")}
    async with postgres.platform.platform() as connection:
        await connection.execute(
            "insert into outbox (event_id, restaurant_id, type, event, created_at, next_at)"
            " select name, $1, 'y', '{}', now() - age, now() + interval '1 hour'"
            " from (values ('old', interval '1 hour'), ('young', interval '1 minute')) as waiting (name, age)",
            restaurant_id,
        )
    first, *_ = await emit(postgres, restaurant_id, 3)
    sink.answer = lambda event: 503 if event.id == first.id else 202
    async with relay(database.platform_url, sink.url):
        await sink.until(2)

        async def two_wait() -> bool:
            return value("outbox_backlog") == 2 and value("buried") > before["buried"]

        await eventually(two_wait)
        assert 3600 <= value("outbox_oldest_seconds") < 3700

    assert {name: value(name) - count for name, count in before.items()} == {"published": 2, "failed": 2, "buried": 1}


async def test_it_stays_ready_while_a_slow_sink_keeps_all_workers_busy(
    postgres: Pools,
    database: Database,
    sink: Sink,
    relay: StartRelay,
    another_restaurant: MakeRestaurant,
    eventually: Eventually,
) -> None:
    health = Health("relay")
    sink.delay_s = lambda event: 1.0
    for _ in range(WORKERS):
        await emit(postgres, await another_restaurant())
    async with relay(database.platform_url, sink.url, health):

        async def all_are_busy() -> bool:
            return len(sink.received) == WORKERS

        await eventually(all_are_busy)
        assert await health.missing() == {}
        assert not sink.answered


async def test_a_relay_that_starts_before_its_tables_are_there_waits_for_them(
    sink: Sink, relay: StartRelay, postgres_server: EmbeddedPostgres, restaurant_id: str, eventually: Eventually
) -> None:
    owner = await asyncpg.connect(postgres_server.url(database="postgres"))
    await owner.execute("create database not_migrated")
    health = Health("relay")
    async with relay(postgres_server.url("alloresto_platform", "not_migrated"), sink.url, health):

        async def is_ready() -> bool:
            return not await health.missing()

        async def finds_no_table() -> bool:
            return 'relation "outbox" does not exist' in (await health.missing()).get("postgres", "")

        await eventually(finds_no_table)
        await migrate(postgres_server.url(database="not_migrated"))
        await eventually(is_ready)
    await owner.execute("drop database not_migrated")
    await owner.close()


async def test_a_relay_whose_postgres_never_came_stops_at_once(
    sink: Sink, relay: StartRelay, eventually: Eventually
) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/alloresto"
    health = Health("relay")

    async def has_tried() -> bool:
        return "not connected yet" not in (await health.missing())["postgres"]

    async with relay(nowhere, sink.url, health) as one:
        await eventually(has_tried)
        async with asyncio.timeout(service.STOP_GRACE_S / 2):
            await one.stop()


async def test_an_idle_relay_leaves_postgres_alone(
    database: Database, sink: Sink, relay: StartRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    claim = claims.claim

    async def counted(
        connection: Connection, after: uuid.UUID, busy: Collection[Lane], *, limit: int, share: int
    ) -> dict[Lane, bool]:
        looks.append(time.monotonic())
        return await claim(connection, after, busy, limit=limit, share=share)

    monkeypatch.setattr(claims, "claim", counted)
    monkeypatch.setattr(service, "POLL_S", 0.2)
    async with relay(database.platform_url, sink.url):

        async def has_polled() -> bool:
            return bool(looks) and looks[-1] - looks[0] > 1.0

        await eventually(has_polled)
    assert len(looks) < 20  # one session looks, at each poll and notification


async def test_a_relay_of_which_a_part_has_failed_says_so(
    database: Database, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(connection: Connection) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(claims, "measure_backlog", broken)
    failed = asyncio.Event()
    publisher = Publisher(sink.url)
    relay = Relay(database.platform_url, publisher, Health("relay"), workers=1, on_failure=failed.set)
    await relay.start()
    await asyncio.wait_for(failed.wait(), PATIENCE_S)
    with pytest.raises(ZeroDivisionError):
        await relay.stop()


async def test_a_lost_notification_is_made_up_for_by_the_poll(
    postgres: Pools, database: Database, sink: Sink, relay: StartRelay, restaurant_id: str
) -> None:
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("alter table outbox disable trigger outbox_notify")
    await owner.close()
    async with relay(database.platform_url, sink.url):
        await sink.until(0)
        await emit(postgres, restaurant_id)
        await sink.until(1, within_s=5)


async def test_stopping_finishes_what_is_under_way(
    postgres: Pools, database: Database, sink: Sink, relay: StartRelay, restaurant_id: str, eventually: Eventually
) -> None:
    sink.delay_s = lambda event: 0.5
    async with relay(database.platform_url, sink.url):
        await emit(postgres, restaurant_id)

        async def has_arrived() -> list[Event]:
            return sink.received

        await eventually(has_arrived)

    assert len(sink.answered) == 1
    assert not await rows(postgres, "select 1 from outbox")


def test_the_pause_doubles_up_to_its_cap_and_the_attempts_last_about_an_hour() -> None:
    longest = [max(claims.pause_s(attempt) for _ in range(200)) for attempt in range(claims.MAX_ATTEMPTS)]

    assert all(pause <= claims.LONGEST_PAUSE_S for pause in longest)
    assert longest[0] <= claims.FIRST_PAUSE_S
    assert 1800 < sum(longest) < 7200


async def test_a_restaurant_with_hundreds_of_events_due_does_not_hold_up_another(
    postgres: Pools,
    database: Database,
    sink: Sink,
    relay: StartRelay,
    another_restaurant: MakeRestaurant,
) -> None:
    busy, other = [await another_restaurant() for _ in range(2)]
    sink.delay_s = lambda event: 0.02  # so that the busy one alone would take 11 s
    async with postgres.platform.platform() as connection:
        for _ in range(560):
            await outbox.emit(connection, FaqChanged(restaurant_id=busy), source="/web")
    async with relay(database.platform_url, sink.url):
        await sink.until(1)
        (event,) = await emit(postgres, other)
        before = len(sink.received)
        await sink.until_received(event)

    ahead = [one.id for one in sink.received].index(event.id) - before
    assert ahead <= 2 * claims.EVENTS_A_CLAIM, "of the 560 that were due before"


async def test_more_restaurants_than_are_published_at_a_time_all_have_their_turn(
    postgres: Pools, database: Database, sink: Sink, relay: StartRelay, another_restaurant: MakeRestaurant
) -> None:
    restaurants = [await another_restaurant() for _ in range(9)]
    for restaurant in restaurants:
        await emit(postgres, restaurant, 60)
    async with relay(database.platform_url, sink.url):
        await sink.until(9 * 60)

    first = [event.extensions["restaurantid"] for event in sink.answered][: 9 * 25]
    assert set(first) == set(restaurants), "none waits for another's last event"


async def test_the_pause_after_a_failure_counts_from_the_failure(
    postgres: Pools,
    database: Database,
    sink: Sink,
    relay: StartRelay,
    restaurant_id: str,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claims, "pause_s", lambda attempts: 60.0)
    sink.delay_s, sink.answer = lambda event: 1.0, lambda event: 503
    async with relay(database.platform_url, sink.url):
        await emit(postgres, restaurant_id)

        async def put_off() -> list[asyncpg.Record]:
            return await rows(postgres, "select 1 from outbox where attempts = 1")

        await eventually(put_off)
        (row,) = await rows(postgres, "select next_at - created_at > interval '60.9 s' as later from outbox")

    assert row["later"], "the minute, and the second that the sink took"


async def test_a_letter_is_published_again_as_it_came(
    postgres: Pools, database: Database, raw_sink: RawSink, relay: StartRelay, until_empty: UntilEmpty
) -> None:
    sent = {"content-type": "application/xml", "ce-id": "e%0A1", "ce-source": "/pos", "ce-type": "x"}
    on_the_way = {"ce-specversion": "0.3", "ce-knativeerrorcode": "400", "host": "keeper"}
    letter = letters.read(sent | on_the_way, b"<a>\xff</a>")
    async with postgres.platform.platform() as connection:
        kept = await letters.keep(connection, letter)
        assert await letters.replay(connection, kept)
        assert await letters.replay(connection, kept), "it waits there once"
    async with relay(database.platform_url, raw_sink.url):
        await until_empty()

    [(headers, body)] = raw_sink.received
    assert body == b"<a>\xff</a>"
    assert (sent | {"ce-specversion": "0.3", "ce-replayof": kept}).items() <= headers.items()
    assert "ce-knativeerrorcode" not in headers


async def test_a_replay_that_the_broker_refuses_too_often_is_its_letter_again(
    postgres: Pools,
    database: Database,
    raw_sink: RawSink,
    relay: StartRelay,
    until_empty: UntilEmpty,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claims, "MAX_ATTEMPTS", 2)
    raw_sink.status = 400
    async with postgres.platform.platform() as connection:
        kept = await letters.keep(connection, letters.read({"ce-id": "1", "ce-source": "/pos"}, b"{"))
        await letters.replay(connection, kept)
    async with relay(database.platform_url, raw_sink.url):
        await until_empty()

    async with postgres.platform.platform() as connection:
        [letter] = await letters.listed(connection)
    assert (letter.id, letter.state, letter.failures) == (kept, "failed again", 2)
    assert letter.reason == "the sink answered 400 Bad Request"
