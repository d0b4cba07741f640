"""A month of two restaurants: out of the database, into a bucket, and back."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from backups.archive import months, parquet, putting
from backups.archive.__main__ import back, first_kept, listing, main, out
from backups.archive.columns import ORDER, PARTS, selected
from backups.archive.fetching import bring_back
from backups.archive.months import earlier, following, named
from backups.archive.putting import source_of
from backups.archive.settings import ArchiveSettings, storage_of
from backups.errors import BackupError
from devstack.object_store import ObjectStore
from devstack.servers.embedded import EmbeddedPostgres
from devstack.servers.ports import free_port
from process.settings import load
from stores.migrate import migrate
from stores.postgres import connect
from tests.conftest import APP_ROLE, ARCHIVE_ROLE, PLATFORM_ROLE, run_apart
from tests.integration.stores.samples import make_restaurant
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

OWNER = "owner_of_archives"  # as a managed Postgres gives one: no superuser, bound by row-level security
TODAY = datetime.now(UTC).date()
MONTH = earlier(TODAY.replace(day=1), 30)
AT = datetime(MONTH.year, MONTH.month, 11, 18, 30, 1, 23, tzinfo=UTC)
# What a file of commas can get wrong.
ODD = 'Pizza "Quattro, stagioni"\n\\N\\'
WRITE = """
with made as (
    insert into "order" (restaurant_id, number, call_id, fulfilment, currency, total_cents, vat, confirmed_at,
        promised_at, forgotten_at, customer_name_encrypted)
    select $1, n, 'call-' || n, 'pickup', 'EUR', 900, '[{"rate_bp": 1000, "cents": 82}]',
        $2::timestamptz + n * interval '1 s', $2::timestamptz + interval '1 hour',
        case when $4 = '' then $2::timestamptz end, nullif($4, '')::bytea
    from generate_series(1, 3) n returning *
), lines as (
    insert into order_item (restaurant_id, order_id, confirmed_at, line, item_id, name, size_id, quantity, unit_cents,
        total_cents, vat_rate_bp)
    select restaurant_id, id, confirmed_at, 1, id, case number when 1 then $3 when 2 then '' else '\\N' end, id, 1,
        900, 900, 1000
    from made
), keys as (
    insert into order_key (restaurant_id, call_id, order_id, confirmed_at)
    select restaurant_id, call_id, id, confirmed_at from made
), logged as (
    insert into order_log (order_id, restaurant_id, number, fulfilment, items, total_cents, currency, confirmed_at)
    select id, restaurant_id, number, 'pickup', 1, 900, 'EUR', confirmed_at from made
)
insert into call_log (id, started_at, restaurant_id, phone_line_id, outcome, ended_at, duration_ms, order_id,
    cost_dollars, model)
select restaurant_id || call_id, confirmed_at - interval '1 minute', restaurant_id,
    (select id from phone_line l where l.restaurant_id = $1), 'order_confirmed', confirmed_at, 60000, id, 0.0123, 'm'
from made
"""


@dataclass(frozen=True)
class Place:
    """A database with a month of two restaurants that is old and tells of nobody, and its bucket."""

    server: EmbeddedPostgres
    name: str
    store: ObjectStore
    own: str
    other: str

    def url(self, role: str = OWNER) -> str:
        return self.server.url(role, self.name)

    @property
    def settings(self) -> ArchiveSettings:
        bucket = {name.replace("BACKUP_", "ARCHIVE_"): value for name, value in self.store.environment().items()}
        return load(ArchiveSettings, bucket | {"ARCHIVE_DATABASE_URL": self.url(ARCHIVE_ROLE)})

    async def put(self) -> None:
        await out(self.settings, MONTH, TODAY)

    async def rows(self, role: str, statement: str, restaurant_id: str = "") -> list[Any]:
        connection = await connect(self.url(role))
        try:
            async with connection.transaction():
                await connection.execute("select set_config('app.restaurant_id', $1, true)", restaurant_id)
                return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    async def archivable(self) -> dict[str, list[Any]]:
        """Every archived column of the month's rows."""
        return {part.table: await self.rows(ARCHIVE_ROLE, selected(part, source_of(part, MONTH))) for part in PARTS}

    async def partitions(self) -> set[str]:
        rows = await self.rows(
            OWNER, f"select relname::text from pg_class where relkind = 'r' and relname like '%{MONTH:%Y_%m}'"
        )
        return {row[0] for row in rows}


PARTITIONS = {f"{part.table}_{MONTH:%Y_%m}" for part in PARTS}
FIGURES = "select calls, ordered, duration_ms from call_figure order by restaurant_id, day, hour"


