"""Servers and databases for the tests that need real ones.

One Postgres and one Valkey a session, started at first use in a temporary folder, without fsync. ``database`` is
a fresh copy of a migrated template for each test (about 50 ms).
"""

import asyncio
import base64
import concurrent.futures
import contextlib
import inspect
import itertools
import logging
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import settings

from devstack.servers.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.order import spread

# How long an example takes is the machine's affair: a busy one takes longer.
settings.register_profile("without a deadline", deadline=None)
settings.load_profile("without a deadline")

T = TypeVar("T")

TEMPLATE = "alloresto_template"
APP_ROLE = "alloresto_app"
PLATFORM_ROLE = "alloresto_platform"
BACKUP_ROLE = "alloresto_backup"
SYNTHETIC_ROLE = "alloresto_synthetic"
ARCHIVE_ROLE = "alloresto_archive"
LEAK_GRACE_S = 1.0
ONE_DAY = timedelta(seconds=30)  # longer than any test of "today" takes
DAYS_END_IN = (ZoneInfo("UTC"), ZoneInfo("Europe/Paris"), ZoneInfo("Europe/Dublin"))  # Redis, and the seeds
NEEDED_IN_MEMORY_BYTES = 1 << 30  # making and dropping a database forces checkpoints: memory makes them free

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Database:
    """One migrated database and the URLs of the three roles."""

    name: str
    app_url: str
    platform_url: str
    owner_url: str


@dataclass(frozen=True, slots=True)
class Pools:
    """An opened ``stores.postgres.Postgres`` for each role."""

    app: Any
    platform: Any


def pytest_addoption(parser: pytest.Parser) -> None:
    """What ``pytest -m cluster`` rings; see tests/cluster."""
    options = parser.getgroup("cluster", "a real cluster, for -m cluster")
    options.addoption("--kubeconfig", default="", help="kubeconfig of a user who may delete pods and read Secrets")
    options.addoption("--call-sink", default="", help="the call handler's Knative Service, as this machine reaches it")
    options.addoption("--bridge-host", default="", help="address of this machine that the cluster's pods can reach")
    options.addoption("--cluster-namespace", default="alloresto", help="where the call handler runs (alloresto)")
    options.addoption("--cluster-database-url", default="", help="Postgres, platform role, where the Secret's is not")
    options.addoption("--cluster-redis-url", default="", help="Redis, where the Secret's URL is not reached from here")
    parser.addoption("--screenshots", default="", help="folder for a picture of each page of the admin (tests/browser)")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A cluster is rung only when ``-m`` names it, and then what it takes has to be there; pictures need a folder.
    Without a scheduler's order of its own, files come as ``spread`` has them."""
    items[:] = spread(items, lambda item: item.nodeid.partition("::")[0])
    if not config.getoption("--screenshots"):
        picturing = [item for item in items if "screenshots" in getattr(item, "fixturenames", ())]
        items[:] = [item for item in items if item not in picturing]
        config.hook.pytest_deselected(items=picturing)
    ringing = [item for item in items if item.get_closest_marker("cluster")]
    if not re.search(r"\bcluster\b", config.option.markexpr):
        items[:] = [item for item in items if item not in ringing]
        config.hook.pytest_deselected(items=ringing)
        return
    needed = ("--kubeconfig", "--call-sink", "--bridge-host")
    missing = [option for option in needed if not config.getoption(option)]
    if ringing and missing:
        raise pytest.UsageError(f"-m cluster rings a real cluster: give {', '.join(missing)} (see tests/cluster)")


def run_apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run ``work`` in an event loop of its own, whatever this thread's loop is doing."""
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result(timeout=120)


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """A program that a test ran has configured the root logger, whose handler writes to a stream that ends with it."""
    yield
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if type(handler) is not logging.StreamHandler]


