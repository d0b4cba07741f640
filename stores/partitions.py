"""The monthly partitions of orders and calls."""

from datetime import date

from stores.postgres import Connection

MONTHS = 4  # this month and the three to come
# A new partition waits for every query of its table, and every later query waits behind it: not for long.
LOCK_TIMEOUT_MS = 2000


async def ensure(conn: Connection, from_day: date, months: int) -> int:
    """Make the partitions of ``months`` months from that of ``from_day`` on; how many were missing.

    Platform role. Raises asyncpg.InvalidParameterValueError unless ``months`` is 1 to 120, and
    asyncpg.LockNotAvailableError when a table is in use for longer than LOCK_TIMEOUT_MS. A month with rows in a
    default partition stays there.
    """
    async with conn.transaction():
        await conn.execute("select set_config('lock_timeout', $1, true)", f"{LOCK_TIMEOUT_MS}ms")
        made: int = await conn.fetchval("select ensure_partitions($1, $2)", from_day, months)
    return made
