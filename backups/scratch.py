"""An empty database to try a restoring on, and to throw away."""

import asyncio
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg

from backups.errors import BackupError
from backups.programs import program
from stores.postgres import connect

STARTED_WITHIN_S = 120.0
STOPPED_WITHIN_S = 60.0
_SETTINGS = ("listen_addresses=", "fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_wal_size=4GB")


@asynccontextmanager
async def database(url: str, owner: str) -> AsyncIterator[str]:
    """The URL of an empty database that ``owner`` may fill: on the server of ``url``, or on one of our own."""
    if url:
        async with _on(url) as made:
            yield made
        return
    with tempfile.TemporaryDirectory(prefix="alloresto-scratch-", ignore_cleanup_errors=True) as folder:
        server = await asyncio.to_thread(_start, Path(folder), owner)
        try:
            async with _on(f"postgresql://{quote(owner)}@/postgres?host={quote(folder)}") as made:
                yield made
        finally:
            await asyncio.to_thread(_stop, server)


@asynccontextmanager
async def _on(url: str) -> AsyncIterator[str]:
    name = f"alloresto_scratch_{secrets.token_hex(6)}"
    connection = await connect(url)
    try:
        await connection.execute(f"create database {name} template template0")
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            await _drop(connection, name)
    finally:
        await connection.close()


async def _drop(connection: asyncpg.Connection, name: str) -> None:
    """By force only when need be: that is refused to all but superusers while autovacuum is at work in the database,
    which an ordinary drop ends by itself."""
    try:
        await connection.execute(f"drop database if exists {name}", timeout=STOPPED_WITHIN_S)
    except asyncpg.ObjectInUseError:
        await connection.execute(f"drop database if exists {name} with (force)", timeout=STOPPED_WITHIN_S)


def _start(folder: Path, owner: str) -> subprocess.Popen[bytes]:
    if os.geteuid() == 0:
        raise BackupError(
            "Postgres does not run as root: run this as another user, or name a server to try the restoring on in"
            " BACKUP_SCRATCH_URL"
        )
    data = folder / "data"
    locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
    # Its only door is a socket in a folder that nobody else may enter, so nobody has to be asked for a password.
    made = subprocess.run(
        [program("initdb"), "-D", data, f"--username={owner}", "--auth=trust", "--no-sync", *locale],
        capture_output=True,
        text=True,
        timeout=STARTED_WITHIN_S,
        check=False,
    )
    if made.returncode != 0:
        lines = made.stderr.strip().splitlines()
        raise BackupError(f"no server to try the restoring on: {lines[-1] if lines else 'initdb failed'}")
    settings = [part for one in (*_SETTINGS, f"unix_socket_directories={folder}") for part in ("-c", one)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program("postgres"), "-D", data, *settings], stdout=log, stderr=log)
    deadline = time.monotonic() + STARTED_WITHIN_S
    while not _is_ready(data, server.pid):
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            lines = (folder / "log").read_text(errors="replace").splitlines()
            said = next((line for line in lines if "FATAL:" in line), lines[-1] if lines else "it does not start")
            raise BackupError(f"no server to try the restoring on: {said}")
        time.sleep(0.05)
    return server


def _is_ready(data: Path, pid: int) -> bool:
    """Line 8 of postmaster.pid is the state, as ``pg_ctl`` reads it."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOPPED_WITHIN_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(STOPPED_WITHIN_S)
