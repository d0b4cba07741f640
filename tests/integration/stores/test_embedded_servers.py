"""The embedded servers keep their data, say why they can't start, and never outlive their parent."""

import asyncio
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from devstack.servers.embedded import EmbeddedPostgres, EmbeddedServerError, EmbeddedValkey
from stores.redis import connect
from tests.conftest import Pools

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
GONE_WITHIN_S = 10.0
CLOCKS_DIFFER_S = 1.0  # Valkey's is cut to the second

PARENT = """
import sys, time
from devstack.servers.embedded import EmbeddedPostgres, EmbeddedValkey
servers = [EmbeddedPostgres(sys.argv[1] + "/postgres"), EmbeddedValkey(sys.argv[1] + "/valkey")]
for server in servers:
    server.start()
print(*(server.pid for server in servers), flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="alloresto-embedded-", ignore_cleanup_errors=True) as name:
        yield Path(name)


async def _rows(postgres: EmbeddedPostgres, statement: str = "select i from x") -> list[int]:
    connection = await asyncpg.connect(postgres.url(database="postgres"), timeout=5)
    try:
        return [row[0] for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def test_postgres_keeps_what_was_committed_through_a_kill_and_a_stop(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder / "postgres")
    try:
        postgres.start()
        asyncio.run(_rows(postgres, "create table x (i int)"))
        asyncio.run(_rows(postgres, "insert into x values (7) returning i"))
        port = postgres.port
        assert postgres.pid is not None
        os.kill(postgres.pid, signal.SIGKILL)
        _wait_until(lambda: not postgres.running)

        postgres.start()
        assert asyncio.run(_rows(postgres)) == [7]
        postgres.stop()
        postgres.start()

        assert asyncio.run(_rows(postgres)) == [7]
        assert postgres.port == port
    finally:
        postgres.stop()
    assert postgres.pid is None


def test_valkey_keeps_what_is_a_second_old_through_a_kill(folder: Path) -> None:
    valkey = EmbeddedValkey(folder)
    try:
        valkey.start()

        async def write() -> None:
            async with connect(valkey.url()) as redis:
                await redis.set("greeting", b"\x00\xff")

        asyncio.run(write())
        time.sleep(1.2)  # its append-only file is synced each second
        assert valkey.pid is not None
        os.kill(valkey.pid, signal.SIGKILL)
        _wait_until(lambda: not valkey.running)
        valkey.start()

        async def read() -> bytes | None:
            async with connect(valkey.url()) as redis:
                return await redis.get("greeting")  # type: ignore[return-value]

        assert asyncio.run(read()) == b"\x00\xff"
    finally:
        valkey.stop()


def test_nothing_is_left_when_the_parent_is_killed_and_the_data_opens_again(folder: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True
    )
    assert parent.stdout is not None
    servers = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    family = [process for server in servers for process in (server, *server.children(recursive=True))]
    assert len(family) > 3

    parent.kill()
    parent.wait(5)

    gone, alive = psutil.wait_procs(family, timeout=GONE_WITHIN_S)
    assert not alive
    assert len(gone) == len(family)
    postgres = EmbeddedPostgres(folder / "postgres")
    postgres.start()
    postgres.stop()
    parent.stdout.close()


async def test_both_have_the_clock_of_their_parent(postgres: Pools, redis: Any) -> None:
    began = time.time()

    async with postgres.platform.platform() as connection:
        by_postgres = float(await connection.fetchval("select extract(epoch from clock_timestamp())"))
    by_valkey, _ = await redis.time()

    assert -CLOCKS_DIFFER_S < by_postgres - began < GONE_WITHIN_S
    assert -CLOCKS_DIFFER_S < by_valkey - began < GONE_WITHIN_S


def test_both_ask_for_their_password(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder / "postgres", durable=False)
    valkey = EmbeddedValkey(folder / "valkey", password="s3cret/@:", durable=False)
    try:
        postgres.start()
        valkey.start()

        async def try_both() -> None:
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(postgres.url().replace(postgres.password("postgres"), "wrong"), timeout=5)
            with socket.create_connection(("127.0.0.1", valkey.port), timeout=5) as bare:
                bare.sendall(b"GET x\r\n")
                assert bare.recv(64).startswith(b"-NOAUTH")
            async with connect(valkey.url()) as redis:
                assert await redis.ping()

        asyncio.run(try_both())
        assert "s3cret" not in " ".join(psutil.Process(valkey.pid).cmdline())
    finally:
        postgres.stop()
        valkey.stop()


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedValkey])
def test_a_port_that_is_taken_is_said_in_one_line_and_nothing_is_left_running(
    folder: Path, kind: type[EmbeddedPostgres] | type[EmbeddedValkey]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = kind(folder, port=taken.getsockname()[1], durable=False)

        with pytest.raises(EmbeddedServerError, match=rf"port {server.port} on 127\.0\.0\.1 is taken") as refused:
            server.start()

    assert "\n" not in str(refused.value)
    assert not server.running
    server.start()  # the folder is not locked by the failure
    server.stop()


def test_a_server_that_starts_again_holds_up_nothing_else(folder: Path) -> None:
    """Its recovery may take ten seconds: what runs on the same event loop goes on."""
    server = EmbeddedPostgres(folder, durable=False)
    turns = 0

    async def both() -> None:
        nonlocal turns
        starting = asyncio.create_task(server.start_again())
        while not starting.done():
            turns += 1
            await asyncio.sleep(0)
        await starting

    try:
        server.start()
        server.stop()
        asyncio.run(both())
        assert server.running
    finally:
        server.stop()
    assert turns > 2  # a start that waits for itself gives one


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedValkey])
def test_a_folder_in_use_is_refused(
    folder: Path, kind: type[EmbeddedPostgres] | type[EmbeddedValkey], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devstack.servers.embedded_server.LOCK_TIMEOUT_S", 0.1)
    first, second = kind(folder, durable=False), kind(folder, durable=False)
    try:
        first.start()
        with pytest.raises(EmbeddedServerError, match="in use"):
            second.start()
    finally:
        first.stop()


def test_a_full_disk_is_said_in_one_line(folder: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("needs to mount a small disk")
    try:
        with pytest.raises(EmbeddedServerError, match=r"postgres: the disk that holds .* is full; free some space"):
            EmbeddedPostgres(folder / "postgres").start()
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_folder_that_may_not_be_written_is_said_in_one_line(folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    folder.chmod(0o500)

    with pytest.raises(EmbeddedServerError, match="no permission to write"):
        EmbeddedPostgres(folder / "postgres").start()


def test_it_starts_from_the_main_thread_only_and_says_so(folder: Path) -> None:
    refused: list[str] = []

    def start() -> None:
        try:
            EmbeddedPostgres(folder).start()
        except EmbeddedServerError as error:
            refused.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(10)

    assert refused
    assert "main thread" in refused[0]


@pytest.mark.parametrize("open_to_all", [True, False], ids=["as nobody", "where nobody may not go"])
def test_root_runs_postgres_as_another_user_wherever_the_folder_is(folder: Path, open_to_all: bool) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has to change its user")
    if open_to_all:
        folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder / "inside", durable=False)
    try:
        postgres.start()
        assert asyncio.run(_rows(postgres, "select 1")) == [1]
        owner = postgres.cluster.stat().st_uid
    finally:
        postgres.stop()

    assert owner == (pwd.getpwnam("nobody").pw_uid if open_to_all else 0)


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GONE_WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
