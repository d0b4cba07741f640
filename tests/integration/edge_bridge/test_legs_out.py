"""Callers put through by a trunk that is not reached by UDP at an address."""

import asyncio
import base64
import contextlib
import re
import secrets
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pylibsrtp import Policy, Session

from devstack.edge.handler_app import HandlerApp
from devstack.edge.raw_sip import RawSip
from domain.trunks import Transport, TrunkOptions
from edge_bridge.calls.legs import HEARD_WITHIN_S
from edge_bridge.entrances.sip.registering.dns import Srv
from edge_bridge.media.rtp import packets
from stores import lines, restaurants
from stores.ciphers import SipPasswordCipher
from stores.postgres import Postgres
from tests.conftest import Database
from tests.fakes.dns_server import DnsServer
from tests.integration.edge_bridge.conftest import HUMAN, Start, needs_kamailio, restaurant
from tests.integration.edge_bridge.test_transfers import both_hear_each_other, put_through
from tests.integration.edge_bridge.transports import Authority, StreamServer
from tests.integration.edge_bridge.trunk import Human, HumanRtp, Trunk
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

NUMBER, OTHER = "+33100000931", "+33100000932"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Open to the user that Kamailio runs as."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


class StreamTrunk(Trunk):
    """It calls by UDP, and is called by TCP, or TLS with a ``context``. ``asked`` are the first lines of what came."""

    def __init__(self, to_user: str, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 9), to_user, Human())
        self.asked: list[str] = []
        self._streams = StreamServer(context, self._heard)

    async def __aenter__(self) -> "StreamTrunk":
        await super().__aenter__()
        await self._streams.start()
        return self

    async def __aexit__(self, *of: object) -> None:
        self._streams.stop()
        await super().__aexit__(*of)

    @property
    def stream_port(self) -> int:
        return self._streams.port

    def _heard(self, message: bytes, source: tuple[str, int]) -> None:
        self.asked.append(message.partition(b"\r\n")[0].decode())
        self.other_call(message, source)

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        writer = self._streams.writers.get(to)
        if writer is None:
            super().send(data, to)
        else:
            ours = f"SIP/2.0/UDP 127.0.0.1:{self.address.rpartition(':')[2]}".encode()
            writer.write(data.replace(ours, f"SIP/2.0/{self._streams.by} 127.0.0.1:9".encode()))


@contextlib.asynccontextmanager
async def line_at(database: Database, key: str, number: str, domain: str, trunk: TrunkOptions) -> AsyncIterator[None]:
    """A line that is called from its trunk's addresses."""
    owner = restaurant("Put through", fallback_number=HUMAN)
    postgres = Postgres(database.platform_url)
    await postgres.open()
    async with postgres.platform() as connection:
        await restaurants.create(connection, owner)
        await lines.create(
            connection,
            restaurant_id=owner.id,
            number=number,
            cipher=SipPasswordCipher(key),
            sip_domain=domain,
            trunk=trunk,
        )
    try:
        yield
    finally:
        async with postgres.platform() as connection:
            await connection.execute("delete from phone_line where number = $1", number)
        await postgres.close()


class SecureRtp(HumanRtp):
    """SRTP: ``key`` protects what is sent, the other side's is read from ``described`` SDP."""

    def __init__(self) -> None:
        super().__init__()
        self.key = secrets.token_bytes(30)
        self._out = Session(Policy(self.key, Policy.SSRC_ANY_OUTBOUND))
        self._in: Session | None = None

    @property
    def attribute(self) -> str:
        return f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(self.key).decode()}\r\n"

    def described(self, sdp: str) -> None:
        found = re.search(r"^a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:(\S+)", sdp, re.MULTILINE)
        assert found
        self._in = Session(Policy(base64.b64decode(found[1]), Policy.SSRC_ANY_INBOUND))

    def send(self, payload_type: int, payload: bytes, timestamp: int) -> None:
        if self._transport is not None and self.remote is not None and not self._transport.is_closing():
            self._sequence = (self._sequence + 1) & 0xFFFF
            packet = packets.build(payload_type, False, self._sequence, timestamp, self._source, payload)
            self._transport.sendto(self._out.protect(packet), self.remote)

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        if self._in is not None and not 192 <= data[1] <= 223:  # RTCP
            super().datagram_received(self._in.unprotect(data), source)


class SecureTrunk(Trunk):
    """All of its audio is SRTP."""

    def __init__(self, to_user: str) -> None:
        caller = SecureRtp()

        def secure(sdp: str) -> str:
            return sdp.replace("RTP/AVP", "RTP/SAVP") + caller.attribute

        super().__init__(("127.0.0.1", 9), to_user, Human(), rewrite=secure)
        self.rtp, self.human.rtp = caller, SecureRtp()

    async def __aenter__(self) -> "SecureTrunk":
        await super().__aenter__()
        return self

    def pick_up(self) -> None:
        assert isinstance(self.human.rtp, SecureRtp)
        self.human.rtp.described(self.human.invites[-1].body.decode())
        super().pick_up()

    def human_offer(self, direction: str) -> str:
        assert isinstance(self.human.rtp, SecureRtp)
        return super().human_offer(direction).replace("RTP/AVP", "RTP/SAVP") + self.human.rtp.attribute


