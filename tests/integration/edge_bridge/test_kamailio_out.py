"""What the gate sends leaves through Kamailio by the transport that was asked for; what it is told comes to it."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devstack.edge.bridge_process import free_ports
from devstack.edge.raw_sip import RawSip
from edge_bridge.entrances.sip.gate import ipc
from edge_bridge.entrances.sip.gate.front import KamailioFront
from edge_bridge.entrances.sip.gate.message import Message, parse
from edge_bridge.entrances.sip.kamailio.rpc import Rpc
from edge_bridge.entrances.sip.numbers import LineKeys
from edge_bridge.node.kamailio_keeper import KamailioKeeper
from edge_bridge.settings import EdgeSettings
from process.settings import load
from tests.integration.edge_bridge.conftest import needs_kamailio
from tests.integration.edge_bridge.transports import Authority, TlsTrunk
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.integration, needs_kamailio]

WORKERS_OF_A_SOCKET = 2  # kamailio.cfg: children


@pytest.fixture
def folder() -> Iterator[Path]:
    """Open to the user that Kamailio runs as."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


class StandInGate:
    """The gate's socket behind a real Kamailio."""

    def __init__(self, keeper: KamailioKeeper, bound: socket.socket, sip_port: int) -> None:
        self.keeper = keeper
        self.sip_port = sip_port
        self.front = KamailioFront("127.0.0.1", sip_port, *keeper.ports)
        self._socket = bound

    async def ask(self, method: str, uri: str, *headers: str) -> Message:
        """The final response to a request of ours. Raises TimeoutError."""
        tag = f"{random.getrandbits(48):x}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.sip_port};rport;branch=z9hG4bK{tag}",
            "Max-Forwards: 70",
            f"From: <sip:line@trunk.test>;tag={tag}",
            "To: <sip:line@trunk.test>",
            f"Call-ID: {tag}",
            f"CSeq: 1 {method}",
            f"Contact: <sip:line@127.0.0.1:{self.sip_port}>",
            *headers,
        ]
        data = ("\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode()
        out = self.front.way_out(data)
        assert out is not None
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(self._socket, data, out)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self.receive()
                if message.status >= 200 and message.call_id == tag:
                    return message

    async def resolve(self, name: str) -> None:
        """Let Kamailio know the name as 127.0.0.1."""
        with contextlib.closing(Rpc(self.keeper.folder)) as rpc:
            await rpc.ask("dns.add_a", name, 60, "127.0.0.1", 0)

    async def workers(self, port: int) -> list[int]:
        """The processes that serve this UDP port of loopback, once all of them run."""
        with contextlib.closing(Rpc(self.keeper.folder)) as rpc:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    all_of_them = await rpc.ask("core.psx")
                    found = [one["PID"] for one in all_of_them if f"sock=127.0.0.1:{port}" in one["DSC"]]
                    if len(found) == WORKERS_OF_A_SOCKET:
                        return found
                    await asyncio.sleep(0.02)

    async def receive(self) -> Message:
        return parse(await asyncio.get_running_loop().sock_recv(self._socket, 65_535))


@contextlib.asynccontextmanager
async def standing(**settings: str) -> AsyncIterator[StandInGate]:
    """A Kamailio that answers. The event loop's own sockets have no part in it."""
    (port,) = free_ports(1)
    environment = {
        "PLATFORM_DATABASE_URL": "postgresql://nobody/nothing",
        "REDIS_URL": "redis://nobody",
        "MASTER_KEY": "",
        "K_SINK": "http://nobody",
        "REGISTRAR": "kamailio",
        "SIP_BIND_ADDRESS": "127.0.0.1",
        "SIP_PORT": str(port),
        **settings,
    }
    environment["MASTER_KEY"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    keeper = KamailioKeeper(load(EdgeSettings, environment))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.setblocking(False)
        await keeper.open(bound.getsockname()[1])
        running = asyncio.create_task(keeper.run())
        try:
            async with asyncio.timeout(PATIENCE_S):
                while keeper.missing:
                    await asyncio.sleep(0.02)
            yield StandInGate(keeper, bound, port)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            keeper.close()


# --- Trunks by TLS -----------------------------------------------------------------------------------------------


async def test_a_trunk_is_asked_by_tls_and_its_certificate_is_verified(folder: Path) -> None:
    authority = Authority(folder)
    async with TlsTrunk(authority.certificate("trunk.test")) as trunk, standing(SIP_TLS_CA=str(authority.path)) as gate:
        await gate.resolve("trunk.test")
        answer = await gate.ask("REGISTER", f"sip:trunk.test:{trunk.port};transport=tls")
    assert answer.status == 200
    assert trunk.names == ["trunk.test"]
    assert trunk.requests == [f"REGISTER sip:trunk.test:{trunk.port};transport=tls SIP/2.0"]
    assert answer.first("x-edge-source") == f"127.0.0.1:{trunk.port};transport=tls;as=asked"


async def test_a_trunk_whose_certificate_nobody_trusted_signed_learns_nothing(folder: Path) -> None:
    trusted, other = Authority(folder), Authority(folder, "Another")
    async with TlsTrunk(other.certificate("trunk.test")) as trunk, standing(SIP_TLS_CA=str(trusted.path)) as gate:
        await gate.resolve("trunk.test")
        asking = asyncio.create_task(gate.ask("REGISTER", f"sip:trunk.test:{trunk.port};transport=tls"))
        async with asyncio.timeout(PATIENCE_S):
            while not trunk.names:
                await asyncio.sleep(0.02)
        answered, _ = await asyncio.wait([asking], timeout=1.0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert not answered
    assert trunk.requests == []


# --- Trunks come and go ------------------------------------------------------------------------------------------


def lines(*hosts: str) -> tuple[ipc.Lines, ...]:
    keys = LineKeys("1", "+33100000001", "user", "trunk.test")
    return (ipc.Lines(0, 1, read=True, draining=False, lines=(keys,), trunks={"trunk.test": hosts}),)


async def test_a_trunk_is_a_stranger_until_it_is_known_and_when_it_is_gone(folder: Path) -> None:
    async with standing() as gate:

        async def reached(phone: RawSip) -> bool:
            phone.new_call()
            phone.send(phone.request("INVITE", "1"))
            try:
                async with asyncio.timeout(0.3):
                    while (await gate.receive()).call_id != phone.call_id:
                        pass
            except TimeoutError:
                return False
            return True

        async def until(phone: RawSip, wanted: bool) -> None:
            async with asyncio.timeout(PATIENCE_S):
                while await reached(phone) is not wanted:
                    await asyncio.sleep(0.05)

        with RawSip(("127.0.0.1", gate.sip_port), "127.0.0.5") as phone:
            assert not await reached(phone)
            gate.keeper.lines(lines("127.0.0.5", "not an address"))
            await until(phone, True)
            gate.keeper.lines(lines("127.0.0.6"))
            await until(phone, False)


async def test_while_requests_of_ours_wait_for_a_name_server_callers_are_passed_on(folder: Path) -> None:
    authority = Authority(folder)
    certificate = authority.certificate("trunk.test")
    async with (
        TlsTrunk(certificate) as trunk,
        standing(SIP_PEERS="127.0.0.1", SIP_TLS_CA=str(authority.path)) as gate,
    ):
        await gate.resolve("trunk.test")
        waiting = await gate.workers(gate.keeper.ports[1])
        for pid in waiting:
            os.kill(pid, signal.SIGSTOP)  # as a lookup that nobody answers would do
        asking = asyncio.create_task(gate.ask("REGISTER", f"sip:trunk.test:{trunk.port};transport=tls"))
        with RawSip(("127.0.0.1", gate.sip_port)) as phone:
            phone.new_call()
            phone.send(phone.request("INVITE", "1"))
            answer = await asyncio.to_thread(phone.receive, PATIENCE_S)
        answered_early, _ = await asyncio.wait([asking], timeout=1.0)
        for pid in waiting:
            os.kill(pid, signal.SIGCONT)
        assert (await asking).status == 200
    assert answer is not None and answer.status == 100
    assert not answered_early
    assert len(waiting) == 2
