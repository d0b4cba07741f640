"""setup/seed-cluster.sh with a real database; only kubectl is played, by a script that answers as it does."""

import base64
import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.conftest import Database

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).parents[3] / "setup" / "seed-cluster.sh"
KUBECTL = """#!/bin/sh
case "$*" in
    "--context kind-test --namespace alloresto get secret alloresto-database "*) printf %s "$ENCODED_URL" ;;
    "--context kind-test --namespace alloresto get secret alloresto-keys "*) printf %s "$ENCODED_KEY" ;;
    "--context kind-test --namespace alloresto port-forward service/postgres :5432")
        [ -n "$FORWARDED_PORT" ] || { echo 'error: unable to forward port because pod is not running' >&2; exit 1; }
        echo "Forwarding from 127.0.0.1:$FORWARDED_PORT -> 5432"
        echo $$ >"$FORWARD_PID"
        exec sleep 60 ;;
    *) echo "kubectl: not played: $*" >&2; exit 1 ;;
esac
"""


def run(folder: Path, url: str, port: str, master_key: str) -> subprocess.CompletedProcess[str]:
    (folder / "kubectl").write_text(KUBECTL)
    (folder / "kubectl").chmod(0o755)
    played = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "ENCODED_URL": base64.b64encode(url.encode()).decode(),
        "ENCODED_KEY": base64.b64encode(master_key.encode()).decode(),
        "FORWARDED_PORT": port,
        "FORWARD_PID": str(folder / "pid"),
    }
    return subprocess.run(
        [SCRIPT, "kind-test"], env=os.environ | played, capture_output=True, text=True, timeout=60, check=False
    )


def in_cluster(url: str) -> str:
    """The URL as the Secret has it."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@postgres:5432").geturl()


async def test_the_restaurants_are_written_through_a_forwarded_port_that_is_closed_again(
    database: Database, tmp_path: Path, master_key: str
) -> None:
    url = database.platform_url

    done = run(tmp_path, in_cluster(url), str(urlsplit(url).port), master_key)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Harbour Pizza: written" in done.stdout
    connection = await asyncpg.connect(database.owner_url, timeout=10)
    assert await connection.fetchval("select count(*) from restaurant") == 2
    await connection.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize(
    ("url", "port", "said"),
    [
        ("postgresql://p:x@db.example.com:5432/alloresto", "1", "does not name postgres:5432"),
        ("postgresql://p:x@postgres:5432/alloresto", "", "unable to forward port because pod is not running"),
    ],
)
def test_what_is_in_the_way_is_told(tmp_path: Path, master_key: str, url: str, port: str, said: str) -> None:
    done = run(tmp_path, url, port, master_key)

    assert (done.returncode, done.stderr.startswith("seed-cluster: "), said in done.stderr) == (1, True, True)
