"""How attempts are counted, how the counts end, and what happens without Redis."""

from collections.abc import Iterator

import pytest
from redis.asyncio import Redis

from tests.conftest import run_apart
from tests.integration.web.admin import Admin, csrf_token
from web import create_app
from web.database import Database
from web.identity.throttle import Limit, LocalCounters, Throttle, account_digest, neighbourhood

pytestmark = pytest.mark.integration

WINDOW_S = 900  # "a quarter of an hour", says the page


@pytest.fixture
def database(admin: Admin) -> Iterator[Database]:
    database = Database(admin.settings())
    yield database
    database.close()


@pytest.fixture
def throttle(database: Database) -> Throttle:
    return Throttle(database)


async def seconds_left(redis: Redis) -> list[int]:
    """Of every counter, -1 for one that never ends."""
    return [await redis.ttl(key) for key in await redis.keys("web:*")]


async def expire_all(redis: Redis, seconds: int) -> None:
    for key in await redis.keys("web:*"):
        await redis.expire(key, seconds)


async def test_the_limit_itself_is_allowed_and_one_more_is_not(throttle: Throttle) -> None:
    assert [throttle.allow([Limit("web:a", 3)]) for _ in range(4)] == [True, True, True, False]


async def test_every_limit_counts_each_attempt(throttle: Throttle) -> None:
    throttle.allow([Limit("web:a", 1), Limit("web:b", 9)])

    assert not throttle.allow([Limit("web:b", 9), Limit("web:a", 1)])
    assert throttle.allow([Limit("web:b", 3)])


async def test_counters_end_a_window_after_the_first_attempt(throttle: Throttle, redis: Redis) -> None:
    throttle.allow([Limit("web:a", 3), Limit("web:b", 3)])

    left = await seconds_left(redis)
    assert len(left) == 2
    assert all(0 < WINDOW_S - seconds + 1 <= 60 for seconds in left)


async def test_further_attempts_do_not_prolong_the_window(throttle: Throttle, redis: Redis) -> None:
    throttle.allow([Limit("web:a", 1)])
    await expire_all(redis, 60)  # as if all but the last minute of the window had passed

    refused = [throttle.allow([Limit("web:a", 1)]) for _ in range(3)]

    assert refused == [False] * 3
    assert all(0 < seconds <= 60 for seconds in await seconds_left(redis))


async def test_once_the_window_is_over_one_may_try_again(throttle: Throttle, redis: Redis) -> None:
    allowed = [throttle.allow([Limit("web:a", 1)]) for _ in range(2)]
    await expire_all(redis, 0)

    assert allowed == [True, False]
    assert throttle.allow([Limit("web:a", 1)])


async def test_what_was_right_is_not_counted(throttle: Throttle) -> None:
    throttle.allow([Limit("web:a", 1)])
    throttle.forget(Limit("web:a", 1))

    assert throttle.allow([Limit("web:a", 1)])


def test_without_redis_a_worker_counts_for_itself(admin: Admin) -> None:
    database = Database(admin.settings(redis_url="redis://127.0.0.1:1"))
    throttle = Throttle(database)

    allowed = [throttle.allow([Limit("web:a", 2)]) for _ in range(3)]
    throttle.forget(Limit("web:a", 2))
    again = throttle.allow([Limit("web:a", 2)])
    database.close()

    assert (allowed, again) == ([True, True, False], True)


def test_a_workers_own_counters_end_too() -> None:
    counters = LocalCounters()

    assert [counters.count("a", 900), counters.count("a", 900), counters.count("b", 0), counters.count("b", 0)] == [
        1,
        2,
        1,
        1,
    ]


def test_an_account_is_the_same_however_it_is_written_and_readable_by_nobody() -> None:
    digest = account_digest("a secret", "owner@alloresto.example")

    assert digest == account_digest("a secret", " Owner@Alloresto.EXAMPLE ")
    assert digest != account_digest("another secret", "owner@alloresto.example")
    assert "owner" not in digest


def test_one_ipv6_customer_is_one_neighbour() -> None:
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1") == "2001:db8::"
    assert neighbourhood("2001:db8:0:1::1") != neighbourhood("2001:db8::1")
    assert neighbourhood("192.0.2.1") == neighbourhood("::ffff:192.0.2.1") == "192.0.2.1"
    assert neighbourhood(None) == "unknown"


def test_no_account_name_is_readable_in_redis(admin: Admin, redis_url: str) -> None:
    app = create_app(admin.settings(web_attempts_per_account=1))
    client = app.test_client()
    token = csrf_token(client.get("/login").text)
    client.post("/login", data={"email": "owner@alloresto.example", "password": "guess", "csrf_token": token})
    app.extensions["alloresto.database"].close()

    async def keys() -> list[bytes]:
        client = Redis.from_url(redis_url)
        found = await client.keys("web:login:*")
        await client.aclose()
        return [key if isinstance(key, bytes) else key.encode() for key in found]

    found = run_apart(keys)
    assert len(found) == 3
    assert not [key for key in found if b"owner" in key]
