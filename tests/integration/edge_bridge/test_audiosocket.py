"""Calls over AudioSocket: a real connection, a real bridge process, a real handler on the wire."""

import asyncio
import audioop
import itertools
import ssl
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from devstack.edge.handler_app import HandledCall, HandlerApp
from devstack.servers.embedded import EmbeddedValkey
from devstack.servers.ports import free_port
from edge_bridge.prompts import prompt
from stores import lines, restaurants
from stores.ciphers import SipPasswordCipher
from stores.postgres import Postgres
from tests.conftest import Database, run_apart
from tests.integration.edge_bridge.asterisk import DTMF, ERROR, HANG_UP, SLIN, SLIN16, Asterisk
from tests.integration.edge_bridge.conftest import Scene, Start, restaurant, running_bridge, tone
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

NOBODYS_UUID = "0b7a1e4e-6c0e-4b3c-9a51-0c7f7c9f8a11"
FREE, FULL, FORWARDED = "+33100000101", "+33100000102", "+33100000103"


async def seed_lines(database: Database, master_key: str) -> dict[str, str]:
    """AudioSocket's lines: their UUIDs by number."""
    platform = Postgres(database.platform_url)
    await platform.open()
    uuids: dict[str, str] = {}
    async with platform.platform() as connection:
        owners = {
            FREE: restaurant("Free"),
            FULL: restaurant("Full", max_calls=1),
            FORWARDED: restaurant("Forwarded", fallback="forward", fallback_number="+33612340000"),
        }
        for number, owner in owners.items():
            await restaurants.create(connection, owner)
            line = await lines.create(
                connection,
                restaurant_id=owner.id,
                number=number,
                cipher=SipPasswordCipher(master_key),
                provider="audiosocket",
            )
            uuids[number] = line.audiosocket_uuid
    await platform.close()
    return uuids


@pytest.fixture(scope="module")
def uuids(module_database: Database, master_key: str) -> dict[str, str]:
    return run_apart(lambda: seed_lines(module_database, master_key))


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def scene(
    module_database: Database, uuids: dict[str, str], valkey_server: EmbeddedValkey, master_key: str, port: int
) -> Iterator[Scene]:
    """A bridge that takes AudioSocket from one address of loopback."""
    with running_bridge(
        module_database,
        valkey_server.url(),
        master_key,
        free_port(),
        AUDIOSOCKET_BIND_ADDRESS="127.0.0.1",
        AUDIOSOCKET_PORT=str(port),
        AUDIOSOCKET_PEERS="127.0.0.1/32",
    ) as running:
        yield running


async def speak(call: HandledCall) -> None:
    """A handler that says a second of tone, and stays to the end."""
    await call.join()
    await call.clear()
    await call.play(tone(1000))
    await call.mark("said")
    await call.stopped
    await call.end("answered")


@pytest.mark.parametrize("kind", [SLIN, SLIN16])
async def test_a_call_speaks_and_is_heard_at_the_callers_rate(
    scene: Scene, handler: HandlerApp, uuids: dict[str, str], port: int, kind: int
) -> None:
    handler.behave = speak
    async with Asterisk(port, uuids[FREE], kind) as asterisk:
        call = await handler.call(1)
        await asyncio.wait_for(call.marked.wait(), PATIENCE_S)
        asterisk.say(tone(400))
        async with asyncio.timeout(PATIENCE_S):
            while sum(byte not in (0xFF, 0x7F) for byte in call.heard) < 8 * 300:
                await asyncio.sleep(0.02)
        await asterisk.until_voice(45)
        asterisk.send(HANG_UP)
        reason = await asyncio.wait_for(call.stopped, PATIENCE_S)
    assert reason == "caller_hung_up"
    assert call.event.caller == ""
    assert call.event.called == FREE
    assert {len(pcm) for _, pcm in asterisk.heard} <= {kind_bytes(kind), kind_bytes(kind) + 2, kind_bytes(kind) - 2}


def kind_bytes(kind: int) -> int:
    return {SLIN: 320, SLIN16: 640}[kind]


async def test_the_greeting_waits_for_no_handler_and_frames_come_every_20_ms(
    scene: Scene, uuids: dict[str, str], port: int
) -> None:
    async with Asterisk(port, uuids[FREE]) as asterisk:
        await asterisk.until_voice(40, 5)
        times = [at for at, _ in asterisk.heard]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert statistics.mean(gaps) == pytest.approx(0.02, rel=0.15)


async def test_keys_reach_the_handler(scene: Scene, handler: HandlerApp, uuids: dict[str, str], port: int) -> None:
    async with Asterisk(port, uuids[FREE]) as asterisk:
        call = await handler.call(1)
        async with asyncio.timeout(PATIENCE_S):
            while not call.start:
                await asyncio.sleep(0.02)
        asterisk.press("4a#")
        async with asyncio.timeout(PATIENCE_S):
            while len(call.digits) < 3:
                await asyncio.sleep(0.02)
    assert call.digits == ["4", "A", "#"]


async def test_the_handler_hangs_up(scene: Scene, handler: HandlerApp, uuids: dict[str, str], port: int) -> None:
    async def goodbye(call: HandledCall) -> None:
        await call.join()
        await call.clear()
        await call.play(tone(500))
        await call.hang_up()
        await call.stopped
        await call.end("answered")

    handler.behave = goodbye
    async with Asterisk(port, uuids[FREE]) as asterisk:
        await asyncio.wait_for(asterisk.closed.wait(), PATIENCE_S)
    assert asterisk.kinds[-1] == HANG_UP
    assert len(asterisk.voice) >= 20  # the goodbye was heard to its end


