"""The cluster of the command line, and a caller's voice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cluster import calls
from tests.cluster.cluster import Cluster, open_cluster
from tests.cluster.target import Asked, Target, TargetError, find
from tests.conftest import run_apart

VOICE = "joe"


def asked(config: pytest.Config) -> Asked:
    return Asked(
        kubeconfig=config.getoption("--kubeconfig"),
        call_sink=config.getoption("--call-sink"),
        bridge_host=config.getoption("--bridge-host"),
        namespace=config.getoption("--cluster-namespace"),
        database_url=config.getoption("--cluster-database-url"),
        redis_url=config.getoption("--cluster-redis-url"),
    )


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    """Ends the whole run, with what is wrong, when the cluster cannot be rung."""
    try:
        return run_apart(lambda: find(asked(pytestconfig)))
    except TargetError as error:
        pytest.exit(f"the cluster cannot be rung\n{error}", returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture
async def cluster(target: Target, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with open_cluster(target, tmp_path) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def sentences() -> calls.Sentences:
    """Spoken by the local voices, which stand in for the caller whatever the cluster's engine is."""
    from voices import synthesize_ulaw

    return {sentence: synthesize_ulaw(sentence, VOICE) for sentence in calls.SENTENCES}
