"""Kamailio before the gate: the real one, on loopback."""

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devstack.edge.bridge_process import BridgeProcess, free_ports
from devstack.edge.handler_app import HandlerApp
from devstack.edge.raw_sip import RawSip, offer
from softphone.caller import Caller
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, MESSAGE, Start, needs_kamailio, tone, until_it_drains
from tests.integration.edge_bridge.late_offers import LateOffer
from tests.integration.edge_bridge.transports import Authority, Ipv6Caller, StreamCaller
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.integration, needs_kamailio]

QUICKLY_BUSY = {"REGISTRAR": "kamailio", "HANDLER_WAIT_S": "1"}
ONE_PEER = {"REGISTRAR": "kamailio", "SIP_PEERS": "127.0.0.9/32"}
AGAIN_WITHIN_S = 2.0
LONGEST_GAP_S = 0.1  # five packets, on a busy machine


@pytest.fixture
def folder() -> Iterator[Path]:
    """Open to the user that Kamailio runs as."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@dataclass(frozen=True, slots=True)
class Tls:
    """A node's certificate, and the settings with it."""

    authority: Authority
    port: int
    settings: dict[str, str]


@pytest.fixture(scope="module")
def tls() -> Iterator[Tls]:
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        authority = Authority(Path(made))
        certificate, key = map(str, authority.certificate())
        (port,) = free_ports(1)
        files = {"SIP_TLS_PORT": str(port), "SIP_TLS_CERT": certificate, "SIP_TLS_KEY": key}
        yield Tls(authority, port, {"REGISTRAR": "kamailio", **files})


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as tried:
        try:
            tried.bind(("::1", 0))
        except OSError:
            return False
        return True


def kamailios(bridge: BridgeProcess) -> list[int]:
    """All of its Kamailio's processes, the first one first."""
    found = []
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if f":{bridge.sip_port} " in config_of(status.read_bytes()).read_text():
                found.append(int(status.parent.name))
    return sorted(found)


def config_of(command: bytes) -> Path:
    """What a Kamailio with this command line was told of its node; an empty file for any other program."""
    name, *arguments = command.split(b"\0")
    if not name.endswith(b"/kamailio") or b"-f" not in arguments:
        return Path("/dev/null")
    return Path(os.fsdecode(arguments[arguments.index(b"-f") + 1])).with_name("node.cfg")


async def heard_both_ways(bridge: BridgeProcess, caller: Caller) -> None:
    """The caller hears the handler, the handler hears the caller, and the caller's BYE arrives."""
    async with HandlerApp(bridge.sink_port) as handler, caller:
        result = await caller.invite()
        assert result.status == 200, result
        call = await handler.call(1)
        await caller.rtp.wait_for_voice(caller.invited_at, PATIENCE_S)
        caller.say(tone(400))
        async with asyncio.timeout(PATIENCE_S):
            while tone(20)[:40] not in call.heard:
                await asyncio.sleep(0.02)
        await caller.bye()
        assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "caller_hung_up"


@contextlib.asynccontextmanager
async def flooding(sender: RawSip, rate: int, messages: list[bytes]) -> AsyncIterator[list[int]]:
    """So many messages a second meanwhile; gives a list whose sum is how many they were."""
    sent = [0]

    async def flood() -> None:
        began = time.monotonic()
        while True:
            while sent[0] < (time.monotonic() - began) * rate:
                sender.send(messages[sent[0] % len(messages)])
                sent[0] += 1
            await asyncio.sleep(0.005)

    task = asyncio.create_task(flood())
    try:
        yield sent
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# --- Case 24: transports -----------------------------------------------------------------------------------------


