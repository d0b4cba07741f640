"""What the restaurants are told of callers whom nobody served."""

import asyncio

import asyncpg
import msgspec

from tests.conftest import Database
from tests.patience import PATIENCE_S


def events_of(rows: list[asyncpg.Record]) -> list[dict[str, object]]:
    return [msgspec.json.decode(row["event"])["data"] for row in rows]


async def missed(database: Database, caller: str) -> list[dict[str, object]]:
    """The ``call.missed`` events of a caller, once there is one."""
    connection = await asyncpg.connect(database.platform_url)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                rows = await connection.fetch("select event::text from outbox where type = 'com.alloresto.call.missed'")
                found = [event for event in events_of(rows) if event["caller"] == caller]
                if found:
                    return found
                await asyncio.sleep(0.05)
    finally:
        await connection.close()