async def test_a_half_closed_connection_is_a_hang_up(
    scene: Scene, handler: HandlerApp, uuids: dict[str, str], port: int
) -> None:
    async with Asterisk(port, uuids[FREE]) as asterisk:
        call = await handler.call(1)
        async with asyncio.timeout(PATIENCE_S):
            while not call.start:
                await asyncio.sleep(0.02)
        asterisk.half_close()
        reason = await asyncio.wait_for(call.stopped, PATIENCE_S)
        await asyncio.wait_for(asterisk.closed.wait(), PATIENCE_S)
    assert reason == "caller_hung_up"


async def test_what_happened_is_told_by_the_same_events_as_for_sip(
    scene: Scene, handler: HandlerApp, uuids: dict[str, str], port: int
) -> None:
    async with Asterisk(port, uuids[FREE]) as asterisk:
        call = await handler.call(1)
        asterisk.send(HANG_UP)
        await asyncio.wait_for(asterisk.closed.wait(), PATIENCE_S)
    connection = await asyncpg.connect(scene.database.platform_url)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                rows = await connection.fetch(
                    "select type from outbox where event::text like '%' || $1 || '%'", call.event.call_id
                )
                kinds = {row["type"].rpartition("call.")[2] for row in rows}
                if {"started", "ended"} <= kinds:
                    break
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def test_a_restaurants_limit_holds_here_too(
    scene: Scene, handler: HandlerApp, uuids: dict[str, str], port: int
) -> None:
    async with Asterisk(port, uuids[FULL]):
        await handler.call(1)
        async with Asterisk(port, uuids[FULL]) as second:
            await second.until_voice()  # the busy message
            await asyncio.wait_for(second.closed.wait(), 30)
    assert len(handler.calls) == 1
    assert second.kinds[-1] == HANG_UP


async def test_where_no_handler_comes_and_no_transfer_is_possible_the_busy_message_is_heard(
    scene: Scene, uuids: dict[str, str], port: int
) -> None:
    async with Asterisk(port, uuids[FORWARDED]) as asterisk:
        await asyncio.wait_for(asterisk.closed.wait(), 30)
        heard = audioop.lin2ulaw(b"".join(pcm for _, pcm in asterisk.heard), 2)
    busy = prompt("en", "busy").replace(b"\x7f", b"\xff")
    assert busy[8000:12_000] in heard
    assert asterisk.kinds[-1] == HANG_UP


async def test_an_unknown_uuid_is_refused(scene: Scene, handler: HandlerApp, port: int) -> None:
    async with Asterisk(port, NOBODYS_UUID) as asterisk:
        await asyncio.wait_for(asterisk.closed.wait(), PATIENCE_S)
    assert asterisk.kinds == [ERROR]
    assert handler.calls == []


async def test_a_connection_that_says_nothing_is_reaped(scene: Scene, port: int) -> None:
    async with Asterisk(port, "") as asterisk:
        asterisk.stop_talking()
        await asyncio.wait_for(asterisk.closed.wait(), PATIENCE_S)
    assert asterisk.kinds == [ERROR]


async def test_audio_before_the_uuid_is_refused(scene: Scene, port: int) -> None:
    async with Asterisk(port, "") as asterisk:
        await asyncio.wait_for(asterisk.closed.wait(), PATIENCE_S)
    assert asterisk.kinds == [ERROR]


async def test_a_foreign_address_is_refused_before_a_word(
    scene: Scene, handler: HandlerApp, uuids: dict[str, str], port: int
) -> None:
    async with Asterisk(port, uuids[FREE], source="127.0.0.2") as stranger:
        await asyncio.wait_for(stranger.closed.wait(), PATIENCE_S)
    assert stranger.kinds == []
    assert handler.calls == []


async def test_a_key_that_is_none_ends_its_own_call_only(
    scene: Scene, handler: HandlerApp, uuids: dict[str, str], port: int
) -> None:
    async with Asterisk(port, uuids[FREE]) as good, Asterisk(port, uuids[FREE]) as bad:
        await handler.call(2)
        bad.send(DTMF, b"!!")
        await asyncio.wait_for(bad.closed.wait(), PATIENCE_S)
        before = len(good.heard)
        async with asyncio.timeout(PATIENCE_S):
            while len(good.heard) < before + 10:
                await asyncio.sleep(0.02)
    assert bad.kinds[-1] == ERROR


async def test_tls_is_spoken_where_there_is_a_certificate(start: Start, uuids: dict[str, str], tmp_path: Path) -> None:
    certificate, key = tmp_path / "edge.pem", tmp_path / "edge.key"
    await asyncio.to_thread(make_certificate, certificate, key)
    port = free_port()
    bridge = await asyncio.to_thread(
        lambda: start(
            AUDIOSOCKET_BIND_ADDRESS="127.0.0.1",
            AUDIOSOCKET_PORT=str(port),
            AUDIOSOCKET_PEERS="127.0.0.0/8",
            AUDIOSOCKET_TLS_CERT=str(certificate),
            AUDIOSOCKET_TLS_KEY=str(key),
        )
    )
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with HandlerApp(bridge.sink_port) as handler, Asterisk(port, uuids[FREE], tls=trusting) as asterisk:
        call = await handler.call(1)
        await asterisk.until_voice()
        asterisk.send(HANG_UP)
        assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "caller_hung_up"


def make_certificate(certificate: Path, key: Path) -> None:
    """Self-signed, for ``edge.test``, good for a day."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "edge.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("edge.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
