"""Bring the database to this release's schema: numbered SQL files, each applied once, in its own transaction.

``python -m stores.migrate`` (``MIGRATE_DATABASE_URL``). Safe to run again, and from several places at once: an
advisory lock lets one work while the others wait. A file that was changed after it was applied is refused.
"""

import asyncio
import contextlib
import hashlib
import sys
from datetime import UTC, datetime
from importlib import resources
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import asyncpg
import msgspec

from process import logs, settings
from stores import locks, partitions
from stores.postgres import Connection, PostgresUnavailableError, connect

LOCK_TIMEOUT_S = 120  # the longest that another deployment's migrations are waited for
APP_ROLE = "alloresto_app"
PLATFORM_ROLE = "alloresto_platform"
BACKUP_ROLE = "alloresto_backup"
SYNTHETIC_ROLE = "alloresto_synthetic"
ARCHIVE_ROLE = "alloresto_archive"

log = logs.get(__name__)


class MigrationError(RuntimeError):
    """The schema can't be brought up to date. The message says why and what to do."""


class Migration(NamedTuple):
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


class MigrateSettings(msgspec.Struct, frozen=True):
    """The passwords are set when given (the local stack); elsewhere the operator sets them."""

    migrate_database_url: str
    app_database_password: str = ""
    platform_database_password: str = ""
    backup_database_password: str = ""
    synthetic_database_password: str = ""
    archive_database_password: str = ""
    connect_timeout_s: settings.Seconds = 60.0


def shipped_migrations() -> tuple[Migration, ...]:
    """The SQL files of this release, in order."""
    files = [file for file in resources.files("stores").joinpath("migrations").iterdir() if file.name.endswith(".sql")]
    return tuple(Migration(file.name, file.read_text()) for file in sorted(files, key=lambda file: file.name))


async def migrate(
    url: str,
    *,
    app_password: str = "",
    platform_password: str = "",
    backup_password: str = "",
    synthetic_password: str = "",
    archive_password: str = "",
    connect_timeout_s: float = 60.0,
    migrations: tuple[Migration, ...] | None = None,
) -> list[str]:
    """Apply what is missing and return the names of what was applied. Creates the database when it is missing.

    Raises MigrationError for a changed or unknown file; asyncpg.PostgresError (with the file's name as a note)
    when a file fails, and then that file has left no trace.
    """
    await _create_database(url, connect_timeout_s)
    connection = await connect(url, timeout_s=connect_timeout_s)
    connection.add_log_listener(_tell)
    try:
        await connection.execute(f"set lock_timeout = '{LOCK_TIMEOUT_S}s'")
        await connection.execute("select pg_advisory_lock($1)", locks.MIGRATIONS)
        applied = await _apply(connection, shipped_migrations() if migrations is None else migrations)
        passwords = {
            APP_ROLE: app_password,
            PLATFORM_ROLE: platform_password,
            BACKUP_ROLE: backup_password,
            SYNTHETIC_ROLE: synthetic_password,
            ARCHIVE_ROLE: archive_password,
        }
        for role, password in passwords.items():
            if password:  # ALTER ROLE takes no parameters, so the server quotes the literal itself
                quoted = "select format('alter role %I password %L', $1::text, $2::text)"
                await connection.execute(await connection.fetchval(quoted, role, password))
        if await connection.fetchval("select to_regproc('ensure_partitions') is not null"):
            await partitions.ensure(connection, datetime.now(UTC).date(), partitions.MONTHS)
        return applied
    finally:
        await connection.close()


def _tell(connection: object, message: asyncpg.PostgresLogMessage) -> None:
    """What a migration asks the operator to see to."""
    if message.severity_en == "WARNING":
        log.warning("a migration says", what=message.message)


async def _apply(connection: Connection, migrations: tuple[Migration, ...]) -> list[str]:
    await connection.execute(
        "create table if not exists schema_migration"
        " (name text primary key, checksum text not null, applied_at timestamptz not null default now())"
    )
    done = {row["name"]: row["checksum"] for row in await connection.fetch("select * from schema_migration")}
    unknown = sorted(done.keys() - {migration.name for migration in migrations})
    if unknown:
        raise MigrationError(f"the database has {unknown[0]}, which this release does not know; deploy a newer one")
    applied = []
    for migration in migrations:
        if migration.name in done:
            if done[migration.name] != migration.checksum:
                raise MigrationError(f"{migration.name} was changed after it was applied; undo that and add a new file")
            continue
        try:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "insert into schema_migration (name, checksum) values ($1, $2)", migration.name, migration.checksum
                )
        except asyncpg.PostgresError as error:
            error.add_note(f"in {migration.name}")
            raise
        log.info("migration applied", migration=migration.name)
        applied.append(migration.name)
    return applied


async def _create_database(url: str, timeout_s: float) -> None:
    name = database_name(url)
    try:
        connection = await connect(url, timeout_s=timeout_s)
    except asyncpg.InvalidCatalogNameError:
        connection = await connect(urlsplit(url)._replace(path="/postgres").geturl(), timeout_s=timeout_s)
        with contextlib.suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            await connection.execute(await connection.fetchval("select format('create database %I', $1::text)", name))
            log.info("database created", database=name)
    await connection.close()


def database_name(url: str) -> str:
    """The database that ``url`` names. Raises MigrationError when it names none."""
    name = unquote(urlsplit(url).path.removeprefix("/"))
    if not name:
        raise MigrationError("MIGRATE_DATABASE_URL: it names no database; end it with /alloresto")
    return name


def main() -> None:
    logs.configure("migrate")
    found = settings.load_or_exit(MigrateSettings)
    try:
        applied = asyncio.run(
            migrate(
                found.migrate_database_url,
                app_password=found.app_database_password,
                platform_password=found.platform_database_password,
                backup_password=found.backup_database_password,
                synthetic_password=found.synthetic_database_password,
                archive_password=found.archive_database_password,
                connect_timeout_s=found.connect_timeout_s,
            )
        )
    except (MigrationError, PostgresUnavailableError, asyncpg.PostgresError) as error:
        where = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        print(f"migrate: {error}{where}", file=sys.stderr)
        raise SystemExit(1) from None
    log.info("the schema is up to date", applied=len(applied))


if __name__ == "__main__":
    main()
