"""From a database of two restaurants to a bucket and back."""

import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from prometheus_client import REGISTRY

from backups import catalogue, programs, scratch
from backups.__main__ import main
from backups.catalogue import Backup
from backups.errors import BackupError
from backups.restoring import file_pieces, restore
from backups.settings import BackupSettings, keys_of, storage_of
from backups.sums import Sums, require_equal, sums_of
from backups.taking import Taken, take
from devstack.object_store import BUCKET, ObjectStore
from devstack.servers.embedded import EmbeddedPostgres, map_root_to_nobody
from devstack.servers.ports import free_port
from functions import reconciler
from process.settings import load
from stores.ciphers import PiiCipher, SipPasswordCipher
from stores.migrate import migrate
from stores.postgres import Postgres, connect
from tests.conftest import BACKUP_ROLE, run_apart
from tests.integration.stores.samples import Tenant, seed_both
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

OWNER = "owner_of_backups"  # as a managed Postgres gives one: no superuser, bound by row-level security
KEY, OTHER_KEY = "QUJD" * 10 + "QUI=", "WFla" * 10 + "WFk="


@dataclass(frozen=True)
class Source:
    """A database with two restaurants, and what is in it."""

    server: EmbeddedPostgres
    name: str
    own: Tenant
    other: Tenant

    def url(self, role: str = OWNER, name: str = "") -> str:
        return self.server.url(role, name or self.name)


@pytest.fixture(scope="module")
def source(migrated_template: EmbeddedPostgres, master_key: str) -> Iterator[Source]:
    server, name = migrated_template, "to_be_dumped"

    async def make() -> Source:
        superuser = await connect(server.url(database="postgres"))
        await superuser.execute(f"create role {OWNER} login createrole createdb password '{server.password(OWNER)}'")
        # Whoever makes the roles has this; on this server somebody else has made them.
        await superuser.execute(
            "grant alloresto_app, alloresto_platform, alloresto_backup, alloresto_archive, alloresto_synthetic"
            f" to {OWNER} with admin true, inherit false, set false"
        )
        await superuser.close()
        await migrate(server.url(OWNER, name))
        platform = Postgres(server.url("alloresto_platform", name))
        await platform.open()
        own, other = await seed_both(platform, PiiCipher(master_key), SipPasswordCipher(master_key))
        await platform.close()
        return Source(server, name, own, other)

    yield run_apart(make)
    run_apart(lambda: drop(server, name))


async def drop(server: EmbeddedPostgres, *names: str) -> None:
    superuser = await connect(server.url(database="postgres"))
    for name in names:
        await superuser.execute(f"drop database if exists {name} with (force)")
    await superuser.close()


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with ObjectStore(free_port()) as one:
        yield one


@pytest.fixture(scope="module")
def taken(source: Source, store: ObjectStore) -> Taken:
    """One backup, taken while others write."""

    async def work() -> Taken:
        begun = asyncio.Event()
        writing = asyncio.create_task(writes(source, begun))
        try:
            await asyncio.wait_for(begun.wait(), PATIENCE_S)
            return await take(load(BackupSettings, environment(source, store)))
        finally:
            writing.cancel()
            await asyncio.wait({writing})

    return run_apart(work)


async def writes(source: Source, begun: asyncio.Event) -> None:
    """``begun`` is set when a few rows are written, which the snapshot has for sure."""
    connection = await connect(source.url("alloresto_platform"))
    try:
        for written in itertools.count():
            if written == 3:
                begun.set()
            await connection.execute(
                "insert into faq (restaurant_id, question, answer, position)"
                " values ($1, 'Parking?', 'Behind the building.', 0)",
                source.own.id,
            )
            # No snapshot holds a sequence still.
            await connection.execute(
                "insert into integration_event (restaurant_id, event_id, source, type, event)"
                " values ($1, 'amid', '/t', 't', '{}')",
                source.own.id,
            )
    finally:
        await connection.close()


@pytest.fixture
def bucket(store: ObjectStore, taken: Taken) -> Iterator[ObjectStore]:
    """With that backup in it alone, whatever a test does."""
    kept, modified = dict(store.objects), dict(store.modified)
    yield store
    store.objects, store.modified = kept, modified
    store.failures.clear()


@pytest.fixture
def settings(source: Source, bucket: ObjectStore) -> BackupSettings:
    return load(BackupSettings, environment(source, bucket))


def environment(source: Source, store: ObjectStore) -> dict[str, str]:
    return store.environment() | {
        "BACKUP_KEY": KEY,
        "BACKUP_DATABASE_URL": source.url(BACKUP_ROLE),
        "BACKUP_SCRATCH_URL": source.url(OWNER, "postgres"),
    }


