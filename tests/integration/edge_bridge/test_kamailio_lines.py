"""Lines at their trunks through Kamailio: by UDP, TCP and TLS, registered, and called by who registered them."""

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devstack.edge.bridge_process import free_ports
from devstack.edge.registering_node import registering_node
from devstack.edge.sip_registrar import SipRegistrar
from devstack.servers.embedded import EmbeddedValkey
from domain.trunks import TrunkOptions
from edge_bridge.entrances.sip.kamailio.rpc import Rpc
from edge_bridge.entrances.sip.signals import Registration
from softphone.caller import Caller
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import Start, needs_kamailio
from tests.integration.edge_bridge.office import Office, bound, open_office, says, until
from tests.integration.edge_bridge.test_kamailio import heard_both_ways
from tests.integration.edge_bridge.transports import Authority, StreamCaller, StreamRegistrar, TrunkCaller

pytestmark = [pytest.mark.integration, needs_kamailio]

NO_PEERS = {"SIP_PEERS": "127.0.0.9/32"}  # who calls is known by its registration, or a stranger
TLS, TCP = TrunkOptions(transport="tls"), TrunkOptions(transport="tcp")


@pytest.fixture
async def office(seeded: Database, valkey_server: EmbeddedValkey, master_key: str) -> AsyncIterator[Office]:
    async with open_office(seeded, valkey_server.url(), master_key) as made:
        yield made


