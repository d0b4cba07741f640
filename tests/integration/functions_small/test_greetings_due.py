"""The hourly tick over many restaurants, in this process: what it keeps, renders, and leaves."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from domain.greetings import greeting_text
from eventing.catalogue import GreetingRendered
from eventing.refusals import TryAgain
from functions.greeting_renderer import rendering
from functions.greeting_renderer.rendering import Renderer, keep_greetings
from functions.greeting_renderer.speech import Speech
from stores import greetings, restaurants
from stores.greetings import Greeting, Wanted
from stores.redis import Redis, RedisError, connect
from tests.conftest import Pools
from tests.integration.functions_small.conftest import SpeechService
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


@pytest.fixture
async def renderer(speech: SpeechService, redis: Redis, postgres: Pools) -> AsyncIterator[Renderer]:
    speech.seconds = 0.01
    client = Speech(speech.url, "sk-test", "tts-1", "marin")
    yield Renderer(client, redis, postgres.app)
    await client.close()


async def add_lines(postgres: Pools, count: int = 0) -> list[str]:
    """Give every restaurant an active line, after adding ``count`` restaurants; all ids."""
    async with postgres.platform.platform() as connection:
        await connection.execute(
            "insert into restaurant (name, language, currency, zone, voice)"
            " select 'Chez ' || number, 'fr', 'EUR', 'Europe/Paris', 'siwis' from generate_series(1, $1) number",
            count,
        )
        await connection.execute(
            "insert into phone_line (restaurant_id, number, provider)"
            " select id, '+33' || row_number() over (), 'sip' from restaurant"
        )
        return [row["id"] for row in await connection.fetch("select id from restaurant order by id")]


async def wanted(postgres: Pools, restaurant_id: str) -> Wanted:
    async with postgres.app.tenant(restaurant_id) as connection:
        restaurant = await restaurants.get(connection, restaurant_id)
    return Wanted(restaurant_id, greeting_text(restaurant), restaurant.voice)


async def save(redis: Redis, one: Wanted) -> None:
    await greetings.save(redis, one.restaurant_id, Greeting(one.text, one.voice, b"\xff" * 80))


async def is_right(redis: Redis, one: Wanted) -> bool:
    found = await greetings.load(redis, one.restaurant_id)
    return found is not None and (found.text, found.voice) == (one.text, one.voice)


async def test_a_greeting_that_still_stands_lives_on_without_being_rendered(
    renderer: Renderer, speech: SpeechService, redis: Redis, postgres: Pools, restaurant_id: str
) -> None:
    await add_lines(postgres)
    await save(redis, await wanted(postgres, restaurant_id))
    names = await redis.keys(f"resto:{restaurant_id}:*")
    for name in names:
        await redis.expire(name, 60)

    await keep_greetings(renderer)

    assert speech.requests == []
    assert [await redis.ttl(name) > greetings.LIFETIME_S - 60 for name in names] == [True, True, True]


@pytest.mark.parametrize("different", [{"text": "an older text"}, {"voice": "another voice"}, None])
async def test_a_greeting_that_is_missing_or_says_something_else_is_rendered_once_and_announced(
    renderer: Renderer,
    speech: SpeechService,
    redis: Redis,
    postgres: Pools,
    restaurant_id: str,
    different: dict[str, str] | None,
) -> None:
    await add_lines(postgres)
    should = await wanted(postgres, restaurant_id)
    if different is not None:
        await save(redis, replace(should, **different))

    await keep_greetings(renderer)
    await keep_greetings(renderer)

    assert [request["input"] for request in speech.requests] == [should.text]
    assert await is_right(redis, should)
    async with postgres.platform.platform() as connection:
        event = await connection.fetchval("select event from outbox")
    assert (event["type"], event["data"]["key"]) == (GreetingRendered.TYPE, f"resto:{restaurant_id}:greeting")


async def test_a_restaurant_that_nobody_can_ring_has_none(
    renderer: Renderer, speech: SpeechService, postgres: Pools, restaurant_id: str
) -> None:
    await add_lines(postgres)
    async with postgres.platform.platform() as connection:
        await connection.execute("update phone_line set is_active = false")

    await keep_greetings(renderer)

    assert speech.requests == []


async def test_a_tick_renders_so_many_the_missing_ones_first_and_the_next_ticks_the_rest(
    renderer: Renderer,
    speech: SpeechService,
    redis: Redis,
    postgres: Pools,
    restaurant_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rendering, "MOST_RENDERED", 5)
    monkeypatch.setattr(rendering, "PAGE", 4)
    all_wanted = [await wanted(postgres, one) for one in await add_lines(postgres, 11)]
    for one in all_wanted[:6]:
        await save(redis, replace(one, text="an older text"))
    right: list[set[str]] = []
    for _ in range(4):
        await keep_greetings(renderer)
        right.append({one.restaurant_id for one in all_wanted if await is_right(redis, one)})

    assert [len(after) for after in right] == [5, 10, 12, 12]
    missing = {one.restaurant_id for one in all_wanted[6:]}
    assert right[0] < missing < right[1]
    assert len(speech.requests) == 12


async def test_while_the_speech_service_is_away_it_is_asked_a_few_times_and_what_stands_lives_on(
    renderer: Renderer, speech: SpeechService, redis: Redis, postgres: Pools, restaurant_id: str
) -> None:
    await add_lines(postgres, 20)
    speech.status = 503
    with pytest.raises(TryAgain, match="OPENAI_BASE_URL"):
        await keep_greetings(renderer)
    assert rendering.MOST_FAILURES <= len(speech.requests) < rendering.MOST_FAILURES + rendering.AT_A_TIME

    await save(redis, await wanted(postgres, restaurant_id))
    await keep_greetings(renderer)


async def test_one_that_can_not_be_rendered_keeps_none_of_the_others_waiting(
    renderer: Renderer, redis: Redis, postgres: Pools, restaurant_id: str
) -> None:
    ids = await add_lines(postgres, 5)
    async with postgres.platform.platform() as connection:
        await connection.execute("update restaurant set greeting = repeat('long ', 300) where id = $1", restaurant_id)

    await keep_greetings(renderer)

    assert {one for one in ids if await greetings.load(redis, one)} == set(ids) - {restaurant_id}


async def test_a_slow_service_leaves_the_rest_to_the_next_tick(
    renderer: Renderer,
    speech: SpeechService,
    redis: Redis,
    postgres: Pools,
    restaurant_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Between the first answers and the next ones. What is over is for the openai package, imported at its first call.
    monkeypatch.setattr(rendering, "RENDER_WITHIN_S", 2.5)
    ids = await add_lines(postgres, rendering.AT_A_TIME + 2)
    speech.pause_s = 1.5

    async with asyncio.timeout(PATIENCE_S):
        await keep_greetings(renderer)

    assert len([one for one in ids if await greetings.load(redis, one)]) == rendering.AT_A_TIME


async def test_a_service_too_slow_for_a_single_greeting_counts_as_away(
    renderer: Renderer, speech: SpeechService, postgres: Pools, restaurant_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "RENDER_WITHIN_S", 0.2)
    await add_lines(postgres)
    speech.pause_s = 1.0

    with pytest.raises(TryAgain, match="OPENAI_BASE_URL"):
        await keep_greetings(renderer)


async def test_redis_away_is_told_as_such(
    speech: SpeechService, postgres: Pools, restaurant_id: str, unused_tcp_port: int
) -> None:
    await add_lines(postgres)
    client = Speech(speech.url, "sk-test", "tts-1", "marin")
    async with connect(f"redis://127.0.0.1:{unused_tcp_port}/0") as away:
        with pytest.raises(RedisError):
            await keep_greetings(Renderer(client, away, postgres.app))
    await client.close()

    assert speech.requests == []


async def test_a_thousand_greetings_are_looked_at_in_a_few_round_trips(
    renderer: Renderer, speech: SpeechService, redis: Redis, postgres: Pools
) -> None:
    ids = await add_lines(postgres, 1000)
    async with postgres.platform.platform() as connection:
        await connection.execute("update restaurant set greeting = 'Bonjour, ici l’assistant IA de chez Léa.'")
    async with redis.pipeline(transaction=False) as pipe:
        for one in ids:
            for part, value in (("", "x"), (":text", "Bonjour, ici l’assistant IA de chez Léa."), (":voice", "siwis")):
                pipe.set(f"resto:{one}:greeting{part}", value, ex=60)
        await pipe.execute()
    trips = 0
    round_trip = type(redis.pipeline()).execute

    async def counted(*arguments: object, **options: object) -> object:
        nonlocal trips
        trips += 1
        return await round_trip(*arguments, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(redis.pipeline()), "execute", counted)
        started = time.perf_counter()
        await keep_greetings(renderer)
        print(f"a tick over 1000 greetings took {(time.perf_counter() - started) * 1000:.0f} ms")

    assert (trips, speech.requests) == (2, [])
    assert all([await redis.ttl(f"resto:{one}:greeting") > 3600 for one in ids[::100]])
