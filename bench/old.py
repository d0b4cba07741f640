"""``alloresto bench old``: the admin on years of orders, measured against the same figures as ``bench web``.

1,000 restaurants, orders spread over 36 months with three calls to ten of them; those older than a year have no names,
as retention leaves them. Beside every page of the map, those that reach far back are asked: a year of figures, an
order of years ago, a ticket number over all time.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import asyncpg

from bench.report import Figure, percentile
from bench.web import pages
from bench.web.filling import Size
from bench.web.http import Client
from bench.web.server import Admin, admin

ORDERS = 1_000_000
DAYS = 1095
FULL = Size(1000, ORDERS, 300_000, DAYS)
QUICK = Size(20, 6_000, 2_000, DAYS)
REPEATS = 40
CONDITIONS: dict[str, str] = {}


async def run(_runs: int, quick: bool = False, orders: int | None = None) -> list[Figure]:
    """A million orders take about six minutes; ``quick`` is a few, to see that it runs."""
    size = QUICK if quick else FULL
    if orders is not None:
        size = Size(size.restaurants, orders, orders * 3 // 10, DAYS)
    with tempfile.TemporaryDirectory(prefix="alloresto-bench-old-") as folder:
        async with admin(Path(folder), size) as measured:
            filled = f"{size.restaurants} restaurants, {size.orders:,} orders, {size.calls:,} calls: filled in"
            figures = [Figure(filled, measured.filled_s, "s")]
            of_pages, told = await pages.each(measured, 3 if quick else REPEATS)
            figures += [one for one in of_pages if "weight" not in one.figure]
            figures += await _far_back(measured, 3 if quick else REPEATS)
            figures += await pages.board(measured, 1.0 if quick else 10.0)
    CONDITIONS.update(told)
    return figures


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
