"""Parquet by DuckDB, a row in and out as text: every column as it reads in Postgres, moments in microseconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from backups.archive.columns import PARQUET_TYPES, Part

Row = tuple[str | None, ...]

READ_AT_ONCE = 10_000
# Nothing is fetched from anywhere, and a pod's memory is enough.
_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "threads": 1,
    "memory_limit": "256MB",
}


@contextmanager
def _engine(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(config={**_CONFIGURATION, "temp_directory": str(folder)})
    try:
        yield connection
    finally:
        connection.close()


def write(part: Part, csv: Path, parquet: Path) -> None:
    """``csv`` is what COPY gives of ``columns.selected``, with NULL as ``\\N``. Raises duckdb.Error."""
    texts = ", ".join(f"'{name}': 'VARCHAR'" for name in part.columns)
    typed = ", ".join(
        f"make_timestamptz({name}::BIGINT) as {name}"
        if kind == "moment"
        else f"{name}::{PARQUET_TYPES[kind]} as {name}"
        for name, kind in part.columns.items()
    )
    with _engine(parquet.parent) as engine:
        engine.execute(
            f"copy (select {typed} from read_csv({_quoted(csv)}, columns = {{{texts}}}, auto_detect = false,"
            " header = false, delim = ',', quote = '\"', escape = '\"', nullstr = '\\N', allow_quoted_nulls = false,"
            " max_line_size = 16777216))"
            f" to {_quoted(parquet)} (format parquet, compression zstd)"
        )


def read(part: Part, parquet: Path, names: tuple[str, ...] | None = None) -> Iterator[Row]:
    """The rows in their order, as text; ``names`` of the columns, or all. Raises duckdb.Error."""
    texts = ", ".join(
        f"epoch_us({name})::VARCHAR" if part.columns[name] == "moment" else f"{name}::VARCHAR"
        for name in names or tuple(part.columns)
    )
    with _engine(parquet.parent) as engine:
        found = engine.execute(f"select {texts} from read_parquet({_quoted(parquet)})")
        while rows := found.fetchmany(READ_AT_ONCE):
            yield from rows


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
