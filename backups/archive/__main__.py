"""``python -m backups.archive``: months out of the database, back into it, and what there is."""

import argparse
import asyncio
import sys
from datetime import UTC, date, datetime, timedelta

import asyncpg
import duckdb

from backups.archive import months
from backups.archive.fetching import bring_back
from backups.archive.months import earlier, named, parsed
from backups.archive.putting import archiving, forget_keys, put
from backups.archive.settings import ArchiveSettings, storage_of
from backups.errors import BackupError
from process import logs
from process.settings import SettingsError, load_or_exit
from stores.postgres import PostgresUnavailableError

# What ends a command with one line.
TOLD = (BackupError, PostgresUnavailableError, asyncpg.PostgresError, duckdb.Error, OSError)

log = logs.get(__name__)

# A month that somebody has a question about: a run for all that is old leaves it for so long.
BACK_FOR = timedelta(days=30)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="archive")
    parser.add_argument("command", choices=("list", "out", "back"))
    parser.add_argument("month", nargs="?", default="", help="such as 2024-03; out without one: all that are old")
    given = parser.parse_args(arguments)
    logs.configure("archive")
    settings = load_or_exit(ArchiveSettings)
    try:
        month = parsed(given.month) if given.month else None
        match given.command:
            case "list":
                print("\n".join(asyncio.run(listing(settings))))
            case "out":
                asyncio.run(out(settings, month, datetime.now(UTC).date()))
            case _:
                asyncio.run(back(settings, month))
    except SettingsError as error:
        print(error, file=sys.stderr)
        raise
    except TOLD as error:
        print(f"archive: {error}", file=sys.stderr)
        raise SystemExit(1) from None


async def listing(settings: ArchiveSettings) -> list[str]:
    """A line a month: of the archive, with its rows; and those of the database that are old enough."""
    storage = storage_of(settings)
    archived = {
        one.month: one for one in await asyncio.to_thread(list, months.listed(storage, settings.archive_s3_prefix))
    }
    async with archiving(settings.archive_database_url) as connection:
        there = {named(month) for month in await months.in_database(connection)}
    oldest_kept = named(first_kept(settings, datetime.now(UTC).date()))
    lines = []
    for name in sorted(archived.keys() | {one for one in there if one < oldest_kept}):
        one = archived.get(name)
        if one is None:
            lines.append(f"{name}  in the database, old enough to go")
            continue
        rows = ", ".join(f"{part.rows} of {table}" for table, part in one.parts.items())
        mib = sum(part.size for part in one.parts.values()) / (1 << 20)
        lines.append(f"{name}  archived: {rows}, {mib:.1f} MiB{'; also in the database' if name in there else ''}")
    return lines


def first_kept(settings: ArchiveSettings, today: date) -> date:
    """The oldest month that stays in the database."""
    return earlier(today.replace(day=1), settings.archive_months)


async def out(settings: ArchiveSettings, month: date | None, today: date) -> list[date]:
    """Archive one month, or every one that is old enough; which. Raises BackupError at one that can't go yet."""
    storage, kept = storage_of(settings), first_kept(settings, today)
    url = settings.archive_database_url
    if month is not None and month >= kept:
        raise BackupError(f"{named(month)} is younger than ARCHIVE_MONTHS ({settings.archive_months})")
    await forget_keys(url)
    async with archiving(url) as connection:
        there = await months.in_database(connection)
        asked_for = await months.kept_back(connection, datetime.now(UTC) - BACK_FOR)
    due = [one for one in there if one < kept and one not in asked_for] if month is None else [month]
    for one in due:
        await put(url, storage, settings.archive_s3_prefix, one)
        await forget_keys(url)
    log.info("nothing older is in the database", than=named(kept), archived=[named(one) for one in due])
    return due


async def back(settings: ArchiveSettings, month: date | None) -> None:
    if month is None:
        raise BackupError("which month? See  alloresto archive list")
    storage = storage_of(settings)
    await bring_back(settings.archive_database_url, storage, settings.archive_s3_prefix, month)


if __name__ == "__main__":
    main()
