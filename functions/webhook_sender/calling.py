"""One POST to an address that a restaurant has given: bounded in time, and never into our own network.

Names are resolved for the connection that is made, and each address is looked at when its socket is made. So there is
no moment between check and use in which a name could change what it means, and no spelling of an address that the check
does not see. Redirects are not followed: they would lead elsewhere than the owner said.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from domain import webhooks

TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
AT_ONCE = 16
USER_AGENT = "AlloResto-Webhooks/1"


class ForbiddenAddressError(OSError):
    """The name leads to an address that is not the internet's."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``status`` is None where there was no answer; ``error`` then says why, in words that quote nothing."""

    status: int | None
    error: str
    ms: int

    @property
    def good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Caller:
    """``private`` allows every address, and http."""

    def __init__(self, private: bool = False) -> None:
        self._private = private
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Outcome:
        """Never raises for what the other side does."""
        started = time.monotonic()
        status, error = None, ""
        try:
            webhooks.check_url(url, private=self._private)
            async with self._open().post(url, data=body, headers=headers, allow_redirects=False) as answer:
                status = answer.status
                if 300 <= status < 400:
                    error = "redirects are not followed"
                elif status >= 400:
                    error = f"answered {status}"
        except webhooks.BadUrlError as refused:
            error = f"the URL is not allowed ({refused.reason})"
        except TimeoutError:
            error = f"no answer within {TIMEOUT_S:g} s"
        except aiohttp.ClientError as failure:
            error = _words(failure)
        except (OSError, ValueError) as failure:
            error = f"no connection ({type(failure).__name__})"
        return Outcome(status, error, round((time.monotonic() - started) * 1000))

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
                headers={"User-Agent": USER_AGENT},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
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
