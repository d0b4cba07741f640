import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import asyncpg
import msgspec
import pytest

from eventing import outbox
from eventing.catalogue import CacheInvalidated, FaqChanged, MenuChanged
from eventing.cloudevents import Event, to_binary
from eventing.consumers import consumer, outside_consumer
from eventing.refusals import TryAgain, Unprocessable
from process.asgi import App
from process.telemetry import spans
from stores import live
from stores.postgres import Connection, Postgres
from stores.redis import Redis, connect
from tests.conftest import Database, Pools
from tests.integration.eventing.conftest import Eventually, MakeRestaurant, RawSink, Serving, StartRelay

pytestmark = pytest.mark.integration

Count = Callable[[str], Awaitable[int]]


class Effect:
    """Writes a FAQ entry, so that a test can count how often it took effect."""

    def __init__(self, reply: bool = True, failure: Exception | None = None, pause_s: float = 0.0) -> None:
        self.reply = reply
        self.failure = failure
        self.pause_s = pause_s
        self.calls = 0

    async def __call__(self, connection: Connection, event: Event) -> CacheInvalidated | None:
        self.calls += 1
        changed = event.payload_of(FaqChanged)
        await connection.execute(
            "insert into faq (restaurant_id, question, answer) values ($1, 'q', 'a')", changed.restaurant_id
        )
        await asyncio.sleep(self.pause_s)
        if self.failure is not None:
            raise self.failure
        if not self.reply:
            return None
        return CacheInvalidated(restaurant_id=changed.restaurant_id, keys=(f"call {self.calls}",))


class MakeApp(Protocol):
    def __call__(self, effect: Effect, *, redis: Redis | None = None) -> App: ...


def changed(restaurant_id: str, subject: str = "", extensions: Mapping[str, str] | None = None) -> Event:
    payload = FaqChanged(restaurant_id=restaurant_id)
    return Event.of(payload, source="/web", subject=subject, extensions=extensions)


@pytest.fixture
def count(postgres: Pools, restaurant_id: str) -> Count:
    async def rows(table: str) -> int:
        async with postgres.app.tenant(restaurant_id) as connection:
            counted: int = await connection.fetchval(f"select count(*) from {table}")
            return counted

    return rows


@pytest.fixture
def app(database: Database) -> MakeApp:
    return lambda effect, *, redis=None: consumer(
        "tester", [FaqChanged], effect, postgres=Postgres(database.app_url), redis=redis
    )


async def test_an_effect_and_its_record_are_committed_and_the_reply_continues_the_story(
    app: MakeApp, serving: Serving, restaurant_id: str, count: Count
) -> None:
    async with serving(app(Effect())) as function:
        event = changed(restaurant_id, subject="faq", extensions={"traceparent": "00-1-2-03"})
        answer = await function.send(event)

    reply = answer.event()
    assert (answer.status, reply.type, reply.source) == (200, "com.alloresto.cache.invalidated", "/functions/tester")
    assert reply.payload_of(CacheInvalidated).keys == ("call 1",)
    assert reply.subject == "faq"
    assert reply.extensions == {"restaurantid": restaurant_id, "traceparent": "00-1-2-03"}
    assert (await count("faq"), await count("processed_event")) == (1, 1)


async def test_an_effect_without_a_reply_is_answered_with_an_empty_204(
    app: MakeApp, serving: Serving, restaurant_id: str
) -> None:
    async with serving(app(Effect(reply=False))) as function:
        answer = await function.send(changed(restaurant_id))

    assert (answer.status, answer.body) == (204, b"")


async def test_a_duplicate_has_no_effect_and_the_same_answer(
    app: MakeApp, serving: Serving, restaurant_id: str, count: Count
) -> None:
    effect = Effect()
    event = changed(restaurant_id)
    async with serving(app(effect)) as function:
        first = await function.send(event)
    async with serving(app(effect)) as restarted:
        second = await restarted.send(event)

    assert second == first
    assert (effect.calls, await count("faq")) == (1, 1)


async def test_the_same_event_twice_at_once_has_one_effect(
    app: MakeApp, serving: Serving, restaurant_id: str, count: Count
) -> None:
    effect = Effect(pause_s=0.1)
    event = changed(restaurant_id)
    async with serving(app(effect)) as function:
        first, second = await asyncio.gather(function.send(event), function.send(event))

    assert first == second
    assert (effect.calls, await count("faq")) == (1, 1)


async def test_an_id_that_another_restaurants_event_has_is_refused_and_not_taken_for_a_duplicate(
    app: MakeApp, serving: Serving, restaurant_id: str, another_restaurant: MakeRestaurant, count: Count
) -> None:
    effect = Effect()
    first = changed(await another_restaurant())
    same_id = Event.of(FaqChanged(restaurant_id=restaurant_id), source="/web", id=first.id)
    async with serving(app(effect)) as function:
        answers = [await function.send(first), await function.send(same_id)]

    assert [answer.status for answer in answers] == [200, 400]
    assert (effect.calls, await count("faq")) == (1, 0)