@pytest.fixture
async def empty(source: Source) -> AsyncIterator[str]:
    """The URL of an empty database."""
    connection = await connect(source.url(OWNER, "postgres"))
    await connection.execute("create database to_be_filled")
    await connection.close()
    yield source.url(OWNER, "to_be_filled")
    await drop(source.server, "to_be_filled")  # as superuser: no owner may end an autovacuum that is in it


async def all_sums(url: str) -> Sums:
    connection = await connect(url)
    try:
        async with connection.transaction(readonly=True):
            return await sums_of(connection)
    finally:
        await connection.close()


def dumped_by_hand(source: Source, role: str, *options: str) -> subprocess.CompletedProcess[str]:
    argv: list[str | Path] = [programs.program("pg_dump"), "--data-only", "--table=menu_item", *options]
    return subprocess.run(
        argv, env=programs.environment(source.url(role)), capture_output=True, text=True, timeout=60, check=False
    )


def test_the_owners_dump_fails_and_made_to_succeed_it_lacks_the_menu_but_the_backup_role_has_it(source: Source) -> None:
    refused = dumped_by_hand(source, OWNER)
    without = dumped_by_hand(source, OWNER, "--enable-row-security")
    whole = dumped_by_hand(source, BACKUP_ROLE)

    assert refused.returncode != 0 and "row-level security" in refused.stderr
    assert without.returncode == 0 and source.own.id not in without.stdout
    assert whole.returncode == 0 and source.own.id in whole.stdout and source.other.id in whole.stdout


async def test_the_backup_role_reads_every_table_and_changes_none(source: Source) -> None:
    connection = await connect(source.url(BACKUP_ROLE))
    unreadable = await connection.fetch(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'S')"
        " and not has_table_privilege(oid, 'select')"
    )
    changeable = await connection.fetch(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        " and has_table_privilege(oid, 'insert, update, delete, truncate')"
    )
    await connection.close()

    assert (unreadable, changeable) == ([], [])


async def test_a_backup_taken_amid_writes_comes_back_row_for_row_and_every_restaurant_sees_its_own_alone(
    source: Source, bucket: ObjectStore, taken: Taken, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**environment(source, bucket), "MIGRATE_DATABASE_URL": empty}.items():
        monkeypatch.setenv(name, value)

    await asyncio.to_thread(main, ["restore"])

    assert set(bucket.objects) == {f"alloresto/{taken.backup.name}{end}" for end in (".dump", ".json")}
    filled = source.url(BACKUP_ROLE, "to_be_filled")
    require_equal(taken.backup.tables, await all_sums(filled), "it")
    assert taken.backup.tables["integration_event_id_seq"].at > 1
    assert taken.backup.tables["menu_item"].rows >= 2 and taken.backup.rows > 50
    now = await all_sums(source.url(BACKUP_ROLE))
    assert now["faq"].rows > taken.backup.tables["faq"].rows  # which were written after the snapshot
    assert await visible_dishes(empty) == set()
    own = source.url("alloresto_app", "to_be_filled")
    assert await visible_dishes(own, source.own.id) == {source.own.id}


async def visible_dishes(url: str, restaurant_id: str = "") -> set[str]:
    """The restaurants of the dishes that the URL's role sees."""
    connection = await connect(url)
    async with connection.transaction():
        await connection.execute("select set_config('app.restaurant_id', $1, true)", restaurant_id)
        found = {row["restaurant_id"] for row in await connection.fetch("select restaurant_id from menu_item")}
    await connection.close()
    return found


async def test_a_run_is_told_by_the_reconciler_who_is_always_up(
    source: Source, taken: Taken, redis: Any, master_key: str
) -> None:
    platform = Postgres(source.url("alloresto_platform"))
    await platform.open()

    await reconciler.look_at_pending(reconciler.Stores(platform, redis, PiiCipher(master_key)))

    await platform.close()
    told = REGISTRY.get_sample_value
    finished = told("backup_last_success_timestamp_seconds") or 0
    assert 0 <= finished - taken.backup.verified_at.timestamp() < PATIENCE_S
    assert told("backup_size_bytes") == taken.backup.sealed_bytes
    assert 0 < (told("backup_duration_seconds") or 0) < finished - taken.backup.taken_at.timestamp() + PATIENCE_S


