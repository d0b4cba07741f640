"""Many at once: live pages that are held open, and clients that never finish what they say."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from bench.report import Figure, percentile
from bench.web.http import Client, LivePage
from bench.web.server import MASTER_KEY, Admin
from domain.order import ConfirmedOrder, Fulfilment
from stores import live, orders
from stores.ciphers import PiiCipher
from stores.postgres import Postgres
from stores.redis import connect

OPENED_WITHIN_S = 60.0
ARRIVES_WITHIN_S = 10.0
PAUSE_S = 0.05
AT_ONCE = 50


async def crowded(admin: Admin, *, pages: int, slow: int, asked: int) -> list[Figure]:
    """Pages under ``pages`` live ones and ``slow`` slow clients, and how soon an order is on its screens."""
    alone = await _asked(admin, asked)
    async with _slow(admin, slow) as connections:
        beside_slow = await _asked(admin, asked)
        async with _live(admin, pages) as watching:
            beside_all = await _asked(admin, asked)
            waits = await _confirmed_to_screen(admin, watching, asked)
            held = sum(one.open and one.drawings > 0 for one in watching)
        hanging = sum(not writer.is_closing() for writer in connections)
    return [
        Figure("a page, p95, alone", percentile(alone, 95), "ms"),
        Figure(f"a page, worst, beside {hanging} slow clients", max(beside_slow), "ms", "≤ 200"),
        Figure(f"live pages held beside {slow} slow clients", held, "", f"= {pages}"),
        Figure(
            f"a page, p95, beside {held} live pages and the slow clients", percentile(beside_all, 95), "ms", "≤ 100"
        ),
        Figure("order confirmed → on the screen, p95", percentile(waits, 95), "ms", "≤ 300"),
    ]


async def _asked(admin: Admin, times: int) -> list[float]:
    client = Client(admin.port, admin.cookie())
    took = []
    for number in range(times):
        path = ("orders", "calls", "menu", "")[number % 4]
        status, _, ms = await client.get(f"{admin.place()}/{path}")
        assert status == 200, (path, status)
        took.append(ms)
        await asyncio.sleep(PAUSE_S)
    await client.close()
    return took


@contextlib.asynccontextmanager
async def _slow(admin: Admin, count: int) -> AsyncIterator[list[asyncio.StreamWriter]]:
    """Half of them stop in their headers, half in their body; a client that is sent away comes again, as they do."""
    writers: list[asyncio.StreamWriter] = []
    ended = asyncio.Event()

    async def hang(number: int) -> None:
        while not ended.is_set():
            reader, writer = await asyncio.open_connection("127.0.0.1", admin.port)
            writers.append(writer)
            body = b"Content-Length: 50000\r\n\r\na=" if number % 2 else b"X-Slow: "
            writer.write(b"POST /login HTTP/1.1\r\nHost: bench.example\r\n" + body)
            with contextlib.suppress(OSError):
                await reader.read()
            writer.close()
            writers.remove(writer)

    tasks = [asyncio.create_task(hang(number)) for number in range(count)]
    async with asyncio.timeout(OPENED_WITHIN_S):
        while len(writers) < count:
            await asyncio.sleep(PAUSE_S)
    try:
        yield writers
    finally:
        ended.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _live(admin: Admin, count: int) -> AsyncIterator[list[LivePage]]:
    """Each of its own member; all restaurants have some."""
    loop, opening = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)
    transports = []

    async def watch(number: int) -> LivePage:
        page = LivePage(f"{admin.place(number)}/orders/stream", admin.cookie(number), lambda _data: None)
        async with opening:
            transport, _ = await loop.create_connection(lambda: page, "127.0.0.1", admin.port)
            transports.append(transport)
            while page.open and not page.drawings:
                await asyncio.sleep(0.01)
        return page

    async with asyncio.timeout(OPENED_WITHIN_S):
        pages = list(await asyncio.gather(*(watch(number) for number in range(count))))
    try:
        yield pages
    finally:
        for transport in transports:
            transport.close()


async def _confirmed_to_screen(admin: Admin, watching: list[LivePage], times: int) -> list[float]:
    """From before the order's transaction to its restaurant's page, in ms."""
    postgres = Postgres(admin.postgres.url("alloresto_app"))
    await postgres.open()
    waits = []
    try:
        async with connect(admin.redis_url) as redis:
            for number in range(times):
                page, owner = watching[number % len(watching)], admin.restaurants[number % len(admin.restaurants)]
                drawn, began = page.drawings, time.monotonic()
                order = _order(owner)
                async with postgres.tenant(owner) as connection:
                    stored = await orders.insert_confirmed(connection, order, PiiCipher(MASTER_KEY))
                taken = live.OrderTaken(
                    call_id=order.call_id,
                    order_id=order.id,
                    number=stored.number,
                    total_cents=order.total_cents,
                    currency=order.currency,
                    lines=(),
                )
                await live.publish(redis, owner, taken)
                async with asyncio.timeout(ARRIVES_WITHIN_S):
                    while page.drawings == drawn:
                        await asyncio.sleep(0.001)
                waits.append((time.monotonic() - began) * 1000)
                await asyncio.sleep(PAUSE_S)
    finally:
        await postgres.close()
    return waits


def _order(owner: str) -> ConfirmedOrder:
    now = datetime.now(UTC)
    return ConfirmedOrder(
        call_id=str(uuid.uuid4()),
        restaurant_id=owner,
        id=str(uuid.uuid4()),
        currency="EUR",
        lines=(),
        fulfilment=Fulfilment("pickup", None, 0),
        customer_name="Camille",
        total_cents=2400,
        vat=(),
        confirmed_at=now,
        promised_at=now + timedelta(minutes=30),
    )
