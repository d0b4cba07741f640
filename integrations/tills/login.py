"""Client credentials: a token is asked for once and kept until it ends, as providers ask for."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from integrations.network import Answer, Network

MOST_TOKENS = 1000
SOON_S = 30.0


@dataclass(frozen=True, slots=True)
class Token:
    """``ends_at`` is in Unix time."""

    text: str
    ends_at: float


@dataclass(frozen=True, slots=True, repr=False)
class Client:
    """Who asks at ``url``; ``asked`` is what a login there takes, ``read`` the token in its answer, None for none."""

    url: str
    id: str
    secret: str
    asked: Mapping[str, str]
    read: Callable[[Answer], Token | None]


_tokens: dict[tuple[str, str, str], Token] = {}
"""By where it was asked for, client and its secret's digest."""


class Login:
    def __init__(self, network: Network, client: Client) -> None:
        self._network = network
        self._client = client
        self._key = (client.url, client.id, hashlib.sha256(client.secret.encode()).hexdigest())

    async def call(self, send: Callable[[str], Awaitable[Answer]]) -> Answer:
        """``send`` with a token; once more with a new one when they say that it has ended."""
        answer = await self._with_token(send)
        if answer.status == 401 and _tokens.pop(self._key, None) is not None:
            answer = await self._with_token(send)
        return answer

    async def _with_token(self, send: Callable[[str], Awaitable[Answer]]) -> Answer:
        kept = _tokens.get(self._key)
        if kept is not None and kept.ends_at > time.time() + SOON_S:
            return await send(kept.text)
        answer = await self._network.request(
            "POST",
            self._client.url,
            body=msgspec.json.encode(self._client.asked),
            headers={"content-type": "application/json"},
        )
        if not answer.good:
            return answer
        token = self._client.read(answer)
        if token is None:  # nothing that was to be asked has been, whatever its status is
            return replace(answer, status=None, error="there is no token in its answer")
        if len(_tokens) >= MOST_TOKENS:
            _tokens.clear()
        _tokens[self._key] = token
        return await send(token.text)
