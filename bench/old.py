"""``alloresto bench old``: the admin on years of orders, measured against the same figures as ``bench web``.

1,000 restaurants, orders spread over 36 months with three calls to ten of them; those older than a year have no names,
as retention leaves them. Beside every page of the map, those that reach far back are asked: a year of figures, an
order of years ago, a ticket number over all time. Then a month goes into the archive and comes back, and meanwhile an
order is read and written again and again, as a restaurant would.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from backups.archive.fetching import bring_back
from backups.archive.months import ArchivedMonth, earlier
from backups.archive.putting import forget_keys, put
from backups.object_storage import ObjectStorage
from bench.report import Figure, percentile
from bench.web import pages
from bench.web.filling import Size
from bench.web.http import Client
from bench.web.server import Admin, admin
from devstack.object_store import BUCKET, ObjectStore
from devstack.servers.embedded import EmbeddedPostgres
from devstack.servers.ports import free_port

ORDERS = 1_000_000
DAYS = 1095
FULL = Size(1000, ORDERS, 300_000, DAYS)
QUICK = Size(20, 12_000, 4_000, DAYS)
REPEATS = 40
MONTHS_AGO = 26
PREFIX = "archive/"
PAUSE_S = 0.02
CONDITIONS: dict[str, str] = {}

T = TypeVar("T")


async def run(_runs: int, quick: bool = False, orders: int | None = None, data: Path | None = None) -> list[Figure]:
    """A million orders take about six minutes; ``quick`` is a few, to see that it runs.

    ``data`` is a folder that keeps them: who measures again within the day fills nothing.
    """
    size = QUICK if quick else FULL
    if orders is not None:
        size = Size(size.restaurants, orders, orders * 3 // 10, DAYS)
    with _folder(data) as folder:
        async with admin(folder, size) as measured:
            filled = f"{size.restaurants} restaurants, {size.orders:,} orders, {size.calls:,} calls: filled in"
            figures = [Figure(filled, measured.filled_s, "s")]
            of_pages, told = await pages.each(measured, 3 if quick else REPEATS)
            figures += [one for one in of_pages if "weight" not in one.figure]
            figures += await _far_back(measured, 3 if quick else REPEATS)
            figures += await pages.board(measured, 1.0 if quick else 10.0)
            figures += await _archived(measured.postgres, measured.restaurants[0])
    CONDITIONS.update(told)
    return figures


@contextlib.contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="alloresto-bench-old-") as made:
        yield Path(made)


async def _far_back(admin: Admin, repeats: int) -> list[Figure]:
    """The pages that look furthest: p95 of each."""
    place, (order, first, last) = admin.place(), await _oldest(admin)
    year = f"from={first}&to={last}"
    paths = {
        "a year of figures": f"{place}/figures?{year}",
        "a year of figures by hour, for a spreadsheet": f"{place}/figures.csv?{year}",
        "the oldest order": f"{place}/orders/{order}",
        "orders of one day years ago": f"{place}/orders/earlier?day={first}",
        "orders by ticket number": f"{place}/orders/earlier?q=7",
    }
    client, figures = Client(admin.port, admin.cookie()), []
    for name, path in paths.items():
        took = []
        for _ in range(repeats):
            status, _, ms = await client.get(path)
            if status != 200:
                raise RuntimeError(f"{path} answers {status}")
            took.append(ms)
        figures.append(Figure(f"{name}, p95", percentile(took, 95), "ms", "≤ 40"))
    await client.close()
    return figures


async def _oldest(admin: Admin) -> tuple[str, str, str]:
    """The first order of the measured restaurant, its day, and the last day of the year that begins with it."""
    connection = await asyncpg.connect(admin.postgres.url(), timeout=30)
    try:
        row = await connection.fetchrow(
            "select id::text, confirmed_at::date::text, (confirmed_at::date + 365)::text"
            ' from "order" where restaurant_id = $1 order by confirmed_at limit 1',
            admin.restaurants[0],
        )
    finally:
        await connection.close()
    assert row is not None
    return row[0], row[1], row[2]


async def _archived(postgres: EmbeddedPostgres, restaurant_id: str) -> list[Figure]:
    """A month out and back, row by row, and how long an order had to wait meanwhile."""
    month = earlier(datetime.now(UTC).date().replace(day=1), MONTHS_AGO)
    url = postgres.url("alloresto_archive")
    owner = await asyncpg.connect(postgres.url(), timeout=30)
    await owner.execute(f"alter role alloresto_archive password '{postgres.password('alloresto_archive')}'")
    await owner.close()
    with _bucket() as storage:
        async with _waiting(postgres, restaurant_id) as out_waits:
            archived, out_s = await _timed(_out(url, storage, month))
        async with _waiting(postgres, restaurant_id) as back_waits:
            _, back_s = await _timed(bring_back(url, storage, PREFIX, month))
    orders = archived.parts["order"]
    size = sum(part.size for part in archived.parts.values())
    return [
        Figure(f"a month of {orders.rows:,} orders: archived, compared, dropped", out_s, "s"),
        Figure("the same back in the database, compared", back_s, "s"),
        Figure("its Parquet", size / 1e6, "MB"),
        Figure("longest that an order waited meanwhile, out", max(out_waits) * 1000, "ms"),
        Figure("longest that an order waited meanwhile, back", max(back_waits) * 1000, "ms"),
    ]


async def _out(url: str, storage: ObjectStorage, month: date) -> ArchivedMonth:
    archived = await put(url, storage, PREFIX, month)
    await forget_keys(url)
    return archived


async def _timed(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    began = time.monotonic()
    return await work, time.monotonic() - began


@contextlib.contextmanager
def _bucket() -> Iterator[ObjectStorage]:
    with ObjectStore(free_port()) as store:
        yield ObjectStorage(store.url, BUCKET, store.credentials)


@contextlib.asynccontextmanager
async def _waiting(postgres: EmbeddedPostgres, restaurant_id: str) -> AsyncIterator[list[float]]:
    """How long it took each time to write an order of today, in seconds."""
    took: list[float] = []
    connection = await asyncpg.connect(postgres.url(), timeout=30)
    query = 'select id from "order" where restaurant_id = $1 order by confirmed_at desc limit 1'
    order_id = await connection.fetchval(query, restaurant_id)

    async def write() -> None:
        while True:
            began = time.monotonic()
            await connection.execute(
                'update "order" set status_by = $2, status_changed_at = now() where id = $1', order_id, "bench"
            )
            took.append(time.monotonic() - began)
            await asyncio.sleep(PAUSE_S)

    writing = asyncio.create_task(write())
    try:
        yield took
    finally:
        writing.cancel()
        await asyncio.wait({writing})
        await connection.close()