@needs_kamailio
async def test_trunks_by_tcp_and_tls_put_through_by_it(
    start: Start, seeded: Database, master_key: str, folder: Path
) -> None:
    authority, context = Authority(folder), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, authority.certificate("trunk")))
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        by: dict[Transport, StreamTrunk] = {
            "tcp": await enter(StreamTrunk(NUMBER, None)),
            "tls": await enter(StreamTrunk(OTHER, context)),
        }
        for (transport, trunk), number in zip(by.items(), (NUMBER, OTHER), strict=True):
            options = TrunkOptions(transport=transport)
            await enter(line_at(seeded, master_key, number, f"127.0.0.1:{trunk.stream_port}", options))
        bridge = await asyncio.to_thread(start, REGISTRAR="kamailio", SIP_TLS_CA=str(authority.path))
        handler = await enter(HandlerApp(bridge.sink_port))
        handler.behave = put_through(mode="second_leg")
        for transport, trunk in by.items():
            trunk.aim(bridge.target)
            assert (await trunk.invite()).status == 200
            await asyncio.wait_for(trunk.human.answered.wait(), PATIENCE_S)
            await both_hear_each_other(trunk)
            trunk.human_asks("BYE")
            await asyncio.wait_for(trunk.hung_up.wait(), PATIENCE_S)
            host = f"127.0.0.1:{trunk.stream_port};transport={transport}"
            assert trunk.asked[0] == f"INVITE sip:{HUMAN}@{host} SIP/2.0"


async def test_a_name_is_put_through_at_its_address_and_a_line_that_requires_srtp_by_srtp(
    start: Start, seeded: Database, master_key: str
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        named = await enter(Trunk(("127.0.0.1", 9), NUMBER, Human(180)))
        secure = await enter(SecureTrunk(OTHER))
        domain = named.address.replace("127.0.0.1", "localhost")
        await enter(line_at(seeded, master_key, NUMBER, domain, TrunkOptions()))
        await enter(line_at(seeded, master_key, OTHER, secure.address, TrunkOptions(srtp="required")))
        bridge = await asyncio.to_thread(start)
        handler = await enter(HandlerApp(bridge.sink_port))
        handler.behave = put_through(mode="second_leg")

        named.aim(bridge.target)
        assert (await named.invite()).status == 200
        await asyncio.wait_for(named.human.invited.wait(), PATIENCE_S)
        await named.bye()
        await asyncio.wait_for(named.human.cancelled.wait(), PATIENCE_S)
        (invite,) = named.human.invites
        assert invite.uri == f"sip:{HUMAN}@{domain}"
        assert not invite.first("route")

        await _by_srtp(secure, bridge.target)


OTHER_DNS = """
import os, pathlib
from edge_bridge.entrances.sip.registering import dns

from edge_bridge.calls import legs

dns.RESOLV_CONF, dns.PORT = pathlib.Path(os.environ["TEST_RESOLV_CONF"]), int(os.environ["TEST_DNS_PORT"])
legs.HEARD_WITHIN_S = 2.0
"""


async def test_where_a_trunks_first_address_is_dead_the_next_one_is_dialled_and_not_where_it_rings(
    start: Start, seeded: Database, master_key: str, tmp_path: Path
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        records: dict[str, tuple[Srv, ...]] = {}
        dns = await enter(DnsServer(records))
        (tmp_path / "sitecustomize.py").write_text(OTHER_DNS)
        (tmp_path / "resolv.conf").write_text(f"nameserver {dns.address[0]}\n")
        names = {"TEST_RESOLV_CONF": str(tmp_path / "resolv.conf"), "TEST_DNS_PORT": str(dns.address[1])}
        called = {NUMBER: "silent.invalid", OTHER: "rings.invalid"}
        trunks = {number: await enter(Trunk(("127.0.0.1", 9), number, Human())) for number in called}
        dead = {number: stack.enter_context(RawSip(("127.0.0.1", 9), "127.0.0.9")) for number in called}
        for number, domain in called.items():
            lives = Srv(2, 0, int(trunks[number].address.partition(":")[2]), "127.0.0.1")
            records[f"_sip._udp.{domain}"] = (Srv(1, 0, dead[number].port, "127.0.0.9"), lives)
            await enter(line_at(seeded, master_key, number, domain, TrunkOptions()))
        bridge = await asyncio.to_thread(start, PYTHONPATH=str(tmp_path), SIP_PEERS="192.0.2.1", **names)
        handler = await enter(HandlerApp(bridge.sink_port))
        handler.behave = put_through(mode="second_leg")
        for number, trunk in trunks.items():
            trunk.aim(bridge.target)
            assert (await trunk.invite()).status == 200
            asked = await asyncio.to_thread(dead[number].receive, PATIENCE_S)
            assert asked is not None and asked.method == "INVITE"
            if number == OTHER:
                dead[number].target = bridge.target
                dead[number].reply(asked, "180 Ringing")
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(trunk.human.invited.wait(), 3.0)
                break
            async with asyncio.timeout(HEARD_WITHIN_S + 5.0):  # timer B's 32 s is what nobody waits for
                await trunk.human.answered.wait()
            await both_hear_each_other(trunk)
            await trunk.bye()
            await asyncio.wait_for(trunk.human.hung_up.wait(), PATIENCE_S)
            assert trunk.human.invites[0].uri == f"sip:{HUMAN}@{called[number]}"


async def _by_srtp(trunk: SecureTrunk, target: tuple[str, int]) -> None:
    trunk.aim(target)
    assert (await trunk.invite()).status == 200
    assert isinstance(trunk.rtp, SecureRtp)
    trunk.rtp.described(trunk.answer_sdp)
    await asyncio.wait_for(trunk.human.answered.wait(), PATIENCE_S)
    for held, direction in enumerate(("sendonly", "sendrecv"), 1):
        trunk.human_asks("INVITE", trunk.human_offer(direction))
        async with asyncio.timeout(PATIENCE_S):
            while trunk.statuses.count(200) < held:
                await asyncio.sleep(0.02)
    await both_hear_each_other(trunk)
    await trunk.bye()
    await asyncio.wait_for(trunk.human.hung_up.wait(), PATIENCE_S)
    assert b"RTP/AVP" not in trunk.human.invites[0].body
