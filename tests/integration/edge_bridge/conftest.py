import asyncio
import audioop
import contextlib
import math
import os
import shutil
import struct
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devstack.edge.bridge_process import BridgeProcess
from devstack.edge.handler_app import HandlerApp
from devstack.servers.embedded import EmbeddedValkey
from devstack.servers.ports import free_port
from domain.restaurant import Restaurant
from softphone.caller import Caller
from stores import lines, restaurants
from stores.ciphers import SipPasswordCipher
from stores.postgres import Postgres
from tests.conftest import Database, run_apart
from tests.patience import PATIENCE_S

BUSY, MESSAGE, FORWARD, SMALL, RECORDED = "+33100000001", "+33100000002", "+33100000003", "+33100000004", "+33100000005"
CLOSED, SWITCHED_OFF = "+33100000006", "+33100000007"
HUMAN = "+33612340000"

needs_kamailio = pytest.mark.skipif(
    shutil.which("kamailio", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None,
    reason="no Kamailio here; `make test` installs it, or: apt-get install kamailio kamailio-tls-modules",
)
REGISTRARS = ["direct", pytest.param("kamailio", marks=needs_kamailio)]
"""What may own a node's public SIP port."""

Start = Callable[..., BridgeProcess]
_standing: list[BridgeProcess] = []  # for more than one test


@pytest.fixture(autouse=True)
def bridges_logs() -> Iterator[None]:
    """What a bridge logs during a test is shown when that fails; one that ends with it shows its log by itself."""
    before = {bridge: len(bridge.log_text()) for bridge in _standing}
    yield
    for bridge in _standing:
        print(bridge.log_text()[before.get(bridge, 0) :])


def tone(ms: int, hertz: int = 440) -> bytes:
    """A loud µ-law tone."""
    samples = (int(9000 * math.sin(2 * math.pi * hertz * n / 8000)) for n in range(ms * 8))
    return audioop.lin2ulaw(b"".join(struct.pack("<h", sample) for sample in samples), 2)


@dataclass(frozen=True, slots=True)
class Scene:
    """A running bridge and the port its handler has to listen on."""

    bridge: BridgeProcess
    database: Database
    redis_url: str


def restaurant(name: str, **changed: object) -> Restaurant:
    fields: dict[str, object] = {
        "id": str(uuid.uuid4()),
        "name": name,
        "language": "en",
        "currency": "EUR",
        "zone": "Europe/Paris",
        "pickup": True,
    }
    return Restaurant(**(fields | changed))  # type: ignore[arg-type]


async def seed(database: Database, master_key: str) -> None:
    platform = Postgres(database.platform_url)
    await platform.open()
    by_number = {
        BUSY: restaurant("Busy", fallback_number=HUMAN),
        MESSAGE: restaurant("Message", fallback="take_message"),
        FORWARD: restaurant("Forward", fallback="forward", fallback_number=HUMAN),
        SMALL: restaurant("Small", max_calls=1),
        RECORDED: restaurant("Recorded", record_calls=True, fallback_number=HUMAN),
        CLOSED: restaurant("Closed", when_closed="take_message"),
        SWITCHED_OFF: restaurant("Switched off", language="fr"),
    }
    async with platform.platform() as connection:
        for number, owner in by_number.items():
            await restaurants.create(connection, owner)
            cipher = SipPasswordCipher(master_key)
            line = await lines.create(connection, restaurant_id=owner.id, number=number, cipher=cipher)
            if number == SWITCHED_OFF:
                await lines.set_active(connection, line.id, False)
    await platform.close()


@contextlib.contextmanager
def running_bridge(database: Database, redis_url: str, master_key: str, sink: int, **settings: str) -> Iterator[Scene]:
    """A bridge with a folder of its own; ``sink`` is the port of its handler. Who waited in vain in one test takes no
    handler from the callers of the next."""
    never = "-,-,-,-"
    settings = {"OVERLOAD_WAIT_S": never, "OVERLOAD_UNSERVED": never, "OVERLOAD_PLACES": never} | settings
    folder = Path(tempfile.mkdtemp(prefix="alloresto-bridge-"))
    bridge = BridgeProcess(folder, database.platform_url, redis_url, master_key, sink, (), **settings)
    _standing.append(bridge)
    try:
        bridge.start()
        yield Scene(bridge, database, redis_url)
        bridge.stop(within_s=PATIENCE_S)
    finally:
        _standing.remove(bridge)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def scene(seeded: Database, valkey_server: EmbeddedValkey, master_key: str) -> Iterator[Scene]:
    """One bridge for a module's tests, with five restaurants."""
    sink = free_port()
    runtime = f"http://127.0.0.1:{sink}"
    with running_bridge(seeded, valkey_server.url(), master_key, sink, LOCAL_RUNTIME_URL=runtime) as running:
        yield running


@pytest.fixture
async def handler(scene: Scene) -> AsyncIterator[HandlerApp]:
    """A handler at the bridge's sink for this test."""
    async with HandlerApp(scene.bridge.sink_port) as app:
        yield app
    await asyncio.sleep(0.05)


@contextlib.contextmanager
def starting(database: Database, redis_url: str, master_key: str) -> Iterator[Start]:
    """Makes bridges, and ends them all."""
    made: list[BridgeProcess] = []

    def make(*, wait: bool = True, arguments: tuple[str, ...] = (), **settings: str) -> BridgeProcess:
        folder = Path(tempfile.mkdtemp(prefix="alloresto-bridge-"))
        redis = settings.pop("REDIS_URL", redis_url)
        bridge = BridgeProcess(folder, database.platform_url, redis, master_key, free_port(), arguments, **settings)
        made.append(bridge)
        return bridge.start(wait=wait)

    yield make
    for bridge in made:
        bridge.stop(within_s=PATIENCE_S)
        print(bridge.log_text())
        shutil.rmtree(bridge.folder, ignore_errors=True)


@pytest.fixture
def start(module_database: Database, valkey_server: EmbeddedValkey, master_key: str) -> Iterator[Start]:
    """Makes bridges of one's own; they are ended after the test."""
    with starting(module_database, valkey_server.url(), master_key) as make:
        yield make


@pytest.fixture(scope="module")
def standing(module_database: Database, valkey_server: EmbeddedValkey, master_key: str) -> Iterator[Start]:
    """For tests that leave a bridge as they found it: the module's that stands, or the next one where it has other
    settings. To start one takes 2 s of a core."""
    bridge: BridgeProcess | None = None
    having: dict[str, str] = {}
    with contextlib.ExitStack() as running:

        def get(**settings: str) -> BridgeProcess:
            nonlocal bridge, having
            if bridge is None or settings != having or bridge.process is None or bridge.process.poll() is not None:
                end()
                start = running.enter_context(starting(module_database, valkey_server.url(), master_key))
                bridge, having = start(**settings), settings
                _standing.append(bridge)
            return bridge

        def end() -> None:
            nonlocal bridge
            if bridge is not None:
                _standing.remove(bridge)
                bridge = None
            running.close()

        yield get
        end()


@pytest.fixture(scope="module")
def seeded(module_database: Database, master_key: str) -> Database:
    run_apart(lambda: seed(module_database, master_key))
    return module_database


async def until_it_drains(bridge: BridgeProcess) -> None:
    """Until its gate refuses calls: the supervisor says that it drains a moment before the gate knows."""
    async with asyncio.timeout(PATIENCE_S):
        while "draining" not in (await asyncio.to_thread(bridge.missing) or {}):
            await asyncio.sleep(0.02)
        while True:
            async with Caller(bridge.target, BUSY) as late:
                if (await late.invite()).status == 503:
                    return