def test_it_starts_a_server_of_its_own_to_restore_on_where_none_is_named() -> None:
    before = set(Path(tempfile.gettempdir()).glob("alloresto-scratch-*"))
    said = subprocess.run(
        [sys.executable, "-c", SCRATCH],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd()},
        preexec_fn=map_root_to_nobody if os.geteuid() == 0 else None,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S * 2,
        check=False,
    )

    assert (said.stdout, said.returncode) == ("its owner, alloresto_scratch\n", 0), said.stderr
    assert set(Path(tempfile.gettempdir()).glob("alloresto-scratch-*")) <= before


SCRATCH = """
import asyncio
from backups import scratch
from stores.postgres import connect

async def main():
    async with scratch.database("", "its owner") as url:
        connection = await connect(url)
        found = await connection.fetchrow("select current_user, left(current_database(), 17)")
        print(*found, sep=", ")
        await connection.close()

asyncio.run(main())
"""


async def test_a_role_that_is_bound_by_row_level_security_takes_no_backup(
    source: Source, settings: BackupSettings
) -> None:
    bound = msgspec.structs.replace(settings, backup_database_url=source.url(OWNER))

    with pytest.raises(BackupError, match="bound by row-level security"):
        await take(bound)


async def test_a_dump_that_the_bucket_spoiled_is_no_good_one_and_costs_none_that_is(
    bucket: ObjectStore, taken: Taken, settings: BackupSettings
) -> None:
    old = keep(bucket, taken.backup, 30)
    bucket.failures.append(("GET", "corrupted"))

    with pytest.raises(BackupError, match="damaged"):
        await take(settings)

    assert [one.name for one in catalogue.good(storage_of(settings), "alloresto/")] == [old.name, taken.backup.name]


def keep(store: ObjectStore, like: Backup, days: int) -> Backup:
    """Another good one, taken so long before."""
    taken_at = like.taken_at - timedelta(days=days)
    older = msgspec.structs.replace(like, taken_at=taken_at, name=catalogue.name_at(taken_at))
    for end, body in ((".dump", b"x"), (".json", msgspec.json.encode(older))):
        store.objects[f"alloresto/{older.name}{end}"] = body
        store.modified[f"alloresto/{older.name}{end}"] = taken_at
    return older


def test_what_is_older_than_its_days_goes_but_never_the_last_good_one(
    bucket: ObjectStore, taken: Taken, settings: BackupSettings
) -> None:
    now = datetime.now(UTC)
    bucket.objects.clear()
    old = [keep(bucket, taken.backup, days) for days in (30, 20, 9)]
    for name, days in {"2020-01-01T02-10-00Z.dump": 8, "notes/ours.dump": 80, "menus.json": 80}.items():
        bucket.objects[f"alloresto/{name}"] = b"x"
        bucket.modified[f"alloresto/{name}"] = now - timedelta(days=days)

    gone = list(catalogue.expire(storage_of(settings), "alloresto/", 7, now))

    assert sorted(gone) == sorted([old[0].name, old[1].name, "2020-01-01T02-10-00Z"])
    left = {f"{old[2].name}.dump", f"{old[2].name}.json", "notes/ours.dump", "menus.json"}
    assert set(bucket.objects) == {f"alloresto/{name}" for name in left}, "what is not ours stays, too"


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"name": "another"}'])
def test_a_damaged_list_costs_only_its_own_backup(
    bucket: ObjectStore, taken: Taken, settings: BackupSettings, damaged: bytes
) -> None:
    bucket.objects.clear()
    whole, spoiled = (keep(bucket, taken.backup, days) for days in (30, 20))
    bucket.objects[f"alloresto/{spoiled.name}.json"] = damaged
    storage = storage_of(settings)

    assert catalogue.named(storage, "alloresto/", "latest") == whole
    assert list(catalogue.expire(storage, "alloresto/", 7, datetime.now(UTC))) == [spoiled.name]
    assert catalogue.good(storage, "alloresto/") == [whole]


def test_while_there_is_no_good_one_nothing_goes(bucket: ObjectStore, settings: BackupSettings) -> None:
    bucket.objects.clear()
    bucket.objects["alloresto/2020-01-01T02-10-00Z.dump"] = b"x"
    bucket.modified["alloresto/2020-01-01T02-10-00Z.dump"] = datetime.now(UTC) - timedelta(days=80)

    assert list(catalogue.expire(storage_of(settings), "alloresto/", 7, datetime.now(UTC))) == []


@pytest.fixture
def dump(bucket: ObjectStore, taken: Taken, tmp_path: Path) -> Path:
    """A fetched dump with its list."""
    for end in (".dump", ".json"):
        (tmp_path / f"{taken.backup.name}{end}").write_bytes(bucket.objects[f"alloresto/{taken.backup.name}{end}"])
    return tmp_path / f"{taken.backup.name}.dump"


