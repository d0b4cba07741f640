"""How log-in attempts are counted, and how the counts end."""

import pytest
from redis.asyncio import Redis

from web.identity.login import WINDOW_S, LoginThrottle

pytestmark = pytest.mark.integration

OWNER, HERE, ELSEWHERE = "owner@alloresto.example", "192.0.2.1", "192.0.2.2"


def throttle(per_account: int = 3, per_address: int = 100) -> LoginThrottle:
    return LoginThrottle("a secret", per_account, per_address)


async def seconds_left(redis: Redis) -> list[int]:
    """Of every counter, -1 for one that never ends."""
    return [await redis.ttl(key) for key in await redis.keys("web:login:*")]


async def test_the_limit_itself_is_allowed_and_one_more_is_not(redis: Redis) -> None:
    by_account = [await throttle(per_account=3).attempt(redis, OWNER, HERE) for _ in range(4)]
    await redis.flushall()
    by_address = [await throttle(per_address=3).attempt(redis, f"{n}@alloresto.example", HERE) for n in range(4)]

    assert by_account == by_address == [True, True, True, False]


async def test_both_counters_end_a_window_after_the_first_attempt(redis: Redis) -> None:
    await throttle().attempt(redis, OWNER, HERE)

    left = await seconds_left(redis)
    assert len(left) == 2
    assert all(0 < WINDOW_S - seconds + 1 <= 60 for seconds in left)
    assert WINDOW_S == 900  # "a quarter of an hour", says the page


async def test_further_attempts_do_not_prolong_the_window(redis: Redis) -> None:
    one = throttle(per_account=1)
    await one.attempt(redis, OWNER, HERE)
    for key in await redis.keys("web:login:*"):
        await redis.expire(key, 60)  # as if all but the last minute of the window had passed

    refused = [await one.attempt(redis, OWNER, HERE) for _ in range(3)]

    assert refused == [False] * 3
    assert all(0 < seconds <= 60 for seconds in await seconds_left(redis))


async def test_once_the_window_is_over_the_account_may_be_tried_again(redis: Redis) -> None:
    one = throttle(per_account=1)
    allowed = [await one.attempt(redis, OWNER, HERE) for _ in range(2)]
    for key in await redis.keys("web:login:*"):
        await redis.expire(key, 0)

    assert allowed == [True, False]
    assert await one.attempt(redis, OWNER, HERE)


async def test_an_account_is_the_same_however_it_is_written_and_from_wherever(redis: Redis) -> None:
    one = throttle(per_account=1)
    await one.attempt(redis, OWNER, HERE)

    assert not await one.attempt(redis, f" {OWNER.upper()} ", ELSEWHERE)
    assert await one.attempt(redis, "cook@alloresto.example", HERE)


async def test_logging_in_forgets_the_accounts_attempts_and_not_the_addresss(redis: Redis) -> None:
    one = throttle(per_account=1, per_address=2)
    await one.attempt(redis, OWNER, HERE)
    await one.succeeded(redis, OWNER.upper())

    assert await one.attempt(redis, OWNER, HERE)
    await one.succeeded(redis, OWNER)
    assert await one.attempt(redis, OWNER, ELSEWHERE)
    await one.succeeded(redis, OWNER)
    assert not await one.attempt(redis, OWNER, HERE)


async def test_no_account_name_is_readable_in_redis(redis: Redis) -> None:
    await throttle().attempt(redis, OWNER, HERE)

    assert not [key for key in await redis.keys("*") if "owner" in str(key)]
