"""``alloresto bench web``: the admin, one worker process, on 1,000 restaurants with a million orders.

Everything is real: Postgres and Valkey as in the local stack, gunicorn with one worker, clients over loopback. They
share the cores with what they measure.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.report import Figure
from bench.web import crowd, pages
from bench.web.filling import FULL, QUICK
from bench.web.server import admin

CONDITIONS: dict[str, str] = {}


async def run(_runs: int, quick: bool = False) -> list[Figure]:
    """All figures: about five minutes. ``quick`` is a small database and a few clients, to see that it runs."""
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="alloresto-bench-web-") as folder:
        async with admin(Path(folder), size) as measured:
            filled = f"{size.restaurants} restaurants, {size.orders} orders, {size.calls} calls: filled in"
            figures = [Figure(filled, measured.filled_s, "s", "≤ 120")]
            of_pages, told = await pages.each(measured, 3 if quick else 40)
            figures += of_pages
            figures += await pages.board(measured, 1.0 if quick else 10.0)
            figures += await crowd.crowded(
                measured, pages=40 if quick else 1000, slow=20 if quick else 500, asked=8 if quick else 100
            )
    CONDITIONS.update(told)
    return figures