async def test_a_call_by_udp_is_heard(standing: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(standing, **QUICKLY_BUSY)
    await heard_both_ways(bridge, Caller(bridge.target, BUSY))


async def test_a_call_by_tcp_is_heard(standing: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(standing, **QUICKLY_BUSY)
    await heard_both_ways(bridge, StreamCaller(bridge.target, BUSY))


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
async def test_a_call_over_ipv6_is_heard(start: Start, seeded: Database) -> None:
    peers = {"SIP_PEERS": "127.0.0.0/8,::1/128", "RTP_NAT_PEERS": "::1/128"}
    bridge = await asyncio.to_thread(start, REGISTRAR="kamailio", SIP_IPV6_ADDRESS="::1", **peers)
    await heard_both_ways(bridge, Ipv6Caller(("::1", bridge.sip_port), BUSY))


@pytest.mark.parametrize("by", ["udp", "tcp"])
async def test_the_bridge_hangs_up_by_the_transport_that_the_call_came_by(
    standing: Start, seeded: Database, by: str
) -> None:
    bridge = await asyncio.to_thread(standing, **QUICKLY_BUSY)
    async with (StreamCaller if by == "tcp" else Caller)(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)  # no handler: the busy message, and BYE


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
async def test_at_all_addresses_it_tells_the_public_one_and_finds_itself_by_it(start: Start, seeded: Database) -> None:
    everywhere = {"SIP_BIND_ADDRESS": "0.0.0.0", "SIP_PUBLIC_ADDRESS": "127.0.0.1", "SIP_IPV6_ADDRESS": "::1"}
    peers = {"SIP_PEERS": "127.0.0.0/8,::1/128", "RTP_NAT_PEERS": "::1/128"}
    bridge = await asyncio.to_thread(start, REGISTRAR="kamailio", HANDLER_WAIT_S="1", **everywhere, **peers)
    for caller in (Caller(bridge.target, BUSY), Ipv6Caller(("::1", bridge.sip_port), BUSY)):
        async with caller:
            assert (await caller.invite()).status == 200
            assert await caller.reinvite("sendrecv") == 200
            await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)  # by the bridge


def test_a_caller_behind_a_nat_is_hung_up_where_it_called_from(standing: Start, seeded: Database) -> None:
    bridge = standing(**QUICKLY_BUSY)
    with RawSip(bridge.target) as phone:
        phone.new_call()
        invite = phone.request("INVITE", BUSY, body=offer("127.0.0.1", 40_000))
        at_home = f"sip:+33612345678@192.168.7.7:{phone.port}".encode()
        phone.send(invite.replace(f"sip:+33612345678@127.0.0.1:{phone.port}".encode(), at_home))
        answer = phone.final("INVITE")
        assert answer is not None and answer.status == 200
        phone.to_tag, phone.remote_uri = answer.to_tag, answer.first("contact").strip("<>")
        phone.acknowledge(BUSY, invite, answer)
        bye = phone.asked("BYE")
        assert bye is not None
        assert bye.uri.encode() == at_home
        phone.reply(bye)


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
async def test_a_call_over_ipv6_alone_has_its_audio_there(standing: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(standing, REGISTRAR="kamailio", SIP_IPV6_ADDRESS="::1", SIP_PEERS="::1/128")
    caller = Ipv6Caller(("::1", bridge.sip_port), BUSY, audio_too=True)
    await heard_both_ways(bridge, caller)
    assert "c=IN IP6 ::1" in caller.answer_sdp
    assert "IP4" not in caller.answer_sdp


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
async def test_a_late_offer_over_ipv6_is_of_ipv6_and_audio_goes_where_the_ack_says(
    standing: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(standing, REGISTRAR="kamailio", SIP_IPV6_ADDRESS="::1", SIP_PEERS="::1/128")
    with LateOffer(("::1", bridge.sip_port), BUSY, "::1") as caller:
        assert await asyncio.to_thread(caller.invite) == 200
        assert "c=IN IP6 ::1" in caller.answer
        assert "IP4" not in caller.answer
        assert await asyncio.to_thread(caller.packets, 50) == 50


async def test_a_call_by_tls_is_heard(standing: Start, seeded: Database, tls: Tls) -> None:
    bridge = await asyncio.to_thread(standing, **tls.settings)
    await heard_both_ways(bridge, StreamCaller(("127.0.0.1", tls.port), BUSY, tls.authority.trust()))


async def test_tls_older_than_1_2_is_not_spoken(standing: Start, seeded: Database, tls: Tls) -> None:
    await asyncio.to_thread(standing, **tls.settings)
    old = tls.authority.trust()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = old.minimum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", tls.port, ssl=old, server_hostname="localhost")


# --- Case 3, and who is who --------------------------------------------------------------------------------------


async def test_real_callers_are_answered_while_a_stranger_sends_500_invites_a_second(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start, **ONE_PEER)
    with RawSip(bridge.target) as stranger:
        invites = []
        for _ in range(50):
            stranger.new_call()
            invites.append(stranger.request("INVITE", BUSY, body=offer("127.0.0.1", 40_000, media_lines=16)))
        took: list[float] = []
        async with flooding(stranger, 500, invites) as sent:
            for _ in range(8):
                async with Caller(bridge.target, BUSY, local_ip="127.0.0.9") as caller:
                    result = await caller.invite()
                    assert result.status == 200
                    assert result.ms_to_final is not None
                    took.append(result.ms_to_final)
                    await asyncio.sleep(0.3)
        async with asyncio.timeout(PATIENCE_S):
            while not await asyncio.to_thread(bridge.metric, "sip_front_banned_sources"):
                await asyncio.sleep(0.2)
        reached = await asyncio.to_thread(bridge.metric, "sip_gate_received_total")
    print("ms to 200", sorted(took))
    assert sent[0] > 1000
    assert reached < 100  # nothing of the flood gets to the gate
    assert sorted(took)[4] < 60


@pytest.mark.parametrize(
    ("header", "address"),  # a stranger is answered once: each is another one
    [
        ("X-Edge-Source: 127.0.0.9:5060;transport=udp;as=known", "127.0.0.11"),
        ("x-edge-source : 127.0.0.9:5060;transport=udp;as=dialog", "127.0.0.12"),
        ("X-Edge-Source: 127.0.0.9:5060", "127.0.0.13"),
    ],
)
def test_who_claims_to_be_somebody_else_is_a_stranger(
    standing: Start, seeded: Database, header: str, address: str
) -> None:
    bridge = standing(**ONE_PEER)
    with RawSip(bridge.target, address) as stranger:
        stranger.new_call()
        assert stranger.ask("INVITE", BUSY, header, body=offer(address, 40_000)) in (0, 403)
    assert bridge.metric("sip_gate_received_total") == 0  # before any test in which a peer calls


def test_the_loopback_ports_are_nobody_elses(standing: Start, seeded: Database) -> None:
    bridge = standing(**ONE_PEER)
    (gate,) = bridge.gates()
    inner, asks = map(int, Path(f"/proc/{gate}/cmdline").read_bytes().split(b"\0")[-3:-1])
    for port in (inner, asks):
        with RawSip(("127.0.0.1", port)) as stranger:
            assert stranger.ask("INVITE", BUSY, body=offer("127.0.0.1", 40_000), within_s=1) == 0
    assert bridge.metric("sip_gate_received_total") == 0


def test_a_stranger_is_answered_once_and_then_no_more(standing: Start, seeded: Database) -> None:
    bridge = standing(**ONE_PEER)
    with RawSip(bridge.target) as stranger, RawSip(bridge.target, "127.0.0.9") as peer:
        # INVITEs get no answer until the trunks are known: one of them could be a trunk's.
        assert peer.call(BUSY) == 200
        statuses = []
        for method in ("OPTIONS", "INVITE", "SUBSCRIBE", "REGISTER"):
            stranger.new_call()
            stranger.send(stranger.request(method, BUSY))
            answer = stranger.receive(0.5)
            statuses.append(answer.status if answer is not None else 0)
        assert statuses == [403, 0, 0, 0]
        assert peer.ask("BYE", peer.remote_uri) == 200


def test_a_peers_claim_is_replaced_by_where_it_sends_from(standing: Start, seeded: Database) -> None:
    bridge = standing(**ONE_PEER)
    with RawSip(bridge.target, "127.0.0.9") as peer:
        claim = "X-Edge-Source: 127.0.0.1:5060;transport=udp;as=known"
        assert peer.call(BUSY, claim) == 200  # as 127.0.0.1 it would be refused
        assert peer.ask("BYE", peer.remote_uri) == 200


def test_in_dialog_requests_from_an_unknown_address_need_the_dialogs_key(standing: Start, seeded: Database) -> None:
    bridge = standing(**ONE_PEER)
    with RawSip(bridge.target, "127.0.0.9") as peer, RawSip(bridge.target, "127.0.0.7") as moved:
        peer.new_call()
        invite = peer.request("INVITE", BUSY, body=offer("127.0.0.9", 40_000))
        peer.send(invite)
        answer = peer.final("INVITE")
        assert answer is not None and answer.status == 200
        peer.to_tag, peer.remote_uri = answer.to_tag, answer.first("contact").strip("<>")
        peer.acknowledge(BUSY, invite, answer)
        routes = [f"Route: {route}" for route in reversed(answer.values("record-route"))]
        moved.call_id, moved.from_tag, moved.to_tag, moved.sequence = peer.call_id, peer.from_tag, peer.to_tag, 10
        wrong = [route.replace(";k=", ";k=0") for route in routes]
        assert any(";k=0" in route for route in wrong)
        assert moved.ask("BYE", peer.remote_uri) in (0, 403)
        assert moved.ask("BYE", peer.remote_uri, *wrong) in (0, 403)
        assert moved.ask("BYE", peer.remote_uri, *routes) == 200


def test_a_source_over_its_rate_is_dropped_before_the_gate(start: Start, seeded: Database) -> None:
    bridge = start(REGISTRAR="kamailio", SIP_REQUESTS_PER_S="5")
    with RawSip(bridge.target) as phone:
        for _ in range(60):
            phone.new_call()
            phone.send(phone.request("OPTIONS", BUSY))
        answered = 0
        while phone.receive(0.5) is not None:
            answered += 1
    assert 1 <= answered <= 20
    assert bridge.metric("sip_gate_received_total") <= 20


def test_an_invite_that_is_repeated_after_its_ack_is_absorbed(standing: Start, seeded: Database) -> None:
    bridge = standing(REGISTRAR="kamailio")
    with RawSip(bridge.target) as phone:
        phone.new_call()
        invite = phone.request("INVITE", BUSY, body=offer("127.0.0.1", 40_000))
        phone.send(invite)
        answer = phone.final("INVITE")
        assert answer is not None and answer.status == 200
        phone.to_tag, phone.remote_uri = answer.to_tag, answer.first("contact").strip("<>")
        phone.acknowledge(BUSY, invite, answer)
        for _ in range(3):
            phone.send(invite)
        assert phone.receive(0.7) is None
        assert phone.ask("BYE", phone.remote_uri) == 200


def test_kamailio_is_scheduled_as_the_gate_behind_it_is(standing: Start, seeded: Database) -> None:
    """A message would else wait for whatever runs, at each of its two passages, where the gate does not."""
    bridge = standing(REGISTRAR="kamailio")
    (gate,) = bridge.gates()
    assert {how_scheduled(pid) for pid in kamailios(bridge)} == {how_scheduled(gate)}


def how_scheduled(pid: int) -> tuple[int, int]:
    return os.sched_getscheduler(pid), os.sched_getparam(pid).sched_priority


# --- Death -------------------------------------------------------------------------------------------------------


@pytest.mark.alone
async def test_no_voice_of_eight_calls_has_a_gap_when_kamailio_is_killed(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start, REGISTRAR="kamailio", MAX_CALLS="8")
    async with HandlerApp(bridge.sink_port) as handler, contextlib.AsyncExitStack() as calls:
        callers = [
            await calls.enter_async_context(Caller(bridge.target, (BUSY, MESSAGE)[place % 2])) for place in range(8)
        ]
        results = await asyncio.gather(*(caller.invite() for caller in callers))
        assert [result.status for result in results] == [200] * 8
        await handler.call(8)
        await asyncio.gather(*(one.rtp.wait_for_voice(one.invited_at, PATIENCE_S) for one in callers))
        killed_at = time.monotonic()
        os.kill(kamailios(bridge)[0], signal.SIGKILL)
        assert await asyncio.gather(*(caller.reinvite("sendrecv") for caller in callers)) == [200] * 8
        until = time.monotonic()
        arrivals = [[one.at for one in caller.rtp.received if killed_at - 0.1 < one.at < until] for caller in callers]
        assert not any(caller.hung_up.is_set() for caller in callers)
        await asyncio.gather(*(caller.bye() for caller in callers))
    gaps = [max(after - before for before, after in itertools.pairwise(heard)) for heard in arrivals]
    print("the longest gaps", sorted(gaps))
    assert min(map(len, arrivals)) > 5
    assert max(gaps) < LONGEST_GAP_S


async def test_a_killed_kamailio_is_back_at_once_and_calls_go_on(standing: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(standing, REGISTRAR="kamailio")
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        call = await handler.call(1)
        await caller.rtp.wait_for_voice(caller.invited_at, PATIENCE_S)
        before = kamailios(bridge)
        killed_at = time.monotonic()
        os.kill(before[0], signal.SIGKILL)
        assert await caller.reinvite("sendrecv") == 200
        took = time.monotonic() - killed_at
        arrivals = [packet.at for packet in caller.rtp.received if packet.at > killed_at - 0.1]
        await caller.bye(5)
        assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "caller_hung_up"
    print("in-dialog again after", round(took, 3))
    assert took < AGAIN_WITHIN_S
    assert max(after - before for before, after in itertools.pairwise(arrivals)) < 0.3
    assert not set(before) & set(kamailios(bridge))


def answered_in_the_end(phone: RawSip, method: str, request: bytes) -> int:
    """The status of a request that is sent again as a telephone does: the 200 may be the dead Kamailio's last word."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        phone.send(request)
        answer = phone.final(method, 0.5)
        if answer is not None:
            return answer.status
    return 0


async def test_an_invite_that_was_on_its_way_when_kamailio_died_becomes_one_call(
    standing: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(standing, REGISTRAR="kamailio")
    with RawSip(bridge.target) as phone:

        def through_a_death() -> tuple[int, int]:
            phone.new_call()
            invite = phone.request("INVITE", BUSY, body=offer("127.0.0.1", 40_000))
            phone.send(invite)
            assert phone.receive() is not None
            os.kill(kamailios(bridge)[0], signal.SIGKILL)
            end = time.monotonic() + PATIENCE_S
            while time.monotonic() < end:
                phone.send(invite)
                answer = phone.final("INVITE", 0.5)
                if answer is not None:
                    phone.to_tag, phone.remote_uri = answer.to_tag, answer.first("contact").strip("<>")
                    phone.acknowledge(BUSY, invite, answer)
                    return answer.status, answered_in_the_end(phone, "BYE", phone.request("BYE", phone.remote_uri))
            return 0, 0

        assert await asyncio.to_thread(through_a_death) == (200, 200)


async def test_a_caller_by_tcp_opens_a_new_connection_after_kamailios_death(standing: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(standing, REGISTRAR="kamailio")
    async with HandlerApp(bridge.sink_port) as handler, StreamCaller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        call = await handler.call(1)
        before = set(kamailios(bridge))
        os.kill(min(before), signal.SIGKILL)
        async with asyncio.timeout(AGAIN_WITHIN_S):
            while True:
                await caller.disconnect()
                with contextlib.suppress(OSError):
                    if not before & set(kamailios(bridge)):
                        await caller.connect()
                        break
                await asyncio.sleep(0.02)
        await caller.bye(5)
        assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "caller_hung_up"


async def test_a_frozen_kamailio_is_killed_and_followed(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start, REGISTRAR="kamailio")
    frozen = kamailios(bridge)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with Caller(bridge.target, BUSY) as caller:
                if (await caller.invite(2)).status == 200:
                    break
    assert not set(frozen) & set(kamailios(bridge))


async def test_a_killed_guard_takes_kamailio_along_and_both_are_followed(standing: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(standing, REGISTRAR="kamailio")
    before = kamailios(bridge)
    guard = int(Path(f"/proc/{before[0]}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(guard, signal.SIGKILL)
    async with asyncio.timeout(PATIENCE_S):
        while not kamailios(bridge) or set(before) & set(kamailios(bridge)):
            await asyncio.sleep(0.05)
    async with Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200


async def test_a_killed_supervisor_hangs_up_and_leaves_no_kamailio(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start, REGISTRAR="kamailio")
    async with StreamCaller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        before = kamailios(bridge)
        folder = config_of(Path(f"/proc/{before[0]}/cmdline").read_bytes()).parent
        assert bridge.process is not None
        bridge.process.kill()
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        while any(Path(f"/proc/{pid}").exists() for pid in before) or folder.exists():
            await asyncio.sleep(0.05)


async def test_it_drains_and_leaves_with_its_supervisor(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start, REGISTRAR="kamailio")
    async with Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        before = kamailios(bridge)
        assert bridge.process is not None
        bridge.process.send_signal(signal.SIGTERM)
        await until_it_drains(bridge)
        assert not caller.hung_up.is_set()
    assert await asyncio.to_thread(bridge.stop) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in before)


# --- What an operator gets wrong ---------------------------------------------------------------------------------


def failed_start(start: Start, **settings: str) -> tuple[int, list[str]]:
    """The exit status, and the lines that are no log."""
    bridge = start(wait=False, REGISTRAR="kamailio", **settings)
    assert bridge.process is not None
    status = bridge.process.wait(20)
    return status, [line for line in bridge.log_text().splitlines() if line and not line.startswith("{")]


def test_a_wrong_certificate_is_one_clear_line(start: Start, seeded: Database, folder: Path) -> None:
    authority = Authority(folder)
    certificate, key = map(str, authority.certificate())
    _, other_key = map(str, authority.certificate("other"))
    missing = str(folder / "missing.pem")
    wrong: list[tuple[dict[str, str], str]] = [
        ({"SIP_TLS_CERT": missing, "SIP_TLS_KEY": key}, f"SIP_TLS_CERT: {missing} is no file"),
        ({"SIP_TLS_CERT": certificate, "SIP_TLS_KEY": missing}, f"SIP_TLS_KEY: {missing} is no file"),
        ({"SIP_TLS_CERT": certificate, "SIP_TLS_KEY": other_key}, "SIP_TLS_CERT, SIP_TLS_KEY:"),
        ({"SIP_TLS_CA": key}, f"SIP_TLS_CA: {key} holds no certificates"),
    ]
    for settings, line in wrong:
        status, lines = failed_start(start, **settings)
        assert status == 2
        assert len(lines) == 1
        assert line in lines[0]


def test_a_port_that_is_taken_is_named(start: Start, seeded: Database) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        status, lines = failed_start(start, SIP_PORT=str(other.getsockname()[1]))
    assert status == 3
    assert len(lines) == 1
    assert lines[0].startswith("SIP_PORT: ")


def test_without_kamailio_it_says_how_to_get_it(start: Start, seeded: Database, tmp_path: Path) -> None:
    if not os.geteuid():
        for folder in ("/usr/sbin", "/usr/local/sbin"):
            if subprocess.run(["test", "-x", f"{folder}/kamailio"], check=False).returncode == 0:
                pytest.skip("it is found in /usr/sbin, whatever PATH says")
    status, lines = failed_start(start, PATH=str(tmp_path))
    assert status == 2
    assert "REGISTRAR" in lines[0]
