"""One backup: dumped in one snapshot, sealed, uploaded, fetched again, restored and compared, and only then good.

The snapshot's counts and checksums are taken while pg_dump reads the same snapshot, so that they must be equal to
those of the restored copy however many orders came in meanwhile.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg
import msgspec

from backups import scratch
from backups.catalogue import DUMP, LIST, Backup, expire, name_at
from backups.errors import BackupError
from backups.object_storage import ObjectStorage
from backups.programs import for_server, output_of
from backups.restoring import restore
from backups.sealing import seal
from backups.settings import BackupSettings, keys_of, storage_of
from backups.sums import Sums, sequences_of, tables_of
from process import logs
from stores.ciphers import key_name
from stores.postgres import Connection, connect

RECORD_WITHIN_S = 30.0

log = logs.get(__name__)


class Snapshot(NamedTuple):
    """What all of a dump's readers see, for as long as its transaction is open."""

    id: str
    taken_at: datetime
    server_version: int
    owner: str
    migrations: tuple[str, ...]


class Taken(NamedTuple):
    backup: Backup
    seconds: float
    expired: list[str]


async def take(settings: BackupSettings) -> Taken:
    """Raises BackupError, PostgresUnavailableError and SettingsError; then no backup that was there has gone."""
    began = time.monotonic()
    keys, storage, prefix = keys_of(settings.backup_key), storage_of(settings), settings.backup_s3_prefix
    async with _snapshot(settings.backup_database_url) as (connection, snapshot):
        name = name_at(snapshot.taken_at)
        sequences = await sequences_of(connection)
        uploading = asyncio.create_task(
            asyncio.to_thread(
                _upload, settings.backup_database_url, snapshot, keys[0], storage, f"{prefix}{name}{DUMP}"
            )
        )
        try:
            sums = sequences | await tables_of(connection)
        finally:  # also when it failed: the thread has to end before its snapshot does
            size, digest = await uploading
    log.info("dumped", backup=name, sealed_bytes=size)
    await _try(settings, storage, f"{prefix}{name}{DUMP}", keys, digest, sums, snapshot.owner)
    backup = Backup(
        name, snapshot.taken_at, size, digest, key_name(keys[0]), snapshot.server_version, sums, datetime.now(UTC)
    )
    document = msgspec.json.format(msgspec.json.encode(backup))
    await asyncio.to_thread(storage.put, f"{prefix}{name}{LIST}", document)
    seconds = time.monotonic() - began
    await _record(settings.backup_database_url, backup, seconds)
    gone = await asyncio.to_thread(lambda: list(expire(storage, prefix, settings.backup_days, datetime.now(UTC))))
    return Taken(backup, seconds, gone)


@asynccontextmanager
async def _snapshot(url: str) -> AsyncIterator[tuple[Connection, Snapshot]]:
    connection = await connect(url)
    try:
        sees_all = await connection.fetchval(
            "select rolsuper or rolbypassrls from pg_roles where rolname = current_user"
        )
        if not sees_all:
            raise BackupError(
                "BACKUP_DATABASE_URL: its role is bound by row-level security, so most rows would be missing. Use the"
                " role alloresto_backup; where it is that:  alter role alloresto_backup bypassrls  as a superuser"
            )
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            row = await connection.fetchrow(
                "select pg_export_snapshot() as id, now() as taken_at,"
                " current_setting('server_version_num')::int as version,"
                " (select r.rolname from pg_class c join pg_roles r on r.oid = c.relowner"
                "  where c.oid = to_regclass('schema_migration')) as owner"
            )
            assert row is not None
            if row["owner"] is None:
                raise BackupError("BACKUP_DATABASE_URL: there is no AlloResto in this database; run migrate first")
            applied = await connection.fetch("select name from schema_migration order by name")
            yield (
                connection,
                Snapshot(
                    row["id"], row["taken_at"], row["version"], row["owner"], tuple(one["name"] for one in applied)
                ),
            )
    except asyncpg.InsufficientPrivilegeError as error:
        raise BackupError(f"BACKUP_DATABASE_URL: {error}; run migrate, which gives the role its rights") from None
    finally:
        await connection.close()


def _upload(url: str, snapshot: Snapshot, key: bytes, storage: ObjectStorage, to: str) -> tuple[int, str]:
    """The sealed dump's length and SHA-256."""
    pg_dump = for_server("pg_dump", snapshot.server_version)
    argv: list[str | Path] = [
        pg_dump,
        "--format=custom",
        f"--snapshot={snapshot.id}",
        "--lock-wait-timeout=60s",
        "--no-password",
    ]
    sealed = seal(
        output_of(argv, url, "pg_dump"),
        key,
        server_version=snapshot.server_version,
        owner=snapshot.owner,
        migrations=snapshot.migrations,
    )
    digest = hashlib.sha256()
    size = storage.put_stream(to, _digested(sealed, digest))
    return size, digest.hexdigest()


async def _try(
    settings: BackupSettings,
    storage: ObjectStorage,
    key: str,
    keys: tuple[bytes, ...],
    digest: str,
    sums: Sums,
    owner: str,
) -> None:
    """Restore what the bucket has now."""
    fetched = hashlib.sha256()
    async with scratch.database(settings.backup_scratch_url, owner) as url:
        await restore(_digested(storage.stream(key), fetched), keys, url, sums)
    if fetched.hexdigest() != digest:
        raise BackupError(f"{key}: the bucket gave back something else than what it was given; run the backup again")


async def _record(url: str, backup: Backup, seconds: float) -> None:
    connection = await connect(url)
    try:
        async with connection.transaction(readonly=False):
            await connection.execute("set transaction read write")
            await connection.execute(
                "select record_backup($1, $2, $3, $4)",
                backup.name,
                backup.sealed_bytes,
                seconds,
                backup.rows,
                timeout=RECORD_WITHIN_S,
            )
    finally:
        await connection.close()


def _digested(pieces: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece
