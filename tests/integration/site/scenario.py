"""A small site, whole, in a network namespace of its own, where the units' ports are free: run by test_site.py.

    unshare --net python -m tests.integration.site.scenario ROOT

ROOT is what ``setup/site/install.sh --root ROOT`` has made. It plays systemd: starts the units' own commands, takes an
order by SIP while the functions' unit is killed in mid-call, a call by AudioSocket, and a backup, and prints what it
saw as one object of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg

from devstack.object_store import ObjectStore
from devstack.servers.embedded import EmbeddedPostgres, valkey_binary
from seeds import seed
from softphone.caller import Caller
from stores import lines
from stores.ciphers import SipPasswordCipher
from stores.postgres import Postgres
from tests.fakes.engine import FakeEngine, FakeSession
from tests.integration.edge_bridge.asterisk import Asterisk
from tests.integration.site import units

WITHIN_S = 30.0
PROGRAMS = {"/usr/bin/redis-server": str(valkey_binary())}
ALWAYS_ON = ("redis", "functions", "relay", "edge", "web")
READY = {"relay": 9103, "edge": 9104, "web": 9107}


class Site:
    """Its database and its units. ``root`` is the server's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.etc = root / "etc/alloresto"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._postgres = EmbeddedPostgres(root / "postgres", 5432, durable=False)

    def write(self, file: str, **settings: str) -> None:
        """As the operator: the lines of ``file`` that are named."""
        path = self.etc / file
        kept = [line for line in path.read_text().splitlines() if line.partition("=")[0] not in settings]
        path.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in settings.items()), ""]))

    def setting(self, file: str, name: str) -> str:
        return units.environment_file(self.etc / "secrets" / file)[name]

    async def make_database(self) -> None:
        """What install.sh asks of Debian's Postgres."""
        self._postgres.start()
        owner = self.setting("owner.env", "MIGRATE_DATABASE_URL").partition("alloresto_owner:")[2].partition("@")[0]
        connection = await asyncpg.connect(self._postgres.url(database="postgres"))
        await connection.execute(f"create role alloresto_owner login superuser password '{owner}'")
        await connection.execute("create database alloresto owner alloresto_owner")
        await connection.close()

    def start(self, name: str) -> subprocess.Popen[bytes]:
        process = units.read(self.root, name, PROGRAMS).start(self.root / f"{name}.log")
        self.running[name] = process
        return process

    def once(self, name: str) -> int:
        """A unit of type oneshot."""
        return self.start(name).wait(WITHIN_S * 2)

    def kill(self, name: str) -> None:
        """SIGKILL to its first process alone, as an out-of-memory kill would."""
        self.running[name].kill()
        self.running[name].wait()

    def stop(self) -> None:
        for process in reversed(self.running.values()):
            units.stop(process)
        self._postgres.stop()


@contextlib.asynccontextmanager
async def platform(site: Site) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(site.setting("platform.env", "PLATFORM_DATABASE_URL"))
    try:
        yield connection
    finally:
        await connection.close()


async def until(look: Any, what: str, within_s: float = WITHIN_S) -> Any:
    deadline = time.monotonic() + within_s
    while not (found := await look()):
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        await asyncio.sleep(0.05)
    return found


async def is_ready(port: int) -> bool:
    def ask() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=3) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    return await asyncio.to_thread(ask)


async def seeded(site: Site) -> tuple[str, str, str]:
    """The restaurant, its SIP line, and the UUID that an Asterisk dials."""
    postgres = Postgres(site.setting("platform.env", "PLATFORM_DATABASE_URL"))
    await postgres.open()
    cipher = SipPasswordCipher(site.setting("keys.env", "MASTER_KEY"))
    found = await seed(postgres, always_open=True, cipher=cipher)
    line = next(one for one in found.lines if one.restaurant_name == "Harbour Pizza")
    async with postgres.platform() as connection:
        asterisk = await lines.create(
            connection, restaurant_id=line.restaurant_id, number="+353209110099", cipher=cipher, provider="audiosocket"
        )
        # A restaurant's events leave in order, and the scripted engine speaks no greeting.
        await connection.execute("delete from outbox")
    await postgres.close()
    return line.restaurant_id, line.id, asterisk.audiosocket_uuid


