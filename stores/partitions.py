"""The monthly partitions of orders and calls."""

from datetime import date

from stores.postgres import Connection


async def ensure(conn: Connection, from_day: date, months: int) -> int:
    """Make the partitions of ``months`` months from that of ``from_day`` on; how many were missing.

    Platform role. Raises asyncpg.InvalidParameterValueError unless ``months`` is 1 to 120. A month with rows in a
    default partition stays there.
    """
    made: int = await conn.fetchval("select ensure_partitions($1, $2)", from_day, months)
    return made
