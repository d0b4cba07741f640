"""How many rows a database's tables have, and a checksum of each: the same for the same rows, in whatever order.

No snapshot holds a sequence still: it is dumped as it is at that moment, at least as far as all that the snapshot sees.
So of a sequence it is asked that it is not behind where it was before the dump began.
"""

import msgspec

from backups.errors import BackupError
from stores.postgres import Connection

TABLE_WITHIN_S = 3600.0
# A row as text has to read the same on both sides.
_SETTINGS = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}


class TableSum(msgspec.Struct, frozen=True):
    rows: int
    sum: str
    """Of the first half of each row's MD5, as numbers; "" of a sequence."""
    at: int = 0
    """Of a sequence, the value that it gives next."""


Sums = dict[str, TableSum]
"""By a table's or sequence's name. Partitions stand for themselves, as they hold the rows."""


_OF_KIND = (
    "select c.relname as name, quote_ident(n.nspname) || '.' || quote_ident(c.relname) as quoted"
    " from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and c.relkind = $1"
    " and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e') order by 1"
)


async def sequences_of(connection: Connection) -> Sums:
    """Before a dump begins, or once all is restored."""
    sums = {}
    for row in await connection.fetch(_OF_KIND, b"S"):
        at = await connection.fetchval(f"select last_value + is_called::int from {row['quoted']}")
        sums[row["name"]] = TableSum(1, "", at)
    return sums


async def tables_of(connection: Connection) -> Sums:
    """In a transaction of the caller's, whose snapshot they are of."""
    for name, value in _SETTINGS.items():
        await connection.execute("select set_config($1, $2, true)", name, value)
    sums = {}
    for row in await connection.fetch(_OF_KIND, b"r"):
        counted = await connection.fetchrow(
            "select count(*) as rows, coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric), 0)::text"
            f" as sum from only {row['quoted']} t",
            timeout=TABLE_WITHIN_S,
        )
        assert counted is not None
        sums[row["name"]] = TableSum(counted["rows"], counted["sum"])
    return sums


async def sums_of(connection: Connection) -> Sums:
    """Of a database that nobody writes to."""
    return await sequences_of(connection) | await tables_of(connection)


def require_equal(expected: Sums, found: Sums, where: str) -> None:
    """Raises BackupError that names the tables that differ, and the sequences that are behind."""
    wrong = [
        f"{name} ({_rows(expected, name)} rows were dumped, {_rows(found, name)} are there)"
        for name in sorted(expected.keys() | found.keys())
        if not _is_there(expected.get(name), found.get(name))
    ]
    if wrong:
        raise BackupError(f"{where} is not what was dumped: {', '.join(wrong)}")


def _is_there(expected: TableSum | None, found: TableSum | None) -> bool:
    if expected is None or found is None:
        return False
    return (expected.rows, expected.sum) == (found.rows, found.sum) and expected.at <= found.at


def _rows(sums: Sums, name: str) -> str:
    return str(sums[name].rows) if name in sums else "no"
