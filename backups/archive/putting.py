"""A month leaves the database: written as Parquet, uploaded, fetched again, compared row by row; only then it goes.

Whatever is interrupted before that leaves the database as it was, and is done again by the next run. What a dropped
month has left in order_key and order_log follows in batches, by this run or a later one.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg
import msgspec

from backups.archive import parquet
from backups.archive.columns import PARTS, Part, selected
from backups.archive.months import LIST, ArchivedMonth, ArchivedPart, following, named
from backups.errors import BackupError
from backups.object_storage import ObjectStorage
from process import logs
from stores.postgres import Connection, connect

READ_BYTES = 1 << 20
READ_AT_ONCE = 10_000
KEYS_AT_ONCE = 5_000
WITHIN_S = 3600.0

log = logs.get(__name__)


class _Sum(NamedTuple):
    rows: int
    written: str
    personal: int


async def put(url: str, storage: ObjectStorage, prefix: str, month: date) -> ArchivedMonth:
    """Archive ``month`` and take it out of the database.

    Raises BackupError, asyncpg.PostgresError, duckdb.Error; then it is there as it was.
    """
    with tempfile.TemporaryDirectory(prefix="alloresto-archive-") as folder:
        async with archiving(url) as connection:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                state = await _state(connection, month)
                _require_nobody(state, month)
                parts = {}
                for part in PARTS:
                    parts[part.table] = await _put_part(connection, storage, prefix, month, part, Path(folder))
            archived = ArchivedMonth(named(month), datetime.now(UTC), parts)
            document = msgspec.json.format(msgspec.json.encode(archived))
            await asyncio.to_thread(storage.put, f"{prefix}{named(month)}{LIST}", document)
            await _drop(connection, month, state)
    log.info("archived", month=named(month), **{table: part.rows for table, part in parts.items()})
    return archived


@asynccontextmanager
async def archiving(url: str) -> AsyncIterator[Connection]:
    connection = await connect(url)
    try:
        yield connection
    except asyncpg.InsufficientPrivilegeError as error:
        raise BackupError(f"ARCHIVE_DATABASE_URL: {error}; use the role alloresto_archive, after migrate") from None
    finally:
        await connection.close()


async def _state(connection: Connection, month: date) -> dict[str, _Sum]:
    try:
        rows = await connection.fetch(
            "select part, row_count, written::text, personal from month_state($1)", month, timeout=WITHIN_S
        )
    except asyncpg.UndefinedTableError:
        raise BackupError(f"{named(month)} is not in the database; see  alloresto archive list") from None
    return {row["part"]: _Sum(row["row_count"], row["written"], row["personal"]) for row in rows}


def _require_nobody(state: dict[str, _Sum], month: date) -> None:
    left = {table: one.personal for table, one in state.items() if one.personal}
    if left:
        told = ", ".join(f"{rows} of {table}" for table, rows in left.items())
        raise BackupError(
            f"{named(month)} still tells of people ({told}); it is archived once the archiver has forgotten them:"
            " ORDER_PII_DAYS, CALLER_DAYS, TRANSCRIPT_DAYS"
        )


async def _put_part(
    connection: Connection, storage: ObjectStorage, prefix: str, month: date, part: Part, folder: Path
) -> ArchivedPart:
    """Write, upload, fetch, compare."""
    csv, written, fetched = (folder / f"{part.table}.{end}" for end in ("csv", "parquet", "fetched.parquet"))
    query = selected(part, source_of(part, month))
    await connection.copy_from_query(query, output=csv, format="csv", null="\\N", timeout=WITHIN_S)
    await asyncio.to_thread(parquet.write, part, csv, written)
    csv.unlink()
    key = f"{prefix}{named(month)}/{part.table}.parquet"
    await asyncio.to_thread(storage.put_stream, key, pieces_of(written))
    size, digest = await asyncio.to_thread(fetch, storage, key, fetched)
    if digest != await asyncio.to_thread(_digest_of, written):
        raise BackupError(f"{key}: the bucket gave back something else than what it was given; run it again")
    rows = await compare(connection, query, parquet.read(part, fetched), f"{named(month)}, {part.table}")
    return ArchivedPart(key, rows, size, digest)


def source_of(part: Part, month: date) -> str:
    """A condition in SQL; the literals are dates of ours."""
    first, next_first = (f"'{day.isoformat()} 00:00:00+00'" for day in (month, following(month)))
    return f'"{part.table}" where {part.at} >= {first} and {part.at} < {next_first}'


def pieces_of(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(READ_BYTES):
            yield piece


def _digest_of(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def fetch(storage: ObjectStorage, key: str, to: Path) -> tuple[int, str]:
    """The object's length and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with to.open("wb") as target:
        for piece in storage.stream(key):
            digest.update(piece)
            size += target.write(piece)
    return size, digest.hexdigest()


async def compare(connection: Connection, query: str, archived: Iterable[parquet.Row], what: str) -> int:
    """How many rows both have. In a transaction. Raises BackupError at the first that is not the same."""
    rows, number = iter(archived), 0
    cursor = await connection.cursor(query)
    while found := await cursor.fetch(READ_AT_ONCE):
        for row in found:
            number += 1
            if tuple(row) != next(rows, None):
                raise BackupError(f"{what}: row {number} is not what the archive has; nothing was taken away")
    if next(rows, None) is not None:
        raise BackupError(f"{what}: the archive has more than {number} rows; nothing was taken away")
    return number


async def _drop(connection: Connection, month: date, state: dict[str, _Sum]) -> None:
    expected = {table: [one.rows, one.written, one.personal] for table, one in state.items()}
    try:
        await connection.execute("select drop_month($1, $2)", month, expected, timeout=WITHIN_S)
    except asyncpg.SerializationError:
        raise BackupError(f"{named(month)} was changed while it was archived; run it again") from None
    except asyncpg.LockNotAvailableError:
        raise BackupError(f"{named(month)}: its tables are in use; it stays, run it again") from None


async def forget_keys(url: str) -> int:
    """What months that are gone have left beside them; how many orders'."""
    gone = 0
    async with archiving(url) as connection:
        months = await connection.fetch("select month from archived_month where back_at is null")
        for (month,) in months:
            while deleted := await _forget_some(connection, month):
                gone += deleted
    return gone


async def _forget_some(connection: Connection, month: date) -> int:
    """The log first: its rows are found by the keys."""
    async with connection.transaction():
        ids = await connection.fetch(
            "select order_id from order_key where confirmed_at >= $1 and confirmed_at < $2"
            " order by confirmed_at limit $3",
            _at(month),
            _at(following(month)),
            KEYS_AT_ONCE,
        )
        found = [row["order_id"] for row in ids]
        await connection.execute("delete from order_log where order_id = any($1::uuid[])", found)
        await connection.execute("delete from order_key where order_id = any($1::uuid[])", found)
    return len(found)


def _at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
