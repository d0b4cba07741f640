"""The stand-ins of one stack, each on a port of its own: what a demo restaurant can connect without an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from devstack.servers.ports import free_port
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
    """``start`` before use; ``stop`` is safe to call again. ``port_of`` gives each its port, which is nobody
    else's while it is away."""

    def __init__(self, port_of: Callable[[str], int] = lambda name: free_port()) -> None:
        self._port_of = port_of
        self.neighbours: dict[str, Neighbour] = {}
        self.printer = Printer()
        self._runners: dict[str, web.AppRunner] = {}

    @property
    def addresses(self) -> dict[str, str]:
        """By provider, as its form takes it."""
        known = {name: one.address for name, one in self.neighbours.items()}
        return known | {"escpos": f"{HOST}:{self.printer.port}"}

    async def start(self) -> None:
        for name, make in SERVERS.items():
            server = make()
            port = await self._open(name, server, self._port_of(name))
            self.neighbours[name] = Neighbour(f"http://{HOST}:{port}", server)
        await self.printer.start(self._port_of("escpos"))

    async def away(self, name: str) -> None:
        """Nobody answers at this provider's address any more; what it has, it keeps."""
        if name == "escpos":
            await self.printer.stop()
        elif runner := self._runners.pop(name, None):
            await runner.cleanup()

    async def back(self, name: str) -> None:
        """At the same address. ``name`` was ``away``."""
        if name == "escpos":
            await self.printer.start(self.printer.port)
        else:
            known = self.neighbours[name]
            await self._open(name, known.server, int(known.address.rpartition(":")[2]))

    async def stop(self) -> None:
        for name in [*self._runners, "escpos"]:
            await self.away(name)

    async def _open(self, name: str, server: StandIn, port: int) -> int:
        runner = self._runners[name] = web.AppRunner(server.app)
        await runner.setup()
        await web.TCPSite(runner, HOST, port).start()
        return int(runner.addresses[0][1])
