"""A Redis (or Valkey) client with a limit on every wait. Importing this costs 100 to 330 ms: redis-py."""

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

__all__ = ["Redis", "RedisError", "connect"]

Redis = redis.asyncio.Redis

SOCKET_TIMEOUT_S = 2.0
RETRIES = 2
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.2
HEALTH_CHECK_S = 15
MAX_CONNECTIONS = 32


def connect(url: str) -> Redis:
    """A client; it connects at its first command. Values are bytes.

    A command that meets a closed or silent connection is tried RETRIES times more, then raises RedisError:
    about 0.3 s when the server refuses, 6 s when it is silent.
    """
    return redis.asyncio.Redis.from_url(
        url,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        health_check_interval=HEALTH_CHECK_S,
        max_connections=MAX_CONNECTIONS,
        retry=Retry(ExponentialWithJitterBackoff(cap=LONGEST_PAUSE_S, base=FIRST_PAUSE_S), RETRIES),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )
