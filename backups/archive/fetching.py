"""An archived month comes back into the database, for a question: the pages show it again, without names.

It is loaded into tables of its own, compared with the archive row by row, and becomes the month's partitions in one
transaction. The archive keeps it; ``out`` takes it away again.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import asyncpg

from backups.archive import months, parquet
from backups.archive.columns import CALL_LOG, PARTS, Kind, Part, selected
from backups.archive.months import ArchivedMonth, ArchivedPart, named
from backups.archive.putting import WITHIN_S, archiving, compare, fetch
from backups.errors import BackupError
from backups.object_storage import ObjectStorage
from process import logs
from stores.postgres import Connection

LOADED_AT_ONCE = 10_000
_CASTS: dict[Kind, str] = {
    "uuid": "{}::uuid",
    "text": "{}",
    "integer": "{}::integer",
    "moment": "timestamptz 'epoch' + {}::bigint * interval '1 microsecond'",
    "money": "{}::numeric",
    "json": "{}::jsonb",
}

log = logs.get(__name__)


class _Known(NamedTuple):
    """What rows may refer to; a restaurant or a line can have gone since."""

    restaurants: frozenset[str]
    lines: frozenset[str]


async def bring_back(url: str, storage: ObjectStorage, prefix: str, month: date) -> tuple[ArchivedMonth, int]:
    """The month, and how many rows stayed in the archive as their restaurant is gone.

    Raises BackupError, asyncpg.PostgresError; then nothing is back.
    """
    archived = await asyncio.to_thread(months.described, storage, prefix, month)
    with tempfile.TemporaryDirectory(prefix="alloresto-archive-") as folder:
        files = {part.table: Path(folder) / f"{part.table}.parquet" for part in PARTS}
        for part in PARTS:
            await asyncio.to_thread(_fetch_whole, storage, archived.parts[part.table], files[part.table])
        async with archiving(url) as connection:
            await _open(connection, month)
            known = await _known(connection)
            counts = {}
            for part in PARTS:
                counts[part.table] = await _load(connection, part, month, files[part.table], known)
            await connection.execute("select attach_month($1, $2)", month, counts, timeout=WITHIN_S)
    left = sum(part.rows for part in archived.parts.values()) - sum(counts.values())
    log.info("back from the archive", month=named(month), left_out=left, **counts)
    return archived, left


def _fetch_whole(storage: ObjectStorage, part: ArchivedPart, to: Path) -> None:
    _, digest = fetch(storage, part.object, to)
    if digest != part.sha256:
        raise BackupError(f"{part.object} is not what was archived; bring an earlier version of the object back")


async def _open(connection: Connection, month: date) -> None:
    try:
        await connection.execute("select open_month($1)", month)
    except asyncpg.DuplicateTableError:
        raise BackupError(f"{named(month)} is in the database already") from None
    except asyncpg.InvalidParameterValueError:
        raise BackupError(f"this database has never archived {named(month)}; is ARCHIVE_DATABASE_URL it?") from None


async def _known(connection: Connection) -> _Known:
    restaurants = await connection.fetch("select id from restaurant")
    lines = await connection.fetch("select id from phone_line")
    return _Known(frozenset(row["id"] for row in restaurants), frozenset(row["id"] for row in lines))


async def _load(connection: Connection, part: Part, month: date, file: Path, known: _Known) -> int:
    """Load, compare; how many rows. A column that the schema has no more stays in the archive."""
    table = f'"{part.table}_{month:%Y_%m}"'
    present = {
        row["attname"]
        for row in await connection.fetch(
            "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and not attisdropped",
            table,
        )
    }
    there = Part(part.table, part.at, part.key, {name: kind for name, kind in part.columns.items() if name in present})
    insert = _insert(there, table)
    async with connection.transaction():
        for rows in _batches(_loadable(there, file, known)):
            await connection.execute(insert, *([row[n] for row in rows] for n in range(len(there.columns))))
    async with connection.transaction():
        return await compare(
            connection, selected(there, table), _loadable(there, file, known), f"{named(month)}, {part.table}"
        )


def _insert(part: Part, table: str) -> str:
    names = list(part.columns)
    values = ", ".join(_CASTS[kind].format(name) for name, kind in part.columns.items())
    arrays = ", ".join(f"${n}::text[]" for n in range(1, len(names) + 1))
    return (
        f"insert into {table} ({', '.join(names)}) select {values} from unnest({arrays}) as given ({', '.join(names)})"
    )


def _loadable(part: Part, file: Path, known: _Known) -> Iterator[parquet.Row]:
    names = tuple(part.columns)
    owner = names.index("restaurant_id")
    line = names.index("phone_line_id") if part.table == CALL_LOG.table and "phone_line_id" in names else None
    for row in parquet.read(part, file, names):
        if row[owner] not in known.restaurants:
            continue
        if line is not None and row[line] not in known.lines:
            row = (*row[:line], None, *row[line + 1 :])
        yield row


def _batches(rows: Iterator[parquet.Row]) -> Iterator[list[parquet.Row]]:
    batch: list[parquet.Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == LOADED_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
