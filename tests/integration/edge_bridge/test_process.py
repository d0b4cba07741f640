"""The bridge as a process: starting, registering, waiting for what is away, being killed, ending."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from cluster.client import DELETION_COST
from devstack.edge.handler_app import HandlerApp
from devstack.edge.sip_registrar import SipRegistrar
from devstack.servers.embedded import EmbeddedValkey
from devstack.servers.ports import free_port
from edge_bridge.entrances.sip.gate.message import parse, uri_of
from softphone.caller import Caller
from stores import lines, platform_figures, restaurants
from stores.ciphers import SipPasswordCipher
from stores.postgres import Postgres
from stores.redis import connect
from tests.conftest import Database
from tests.fakes.knative_objects import deletion_cost_role, pod
from tests.fakes.kubernetes_api import KubernetesApi
from tests.fakes.proxy import TcpProxy
from tests.integration.edge_bridge.assigning import assigning
from tests.integration.edge_bridge.conftest import BUSY, Start, restaurant, until_it_drains
from tests.live_state import counters
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(condition: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.05)


async def test_ctrl_c_to_the_whole_group_ends_it_too(start: Start) -> None:
    bridge = start()
    processes = bridge.processes()
    for pid in processes:
        os.kill(pid, signal.SIGINT)
    assert bridge.stop(signal.SIGINT) == 0
    assert not any(alive(pid) for pid in processes)


async def test_a_call_may_finish_while_the_bridge_drains(start: Start, seeded: Database) -> None:
    bridge = start()
    async with Caller(bridge.target, BUSY) as caller, Caller(bridge.target, BUSY) as late:
        assert (await caller.invite()).status == 200
        assert bridge.process is not None
        bridge.process.send_signal(signal.SIGTERM)
        await until_it_drains(bridge)
        assert not caller.hung_up.is_set()
        assert (await late.invite()).status == 503
        processes = bridge.processes()
    assert bridge.stop() == 0
    assert not any(alive(pid) for pid in processes)


async def test_with_its_role_and_no_more_it_protects_a_busy_pod_in_another_namespace(
    start: Start, seeded: Database, tmp_path: Path
) -> None:
    async with KubernetesApi([pod("pod-1", "call-handler"), *deletion_cost_role()]) as api:
        kubeconfig = api.kubeconfig(tmp_path / "config", account="alloresto/edge-bridge", namespace="alloresto-edge")
        bridge = await asyncio.to_thread(start, HANDLER_NAMESPACE="alloresto", KUBECONFIG=str(kubeconfig))
        async with HandlerApp(bridge.sink_port) as handler:
            async with Caller(bridge.target, BUSY) as caller:
                await caller.invite()
                await handler.call(1)
                await until(lambda: api.annotations("Pod", "pod-1", "alloresto").get(DELETION_COST) == "1000")
            await until(lambda: api.annotations("Pod", "pod-1", "alloresto").get(DELETION_COST) == "0")
        patches = [path for method, path in api.requests if method == "PATCH"]
    assert patches == ["/api/v1/namespaces/alloresto/pods/pod-1"] * 2


async def test_what_crashes_is_started_again_and_nothing_outlives_its_supervisor(
    start: Start, seeded: Database, valkey_server: EmbeddedValkey
) -> None:
    async with connect(valkey_server.url()) as redis:
        cut = await platform_figures.cut_calls(redis)
    bridge = start()
    before = bridge.processes()
    for pid in before:
        os.kill(pid, signal.SIGSEGV)
    await until(lambda: not any(alive(pid) for pid in before) and bool(bridge.sessions()))
    await asyncio.to_thread(bridge.wait_ready)
    async with Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite(10)).status == 200
        after = bridge.processes()
        assert bridge.process is not None
        bridge.process.kill()
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)
    await until(lambda: not any(alive(pid) for pid in after))
    async with connect(valkey_server.url()) as redis:
        assert await platform_figures.cut_calls(redis) > cut


async def test_it_waits_for_what_is_away_says_so_and_refuses_calls_until_then(start: Start) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    bridge = start(
        wait=False, PLATFORM_DATABASE_URL=f"postgresql://nobody@{nowhere}/alloresto", REDIS_URL=f"redis://{nowhere}/0"
    )
    await until(lambda: set(bridge.missing() or {}) == {"postgres", "redis", "sink", "lines"}, 15)
    async with Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 503


async def test_postgres_away_during_a_call_delays_its_events_and_nothing_else(
    start: Start, seeded: Database, valkey_server: EmbeddedValkey
) -> None:
    before = await ended_calls(seeded, 0)
    there = urlsplit(seeded.platform_url)
    async with TcpProxy(there.port or 0) as proxy:
        away = there._replace(netloc=there.netloc.replace(f":{there.port}", f":{proxy.port}")).geturl()
        bridge = await asyncio.to_thread(start, PLATFORM_DATABASE_URL=away)
        async with Caller(bridge.target, BUSY) as caller:
            await caller.invite()
            await proxy.go_away()
            await caller.rtp.wait_for_voice(caller.invited_at, PATIENCE_S)
        async with Caller(bridge.target, BUSY) as second:
            assert (await second.invite()).status == 200
        await asyncio.sleep(0.3)
        await proxy.come_back()
        assert await ended_calls(seeded, before + 2) == before + 2
        await asyncio.to_thread(bridge.stop)


async def test_redis_away_during_a_call_costs_news_until_it_is_back_and_nothing_else(
    start: Start, seeded: Database, valkey_server: EmbeddedValkey
) -> None:
    before = await ended_calls(seeded, 0)
    there = urlsplit(valkey_server.url())
    async with TcpProxy(there.port or 0) as proxy:
        away = there._replace(netloc=there.netloc.replace(f":{there.port}", f":{proxy.port}")).geturl()
        bridge = await asyncio.to_thread(start, REDIS_URL=away)
        async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as caller:
            await caller.invite()
            call = await handler.call(1)
            await proxy.go_away()
            async with Caller(bridge.target, BUSY) as second:
                assert (await second.invite()).status == 200
                await handler.call(2)
            await until(lambda: "redis" in (bridge.missing() or {}))
            assert not caller.hung_up.is_set()
            await proxy.come_back()
            await caller.bye()
            assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "caller_hung_up"
            async with connect(valkey_server.url()) as redis, asyncio.timeout(PATIENCE_S):
                counted = (await counters(redis)).calls_today
                async with Caller(bridge.target, BUSY) as third:
                    await third.invite()
                    while (await counters(redis)).calls_today <= counted:
                        await asyncio.sleep(0.05)
        assert await ended_calls(seeded, before + 3) == before + 3
        await asyncio.to_thread(bridge.stop)


async def test_a_taken_sip_port_is_one_clear_line_and_status_three(start: Start) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("127.0.0.1", 0))
        port = squatter.getsockname()[1]
        bridge = start(wait=False, SIP_PORT=str(port))
        assert bridge.process is not None
        assert await asyncio.to_thread(bridge.process.wait, 10) == 3
    complaints = [line for line in bridge.log_text().splitlines() if "SIP_PORT" in line]
    assert len(complaints) == 1
    assert str(port) in complaints[0]


async def test_a_taken_api_port_is_one_clear_line_and_status_three(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = squatter.getsockname()[1]
        bridge = start(wait=False, API_PORT=str(port))
        assert bridge.process is not None
        assert await asyncio.to_thread(bridge.process.wait, 10) == 3
    assert f"API_PORT: cannot listen on 127.0.0.1:{port}" in bridge.log_text()


async def test_a_wrong_setting_is_named_and_status_two(start: Start) -> None:
    bridge = start(wait=False, SIP_PEERS="10.0.0.0/99")
    assert bridge.process is not None
    assert await asyncio.to_thread(bridge.process.wait, 10) == 2
    assert "SIP_PEERS" in bridge.log_text()


async def test_a_line_registers_and_takes_calls_from_its_trunk_and_from_peers_only(
    start: Start, seeded: Database, valkey_server: EmbeddedValkey, master_key: str
) -> None:
    async with SipRegistrar({"pizzeria": "secret"}) as trunk, assigning(seeded, valkey_server.url()):
        line_id = await add_line(seeded, master_key, trunk.domain, "pizzeria", "secret")
        bridge = start(SIP_PEERS="127.0.0.9/32")
        await until(lambda: "pizzeria" in trunk.bindings)
        contact = trunk.bindings["pizzeria"]
        await until(lambda: bridge.metric("sip_registrations_active") == 1)
        asked = ((line_id, "127.0.0.1"), (line_id, "127.0.0.7"), (BUSY, "127.0.0.1"), (BUSY, "127.0.0.9"))
        statuses = []
        for user, address in asked:
            async with Caller(bridge.target, user, local_ip=address) as caller:
                statuses.append((await caller.invite()).status)
        row = await registration(seeded, line_id)
        await asyncio.to_thread(bridge.stop)
        assert trunk.bindings == {}
    assert statuses == [200, 403, 403, 200]
    assert contact.startswith(f"sip:{line_id}@127.0.0.1:")
    assert (row["status"], row["bridge_node_id"]) == ("registered", "edge-test")


class WatchedTrunk(SipRegistrar):
    """Keeps what it was sent."""

    def __init__(self, passwords: dict[str, str]) -> None:
        super().__init__(passwords)
        self.seen: list[tuple[bytes, tuple[str, int]]] = []

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        self.seen.append((data, source))
        super().datagram_received(data, source)


async def test_a_trunk_sees_register_come_from_the_public_address_only(
    start: Start, seeded: Database, valkey_server: EmbeddedValkey, master_key: str
) -> None:
    trunk = WatchedTrunk({"osteria": "secret"})
    async with trunk, assigning(seeded, valkey_server.url()):
        line_id = await add_line(seeded, master_key, trunk.domain, "osteria", "secret")
        bridge = await asyncio.to_thread(start, SIP_PEERS="", BRIDGE_NODE_ID="edge-trunk")
        async with asyncio.timeout(PATIENCE_S):
            while "osteria" not in trunk.bindings:
                await asyncio.sleep(0.02)
        await asyncio.to_thread(bridge.stop)
    requests = [parse(data) for data, _ in trunk.seen]
    assert {source for _, source in trunk.seen} == {bridge.target}
    assert {request.method for request in requests} == {"REGISTER"}
    assert {(via.host, via.port) for request in requests for via in request.vias} == {bridge.target}
    assert {len(request.vias) for request in requests} == {1}
    assert not any(request.values("route") for request in requests)
    contacts = {uri_of(contact) for request in requests for contact in request.values("contact")}
    assert contacts == {f"sip:{line_id}@127.0.0.1:{bridge.sip_port}"}


async def test_a_trunk_that_has_answered_lets_nobody_but_itself_call_its_line(
    start: Start, seeded: Database, valkey_server: EmbeddedValkey, master_key: str
) -> None:
    trunk = SipRegistrar({"trattoria": "secret"}, host="127.0.0.7")
    async with trunk, assigning(seeded, valkey_server.url()):
        line_id = await add_line(seeded, master_key, trunk.domain, "trattoria", "secret")
        bridge = await asyncio.to_thread(start, SIP_PEERS="", BRIDGE_NODE_ID="edge-alone")
        async with asyncio.timeout(PATIENCE_S):
            while (await registration(seeded, line_id))["status"] != "registered":
                await asyncio.sleep(0.05)
        async with Caller(bridge.target, line_id) as stranger:
            result = await stranger.invite()
    assert result.status == 403


async def test_a_failed_registration_is_counted_and_tried_again(
    start: Start, seeded: Database, valkey_server: EmbeddedValkey, master_key: str
) -> None:
    async with SipRegistrar({"bistro": "secret"}) as trunk, assigning(seeded, valkey_server.url()):
        trunk.refusing = "503 Service Unavailable"
        line_id = await add_line(seeded, master_key, trunk.domain, "bistro", "secret")
        bridge = start(BRIDGE_NODE_ID="edge-other")
        await until(lambda: bridge.metric("sip_registration_errors_total") >= 1)
        async with asyncio.timeout(PATIENCE_S):
            while (await registration(seeded, line_id))["status"] != "error":
                await asyncio.sleep(0.1)
        trunk.refusing = ""
        await until(lambda: "bistro" in trunk.bindings)


async def test_the_old_command_line_still_registers_its_line(start: Start, seeded: Database, master_key: str) -> None:
    async with SipRegistrar({"+33188888888": "from the shell"}) as trunk:
        await add_line(seeded, master_key, "", "", "", number="+33188888888")
        options = ("--sip-domain", trunk.domain, "--sip-username", "+33188888888", "--sip-password", "from the shell")
        start(arguments=options, BRIDGE_NODE_ID="edge-cli")
        await until(lambda: "+33188888888" in trunk.bindings)


async def add_line(
    database: Database, master_key: str, domain: str, username: str, password: str, number: str = ""
) -> str:
    """A new restaurant with a line; gives the line's id."""
    platform = Postgres(database.platform_url)
    await platform.open()
    async with platform.platform() as connection:
        owner = restaurant(username or number)
        await restaurants.create(connection, owner)
        line = await lines.create(
            connection,
            restaurant_id=owner.id,
            number=number or f"+3319{time.time_ns() % 10_000_000:07}",
            cipher=SipPasswordCipher(master_key),
            sip_domain=domain,
            sip_username=username,
            sip_password=password,
        )
    await platform.close()
    return line.id


async def ended_calls(database: Database, count: int) -> int:
    """How many calls have their ``call.ended`` in the outbox, once there are ``count``."""
    connection = await asyncpg.connect(database.platform_url)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found: int = await connection.fetchval(
                    "select count(*) from outbox where type = 'com.alloresto.call.ended'"
                )
                if found >= count:
                    return found
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def registration(database: Database, line_id: str) -> asyncpg.Record:
    connection = await asyncpg.connect(database.platform_url)
    row = await connection.fetchrow("select * from sip_registration where phone_line_id = $1", line_id)
    await connection.close()
    assert row is not None
    return row
