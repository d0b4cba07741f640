"""The registering client with a real gate process in front of it: all of a node that a trunk's REGISTERs pass."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from devstack.edge.bridge_process import free_ports
from devstack.edge.raw_sip import RawSip
from edge_bridge.entrances.sip.registering.client import RegisteringClient
from edge_bridge.entrances.sip.registering.dns import SrvQuestions
from edge_bridge.entrances.sip.registering.trunks import TrunkNames
from edge_bridge.entrances.sip.registering.ways import Straight, ThroughKamailio
from edge_bridge.entrances.sip.signals import RegisterAnswer, Registration
from edge_bridge.node.gate_keeper import GateKeeper
from edge_bridge.settings import EdgeSettings
from process.settings import load

OWN_NUMBER = -1
PEER = "127.0.0.9"


@dataclass
class RegisteringNode:
    """``answers`` are those of each line, in their order."""

    client: RegisteringClient
    names: TrunkNames
    gate: GateKeeper
    answers: dict[str, list[RegisterAnswer]] = field(default_factory=dict)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, answer: RegisterAnswer) -> None:
        self.answers.setdefault(answer.line_id, []).append(answer)
        self.heard.set()

    async def until(self, condition: Callable[[], bool], within_s: float = 10.0) -> float:
        """How long it took from now, in seconds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(within_s):
            while not condition():
                self.heard.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.heard.wait(), 0.02)
        return loop.time() - began

    async def register(self, line: Registration, within_s: float = 10.0) -> RegisterAnswer:
        """The next answer."""
        before = len(self.answers.get(line.line_id, ()))
        self.client.register(line)
        await self.until(lambda: len(self.answers.get(line.line_id, ())) > before, within_s)
        return self.answers[line.line_id][-1]


async def _until_up(port: int) -> None:
    """Until a peer is answered."""

    def ask() -> None:
        with RawSip(("127.0.0.1", port), PEER) as peer:
            while True:
                peer.send(peer.request("OPTIONS", "anybody"))
                if peer.receive(0.1) is not None:
                    return

    async with asyncio.timeout(20):
        await asyncio.to_thread(ask)


@contextlib.asynccontextmanager
async def registering_node(
    questions: SrvQuestions | None = None, *, at_once: int = 200, **settings: str
) -> AsyncIterator[RegisteringNode]:
    """``questions`` to whom SRV records are asked for: nobody, unless given. ``settings`` are the node's."""
    environment = {
        "PLATFORM_DATABASE_URL": "postgresql://nobody@127.0.0.1/nothing",
        "REDIS_URL": "redis://127.0.0.1",
        "MASTER_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "K_SINK": "http://127.0.0.1:9",
        "SIP_BIND_ADDRESS": "127.0.0.1",
        "SIP_PORT": str(free_ports(1)[0]),
        "SIP_PEERS": f"{PEER}/32",  # the trunks are strangers, but for what they are asked
        **settings,
    }
    config = load(EdgeSettings, environment)
    gate = GateKeeper(config, {**os.environ, **environment}, lambda _: None, lambda: None)
    await gate.open()
    running = asyncio.create_task(gate.run())
    names = TrunkNames((questions or SrvQuestions((("127.0.0.1", 9),))).ask)
    way = Straight(names) if config.registrar == "direct" else ThroughKamailio()
    client = RegisteringClient(way, config.contacts, gate.inner_port, names, lambda answer: node.take(answer), at_once)
    node = RegisteringNode(client, names, gate)
    await _until_up(config.sip_port)
    client.open()
    gate.worker_up(OWN_NUMBER, client.port, 0)
    try:
        yield node
    finally:
        await client.close(2.0)
        await names.close()
        gate.leave()
        await asyncio.wait([running], timeout=5.0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        gate.close()