async def joined(engine: FakeEngine) -> FakeSession:
    """The next handler's conversation, once it has told the model who it is."""
    session = await engine.session(WITHIN_S)
    await session.expect("session.update", WITHIN_S)
    await session.expect("conversation.item.create", WITHIN_S)
    return session


async def fill_cart(session: FakeSession) -> None:
    await session.caller_says("One small Margherita to take away, for Ada.")
    order = ("add_item", {"item": "Margherita", "size": "Small"})
    await session.reply(calls=[order, ("set_fulfilment", {"kind": "pickup"}), ("set_customer", {"name": "Ada"})])
    await session.tool_outputs(3)
    await session.expect("response.create")
    await session.reply("One small Margherita. Anything else?", audio_ms=400)
    await asyncio.sleep(1.0)  # the turn is over once it was played, and the cart kept then


async def confirm(session: FakeSession, caller: Caller) -> dict[str, Any]:
    """The cart is read out over the phone, agreed to, and confirmed."""
    await session.reply(calls=[("read_cart", {})])
    [read] = await session.tool_outputs(1)
    await session.expect("response.create")
    await session.reply(read["say"], audio_ms=400)
    await caller.rtp.wait_for_voice(time.monotonic() - 0.2, WITHIN_S)
    await asyncio.sleep(1.0)  # it is played at the speed of speech
    await session.caller_says("Yes, please.")
    await session.reply(calls=[("confirm_order", {})])
    [confirmed] = await session.tool_outputs(1)
    assert confirmed["ok"], confirmed
    return confirmed


async def order_by_sip(site: Site, engine: FakeEngine, line: str) -> dict[str, Any]:
    """With the functions' unit killed in the middle, and started again as Restart=always does after RestartSec=1."""
    async with Caller(("127.0.0.1", 5060), line) as caller:
        result = await caller.invite()
        assert result.status == 200, result
        session = await joined(engine)
        await fill_cart(session)
        killed = time.monotonic()
        site.kill("functions")
        await asyncio.sleep(1.0)
        site.start("functions")
        second = await joined(engine)
        back_s = time.monotonic() - killed
        confirmed = await confirm(second, caller)
        return {"answered_ms": result.ms_to_200, "back_s": back_s, "confirmed": confirmed, "errors": second.errors}


async def call_by_audiosocket(engine: FakeEngine, uuid: str) -> bool:
    async with Asterisk(9092, uuid) as asterisk:
        await asterisk.until_voice(10, WITHIN_S)
        session = await joined(engine)
        await session.caller_says("Are you open?")
        await session.reply("Yes, we are.", audio_ms=200)
        return not session.errors


async def run(root: Path) -> dict[str, Any]:
    site, saw = Site(root), dict[str, Any]()
    async with FakeEngine() as engine:
        with ObjectStore(9000) as store:
            site.write("secrets/speech.env", OPENAI_API_KEY="a-key", OPENAI_BASE_URL=engine.base_url)
            site.write("secrets/backup.env", **store.environment())
            site.write("edge.env", AUDIOSOCKET_PORT="9092", AUDIOSOCKET_PEERS="127.0.0.1", SIP_PEERS="127.0.0.0/8")
            try:
                await site.make_database()
                saw["migrated"] = site.once("migrate"), site.once("migrate")
                restaurant, line, uuid = await seeded(site)
                for name in ALWAYS_ON:
                    site.start(name)
                for name, port in READY.items():
                    await until(lambda port=port: is_ready(port), f"{name} is not ready")
                saw["sip"] = await order_by_sip(site, engine, line)
                saw["audiosocket"] = await call_by_audiosocket(engine, uuid)
                async with platform(site) as connection:
                    logged = "select number, total_cents from order_log where restaurant_id = $1"
                    row = await until(lambda: connection.fetchrow(logged, restaurant), "the order's event")
                    saw["order_log"] = dict(row)
                saw["backup"] = site.once("backup")
                saw["objects"] = sorted(Path(name).suffix for name in store.objects)
            finally:
                site.stop()
    return saw


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    print(json.dumps(asyncio.run(run(Path(sys.argv[1])))))
