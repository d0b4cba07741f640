"""The admin that is measured: embedded Postgres and Valkey, and one real gunicorn with one worker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from flask import Flask

from bench.web import filling
from bench.web.filling import Size
from devstack.servers.embedded import EmbeddedPostgres, EmbeddedValkey
from devstack.servers.ports import free_port, is_ready
from seeds import seed
from stores.ciphers import PiiCipher, SipPasswordCipher
from stores.migrate import migrate
from stores.postgres import Postgres
from web import create_app
from web.settings import WebSettings

MASTER_KEY = "A" * 43 + "="
SECRET_KEY = "only of this measurement and long enough"
START_WITHIN_S = 60.0
STOP_WITHIN_S = 15.0
NOTE = "filled.json"
OF_ONE_DAY_S = 20 * 3600


@dataclass(frozen=True, slots=True)
class Admin:
    """``restaurants``: their ids, the measured one first. ``log`` is what Postgres writes."""

    port: int
    postgres: EmbeddedPostgres
    redis_url: str
    restaurants: list[str]
    app: Flask
    filled_s: float

    def cookie(self, number: int = 0) -> str:
        """The session of the member ``number``: of the restaurant of that number modulo their count, or a colleague."""
        serializer = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined]
        token = {"_permanent": True, "session": filling.TOKEN.format(number)}
        return f"alloresto={serializer.dumps(token)}; alloresto_language=fr"

    def place(self, number: int = 0) -> str:
        return f"/place/{self.restaurants[number % len(self.restaurants)]}"


@contextlib.asynccontextmanager
async def admin(folder: Path, size: Size) -> AsyncIterator[Admin]:
    """In an empty folder, or in one that was filled before and kept: then ``size`` is what it had then."""
    postgres, valkey = EmbeddedPostgres(folder / "postgres", durable=False), EmbeddedValkey(folder / "valkey")
    with contextlib.ExitStack() as held:
        for server in (postgres, valkey):
            server.start()
            held.callback(server.stop)
        passwords = postgres.password("alloresto_app"), postgres.password("alloresto_platform")
        await migrate(postgres.url(), app_password=passwords[0], platform_password=passwords[1])
        restaurants, filled_s = _kept(folder) or await _filled(postgres, folder, size)
        settings = WebSettings(
            database_url=postgres.url("alloresto_app"),
            redis_url=valkey.url(),
            master_key=MASTER_KEY,
            web_secret_key=SECRET_KEY,
        )
        port = free_port()
        process = held.enter_context(_gunicorn(settings, port))
        async with asyncio.timeout(START_WITHIN_S):
            while not await asyncio.to_thread(is_ready, port):
                if process.poll() is not None:
                    raise RuntimeError("the admin did not start")
                await asyncio.sleep(0.05)
        yield Admin(port, postgres, valkey.url(), restaurants, create_app(settings), filled_s)


async def _filled(postgres: EmbeddedPostgres, folder: Path, size: Size) -> tuple[list[str], float]:
    """The restaurants' ids and how long it took; both are noted in the folder."""
    platform = Postgres(postgres.url("alloresto_platform"))
    await platform.open()
    seeded = await seed(
        platform, always_open=True, cipher=SipPasswordCipher(MASTER_KEY), admin_password="nobody logs in with this"
    )
    await platform.close()
    began = time.monotonic()
    restaurants = await filling.fill(postgres.url(), PiiCipher(MASTER_KEY), seeded.restaurants[0].id, size)
    found = restaurants, time.monotonic() - began
    (folder / NOTE).write_bytes(msgspec.json.encode(found))
    return found


def _kept(folder: Path) -> tuple[list[str], float] | None:
    """What ``_filled`` noted, of a folder that was filled within OF_ONE_DAY_S: its board has orders of that day."""
    note = folder / NOTE
    if not note.exists():
        return None
    if time.time() - note.stat().st_mtime > OF_ONE_DAY_S:
        raise RuntimeError(f"{folder} was filled too long ago: no order is open any more. Remove it")
    return msgspec.json.decode(note.read_bytes(), type=tuple[list[str], float])


@contextlib.contextmanager
def _gunicorn(settings: WebSettings, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "MASTER_KEY": settings.master_key,
        "WEB_SECRET_KEY": settings.web_secret_key,
        "WEB_HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_WORKERS": "1",
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "web/gunicorn.conf.py", "web:create_app()"]
    process = subprocess.Popen(command, env=os.environ | environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
