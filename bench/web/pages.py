"""Every page of the URL map: how long it takes, what it asks Postgres, what it weighs."""

from __future__ import annotations

import asyncio
import gzip
import re
import time

import asyncpg

from bench.report import Figure, percentile
from bench.web.filling import BIG, COLLEAGUES, PEOPLE
from bench.web.http import Client
from bench.web.server import Admin
from web.access import rule_of

_STATEMENT = re.compile(r"LOG:  (?:duration: [\d.]+ ms  )?(?:execute [^:]*|statement): (.*)")
_AROUND = re.compile(r"^(begin|commit|rollback|select set_config)", re.IGNORECASE)
_STATIC = re.compile(rb'(?:href|src)="(/static/[^"]+)"')
STATISTICS_S = 1.5  # Postgres adds a connection's counts up when it has been idle for a second
RELOADED_WITHIN_S = 10.0


async def paths(admin: Admin) -> dict[str, str]:
    """A path for each page that a member may GET, by endpoint; streams and what needs an unknown id are left out."""
    values = await _values(admin)
    found: dict[str, str] = {}
    with admin.app.test_request_context():
        adapter = admin.app.url_map.bind("bench.example")
        for route in admin.app.url_map.iter_rules():
            rule = rule_of(admin.app, route.endpoint)
            if "GET" not in (route.methods or ()) or route.endpoint.endswith("stream"):
                continue
            if (isinstance(rule, frozenset) or rule == "signed_in") and route.arguments <= values.keys():
                given = {name: values[name] for name in route.arguments}
                found[route.endpoint] = adapter.build(route.endpoint, given, "GET")
    return found


async def _values(admin: Admin) -> dict[str, str]:
    owner = admin.restaurants[0]
    connection = await asyncpg.connect(admin.postgres.url(), timeout=30)
    try:
        row = await connection.fetchrow(
            "select"
            ' (select id::text from "order" where restaurant_id = $1 order by confirmed_at desc limit 1) order_id,'
            " (select id from call_log where restaurant_id = $1 order by started_at desc limit 1) call_id,"
            " (select id::text from menu_item where restaurant_id = $1 limit 1) item_id,"
            " (select id::text from menu_category where restaurant_id = $1 limit 1) category_id,"
            " (select id::text from modifier_group where restaurant_id = $1 limit 1) group_id",
            owner,
        )
    finally:
        await connection.close()
    return {"restaurant_id": owner} | {name: value for name, value in dict(row or {}).items() if value}


async def each(admin: Admin, repeats: int) -> tuple[list[Figure], dict[str, str]]:
    """Times, queries, sequential scans and weights over all pages, and which page was the worst."""
    client = Client(admin.port, admin.cookie())
    slowest, answered, weights, refused = {}, {}, {}, []
    scanned = await _sequentially_read(admin)
    for endpoint, path in (await paths(admin)).items():
        status, body, _ = await client.get(path)
        if status >= 400:
            refused.append(endpoint)
            continue
        slowest[endpoint] = percentile([(await client.get(path))[2] for _ in range(repeats)], 95)
        answered[endpoint] = path
        weights[endpoint] = (len(body), len(body) + await _files(client, body))
    scanned = await _sequentially_read(admin) - scanned
    queries = await _queries(admin, client, answered)
    await client.close()
    worst = max(slowest, key=lambda one: slowest[one])
    most = max(queries, key=lambda one: queries[one])
    figures = [
        Figure(f"server time of a page, p95, the slowest of {len(slowest)}", slowest[worst], "ms", "≤ 40"),
        Figure("queries of a page, most", queries[most], "", "≤ 8"),
        Figure("rows of orders and calls that a page read without an index", scanned, "", "= 0"),
        Figure("weight of a page, first visit", max(one[1] for one in weights.values()) / 1024, "KB", "≤ 150"),
        Figure("weight of a page, later", max(one[0] for one in weights.values()) / 1024, "KB", "≤ 30"),
    ]
    told = {"slowest page": worst, "most queries": most}
    return figures, told | ({"not answered": ", ".join(refused)} if refused else {})


async def _queries(admin: Admin, client: Client, asked: dict[str, str]) -> dict[str, int]:
    """The statements of one request of each, as Postgres's log has them; not what begins and ends a transaction."""
    counts: dict[str, int] = {}
    connection = await asyncpg.connect(admin.postgres.url(), timeout=30)
    try:
        await connection.execute("alter system set log_min_duration_statement = 0")
        await connection.execute("select pg_reload_conf()")
        async with asyncio.timeout(RELOADED_WITHIN_S):
            while await connection.fetchval("show log_min_duration_statement") != "0":
                await asyncio.sleep(0.02)
        for endpoint, path in asked.items():
            before = admin.postgres.log_file.stat().st_size
            await client.get(path)
            written = admin.postgres.log_file.read_bytes()[before:].decode(errors="replace")
            counts[endpoint] = sum(1 for text in _STATEMENT.findall(written) if not _AROUND.match(text.strip()))
        await connection.execute("alter system reset log_min_duration_statement")
        await connection.execute("select pg_reload_conf()")
    finally:
        await connection.close()
    return counts


async def _sequentially_read(admin: Admin) -> int:
    await asyncio.sleep(STATISTICS_S)
    connection = await asyncpg.connect(admin.postgres.url(), timeout=30)
    try:
        read: int = await connection.fetchval(
            "select coalesce(sum(s.seq_tup_read), 0)::bigint from pg_stat_user_tables s"
            " left join pg_inherits i on i.inhrelid = s.relid"
            " where coalesce(i.inhparent::regclass::text, s.relname) = any($1::text[])",
            [*BIG, '"order"'],
        )
        return read
    finally:
        await connection.close()


async def _files(client: Client, page: bytes) -> int:
    """What the page's static files weigh together."""
    text = gzip.decompress(page) if page[:2] == b"\x1f\x8b" else page
    found = {path.decode().replace("&amp;", "&") for path in _STATIC.findall(text)}
    return sum([len((await client.get(path))[1]) for path in found])


async def board(admin: Admin, seconds: float) -> list[Figure]:
    """The order board as fast as one worker gives it, to a few members of a restaurant that ask without a pause."""
    took: list[float] = []
    refused: list[int] = []
    path, until = f"{admin.place()}/orders", time.monotonic() + seconds

    async def ask(number: int) -> None:
        client = Client(admin.port, admin.cookie(number))
        while time.monotonic() < until:
            status, _, ms = await client.get(path)
            if status == 200:
                took.append(ms)
            else:
                refused.append(status)
        await client.close()

    await asyncio.gather(*(ask(PEOPLE + number) for number in range(COLLEAGUES)))
    return [
        Figure("order board, one worker process", len(took) / seconds, "/s", "≥ 700"),
        Figure("order board under that load, p99", percentile(took, 99), "ms", "≤ 60"),
        Figure("order board under that load, not given", len(refused), "", "= 0"),
    ]