@contextlib.contextmanager
def _folder(name: str) -> Iterator[Path]:
    in_memory = Path("/dev/shm")
    roomy = in_memory.is_dir() and shutil.disk_usage(in_memory).free > NEEDED_IN_MEMORY_BYTES
    folder = Path(tempfile.mkdtemp(prefix=f"alloresto-{name}-", dir=in_memory if roomy else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """For root's Postgres, which runs as nobody. Not pytest's folder: each session that begins closes the one above to
    others, whoever opened it."""
    with tempfile.TemporaryDirectory(prefix="alloresto-open-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    with _folder("postgres") as folder:
        server = EmbeddedPostgres(folder, durable=False)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[EmbeddedValkey]:
    with _folder("valkey") as folder:
        server = EmbeddedValkey(folder, durable=False)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def migrated_template(postgres_server: EmbeddedPostgres) -> EmbeddedPostgres:
    """The server, with a migrated database to copy."""
    from stores.migrate import migrate

    run_apart(
        lambda: migrate(
            postgres_server.url(database=TEMPLATE),
            app_password=postgres_server.password(APP_ROLE),
            platform_password=postgres_server.password(PLATFORM_ROLE),
            backup_password=postgres_server.password(BACKUP_ROLE),
            synthetic_password=postgres_server.password(SYNTHETIC_ROLE),
            archive_password=postgres_server.password(ARCHIVE_ROLE),
        )
    )
    return postgres_server


async def _as_owner(server: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(server.url(database="postgres"), timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextlib.contextmanager
def _copy_of_template(server: EmbeddedPostgres) -> Iterator[Database]:
    name = f"test_{next(_numbers)}"
    run_apart(lambda: _as_owner(server, f"create database {name} template {TEMPLATE} strategy file_copy"))
    yield Database(name, server.url(APP_ROLE, name), server.url(PLATFORM_ROLE, name), server.url("postgres", name))
    run_apart(lambda: _as_owner(server, f"drop database {name} with (force)"))


@pytest.fixture
def database(migrated_template: EmbeddedPostgres) -> Iterator[Database]:
    """A fresh, migrated, empty database for this test."""
    with _copy_of_template(migrated_template) as copy:
        yield copy


@pytest.fixture(scope="module")
def module_database(migrated_template: EmbeddedPostgres) -> Iterator[Database]:
    """Like ``database``, shared by a module's tests."""
    with _copy_of_template(migrated_template) as copy:
        yield copy


@pytest.fixture
async def postgres(database: Database) -> AsyncIterator[Pools]:
    """``.app`` lends ``tenant(…)``, ``.platform`` lends ``platform()``."""
    from stores.postgres import Postgres

    app, platform = Postgres(database.app_url), Postgres(database.platform_url)
    await app.open()
    await platform.open()
    yield Pools(app, platform)
    await app.close()
    await platform.close()


def _emptied(server: EmbeddedValkey) -> str:
    from stores.redis import connect

    async def flush() -> None:
        async with connect(server.url()) as redis:
            await redis.flushall()

    run_apart(flush)
    return server.url()


@pytest.fixture
def redis_url(valkey_server: EmbeddedValkey) -> str:
    """An empty Valkey."""
    return _emptied(valkey_server)


@pytest.fixture(scope="module")
def module_redis_url(valkey_server: EmbeddedValkey) -> str:
    """A Valkey that was empty before the module's first test."""
    return _emptied(valkey_server)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    """A client of an empty Valkey."""
    from stores.redis import connect

    async with connect(redis_url) as client:
        yield client


@pytest.fixture(scope="session")
def master_key() -> str:
    """A MASTER_KEY as the settings take it: 32 bytes in base64."""
    return base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def pii(master_key: str) -> Any:
    """The cipher of what is personal."""
    from stores.ciphers import PiiCipher

    return PiiCipher(master_key)


@pytest.fixture
def within_one_day() -> None:
    """For a test of "today": just before midnight it waits for the new day, so that none begins between its steps."""
    while any((datetime.now(zone) + ONE_DAY).date() > datetime.now(zone).date() for zone in DAYS_END_IN):
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def fail_on_leaked_tasks(request: pytest.FixtureRequest) -> None:
    """Fail an async test that leaves tasks running once its fixtures are down."""
    function = getattr(request, "function", None)
    if function is not None and (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)):
        request.getfixturevalue("_task_watch")


@pytest.fixture
async def _task_watch() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        await asyncio.wait(left, timeout=LEAK_GRACE_S)
    leaked = [repr(task.get_coro()) for task in left if not task.done()]
    assert not leaked, f"tasks left running: {leaked}"
