"""A sealed dump into an empty database."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import asyncpg

from backups.errors import BackupError
from backups.object_storage import READ_BYTES
from backups.programs import feed, for_server
from backups.sealing import Header, unseal
from backups.sums import Sums, require_equal, sums_of
from stores import roles
from stores.migrate import shipped_migrations
from stores.postgres import Connection, connect

ANALYZE_WITHIN_S = 3600.0


class Restored(NamedTuple):
    header: Header
    sums: Sums


async def restore(sealed: Iterable[bytes], keys: tuple[bytes, ...], url: str, expected: Sums | None) -> Restored:
    """Fill the database of ``url``, whose role becomes the owner; compare with ``expected`` where it is known.

    Everything is written in one transaction: what fails leaves the database as empty as it was. Raises BackupError,
    and PostgresUnavailableError.
    """
    opened = await asyncio.to_thread(unseal, sealed, keys)
    connection = await connect(url)
    try:
        await _require_room(connection, opened.header)
        await _make_roles(connection)
        version = await connection.fetchval("select current_setting('server_version_num')::int")
        program = await asyncio.to_thread(for_server, "pg_restore", max(version, opened.header.server_version))
        argv: list[str | Path] = [program, "--exit-on-error", "--single-transaction", "--no-owner", "--dbname", ""]
        await asyncio.to_thread(feed, argv, url, opened.plain, "pg_restore")
        sums = await _sums_of_everything(connection)
        if expected is not None:
            require_equal(expected, sums, "the restored database (drop it, and take another backup)")
        await connection.execute("analyze", timeout=ANALYZE_WITHIN_S)
        return Restored(opened.header, sums)
    finally:
        await connection.close()


async def _require_room(connection: Connection, header: Header) -> None:
    row = await connection.fetchrow(
        "select current_database() as name, current_user as owner,"
        " current_setting('server_version_num')::int as version,"
        " (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'p', 'v', 'm', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema')"
        " as tables"
    )
    assert row is not None
    if row["tables"]:
        raise BackupError(
            f"the database {row['name']} is not empty: it has {row['tables']} tables. Make an empty one and name it in"
            f" the URL; nothing was changed"
        )
    dumped, here = header.server_version // 10_000, row["version"] // 10_000
    if dumped > here:
        raise BackupError(
            f"the backup is of PostgreSQL {dumped} and this server is {here}: use one of {dumped} or later"
        )
    if row["owner"] != header.owner:
        raise BackupError(
            f"the backup's tables belong to the role {header.owner}, whom its policies name, and the URL's role is"
            f' {row["owner"]}: make the role with  create role "{header.owner}" login createrole createdb password …'
            " and put it into MIGRATE_DATABASE_URL"
        )
    known = {migration.name for migration in shipped_migrations()}
    newer = sorted(set(header.migrations) - known)
    if newer:
        raise BackupError(f"the backup has {newer[0]}, which this release does not know: restore with a newer release")


async def _sums_of_everything(connection: Connection) -> Sums:
    """The owner's own rows are hidden from it by forced row-level security: for as long as this transaction is open,
    it is not forced."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        for row in await connection.fetch(
            "select oid::regclass::text as quoted from pg_class where relforcerowsecurity"
        ):
            await connection.execute(f"alter table {row['quoted']} no force row level security")
        return await sums_of(connection)
    finally:
        await transaction.rollback()


async def _make_roles(connection: Connection) -> None:
    try:
        await roles.ensure(connection)
    except asyncpg.InsufficientPrivilegeError:
        raise BackupError(
            f"the URL's role may not make the roles {', '.join(roles.SETTINGS)}: make them as a superuser"
            " (create role … login; the last one also bypassrls), and restore again"
        ) from None


def file_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            yield piece
