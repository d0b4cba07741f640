"""A Redis (or Valkey) client with a limit on every wait. Importing this costs 100 to 330 ms: redis-py."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

import redis.asyncio
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

__all__ = ["Redis", "RedisCommands", "RedisError", "connect"]

Redis = redis.asyncio.Redis

SOCKET_TIMEOUT_S = 2.0
RETRIES = 2
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.2
HEALTH_CHECK_S = 15
MAX_CONNECTIONS = 32


class RedisCommands(Protocol):
    """What a call's path asks of Redis: redis-py's client has it, and the call handler's lean one.

    Values come as bytes from both; ``str`` is what redis-py's types say for a client that was told to decode.
    """

    def get(self, key: str, /) -> Awaitable[bytes | str | None]: ...
    def mget(self, keys: list[str], /) -> Awaitable[Sequence[bytes | str | None]]: ...
    def set(self, key: str, value: bytes, /, *, ex: int) -> Awaitable[object]: ...
    def eval(self, script: str, numkeys: int, /, *keys_and_args: str | bytes) -> Awaitable[Any]: ...
    def publish(self, channel: str, message: bytes, /) -> Awaitable[int]: ...
    def hset(self, key: str, field: str, value: bytes, /) -> Awaitable[object]: ...
    def hdel(self, key: str, field: str, /) -> Awaitable[object]: ...


def connect(url: str) -> Redis:
    """A client; it connects at its first command. Values are bytes.

    A command that meets a closed or silent connection is tried RETRIES times more, then raises RedisError:
    about 0.3 s when the server refuses, 6 s when it is silent.
    """
    client = redis.asyncio.Redis.from_url(
        url,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        health_check_interval=HEALTH_CHECK_S,
        max_connections=MAX_CONNECTIONS,
        retry=Retry(ExponentialWithJitterBackoff(cap=LONGEST_PAUSE_S, base=FIRST_PAUSE_S), RETRIES),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )
    pool = client.connection_pool
    pool.connection_class = type("HeedingConnection", (_Heeding, pool.connection_class), {})
    return client


class _Heeding(AbstractConnection):
    """A cancellation that comes as a command has just been written ends its task, too.

    redis-py writes within ``asyncio.wait_for``, which in Python 3.11 forgets it then: a task that listens for ever went
    on, and whoever had cancelled it waited for ever.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        task = asyncio.current_task()
        before = task.cancelling() if task is not None else 0
        await super().send_packed_command(command, check_health)
        if task is not None and task.cancelling() > before:
            await self.disconnect(nowait=True)  # nobody reads the answer
            raise asyncio.CancelledError
