"""The lean Redis client against a real Valkey, and against one that is not there."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from devstack.servers.ports import free_port
from functions.call_handler.remembering.lean_redis import LeanRedis, RedisReplyError
from tests.fakes.proxy import TcpProxy

pytestmark = pytest.mark.integration


@pytest.fixture
async def lean(redis_url: str) -> AsyncIterator[LeanRedis]:
    client = LeanRedis(redis_url)
    yield client
    await client.aclose()


async def test_what_it_writes_is_what_redis_py_reads_and_the_other_way_round(lean: LeanRedis, redis: Any) -> None:
    await lean.set("a", "né\r\n".encode(), ex=60)
    await redis.set("b", b"\x00\xff")
    await lean.hset("h", "field", b"value")

    assert await redis.get("a") == "né\r\n".encode()
    assert 0 < await redis.ttl("a") <= 60
    assert await lean.get("b") == b"\x00\xff"
    assert await lean.mget(["a", "missing", "b"]) == ["né\r\n".encode(), None, b"\x00\xff"]
    assert await lean.hgetall("h") == {b"field": b"value"}
    assert await lean.eval("return {KEYS[1], ARGV[1]}", 1, "k", b"v") == [b"k", b"v"]
    assert await lean.delete("a", "b", "missing") == 2


async def test_commands_at_the_same_time_each_get_their_own_answer(lean: LeanRedis) -> None:
    await asyncio.gather(*(lean.set(f"k{number}", str(number).encode(), ex=60) for number in range(50)))

    answers = await asyncio.gather(*(lean.get(f"k{number}") for number in range(50)))

    assert answers == [str(number).encode() for number in range(50)]


async def test_a_cancelled_command_does_not_give_its_answer_to_the_next(lean: LeanRedis) -> None:
    await lean.set("a", b"1", ex=60)
    waiting = asyncio.create_task(lean.eval("local n = 0; for i = 1, 3e7 do n = n + 1 end; return 'late'", 0))
    await asyncio.sleep(0.01)
    waiting.cancel()

    assert await lean.get("a") == b"1"


async def test_an_error_of_the_server_is_an_oserror_and_the_connection_is_kept(lean: LeanRedis) -> None:
    await lean.hset("h", "f", b"v")

    with pytest.raises(RedisReplyError, match="WRONGTYPE"):
        await lean.get("h")
    assert await lean.hgetall("h") == {b"f": b"v"}


async def test_a_server_that_comes_back_is_used_again(redis_url: str) -> None:
    port = urlsplit(redis_url).port
    assert port is not None
    async with TcpProxy(port) as proxy:
        lean = LeanRedis(redis_url.replace(str(port), str(proxy.port)))
        await lean.set("a", b"1", ex=60)
        await proxy.go_away()
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset
            await lean.get("a")
        await proxy.come_back()
        assert await lean.get("a") == b"1"
        await lean.aclose()


async def test_nobody_there_is_an_oserror() -> None:
    lean = LeanRedis(f"redis://127.0.0.1:{free_port()}")

    with pytest.raises(OSError):  # noqa: PT011 - refused
        await lean.get("a")


@pytest.mark.parametrize("url", ["http://localhost", "redis:///0", "localhost:6379"])
def test_a_url_that_is_none_names_the_setting(url: str) -> None:
    with pytest.raises(ValueError, match="REDIS_URL"):
        LeanRedis(url)