@pytest.fixture
def folder() -> Iterator[Path]:
    """Open to the user that Kamailio runs as."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def tls_settings(authority: Authority) -> dict[str, str]:
    certificate, key = map(str, authority.certificate())
    (port,) = free_ports(1)
    return {"SIP_TLS_PORT": str(port), "SIP_TLS_CERT": certificate, "SIP_TLS_KEY": key}


# --- Transports --------------------------------------------------------------------------------------------------


async def test_a_line_by_tls_is_registered_by_tls_and_called_at_the_tls_port(
    start: Start, office: Office, folder: Path
) -> None:
    authority = Authority(folder)
    tls = tls_settings(authority)
    async with StreamRegistrar({"anna": "secret"}, authority.certificate("trunk")) as trunk:
        line_id = await office.add(trunk, "anna", options=TLS)
        bridge = await asyncio.to_thread(start, REGISTRAR="kamailio", SIP_TLS_CA=str(authority.path), **tls, **NO_PEERS)
        await until(says(office, line_id, "registered"))
        assert set(trunk.uris) == {f"sip:{trunk.domain};transport=tls"}
        assert trunk.bindings["anna"] == f"sip:{line_id}@127.0.0.1:{tls['SIP_TLS_PORT']};transport=tls"
        target = ("127.0.0.1", int(tls["SIP_TLS_PORT"]))
        await heard_both_ways(bridge, StreamCaller(target, line_id, authority.trust()))


async def test_a_line_by_tcp_is_registered_by_tcp_and_called_by_it(start: Start, office: Office) -> None:
    async with StreamRegistrar({"anna": "secret"}) as trunk:
        line_id = await office.add(trunk, "anna", options=TCP)
        bridge = await asyncio.to_thread(start, REGISTRAR="kamailio", **NO_PEERS)
        await until(says(office, line_id, "registered"))
        assert set(trunk.uris) == {f"sip:{trunk.domain};transport=tcp"}
        assert trunk.bindings["anna"] == f"sip:{line_id}@127.0.0.1:{bridge.sip_port};transport=tcp"
        await heard_both_ways(bridge, StreamCaller(bridge.target, line_id))


@pytest.mark.parametrize("by", ["tcp", "tls"])
async def test_a_trunk_may_call_by_the_connection_that_the_line_was_registered_by(
    start: Start, office: Office, folder: Path, by: str
) -> None:
    """Without a certificate of its own the node takes no TLS connection: this one is all that there is."""
    authority = Authority(folder)
    certificate = authority.certificate("trunk") if by == "tls" else None
    async with StreamRegistrar({"anna": "secret"}, certificate) as trunk:
        line_id = await office.add(trunk, "anna", options=TLS if by == "tls" else TCP)
        bridge = await asyncio.to_thread(start, REGISTRAR="kamailio", SIP_TLS_CA=str(authority.path), **NO_PEERS)
        await until(says(office, line_id, "registered"))
        await heard_both_ways(bridge, TrunkCaller(trunk, bridge.target, line_id))


async def test_a_trunk_whose_certificate_is_not_trusted_is_told_of(start: Start, office: Office, folder: Path) -> None:
    trusted, other = Authority(folder), Authority(folder, "Another")
    async with StreamRegistrar({"anna": "secret"}, other.certificate("trunk")) as trunk:
        line_id = await office.add(trunk, "anna", options=TLS)
        await asyncio.to_thread(start, REGISTRAR="kamailio", SIP_TLS_CA=str(trusted.path), **NO_PEERS)
        await until(says(office, line_id, "error", "no authority of SIP_TLS_CA"))
        assert trunk.requests == []


async def test_lines_of_each_transport_are_held_side_by_side(start: Start, office: Office, folder: Path) -> None:
    authority = Authority(folder)
    async with (
        SipRegistrar({"udp": "secret"}) as by_udp,
        StreamRegistrar({"tcp": "secret"}) as by_tcp,
        StreamRegistrar({"tls": "secret"}, authority.certificate("trunk")) as by_tls,
    ):
        trunks = {TrunkOptions(): by_udp, TCP: by_tcp, TLS: by_tls}
        lines = [await office.add(trunk, options.transport, options=options) for options, trunk in trunks.items()]
        bridge = await asyncio.to_thread(start, REGISTRAR="kamailio", SIP_TLS_CA=str(authority.path), **NO_PEERS)
        for line_id in lines:
            await until(says(office, line_id, "registered"))
        assert by_udp.uris[0] == f"sip:{by_udp.domain}"
        assert by_udp.bindings["udp"] == f"sip:{lines[0]}@127.0.0.1:{bridge.sip_port}"
        await heard_both_ways(bridge, Caller(bridge.target, lines[0]))
        await asyncio.to_thread(bridge.stop)
        assert not by_udp.bindings and not by_tcp.bindings and not by_tls.bindings  # taken back by the same transport


# --- Many --------------------------------------------------------------------------------------------------------


async def test_eighty_lines_are_registered_through_kamailio_from_cold(start: Start, office: Office) -> None:
    # Two looks' worth of passwords. A full node's 200, each 22 ms of a core here and there, are the direct way's test.
    users = [f"user-{number}" for number in range(80)]
    async with SipRegistrar(dict.fromkeys(users, "secret")) as trunk:
        await office.add_all(trunk, users)
        await asyncio.to_thread(start, REGISTRAR="kamailio")
        await until(bound(trunk, *users))
    assert trunk.statuses[200] == 80  # each once; how soon is the bench's to say


# --- A trunk of several addresses --------------------------------------------------------------------------------


def line(trunk: str, **more: str) -> Registration:
    return Registration("line-anna", trunk, "anna", "secret", **more)  # type: ignore[arg-type]


async def test_the_next_target_of_a_domain_is_tried_by_kamailio_and_once_by_us() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        async with (
            SipRegistrar({"anna": "secret"}) as trunk,
            registering_node(REGISTRAR="kamailio") as node,
        ):
            assert node.gate._front is not None
            with contextlib.closing(Rpc(node.gate._front.folder)) as rpc:
                await rpc.ask("dns.add_a", "one.trunk.test", 60, "127.0.0.1", 0)
                for priority, port in ((10, silent.getsockname()[1]), (20, trunk.port)):
                    record = ("_sip._udp.trunk.test", 60, priority, 1, port, "one.trunk.test", 0)
                    await rpc.ask("dns.add_srv", *record)
            answer = await node.register(line("trunk.test"), within_s=20.0)
    assert answer.status == 200
    assert trunk.statuses == {401: 1, 200: 1}
