"""Months by name, what the bucket says of each, and what both know."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import msgspec

from backups.archive.columns import PARTS
from backups.errors import BackupError
from backups.object_storage import ObjectStorage
from stores.postgres import Connection

LIST = ".json"


class ArchivedPart(msgspec.Struct, frozen=True):
    """A table's rows of the month, in one object."""

    object: str
    rows: int
    size: int
    """Bytes."""
    sha256: str


class ArchivedMonth(msgspec.Struct, frozen=True):
    """Written once every object was fetched and compared with the database, row by row."""

    month: str
    archived_at: datetime
    parts: dict[str, ArchivedPart]


def parsed(text: str) -> date:
    """Of ``2024-03``. Raises BackupError."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise BackupError(f"{text} is no month; write one like 2024-03") from None


def named(month: date) -> str:
    return f"{month:%Y-%m}"


def following(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def earlier(month: date, months: int) -> date:
    """The month ``months`` before."""
    number = month.year * 12 + month.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def listed(storage: ObjectStorage, prefix: str) -> Iterator[ArchivedMonth]:
    """The oldest first."""
    for key in sorted(one.key for one in storage.list(prefix) if one.key.endswith(LIST)):
        yield _decoded(storage.get(key) or b"", key)


def described(storage: ObjectStorage, prefix: str, month: date) -> ArchivedMonth:
    """Raises BackupError where there is none."""
    key = f"{prefix}{named(month)}{LIST}"
    document = storage.get(key)
    if document is None:
        raise BackupError(f"{named(month)} is not in the archive; see  alloresto archive list")
    return _decoded(document, key)


def _decoded(document: bytes, key: str) -> ArchivedMonth:
    try:
        found = msgspec.json.decode(document, type=ArchivedMonth)
    except msgspec.DecodeError:
        found = None
    if found is None or found.parts.keys() != {part.table for part in PARTS}:
        raise BackupError(f"{key}: not the list of an archived month; bring an earlier version of the object back")
    return found


async def kept_back(connection: Connection, since: datetime) -> frozenset[date]:
    """The months that have come back since then."""
    rows = await connection.fetch("select month from archived_month where back_at > $1", since)
    return frozenset(row["month"] for row in rows)


async def in_database(connection: Connection) -> tuple[date, ...]:
    """The months with partitions of their own, the oldest first."""
    return tuple(row[0] for row in await connection.fetch("select partitioned_months()"))
