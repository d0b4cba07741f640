"""What all stand-ins have: faults that are used up one by one, and a list of what came."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Literal, get_args

from aiohttp import web

Fault = Literal["late", "refusing", "failing", "rate_limited", "lost_answer"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
LATE_S = 12.0
"""Longer than anybody waits."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StandIn:
    """A provider's server; ``refused`` says whom it turns away. ``refusing`` is the provider's own way to say no: the
    subclass asks for it by ``takes``.

    ``late``: answers when nobody waits any more, without an effect. ``failing``: 503. ``rate_limited``: 429 with
    Retry-After. ``lost_answer``: the effect is done, and the connection closed before the answer.
    """

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.seen: list[dict[str, Any]] = []

        @web.middleware
        async def through(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._through(request, handler)

        self.app = web.Application(middlewares=[through])
        self.app.router.add_post("/-/faults", self._set_faults)
        self.app.router.add_get("/-/seen", self._show_seen)

    def takes(self, fault: Fault) -> bool:
        """Whether this fault is due; it is used up by that."""
        if self.faults[fault] <= 0:
            return False
        self.faults[fault] -= 1
        return True

    async def refused(self, request: web.Request) -> web.StreamResponse | None:
        """Its no to a request that does not show that it may be made; None lets it in."""
        return None

    async def _through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/-/"):
            return await handler(request)
        if self.takes("late"):
            await asyncio.sleep(LATE_S)
            return web.Response(status=504)
        if self.takes("failing"):
            return web.Response(status=503)
        if self.takes("rate_limited"):
            return web.Response(status=429, headers={"Retry-After": "1"})
        answer = await self.refused(request)
        if answer is None:
            answer = await handler(request)
        if self.takes("lost_answer"):
            assert request.transport is not None
            request.transport.abort()
        return answer

    async def _set_faults(self, request: web.Request) -> web.Response:
        wanted: dict[str, int] = await request.json()
        unknown = wanted.keys() - set(FAULTS)
        if unknown:
            return web.json_response({"error": f"no such fault: {', '.join(sorted(unknown))}"}, status=422)
        self.faults.update(wanted)
        return web.json_response(self.faults)

    async def _show_seen(self, request: web.Request) -> web.Response:
        return web.json_response(self.seen)
