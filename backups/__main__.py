"""``python -m backups``: take one, try it, forget old ones. ``python -m backups restore``: the way back."""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import asyncpg

from backups import catalogue, restoring
from backups.catalogue import DUMP, LIST, Backup
from backups.errors import BackupError
from backups.restoring import file_pieces
from backups.settings import BackupSettings, StorageSettings, keys_of, storage_of
from backups.sums import Sums
from backups.taking import Taken, take
from process import logs
from process.settings import SettingsError, load_or_exit
from stores.migrate import MigrateSettings, MigrationError, migrate
from stores.postgres import PostgresUnavailableError

# What ends a command with one line.
TOLD = (BackupError, MigrationError, PostgresUnavailableError, asyncpg.PostgresError, OSError)

log = logs.get(__name__)


class RestoreSettings(MigrateSettings, frozen=True, kw_only=True):
    """The database to fill, as ``migrate`` knows it, and the keys."""

    backup_key: str


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="backups")
    parser.add_argument("command", nargs="?", choices=("take", "list", "restore"), default="take")
    parser.add_argument("name", nargs="?", default="latest", help="with restore: a backup's name, or latest")
    parser.add_argument("--file", type=Path, help="with restore: a fetched dump; its list beside it is compared with")
    given = parser.parse_args(arguments)
    logs.configure("backup")
    try:
        match given.command:
            case "list":
                list_them()
            case "restore":
                restore_one(given.name, given.file)
            case _:
                take_one()
    except SettingsError as error:
        print(error, file=sys.stderr)
        raise
    except TOLD as error:
        print(f"backup: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def take_one() -> Taken:
    taken = asyncio.run(take(load_or_exit(BackupSettings)))
    log.info(
        "backup taken and restored",
        backup=taken.backup.name,
        rows=taken.backup.rows,
        sealed_bytes=taken.backup.sealed_bytes,
        seconds=round(taken.seconds, 1),
        expired=len(taken.expired),
    )
    return taken


def list_them() -> None:
    settings = load_or_exit(StorageSettings)
    for backup in catalogue.good(storage_of(settings), settings.backup_s3_prefix):
        mib = backup.sealed_bytes / (1 << 20)
        print(f"{backup.name}  {backup.rows} rows  {mib:.1f} MiB  key {backup.key}")


def restore_one(name: str, file: Path | None) -> int:
    """The number of rows that are there again."""
    settings = load_or_exit(RestoreSettings)
    keys = keys_of(settings.backup_key)
    backup: Backup | None
    if file is not None:
        beside = file.with_name(file.name.removesuffix(DUMP) + LIST)
        backup = catalogue.described(beside.read_bytes(), str(beside)) if beside.exists() else None
        pieces = file_pieces(file)
    else:
        bucket = load_or_exit(StorageSettings)
        storage = storage_of(bucket)
        backup = catalogue.named(storage, bucket.backup_s3_prefix, name)
        pieces = storage.stream(f"{bucket.backup_s3_prefix}{backup.name}{DUMP}")
    return asyncio.run(_restore(settings, keys, pieces, backup))


async def _restore(
    settings: RestoreSettings, keys: tuple[bytes, ...], pieces: Iterator[bytes], backup: Backup | None
) -> int:
    rows, applied = await restored_from(settings, keys, pieces, backup.tables if backup else None)
    compared = (
        f"every table as it was at {backup.taken_at:%Y-%m-%d %H:%M:%S} UTC" if backup else "not compared: no list"
    )
    log.info("restored", rows=rows, compared=compared, migrations_applied=len(applied))
    return rows


async def restored_from(
    settings: RestoreSettings, keys: tuple[bytes, ...], pieces: Iterable[bytes], tables: Sums | None
) -> tuple[int, list[str]]:
    """The rows that are there again, and the migrations that were missing."""
    restored = await restoring.restore(pieces, keys, settings.migrate_database_url, tables)
    applied = await migrate(
        settings.migrate_database_url,
        app_password=settings.app_database_password,
        platform_password=settings.platform_database_password,
        backup_password=settings.backup_database_password,
        synthetic_password=settings.synthetic_database_password,
        archive_password=settings.archive_database_password,
        connect_timeout_s=settings.connect_timeout_s,
    )
    return sum(table.rows for table in restored.sums.values()), applied


if __name__ == "__main__":
    main()
