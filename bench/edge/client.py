"""The lines of a node and its gate, without the rest: reads a trunk's domain and how many lines; tells how it went."""

from __future__ import annotations

import asyncio
import time
import uuid

import uvloop

from bench.edge.registering import USERS, Registered
from bench.rtp import wire
from devstack.edge.registering_node import RegisteringNode, registering_node
from domain.restaurant import Restaurant
from edge_bridge.entrances.sip.signals import RegisterAnswer
from edge_bridge.lines.directory import LineEntry
from edge_bridge.lines.greetings import built_in
from edge_bridge.lines.registrar import DirectRegistrar

WITHIN_S = 120.0


class _Lines:
    """A registrar's lines and what became of them."""

    def __init__(self, node: RegisteringNode, domain: str, count: int) -> None:
        self._node = node
        self._count = count
        self._registrar = DirectRegistrar(node.client, "bench", lambda *_: None, count, ["udp"])
        owner = Restaurant(
            id=str(uuid.uuid4()), name="Bench", language="en", currency="EUR", zone="Europe/Paris", pickup=True
        )
        self._lines = [
            LineEntry(user, owner, f"+331{place:08}", built_in("en", recorded=False), domain, user, "secret", held=True)
            for place, user in enumerate(USERS[:count])
        ]

    def take(self, answer: RegisterAnswer) -> None:
        self._registrar.answered(answer)

    async def until(self, registered: int) -> float:
        """Seconds until so many are."""
        return await self._node.until(lambda: len(self._registrar.registered) == registered, WITHIN_S)

    async def register(self) -> Registered:
        began, used = time.monotonic(), time.process_time()
        self._registrar.sync(self._lines)
        await self.until(self._count)
        return Registered(time.monotonic() - began, time.process_time() - used)


async def serve() -> None:
    domain = await asyncio.to_thread(wire.read, str)
    count = await asyncio.to_thread(wire.read, int)
    async with registering_node() as node:
        lines = _Lines(node, domain, count)
        node.take = lines.take  # type: ignore[method-assign]
        wire.tell(await lines.register())
        while True:
            try:
                registered = await asyncio.to_thread(wire.read, int)
            except EOFError:
                return
            wire.tell(await lines.until(registered))


if __name__ == "__main__":
    uvloop.run(serve())