@pytest.fixture(scope="module")
def migrated(migrated_template: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """The server, with a database to copy whose owner is no superuser."""
    server = migrated_template

    async def make() -> None:
        superuser = await connect(server.url(database="postgres"))
        await superuser.execute(f"create role {OWNER} login createrole createdb password '{server.password(OWNER)}'")
        await superuser.execute(
            "grant alloresto_app, alloresto_platform, alloresto_backup, alloresto_archive, alloresto_synthetic"
            f" to {OWNER} with admin true, inherit false, set false"
        )
        await superuser.close()
        await migrate(server.url(OWNER, "archive_template"))

    run_apart(make)
    yield server
    run_apart(lambda: _drop(server, "archive_template"))


async def _drop(server: EmbeddedPostgres, name: str) -> None:
    superuser = await connect(server.url(database="postgres"))
    await superuser.execute(f"drop database if exists {name} with (force)")
    await superuser.close()


_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def bucket() -> Iterator[ObjectStore]:
    with ObjectStore(free_port()) as store:
        yield store


@pytest.fixture
async def place(migrated: EmbeddedPostgres, bucket: ObjectStore) -> AsyncIterator[Place]:
    bucket.objects.clear()
    bucket.failures.clear()
    name = f"archive_{next(_numbers)}"
    superuser = await connect(migrated.url(database="postgres"))
    await superuser.execute(f"create database {name} template archive_template strategy file_copy owner {OWNER}")
    await superuser.close()
    own, other = make_restaurant("harbour").id, make_restaurant("margot").id
    found = Place(migrated, name, bucket, own, other)
    platform = await connect(found.url(PLATFORM_ROLE))
    await platform.execute("select ensure_partitions($1, 1)", MONTH)
    for number, one in enumerate((own, other)):
        await platform.execute(
            "insert into restaurant (id, name, language, currency, zone) values ($1, 'x', 'fr', 'EUR', 'Europe/Paris')",
            one,
        )
        await platform.execute(
            "insert into phone_line (restaurant_id, number, provider) values ($1, $2, 'twilio')",
            one,
            f"+3311111111{number}",
        )
        await platform.execute(WRITE, one, AT, ODD, "")
    await platform.close()
    yield found
    await _drop(migrated, name)


async def test_a_month_leaves_and_comes_back_row_for_row_and_the_figures_stay(place: Place) -> None:
    before, figures = await place.archivable(), await place.rows(PLATFORM_ROLE, FIGURES)
    assert [len(rows) for rows in before.values()] == [6, 6, 6] and await place.partitions() == PARTITIONS

    await place.put()

    assert await place.partitions() == set() and not any((await place.archivable()).values())
    assert await place.rows(
        PLATFORM_ROLE, "select (select count(*) from order_key), (select count(*) from order_log)"
    ) == [(0, 0)]
    assert await place.rows(PLATFORM_ROLE, FIGURES) == figures != []
    assert (await listing(place.settings))[0].startswith(f"{named(MONTH)}  archived: 6 of order, 6 of order_item, 6 of")

    await back(place.settings, MONTH)

    assert await place.archivable() == before and await place.partitions() == PARTITIONS
    assert await place.rows(PLATFORM_ROLE, FIGURES) == figures
    assert await place.rows(PLATFORM_ROLE, "select count(*) from order_key") == [(6,)]
    assert "also in the database" in (await listing(place.settings))[0]
    assert await out(place.settings, None, TODAY) == []  # somebody has a question about it
    await place.put()
    assert await place.partitions() == set()


async def test_a_month_that_came_back_is_each_restaurants_own_and_its_partition_nobodys(place: Place) -> None:
    await place.put()
    await back(place.settings, MONTH)

    for table in ("order", "order_item", "call_log"):
        rows = await place.rows(APP_ROLE, f'select restaurant_id from "{table}"', place.own)
        assert rows == [(place.own,)] * 3
        for role in (APP_ROLE, PLATFORM_ROLE, ARCHIVE_ROLE):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await place.rows(role, f'select * from "{table}_{MONTH:%Y_%m}"', place.own)


async def test_what_is_archived_is_parquet_that_tells_of_nobody(place: Place, tmp_path: Path) -> None:
    await place.put()

    prefix = f"alloresto-archive/{named(MONTH)}"
    assert set(place.store.objects) == {f"{prefix}.json", *(f"{prefix}/{part.table}.parquet" for part in PARTS)}
    file = tmp_path / "order.parquet"
    file.write_bytes(place.store.objects[f"{prefix}/order.parquet"])
    assert len(list(parquet.read(ORDER, file))) == 6
    for statement in (
        'select customer_name_encrypted from "order"',
        "select note from order_item",
        "select transcript from call_log",
        "select caller_hash from call_log",
        "select name from restaurant",
        "select phone_encrypted from customer",
        'delete from "order"',
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await place.rows(ARCHIVE_ROLE, statement)


async def test_a_month_that_still_tells_of_somebody_stays_whole(place: Place) -> None:
    platform = await connect(place.url(PLATFORM_ROLE))
    await platform.execute(WRITE.replace("'call-'", "'more-'"), place.own, AT, "", "Ada")
    await platform.close()

    with pytest.raises(BackupError, match=f"{named(MONTH)} still tells of people .3 of order"):
        await place.put()
    assert await place.partitions() == PARTITIONS and place.store.objects == {}


async def test_what_the_bucket_gives_back_changed_takes_nothing_away(place: Place) -> None:
    place.store.failures.append(("GET", "corrupted"))

    with pytest.raises(BackupError, match="gave back something else"):
        await place.put()
    assert await place.partitions() == PARTITIONS


async def test_a_row_that_differs_is_told_by_its_number(place: Place) -> None:
    rows = (await place.archivable())["order"]
    connection = await connect(place.url(ARCHIVE_ROLE))
    query = selected(ORDER, source_of(ORDER, MONTH))
    try:
        for wrong in (rows[:4], [*rows, rows[0]], [*rows[:4], rows[0], rows[5]]):
            with pytest.raises(BackupError, match=r"row 5 is not|more than 6 rows"):
                async with connection.transaction():
                    await putting.compare(connection, query, wrong, "it")
    finally:
        await connection.close()


async def test_a_month_that_was_changed_after_its_snapshot_is_not_dropped(place: Place) -> None:
    connection = await connect(place.url(ARCHIVE_ROLE))
    state = await putting._state(connection, MONTH)
    platform = await connect(place.url(PLATFORM_ROLE))
    await platform.execute("update \"order\" set status = 'cancelled' where restaurant_id = $1", place.own)
    await platform.close()

    with pytest.raises(BackupError, match="was changed while it was archived"):
        await putting._drop(connection, MONTH, state)
    await connection.close()
    assert await place.partitions() == PARTITIONS


async def test_no_month_goes_that_is_young_and_none_comes_back_that_never_went(place: Place) -> None:
    young = earlier(TODAY.replace(day=1), 1)
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await place.rows(ARCHIVE_ROLE, f"select drop_month('{young}', '{{}}')")
    assert first_kept(place.settings, TODAY) == earlier(TODAY.replace(day=1), 24)
    with pytest.raises(BackupError, match="is younger than ARCHIVE_MONTHS"):
        await out(place.settings, young, TODAY)
    with pytest.raises(BackupError, match="is not in the archive"):
        await back(place.settings, MONTH)


async def test_a_coming_back_that_was_cut_short_is_done_anew_and_of_a_restaurant_that_is_gone_nothing_comes(
    place: Place,
) -> None:
    await place.put()
    await place.rows(ARCHIVE_ROLE, f"select open_month('{MONTH}')")
    await place.rows(PLATFORM_ROLE, f"delete from phone_line where restaurant_id = '{place.own}'")
    await place.rows(
        PLATFORM_ROLE,
        f"delete from call_figure where restaurant_id = '{place.other}'",
    )
    await place.rows(PLATFORM_ROLE, f"delete from restaurant where id = '{place.other}'")

    _, left = await bring_back(place.url(ARCHIVE_ROLE), storage_of(place.settings), "alloresto-archive/", MONTH)

    assert left == 9
    rows = await place.rows(PLATFORM_ROLE, "select restaurant_id, phone_line_id from call_log")
    assert rows == [(place.own, None)] * 3


@pytest.mark.parametrize("way", ["out", "back"])
async def test_an_order_that_is_written_meanwhile_is_written_and_the_month_goes_on(place: Place, way: str) -> None:
    """Whoever writes holds the table and then asks for its partitions: nobody may hold those and ask for the table."""
    if way == "back":
        await place.put()
    writer = await connect(place.url(PLATFORM_ROLE))
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute('lock table only "order" in row exclusive mode')
    moving = asyncio.create_task(place.put() if way == "out" else back(place.settings, MONTH))
    waiting = "select count(*) from pg_locks where not granted and relation = '\"order\"'::regclass"
    async with asyncio.timeout(PATIENCE_S):
        while await writer.fetchval(waiting) == 0 and not moving.done():
            await asyncio.sleep(0.02)

    await writer.execute('update "order" set status = status where id = $1', str(uuid.uuid4()))
    await transaction.commit()
    await moving
    assert (await place.partitions() == set()) == (way == "out")
    await writer.close()


async def test_what_a_run_that_died_left_beside_a_month_goes_with_the_next_one(place: Place) -> None:
    await putting.put(place.url(ARCHIVE_ROLE), storage_of(place.settings), "alloresto-archive/", MONTH)
    assert await place.rows(PLATFORM_ROLE, "select count(*) from order_key") == [(6,)]

    assert await out(place.settings, None, TODAY) == []
    assert await place.rows(PLATFORM_ROLE, "select count(*) from order_key") == [(0,)]


def test_the_command_says_what_it_lacks_and_what_is_wrong_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["list"])
    assert capsys.readouterr().err.count("ARCHIVE_DATABASE_URL: not set") == 1
    for name in ("DATABASE_URL", "S3_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY"):
        monkeypatch.setenv(f"ARCHIVE_{name}", "http://127.0.0.1:9")
    with pytest.raises(SystemExit, match="1"):
        main(["out", "March"])
    assert capsys.readouterr().err.endswith("archive: March is no month; write one like 2024-03\n")


def test_months_follow_one_another_over_the_year() -> None:
    assert following(date(2025, 12, 1)) == date(2026, 1, 1) and following(date(2026, 1, 1)) == date(2026, 2, 1)
    assert earlier(date(2026, 1, 1), 1) == date(2025, 12, 1) and earlier(date(2026, 3, 1), 24) == date(2024, 3, 1)
    with pytest.raises(BackupError):
        months.parsed("2026-13")