async def test_a_restore_refuses_what_cannot_come_out_right_and_changes_nothing(
    source: Source, dump: Path, empty: str
) -> None:
    keys = keys_of(KEY)
    before = await all_sums(source.url(BACKUP_ROLE))

    with pytest.raises(BackupError, match=r"to_be_dumped is not empty: it has \d+ tables"):
        await restore(file_pieces(dump), keys, source.url(), None)
    with pytest.raises(BackupError, match="BACKUP_KEY has"):
        await restore(file_pieces(dump), keys_of(OTHER_KEY), empty, None)
    with pytest.raises(BackupError, match=f'belong to the role {OWNER}.*create role "{OWNER}"'):
        await restore(file_pieces(dump), keys, source.server.url("postgres", "to_be_filled"), None)
    cut = dump.with_name("cut.dump")
    cut.write_bytes(dump.read_bytes()[:-100])
    with pytest.raises(BackupError, match="incomplete"):
        await restore(file_pieces(cut), keys, empty, None)

    assert await all_sums(source.url(BACKUP_ROLE)) == before
    assert await all_sums(empty) == {}


async def test_a_backup_of_a_newer_postgres_or_a_newer_release_says_what_to_use(
    dump: Path, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backups import restoring, sealing

    def newer(**changed: Any) -> Any:
        def opened(pieces: Any, keys: Any) -> Any:
            header, plain = sealing.unseal(pieces, keys)
            return sealing.Opened(msgspec.structs.replace(header, **changed), plain)

        return opened

    monkeypatch.setattr(restoring, "unseal", newer(server_version=990000))
    with pytest.raises(BackupError, match=r"of PostgreSQL 99 and this server is \d+: use one of 99 or later"):
        await restore(file_pieces(dump), keys_of(KEY), empty, None)
    monkeypatch.setattr(restoring, "unseal", newer(migrations=("9999_later.sql",)))
    with pytest.raises(BackupError, match=r"9999_later\.sql, which this release does not know"):
        await restore(file_pieces(dump), keys_of(KEY), empty, None)


async def test_a_row_that_came_back_changed_is_told_by_its_table(dump: Path, empty: str) -> None:
    listed = catalogue.described(dump.with_suffix(".json").read_bytes(), "it")
    tables = listed.tables | {"faq": replace_sum(listed.tables["faq"])}

    with pytest.raises(BackupError, match=r"not what was dumped: faq \(\d+ rows were dumped, \d+ are there\)"):
        await restore(file_pieces(dump), keys_of(KEY), empty, tables)


def replace_sum(table: Any) -> Any:
    return msgspec.structs.replace(table, sum=table.sum + "1")


def test_the_command_says_which_settings_it_lacks_and_what_is_wrong_in_one_line(
    source: Source, bucket: ObjectStore, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["take"])
    missing = capfd.readouterr().err
    for name, value in {**environment(source, bucket), "BACKUP_S3_SECRET_KEY": "another"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as failed:
        main(["list"])

    assert ended.value.code == 2 and "BACKUP_KEY: not set" in missing and "BACKUP_DATABASE_URL: not set" in missing
    assert failed.value.code == 1
    (line,) = [one for one in capfd.readouterr().err.splitlines() if one.startswith("backup: ")]
    assert "answers 403" in line and "BACKUP_S3_SECRET_KEY" in line and BUCKET not in line


async def test_a_database_to_try_a_restoring_on_is_dropped_though_autovacuum_is_in_it(source: Source) -> None:
    superuser = await connect(source.server.url(database="postgres"))
    await superuser.execute("alter system set autovacuum_naptime = 1")
    await superuser.execute("select pg_reload_conf()")
    working = "select exists (select from pg_stat_activity where backend_type = 'autovacuum worker' and datname = $1)"
    try:
        async with scratch.database(source.url(OWNER, "postgres"), OWNER) as url:
            name = urlsplit(url).path.removeprefix("/")
            connection = await connect(url)
            await connection.execute(
                "create table slow (n int) with (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,"
                " autovacuum_vacuum_insert_threshold = 1)"
            )
            await connection.execute("insert into slow select generate_series(1, 100000)")
            await connection.close()
            async with asyncio.timeout(PATIENCE_S):
                while not await superuser.fetchval(working, name):
                    await asyncio.sleep(0.02)
        assert not await superuser.fetchval("select exists (select from pg_database where datname = $1)", name)
    finally:
        await superuser.execute("alter system reset autovacuum_naptime")
        await superuser.execute("select pg_reload_conf()")
        await superuser.close()
