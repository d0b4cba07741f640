"""The stand-ins of one stack, each on a port of its own: what a demo restaurant can connect without an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from devstack.stand_ins.standing import StandIn
from devstack.stand_ins.store import Store

TOKEN = "let-me-in"
"""Of all of them: they listen on loopback alone, and know nothing that is anybody's."""

NEIGHBOURS: dict[str, Callable[[], StandIn]] = {"store": lambda: Store(TOKEN)}
"""By the name that they are told of under."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    url: str
    server: StandIn


class Neighbourhood:
    """``start`` before use; ``stop`` is safe to call again."""

    def __init__(self) -> None:
        self.neighbours: dict[str, Neighbour] = {}
        self._runners: list[web.AppRunner] = []

    async def start(self) -> None:
        for name, make in NEIGHBOURS.items():
            server = make()
            runner = web.AppRunner(server.app)
            await runner.setup()
            self._runners.append(runner)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            self.neighbours[name] = Neighbour(f"http://{host}:{port}", server)

    async def stop(self) -> None:
        runners, self._runners = self._runners, []
        for runner in runners:
            await runner.cleanup()

    def __str__(self) -> str:
        """For people: where each is, and what its token is."""
        places = ", ".join(f"{name} {one.url}" for name, one in self.neighbours.items())
        return f"to be connected in the admin (token {TOKEN}): {places}"
