"""The way out to addresses that a restaurant has given: bounded in time and size, and never into our own network.

Names are resolved for the connection that is made, and each address is looked at when its socket is made. So there is
no moment between check and use in which a name could change what it means, and no spelling of an address that the check
does not see. Redirects are not followed: they would lead elsewhere than the owner said.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from domain import webhooks

TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
AT_ONCE = 32
OF_SUSPECTS = AT_ONCE // 2
"""Of these for all places together that have failed since they last answered: the rest is told in time."""
LONGEST_ANSWER = 1_000_000
"""Bytes."""


class ForbiddenAddressError(OSError):
    """The name leads to an address that is not the internet's."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` is None where there was no answer; ``error`` then says why, in words that quote nothing.

    ``body`` is the beginning of it, as much as was asked for; ``headers`` have lower-case names.
    """

    status: int | None
    error: str
    ms: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Network:
    """``private`` allows every address, and http: for tests and for what stands beside a small site."""

    def __init__(self, user_agent: str, private: bool = False) -> None:
        self._user_agent = user_agent
        self._private = private
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        most: int = LONGEST_ANSWER,
    ) -> Answer:
        """Never raises for what the other side does. ``most`` bytes of its body are read."""
        started = time.monotonic()
        status, error, content, answered = None, "", b"", dict[str, str]()
        try:
            webhooks.check_url(url, private=self._private)
            async with self._open().request(method, url, data=body, headers=headers, allow_redirects=False) as answer:
                answered = {name.lower(): value for name, value in answer.headers.items()}
                status = answer.status
                if 300 <= status < 400:
                    error = "redirects are not followed"
                elif status >= 400:
                    error = f"answered {status}"
                content = await _beginning(answer.content, most)
        except webhooks.BadUrlError as refused:
            error = f"the URL is not allowed ({refused.reason})"
        except TimeoutError:
            error = f"no answer within {TIMEOUT_S:g} s"
        except aiohttp.ClientError as failure:
            error = _words(failure)
        except (OSError, ValueError) as failure:
            error = f"no connection ({type(failure).__name__})"
        return Answer(status, error, round((time.monotonic() - started) * 1000), content, answered)

    @property
    def is_private(self) -> bool:
        return self._private

    async def connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TCP connection, for what speaks no HTTP. Raises OSError (ForbiddenAddressError is one), TimeoutError."""
        made = await self.dial(host, port)
        try:
            return await asyncio.open_connection(sock=made)
        except BaseException:
            made.close()
            raise

    async def dial(self, host: str, port: int) -> socket.socket:
        """A connected socket that does not block. Raises as ``connect``."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            failure: OSError = OSError("the name can't be resolved")
            for address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                made = self._socket(address)
                try:
                    await loop.sock_connect(made, address[4])
                    return made
                except OSError as error:
                    made.close()
                    failure = error
                except asyncio.CancelledError:
                    made.close()
                    raise
            raise failure

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=AT_ONCE, force_close=True, use_dns_cache=False, socket_factory=self._socket
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                # What is packed could be a thousand times as long once it is not.
                headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity"},
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    def _socket(self, address: Any) -> socket.socket:
        """A socket for one resolved address. Raises ForbiddenAddressError."""
        family, kind, protocol, _, where = address
        if not self._private and not webhooks.is_public(str(where[0])):
            raise ForbiddenAddressError("not a public address")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


async def _beginning(stream: aiohttp.StreamReader, most: int) -> bytes:
    """As much of the body as is read."""
    read = bytearray()
    async for part in stream.iter_any():
        read += part
        if len(read) > most:
            break
    return bytes(read[:most])


def _words(failure: aiohttp.ClientError) -> str:
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ForbiddenAddressError):
            return "the name leads to an address that is not public"
        cause = cause.__cause__ or cause.__context__ or getattr(cause, "os_error", None)
    match failure:
        case aiohttp.ClientConnectorDNSError():
            return "the name can't be resolved"
        case aiohttp.ClientSSLError():
            return "its certificate is not valid"
        case aiohttp.ClientConnectorError():
            return "no connection"
        case aiohttp.ServerDisconnectedError():
            return "it hung up before it answered"
    return f"no valid answer ({type(failure).__name__})"
