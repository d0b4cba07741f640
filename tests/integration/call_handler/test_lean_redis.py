"""The lean Redis client against a real Valkey, and against what only looks like one."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvloop

from devstack.servers.ports import free_port
from functions.call_handler.remembering import lean_redis
from functions.call_handler.remembering.lean_redis import LeanRedis, RedisReplyError
from tests.fakes.proxy import TcpProxy
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs on either event loop: a call handler's is uvloop, where a broken connection raises other exceptions."""
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


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
    assert await redis.hgetall("h") == {b"field": b"value"}
    await lean.hdel("h", "field")
    assert await redis.hlen("h") == 0
    assert await lean.eval("return {KEYS[1], ARGV[1]}", 1, "k", b"v") == [b"k", b"v"]


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
    await lean.hdel("h", "f")


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


@contextlib.asynccontextmanager
async def served_by(answer: Answer) -> AsyncIterator[LeanRedis]:
    """A client of a server that does to each connection what ``answer`` says, and then closes it."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        client = LeanRedis(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        yield client
        await client.aclose()


async def closes(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accepts, and says nothing: a proxy whose server is gone."""


async def resets(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    linger_none = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)


def says(words: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n")
        writer.write(words)
        await writer.drain()

    return answer


BROKEN = {
    "closes at once": closes,
    "closes instead of an answer": says(b""),
    "resets at once": resets,
    "sends half a bulk string": says(b"$10\r\nhal"),
    "sends half an array": says(b"*2\r\n$1\r\na\r\n"),
    "sends a line without an end": says(b"+OK"),
    "sends a line longer than any": says(b"+" + b"x" * (1 << 18)),
    "speaks HTTP": says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "sends a length that is none": says(b"$ten\r\n"),
    "sends an array without end": says(b"*4000000000\r\n"),
    "answers another question": says(b"*1\r\n:7\r\n"),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_whatever_the_wire_does_is_an_oserror(run: Run, answer: Answer) -> None:
    async def ask() -> None:
        async with served_by(answer) as lean:
            for _ in range(2):  # nothing of the first is left for the second
                with pytest.raises(OSError):  # noqa: PT011 - each break has a kind of its own
                    await lean.get("a")

    run(ask())


async def test_half_a_reply_and_then_silence_is_a_timeout_and_the_rest_is_nobodys_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lean_redis, "COMMAND_S", 0.2)
    connections = 0
    given_up = asyncio.Event()

    async def late_at_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"GET")
        if connections == 1:
            writer.write(b"$4\r\nla")
            await given_up.wait()
            writer.write(b"te\r\n")
            return
        writer.write(b"$5\r\nright\r\n")
        await reader.read()

    async with served_by(late_at_first) as lean:
        with pytest.raises(TimeoutError):
            await lean.get("a")
        given_up.set()

        assert await lean.get("a") == b"right"


def test_a_kept_connection_that_the_server_has_reset_is_replaced(run: Run) -> None:
    connections = 0

    async def ask() -> None:
        reset = asyncio.Event()

        async def first_is_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await reader.readuntil(b"PING")
            writer.write(b"+PONG\r\n")
            await writer.drain()
            if connections == 1:
                await reset.wait()
                await resets(reader, writer)
            else:
                await reader.read()

        async with served_by(first_is_reset) as lean:
            await lean.ping()
            kept = lean._connection
            assert kept is not None
            reset.set()
            async with asyncio.timeout(PATIENCE_S):
                while kept.is_usable():
                    await asyncio.sleep(0.001)

            await lean.ping()

    run(ask())

    assert connections == 2


@pytest.mark.parametrize("url", ["http://localhost", "redis:///0", "localhost:6379"])
def test_a_url_that_is_none_names_the_setting(url: str) -> None:
    with pytest.raises(ValueError, match="REDIS_URL"):
        LeanRedis(url)
