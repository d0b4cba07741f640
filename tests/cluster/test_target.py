"""What is missing for a call to a cluster is said before any call, each with its fix."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from devstack.servers.ports import free_port
from tests.cluster.stand_in import secret
from tests.cluster.target import Asked, TargetError, find
from tests.conftest import Database, Pools
from tests.fakes.kubernetes_api import KubernetesApi

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def api(database: Database, redis_url: str, master_key: str) -> AsyncIterator[KubernetesApi]:
    """A cluster whose Secrets name servers that answer."""
    secrets = [
        secret("alloresto-database", {"PLATFORM_DATABASE_URL": database.platform_url}),
        secret("alloresto-redis", {"REDIS_URL": redis_url}),
        secret("alloresto-keys", {"MASTER_KEY": master_key}),
    ]
    async with KubernetesApi(objects=secrets) as api:
        yield api


@pytest.fixture
async def asked(api: KubernetesApi, tmp_path: Path) -> AsyncIterator[Asked]:
    """Options with which nothing is wrong but the empty database."""

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    sink = await asyncio.start_server(close, "127.0.0.1", 0)
    port = sink.sockets[0].getsockname()[1]
    yield Asked(str(api.kubeconfig(tmp_path / "kubeconfig")), f"http://127.0.0.1:{port}", "127.0.0.1")
    sink.close()
    await sink.wait_closed()


async def problems(asked: Asked) -> list[str]:
    with pytest.raises(TargetError) as error:
        await find(asked)
    return str(error.value).splitlines()


async def test_everything_that_is_missing_is_told_at_once_with_its_fix(asked: Asked, api: KubernetesApi) -> None:
    closed = f"http://127.0.0.1:{free_port()}"
    api.put(secret("alloresto-database", {"PLATFORM_DATABASE_URL": "postgresql://u:secret@postgres.invalid/alloresto"}))
    api.delete("Secret", "alloresto-keys", "alloresto")
    told = await problems(replace(asked, call_sink=closed, bridge_host="192.0.2.1"))
    assert told[0].startswith("alloresto: there is no Secret alloresto-keys; ")
    assert told[1].startswith("--cluster-database-url: postgres.invalid:5432 does not answer from this machine")
    assert "kubectl --namespace alloresto port-forward service/postgres 15432:5432" in told[1]
    assert told[2].startswith(f"--call-sink: {closed.removeprefix('http://')} does not answer")
    assert told[3].startswith("--bridge-host 192.0.2.1: ")
    assert len(told) == 4
    assert "u:secret" not in "".join(told)


async def test_an_option_goes_before_the_secret(asked: Asked) -> None:
    closed = f"127.0.0.1:{free_port()}"
    [told] = await problems(replace(asked, redis_url=f"redis://{closed}/0"))
    assert told.startswith(f"--cluster-redis-url: {closed} does not answer")


async def test_a_user_who_may_not_do_what_the_tests_do_is_told_so(asked: Asked, api: KubernetesApi) -> None:
    api.put({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "guest", "namespace": "alloresto"}})
    guest = api.kubeconfig(Path(asked.kubeconfig), account="alloresto/guest")
    [told] = await problems(replace(asked, kubeconfig=str(guest)))
    assert "403" in told or "may not" in told


async def test_a_kubeconfig_that_is_not_there_is_told_in_one_line(asked: Asked, tmp_path: Path) -> None:
    [told] = await problems(replace(asked, kubeconfig=str(tmp_path / "none")))
    assert str(tmp_path / "none") in told


async def test_a_database_without_the_example_restaurant_says_how_to_seed_it(asked: Asked, postgres: Pools) -> None:
    [told] = await problems(asked)
    assert "run ./alloresto seed --always-open" in told


def test_without_its_options_the_mark_is_an_error_that_names_them() -> None:
    calls = ["tests/cluster/test_calls.py", "-m", "cluster", "--kubeconfig", "a-file"]
    command = [sys.executable, "-m", "pytest", "--collect-only", *calls]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "give --call-sink, --bridge-host" in done.stderr
