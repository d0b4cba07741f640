"""The few Redis commands that a call needs, on one connection.

redis-py 8 costs 330 ms of import and 22 MB: more than the rest of a call handler together. This has the commands
that the repositories in ``stores`` use on a call's path (``stores.redis.RedisCommands``) and those of the notes
of orders and calls, in RESP2; values are bytes. Commands go one after the other.

A call goes on without Redis, so its callers catch OSError and nothing else: whatever the wire does (refused,
closed, silent, half a reply, something that is no Redis) is one here.
"""

import asyncio
from typing import Any
from urllib.parse import unquote, urlsplit

import hiredis
import msgspec

from functions.call_handler.websocket import tls_context

CONNECT_S = 2.0
COMMAND_S = 2.0
READ_BYTES = 1 << 16
REPLY_MAX_BYTES = 16 << 20


class RedisReplyError(OSError):
    """The server answered with an error (its text may quote a key)."""


class LeanRedis:
    """Connects at its first command; a connection that broke is made anew by the next command."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss") or not parts.hostname:
            raise ValueError("REDIS_URL: expected redis://[user:password@]host[:port][/db] or rediss://…")
        self._host = parts.hostname
        self._port = parts.port or 6379
        self._secure = parts.scheme == "rediss"
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._database = parts.path.strip("/") or "0"
        self._turn = asyncio.Lock()
        self._connection: _Connection | None = None

    async def get(self, key: str) -> bytes | None:
        return await self._command(bytes | None, "GET", key)  # type: ignore[no-any-return]

    async def mget(self, keys: list[str]) -> list[bytes | None]:
        return await self._command(list[bytes | None], "MGET", *keys)  # type: ignore[no-any-return]

    async def set(self, key: str, value: bytes, *, ex: int) -> None:
        await self._command(bytes, "SET", key, value, "EX", str(ex))

    async def eval(self, script: str, numkeys: int, *keys_and_args: str | bytes) -> Any:
        return await self._command(Any, "EVAL", script, str(numkeys), *keys_and_args)

    async def publish(self, channel: str, message: bytes) -> int:
        return await self._command(int, "PUBLISH", channel, message)  # type: ignore[no-any-return]

    async def hset(self, key: str, field: str, value: bytes) -> None:
        await self._command(int, "HSET", key, field, value)

    async def hdel(self, key: str, field: str) -> None:
        await self._command(int, "HDEL", key, field)

    async def ping(self) -> None:
        await self._command(bytes, "PING")

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def _command(self, kind: Any, *parts: str | bytes) -> Any:
        """Send one command and return its reply, which is of ``kind``. Raises OSError.

        A kept connection may have died since its last command, and only the next one can tell: then the command
        is sent again, once, on a new one. A command that nobody answered in time is not: two waits are too long.
        """
        async with self._turn:
            if self._connection is not None and self._connection.is_usable():
                try:
                    return await self._exchange(self._connection, kind, parts)
                except (RedisReplyError, TimeoutError):
                    raise
                except OSError:
                    pass
            async with asyncio.timeout(CONNECT_S):
                self._connection = await self._connect()
            return await self._exchange(self._connection, kind, parts)

    async def _exchange(self, connection: "_Connection", kind: Any, parts: tuple[str | bytes, ...]) -> Any:
        try:
            async with asyncio.timeout(COMMAND_S):
                return msgspec.convert(await connection.ask(*parts), kind)
        except RedisReplyError:
            raise
        except msgspec.ValidationError:
            await self.aclose()
            raise ConnectionError(f"Redis gave {parts[0]!r} an answer of another kind") from None
        except BaseException:  # also when cancelled: a late answer would be read as the next command's
            await self.aclose()
            raise

    async def _connect(self) -> "_Connection":
        context = tls_context() if self._secure else None
        connection = _Connection(*await asyncio.open_connection(self._host, self._port, ssl=context))
        try:
            if self._password:
                await connection.ask("AUTH", *filter(None, (self._user, self._password)))
            if self._database != "0":
                await connection.ask("SELECT", self._database)
        except BaseException:
            connection.close()
            raise
        return connection


class _Connection:
    """Commands out, replies in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._parser = hiredis.Reader(protocolError=ConnectionError, replyError=RedisReplyError)

    def is_usable(self) -> bool:
        """Whether it may be written to: uvloop raises RuntimeError where the peer has reset the connection."""
        return not (self._writer.is_closing() or self._reader.at_eof())

    async def ask(self, *command: str | bytes) -> Any:
        """Raises RedisReplyError, or another OSError and then the connection is of no more use."""
        self._writer.write(hiredis.pack_command(command))  # type: ignore[arg-type]  # its stub knows one part only
        await self._writer.drain()
        received = 0
        while (reply := self._reply()) is False:
            data = await self._reader.read(READ_BYTES)
            if not data:
                raise ConnectionResetError("Redis closed the connection")
            received += len(data)
            if received > REPLY_MAX_BYTES:
                raise ConnectionError("Redis sent more than a call can use")
            self._parser.feed(data)
        if isinstance(reply, RedisReplyError):
            raise reply
        return reply

    def _reply(self) -> Any:
        """The reply, once all of it is there; False before that."""
        try:
            return self._parser.gets()
        except MemoryError:  # what hiredis makes of an array of absurd length
            raise ConnectionError("Redis announced more than a call can use") from None

    def close(self) -> None:
        self._writer.close()
