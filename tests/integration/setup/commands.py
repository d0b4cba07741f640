"""The ``alloresto`` command as an operator runs it: a process of its own, with the database in its environment."""

import os
import subprocess
import sys

from tests.conftest import Database


def command(database: Database | None, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """``more`` of the environment."""
    environment = {name: value for name, value in os.environ.items() if name != "PLATFORM_DATABASE_URL"} | more
    if database is not None:
        environment["PLATFORM_DATABASE_URL"] = database.platform_url
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