async def test_the_same_id_from_another_source_is_another_event(
    app: MakeApp, serving: Serving, restaurant_id: str, count: Count
) -> None:
    effect = Effect()
    first = changed(restaurant_id)
    other = Event.of(FaqChanged(restaurant_id=restaurant_id), source="/pos", id=first.id)
    async with serving(app(effect)) as function:
        answers = [await function.send(event) for event in (first, other, first, other)]

    assert (effect.calls, await count("faq")) == (2, 2)
    assert answers[:2] == answers[2:]
    assert answers[0].event().id != answers[1].event().id


async def test_what_is_emitted_while_an_event_is_handled_carries_its_trace(
    database: Database, postgres: Pools, serving: Serving, restaurant_id: str
) -> None:
    async def effect(connection: Connection, event: Event) -> None:
        change = MenuChanged(restaurant_id=restaurant_id)

        async def emit_in_a_task() -> None:
            await outbox.emit(connection, change, source="/tester")

        await asyncio.create_task(emit_in_a_task())

    app = consumer("tester", [FaqChanged], effect, postgres=Postgres(database.app_url))
    async with serving(app) as function:
        await function.send(changed(restaurant_id, extensions={"traceparent": "00-1-2-03"}))
        await function.send(changed(restaurant_id))

    async with postgres.platform.platform() as connection:
        rows = await connection.fetch("select event->>'traceparent' as trace from outbox order by id")
    assert [row["trace"] for row in rows] == ["00-1-2-03", None]


async def test_a_trace_goes_from_the_outbox_through_the_relay_and_a_function_to_its_reply(
    app: MakeApp,
    database: Database,
    postgres: Pools,
    serving: Serving,
    restaurant_id: str,
    raw_sink: RawSink,
    relay: StartRelay,
    eventually: Eventually,
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with spans.within(trace):
        async with postgres.app.tenant(restaurant_id) as connection:
            await outbox.emit(connection, FaqChanged(restaurant_id=restaurant_id), source="/edge/a")
    async with relay(database.platform_url, raw_sink.url), serving(app(Effect())) as function:

        async def published() -> bool:
            return bool(raw_sink.received)

        await eventually(published)
        answer = await function.post(*raw_sink.received[0])

    assert answer.event().extensions["traceparent"] == trace


async def test_an_extension_that_contradicts_the_data_is_refused_by_name(
    app: MakeApp, serving: Serving, restaurant_id: str, count: Count
) -> None:
    other = {"restaurantid": "0b6e8a1e-7b1c-4c0e-9a53-4a40d9a3f001"}
    async with serving(app(Effect())) as function:
        answer = await function.send(changed(restaurant_id, extensions=other))

    assert (answer.status, await count("faq")) == (400, 0)
    assert b"restaurantid: the extension and the data's restaurant_id differ" in answer.body


async def test_two_functions_take_the_same_event_and_reply_under_different_ids(
    database: Database, serving: Serving, restaurant_id: str, count: Count
) -> None:
    event = changed(restaurant_id)
    replies = []
    for name in ("one", "two"):
        postgres = Postgres(database.app_url)
        async with serving(consumer(name, [FaqChanged], Effect(), postgres=postgres)) as function:
            replies.append((await function.send(event)).event().id)

    assert len(set(replies)) == 2
    assert await count("faq") == 2


async def test_a_failure_after_the_effect_undoes_it_and_the_next_try_succeeds(
    app: MakeApp, serving: Serving, restaurant_id: str, count: Count
) -> None:
    effect = Effect(failure=RuntimeError("pulled the plug"))
    event = changed(restaurant_id)
    async with serving(app(effect)) as function:
        failed = await function.send(event)
        assert (failed.status, await count("faq"), await count("processed_event")) == (500, 0, 0)
        assert b"plug" not in failed.body
        effect.failure = None
        answer = await function.send(event)

    assert (answer.status, await count("faq")) == (200, 1)


async def test_a_connection_cut_before_the_commit_leaves_nothing(
    app: MakeApp, serving: Serving, restaurant_id: str, count: Count, database: Database
) -> None:
    effect = Effect(pause_s=0.5)
    async with serving(app(effect)) as function:
        sending = asyncio.create_task(function.send(changed(restaurant_id)))
        await asyncio.sleep(0.2)
        owner = await asyncpg.connect(database.owner_url)
        await owner.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction'"
            " and usename = 'alloresto_app' and datname = current_database()"
        )
        await owner.close()
        answer = await sending

    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert (await count("faq"), await count("processed_event")) == (0, 0)


