"""The stand-ins of one stack, each on a port of its own: what a demo restaurant can connect without an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from devstack.stand_ins.calcom import CalCom
from devstack.stand_ins.caldav import CalDav
from devstack.stand_ins.deliverect import Deliverect
from devstack.stand_ins.hubspot import HubSpot
from devstack.stand_ins.ovh import Ovh
from devstack.stand_ins.printer import Printer
from devstack.stand_ins.square import Square
from devstack.stand_ins.standing import StandIn
from devstack.stand_ins.store import Store
from devstack.stand_ins.stripe import Stripe
from devstack.stand_ins.toast import Toast
from devstack.stand_ins.twilio import Twilio

TOKEN = "let-me-in"
"""All that they ask for: they listen on loopback alone, and know nothing that is anybody's."""
HOST = "127.0.0.1"

SERVERS: dict[str, Callable[[], StandIn]] = {
    "store_api": lambda: Store(TOKEN),
    "deliverect": lambda: Deliverect(TOKEN, TOKEN, TOKEN, TOKEN),
    "square": lambda: Square(TOKEN, TOKEN, TOKEN),
    "toast": lambda: Toast(TOKEN, TOKEN, TOKEN, TOKEN),
    "twilio": lambda: Twilio(TOKEN, TOKEN),
    "stripe": lambda: Stripe(TOKEN, TOKEN),
    "ovh": lambda: Ovh(TOKEN, TOKEN, TOKEN),
    "calcom": lambda: CalCom(TOKEN),
    "caldav": lambda: CalDav(TOKEN, TOKEN),
    "hubspot": lambda: HubSpot(TOKEN),
}
"""By the provider in whose form their address is typed; in each other field that is required stands TOKEN."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    address: str
    server: StandIn


class Neighbourhood:
    """``start`` before use; ``stop`` is safe to call again."""

    def __init__(self) -> None:
        self.neighbours: dict[str, Neighbour] = {}
        self.printer = Printer()
        self._runners: list[web.AppRunner] = []

    @property
    def addresses(self) -> dict[str, str]:
        """By provider, as its form takes it."""
        known = {name: one.address for name, one in self.neighbours.items()}
        return known | {"escpos": f"{HOST}:{self.printer.port}"}

    async def start(self) -> None:
        for name, make in SERVERS.items():
            server = make()
            runner = web.AppRunner(server.app)
            await runner.setup()
            self._runners.append(runner)
            await web.TCPSite(runner, HOST, 0).start()
            self.neighbours[name] = Neighbour(f"http://{HOST}:{runner.addresses[0][1]}", server)
        await self.printer.start()

    async def stop(self) -> None:
        runners, self._runners = self._runners, []
        for runner in runners:
            await runner.cleanup()
        await self.printer.stop()

    def __str__(self) -> str:
        """For people: where each is, and what it asks for."""
        places = ", ".join(f"{name} {address}" for name, address in self.addresses.items())
        return f"to connect in the admin ({TOKEN} in all other fields): {places}"
