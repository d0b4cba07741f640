"""How many rows a database's tables have, and a checksum of each: the same for the same rows, in whatever order."""

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
    """Of the first half of each row's MD5, as numbers; of a sequence, its last value."""


Sums = dict[str, TableSum]
"""By a table's or sequence's name. Partitions stand for themselves, as they hold the rows."""


async def sums_of(connection: Connection) -> Sums:
    """In a transaction of the caller's, whose snapshot they are of."""
    for name, value in _SETTINGS.items():
        await connection.execute("select set_config($1, $2, true)", name, value)
    found = await connection.fetch(
        "select c.relname as name, quote_ident(n.nspname) || '.' || quote_ident(c.relname) as quoted,"
        " c.relkind = 'S' as is_sequence"
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = 'public' and c.relkind in ('r', 'S')"
        " and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e') order by 1"
    )
    sums = {}
    for row in found:
        if row["is_sequence"]:
            last = await connection.fetchval(f"select last_value::text || is_called::text from {row['quoted']}")
            sums[row["name"]] = TableSum(1, last)
            continue
        counted = await connection.fetchrow(
            "select count(*) as rows, coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric), 0)::text"
            f" as sum from only {row['quoted']} t",
            timeout=TABLE_WITHIN_S,
        )
        assert counted is not None
        sums[row["name"]] = TableSum(counted["rows"], counted["sum"])
    return sums


def require_equal(expected: Sums, found: Sums, where: str) -> None:
    """Raises BackupError that names the tables that differ."""
    wrong = [
        f"{name} ({_rows(expected, name)} rows were dumped, {_rows(found, name)} are there)"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]
    if wrong:
        raise BackupError(f"{where} is not what was dumped: {', '.join(wrong)}")


def _rows(sums: Sums, name: str) -> str:
    return str(sums[name].rows) if name in sums else "no"
