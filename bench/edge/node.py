"""The node that is measured: a real bridge, a handler beside it, and what its processes use."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.programs import Program, program
from devstack.edge.bridge_process import BridgeProcess
from devstack.servers.embedded import EmbeddedPostgres, EmbeddedValkey
from devstack.servers.ports import free_port
from domain.restaurant import Restaurant
from stores import lines, restaurants
from stores.ciphers import SipPasswordCipher
from stores.migrate import migrate
from stores.postgres import Postgres

PHONES_NETWORK = "127.0.0.1/32"  # all other addresses are strangers'
NUMBER = "+33100000001"
MASTER_KEY = "A" * 43 + "="
MOST_CALLS = 400
SPARE_PLACES = 20
# A port rests for 30 s after its call: 20 short calls a second take 1300, with those that rest. Not those of the tests.
RTP_PORTS = (16_000, 31_999)
FAR_ABOVE_ANY = "100000"  # messages a second: the limits for known sources are not what is measured
ROLES = ("supervisor", "gate", "nursery", "session", "signaller", "kamailio")
STOPPED_WITHIN_S = 20.0
AGAIN_WITHIN_S = 30.0
LOOK_EVERY_S = 0.05
IDLE_S = 3.0  # after it is ready: what is loaded late is loaded


@dataclass(frozen=True, slots=True)
class Use:
    """Of the processes of one role: processor time in s so far by process, private memory in kB."""

    cpu_s: dict[int, float]
    private_kb: int

    def spent_since(self, before: Use) -> float:
        """Processor time in s of the processes that are still there."""
        return sum(now - before.cpu_s.get(pid, 0.0) for pid, now in self.cpu_s.items())


class Node:
    """A bridge and what it is rung with. ``port`` is where phones ring."""

    def __init__(self, bridge: BridgeProcess, handlers: Program) -> None:
        self.bridge = bridge
        self.handlers = handlers

    @property
    def port(self) -> int:
        return self.bridge.sip_port

    def processes(self) -> dict[str, list[int]]:
        """Their ids by role, of those that there are now."""
        found: dict[str, list[int]] = {role: [] for role in ROLES}
        assert self.bridge.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.bridge.process.pid)
            found["supervisor"].append(root.pid)
            for child in root.children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    found[_role(child)].append(child.pid)
        return found

    def use(self) -> dict[str, Use]:
        return {role: _use(pids) for role, pids in self.processes().items()}

    async def until_ready(self) -> None:
        """Raises TimeoutError. A node that ends, as it does where its port is still taken, is started again."""
        async with asyncio.timeout(AGAIN_WITHIN_S):
            while await asyncio.to_thread(self.bridge.missing) != {}:
                if self.bridge.process is not None and self.bridge.process.poll() is not None:
                    self.bridge.start(wait=False)
                await asyncio.sleep(LOOK_EVERY_S)


def _role(process: psutil.Process) -> str:
    name, command = process.name(), process.cmdline()
    if name.startswith(("session", "signaller")):  # a fork has its nursery's command line
        return name.split(" ")[0]
    if "edge_bridge.entrances.sip.gate" in command:
        return "gate"
    return "nursery" if "edge_bridge.nursery" in command else "kamailio"


def _use(pids: list[int]) -> Use:
    cpu, private = dict[int, float](), 0
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess, OSError):
            times = psutil.Process(pid).cpu_times()
            cpu[pid] = times.user + times.system
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            private += sum(int(line.split()[1]) for line in rollup if line.startswith("Private_"))
    return Use(cpu, private)


@contextlib.asynccontextmanager
async def running(folder: Path, registrar: str, calls: int) -> AsyncIterator[Node]:
    """A node with a place for ``calls`` and some more, with a database and a store of its own."""
    folder.chmod(0o755)  # Kamailio runs as another user
    postgres, valkey = EmbeddedPostgres(folder / "postgres", durable=False), EmbeddedValkey(folder / "valkey")
    postgres.start()  # in the main thread, with which the two end
    try:
        valkey.start()
        try:
            platform_url = await _prepare(postgres)
            sink = free_port()
            bridge = BridgeProcess(
                folder,
                platform_url,
                valkey.url(),
                MASTER_KEY,
                sink,
                REGISTRAR=registrar,
                SIP_PEERS=PHONES_NETWORK,
                MAX_CALLS=str(min(calls + SPARE_PLACES, MOST_CALLS)),
                RTP_PORT_MIN=str(RTP_PORTS[0]),
                RTP_PORT_MAX=str(RTP_PORTS[1]),
                SIP_REQUESTS_PER_S=FAR_ABOVE_ANY,
                SIP_IN_DIALOG_PER_S=FAR_ABOVE_ANY,
                HANDLER_WAIT_S="10",
            )
            async with program("bench.edge.handlers") as handlers:
                handlers.tell(sink)
                await handlers.read(str)
                try:
                    await asyncio.to_thread(bridge.start)
                    await asyncio.sleep(IDLE_S)
                    yield Node(bridge, handlers)
                finally:
                    await asyncio.to_thread(bridge.stop, within_s=STOPPED_WITHIN_S)
        finally:
            valkey.stop()
    finally:
        postgres.stop()


async def _prepare(postgres: EmbeddedPostgres) -> str:
    """A schema and one line; gives the platform's URL."""
    app, platform = "alloresto_app", "alloresto_platform"
    await migrate(postgres.url(), app_password=postgres.password(app), platform_password=postgres.password(platform))
    url = postgres.url(platform)
    stored = Postgres(url)
    await stored.open()
    try:
        async with stored.platform() as connection:
            owner = Restaurant(
                id=str(uuid.uuid4()),
                name="Bench",
                language="en",
                currency="EUR",
                zone="Europe/Paris",
                pickup=True,
                max_calls=MOST_CALLS,
            )
            await restaurants.create(connection, owner)
            cipher = SipPasswordCipher(MASTER_KEY)
            await lines.create(connection, restaurant_id=owner.id, number=NUMBER, cipher=cipher)
    finally:
        await stored.close()
    return url
