"""One event to the sink, by HTTP, and what its answer means."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import aiohttp

CONNECT_TIMEOUT_S = 2.0
PUBLISH_TIMEOUT_S = 20.0  # an in-memory broker answers only when its subscribers have
MAX_CONNECTIONS = 64  # as many as the relay may have events under way
# Where a SinkBinding mounts its token for the sink, with Knative's authentication-oidc on. It is renewed while the
# relay runs, so it is read for each event (some microseconds).
TOKEN_FILE = Path("/oidc/token")


class SinkAwayError(ConnectionError):
    """Nobody answers at the sink, or it does not know us. No event is to blame, so none counts it as an attempt."""


class NotPublishedError(RuntimeError):
    """The sink did not take this event: what it answered, or that it did not in time."""


class Publisher:
    """POSTs events. ``open()`` in the event loop that uses it, ``close()`` after."""

    def __init__(self, sink: str, *, token_file: Path = TOKEN_FILE) -> None:
        self._sink = sink
        self._token_file = token_file
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=PUBLISH_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S),
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def publish(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return when the sink has taken the message (any 2xx).

        Raises SinkAwayError when nobody listens there or our token is not accepted, NotPublishedError for every
        other failure.
        """
        assert self._session is not None, "open() first"
        authorized = {**headers, **self._authorization()}
        try:
            async with self._session.post(self._sink, data=body, headers=authorized, allow_redirects=False) as answer:
                if 200 <= answer.status < 300:
                    return
                if answer.status == HTTPStatus.UNAUTHORIZED:
                    raise SinkAwayError(f"K_SINK: it answers 401; is there a valid token in {self._token_file}?")
                raise NotPublishedError(f"the sink answered {answer.status} {answer.reason}")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise SinkAwayError(f"K_SINK: nobody answers at {self._sink} ({type(error).__name__})") from error
        except TimeoutError:
            raise NotPublishedError(f"no answer from the sink within {PUBLISH_TIMEOUT_S:g} s") from None
        except ValueError as error:  # a header that HTTP can't carry: what came by HTTP has none, but once it is read
            raise NotPublishedError(f"it can't be sent ({type(error).__name__})") from error
        except aiohttp.ClientError as error:
            raise NotPublishedError(f"the exchange with the sink broke off ({type(error).__name__})") from error

    def _authorization(self) -> dict[str, str]:
        try:
            token = self._token_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise SinkAwayError(f"the token in {self._token_file} can't be read ({type(error).__name__})") from error
        return {"authorization": f"Bearer {token}"} if token else {}
