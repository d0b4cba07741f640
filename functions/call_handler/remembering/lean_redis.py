"""The few Redis commands that a call needs, on one connection.

redis-py 8 costs 330 ms of import and 22 MB: more than the rest of a call handler together. This speaks RESP2
for what the repositories in ``stores`` call on a cold start, under the same method names; values are bytes.
Commands go one after the other. Whatever goes wrong on the way is an OSError (a TimeoutError included), so
callers handle it as they handle redis-py's.
"""

import asyncio
from typing import Any
from urllib.parse import unquote, urlsplit

from functions.call_handler.websocket import tls_context

CONNECT_S = 2.0
COMMAND_S = 2.0
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
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, key: str) -> bytes | None:
        return await self._command("GET", key)  # type: ignore[no-any-return]

    async def mget(self, keys: list[str]) -> list[bytes | None]:
        return await self._command("MGET", *keys)  # type: ignore[no-any-return]

    async def set(self, key: str, value: bytes, *, ex: int) -> None:
        await self._command("SET", key, value, "EX", str(ex))

    async def delete(self, *keys: str) -> int:
        return await self._command("DEL", *keys)  # type: ignore[no-any-return]

    async def eval(self, script: str, numkeys: int, *keys_and_args: str | bytes) -> Any:
        return await self._command("EVAL", script, str(numkeys), *keys_and_args)

    async def publish(self, channel: str, message: bytes) -> int:
        return await self._command("PUBLISH", channel, message)  # type: ignore[no-any-return]

    async def hset(self, key: str, field: str, value: bytes) -> None:
        await self._command("HSET", key, field, value)

    async def hdel(self, key: str, field: str) -> None:
        await self._command("HDEL", key, field)

    async def hgetall(self, key: str) -> dict[bytes, bytes]:
        flat = await self._command("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2], strict=True))

    async def expire(self, key: str, seconds: int) -> None:
        await self._command("EXPIRE", key, str(seconds))

    async def ping(self) -> None:
        await self._command("PING")

    async def aclose(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()

    async def _command(self, *parts: str | bytes) -> Any:
        """Send one command. A kept connection that turns out to be dead is replaced once."""
        async with self._turn:
            kept = self._streams is not None
            try:
                return await self._exchange(parts)
            except RedisReplyError:
                raise
            except TimeoutError:
                await self.aclose()
                raise
            except (OSError, EOFError):
                await self.aclose()
                if not kept:
                    raise
            try:
                return await self._exchange(parts)
            except EOFError:
                await self.aclose()
                raise ConnectionResetError("Redis closed the connection") from None

    async def _exchange(self, parts: tuple[str | bytes, ...]) -> Any:
        if self._streams is None:
            async with asyncio.timeout(CONNECT_S):
                self._streams = await self._connect()
        try:
            async with asyncio.timeout(COMMAND_S):
                return await _talk(*self._streams, parts)
        except asyncio.CancelledError:
            await self.aclose()  # its answer would be read as the next command's
            raise

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = tls_context() if self._secure else None
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=context)
        try:
            if self._password:
                login = (self._user, self._password) if self._user else (self._password,)
                await _talk(reader, writer, ("AUTH", *login))
            if self._database != "0":
                await _talk(reader, writer, ("SELECT", self._database))
        except BaseException:
            writer.close()
            raise
        return reader, writer


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, parts: tuple[str | bytes, ...]) -> Any:
    encoded = [part.encode() if isinstance(part, str) else part for part in parts]
    writer.write(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in encoded))
    await writer.drain()
    return await _reply(reader)


async def _reply(reader: asyncio.StreamReader) -> Any:
    line = await reader.readuntil(b"\r\n")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest
    if kind == b":":
        return int(rest)
    if kind == b"-":
        raise RedisReplyError(rest.decode("utf-8", "replace"))
    size = int(rest)
    if size < 0:
        return None
    if size > REPLY_MAX_BYTES:
        raise ConnectionError("Redis sent more than a call can use")
    if kind == b"$":
        return (await reader.readexactly(size + 2))[:-2]
    if kind == b"*":
        return [await _reply(reader) for _ in range(size)]
    raise ConnectionError("Redis sent something that is not RESP2")