@pytest.mark.parametrize(
    ("failure", "status", "says"),
    [
        (Unprocessable("lines: empty"), 400, b"lines: empty"),
        (TryAgain("the printer is away"), 503, b"the printer is away"),
        (asyncpg.CheckViolationError("x"), 400, b"Postgres refuses it"),
        (asyncpg.DeadlockDetectedError("x"), 503, b"DeadlockDetectedError"),
        (TimeoutError(), 503, b"TimeoutError"),
    ],
)
async def test_each_failure_has_its_answer_and_undoes_the_effect(
    app: MakeApp, serving: Serving, restaurant_id: str, count: Count, failure: Exception, status: int, says: bytes
) -> None:
    async with serving(app(Effect(failure=failure))) as function:
        answer = await function.send(changed(restaurant_id))

    assert (answer.status, await count("faq")) == (status, 0)
    assert says in answer.body


async def test_what_can_never_succeed_is_refused_with_the_reason(
    app: MakeApp, serving: Serving, restaurant_id: str
) -> None:
    headers, body = to_binary(changed(restaurant_id))
    wrong = {
        "id: missing": ({name: value for name, value in headers.items() if name != "ce-id"}, body),
        "data: ": (headers, b"{"),
        "restaurantId": (headers, b'{"restaurantId":"seven"}'),
        "not in the catalogue": (headers | {"ce-type": "com.example.x"}, body),
        "takes com.alloresto.faq.changed, not com.alloresto.menu.changed": to_binary(
            Event.of(MenuChanged(restaurant_id=restaurant_id), source="/web")
        ),
        "batches": ({"content-type": "application/cloudevents-batch+json"}, b"[]"),
        "ForeignKeyViolationError": to_binary(changed("0b6e8a1e-7b1c-4c0e-9a53-4a40d9a3f001")),
    }
    async with serving(app(Effect())) as function:
        for reason, request in wrong.items():
            answer = await function.post(*request)
            assert (answer.status, reason in answer.body.decode()) == (400, True), answer.body


async def test_without_postgres_it_serves_says_what_is_missing_and_asks_for_another_try(
    serving: Serving, restaurant_id: str, unused_tcp_port: int
) -> None:
    postgres = Postgres(f"postgresql://x@127.0.0.1:{unused_tcp_port}/alloresto")
    app = consumer("tester", [FaqChanged], Effect(), postgres=postgres)
    async with serving(app, wait=False) as function:
        await asyncio.sleep(0.1)
        missing = await app.health.missing()
        answer = await function.send(changed(restaurant_id))

    assert set(missing) == {"postgres"}
    assert answer.status == 503


async def test_an_effect_elsewhere_is_recorded_after_it_and_not_repeated(
    database: Database, serving: Serving, restaurant_id: str, count: Count
) -> None:
    seen = []

    async def effect(event: Event) -> CacheInvalidated:
        seen.append(await count("processed_event"))
        return CacheInvalidated(restaurant_id=restaurant_id, keys=("k",))

    event = changed(restaurant_id)
    app = outside_consumer("outside", [FaqChanged], effect, postgres=Postgres(database.app_url))
    async with serving(app) as function:
        first, second = await function.send(event), await function.send(event)

    assert seen == [0]
    assert first == second
    assert await count("processed_event") == 1


async def test_a_failed_effect_elsewhere_is_not_recorded(
    database: Database, serving: Serving, restaurant_id: str, count: Count
) -> None:
    async def effect(event: Event) -> None:
        raise TryAgain("away")

    app = outside_consumer("outside", [FaqChanged], effect, postgres=Postgres(database.app_url))
    async with serving(app) as function:
        answer = await function.send(changed(restaurant_id))

    assert (answer.status, await count("processed_event")) == (503, 0)


async def test_the_live_feed_shows_an_effect_once(
    app: MakeApp, serving: Serving, restaurant_id: str, redis: Redis, redis_url: str
) -> None:
    event = changed(restaurant_id)
    async with redis.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe(f"resto:{restaurant_id}:live")
        async with serving(app(Effect(), redis=connect(redis_url))) as function:
            await function.send(event)
            await function.send(event)
        received = [await channel.get_message(timeout=0.3) for _ in range(4)]
        messages = [msgspec.json.decode(one["data"], type=live.EventHandled) for one in received if one]

    assert [(one.type, one.id, one.function) for one in messages] == [(event.type, event.id, "tester")]
    assert 0 < messages[0].ms < 60_000


async def test_without_redis_the_effect_stands(
    app: MakeApp, serving: Serving, restaurant_id: str, count: Count, unused_tcp_port: int
) -> None:
    away = connect(f"redis://127.0.0.1:{unused_tcp_port}/0")
    async with serving(app(Effect(), redis=away)) as function:
        answer = await function.send(changed(restaurant_id))

    assert (answer.status, await count("faq")) == (200, 1)
