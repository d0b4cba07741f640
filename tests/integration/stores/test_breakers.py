"""The engines' circuit breakers as all handlers see them."""

from typing import Any

import pytest

from stores import breakers
from stores.breakers import Limits
from tests.integration.call_handler.conftest import eventually

pytestmark = pytest.mark.integration

LIMITS = Limits(failures=2, window_ms=60_000, open_ms=60_000, longest_ms=600_000, probe_ms=60_000)


async def is_half_open(redis: Any, name: str) -> None:
    """Without taking the probe: only the first of an order is lent."""
    await eventually(lambda: breakers.states(redis, ["good", name]), lambda states: states[1] == "half_open")


async def test_it_opens_at_the_failure_that_is_one_too_many(redis: Any) -> None:
    first = await breakers.failed(redis, "a", LIMITS)
    before = await breakers.states(redis, ["a", "b"], LIMITS)

    second = await breakers.failed(redis, "a", LIMITS)

    assert (first, second) == (False, True)
    assert before == ["closed", "closed"]
    assert await breakers.states(redis, ["a", "b"], LIMITS) == ["open", "closed"]


async def test_failures_of_different_windows_do_not_add_up(redis: Any) -> None:
    short = LIMITS._replace(window_ms=1)
    await breakers.failed(redis, "a", short)
    window_ends = float(await redis.hget("engine:a:breaker", "window_until"))
    await eventually(lambda: _time_ms(redis), lambda now: now > window_ends + 1)

    assert not await breakers.failed(redis, "a", short)


async def test_one_call_at_a_time_tries_an_engine_that_was_down(redis: Any) -> None:
    await breakers.failed(redis, "a", LIMITS._replace(failures=1, open_ms=1))
    await is_half_open(redis, "a")

    states = [await breakers.states(redis, ["a", "b"], LIMITS) for _ in range(3)]

    assert states == [["half_open", "closed"], ["open", "closed"], ["open", "closed"]]


async def test_a_failed_try_leaves_it_alone_for_longer(redis: Any) -> None:
    once = LIMITS._replace(failures=1, open_ms=1)
    await breakers.failed(redis, "a", once)
    await is_half_open(redis, "a")

    reopened = await breakers.failed(redis, "a", LIMITS._replace(failures=5, open_ms=40_000, longest_ms=50_000))

    until_ms = float(await redis.hget("engine:a:breaker", "open_until")) - await _time_ms(redis)
    assert reopened
    assert 40_000 < until_ms <= 50_000  # doubled to 80, and no more than the longest


async def test_a_sound_closes_it(redis: Any) -> None:
    await breakers.failed(redis, "a", LIMITS._replace(failures=1))

    closed = await breakers.succeeded(redis, "a")

    assert closed
    assert not await breakers.succeeded(redis, "a")
    assert await breakers.states(redis, ["a"], LIMITS) == ["closed"]


async def _time_ms(redis: Any) -> float:
    seconds, microseconds = await redis.time()
    return float(seconds * 1000 + microseconds / 1000)
