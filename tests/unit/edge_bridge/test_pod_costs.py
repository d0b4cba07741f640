import asyncio
from pathlib import Path

import pytest

from cluster import connection
from cluster.errors import ClusterError
from edge_bridge.calls import pod_costs
from edge_bridge.calls.pod_costs import (
    BUSY_COST,
    MOST_AT_ONCE,
    ClusterPods,
    LocalRuntimePods,
    NoPods,
    PodCostTasks,
    for_environment,
)
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.unit


class Pods:
    """Keeps what it is told once ``answer`` is set; fails for pods named ``bad``."""

    def __init__(self) -> None:
        self.costs: list[tuple[str, int]] = []
        self.answer = asyncio.Event()
        self.closed = False

    async def check(self) -> None:
        raise ClusterError("reading the kubeconfig", "it is not there", "name another")

    async def set_deletion_cost(self, pod: str, cost: int) -> None:
        await self.answer.wait()
        if pod == "bad":
            raise ClusterError("patch pods bad", "403", "bind a role", 403)
        self.costs.append((pod, cost))

    async def close(self) -> None:
        self.closed = True


async def test_a_pod_is_busy_and_then_idle() -> None:
    pods = Pods()
    pods.answer.set()
    tasks = PodCostTasks(pods)

    tasks.busy("a")
    await asyncio.sleep(0.01)
    tasks.idle("a")
    await tasks.close()

    assert pods.costs == [("a", BUSY_COST), ("a", 0)]
    assert pods.closed


async def test_a_slow_patch_is_never_overtaken_by_the_next_of_its_pod() -> None:
    pods = Pods()
    tasks = PodCostTasks(pods)

    tasks.busy("a")
    tasks.busy("b")
    await asyncio.sleep(0.01)
    tasks.idle("a")
    pods.answer.set()
    await tasks.close()

    assert [cost for pod, cost in pods.costs if pod == "a"] == [BUSY_COST, 0]


async def test_a_failure_is_the_end_of_that_patch_only() -> None:
    pods = Pods()
    pods.answer.set()
    tasks = PodCostTasks(pods)
    tasks.check()  # fails, and calls go on without

    for pod in ("bad", "good"):
        tasks.busy(pod)
    await asyncio.sleep(0.01)
    tasks.busy("bad")
    await tasks.close()

    assert pods.costs == [("good", BUSY_COST)]


async def test_patches_at_once_have_a_limit() -> None:
    pods = Pods()
    tasks = PodCostTasks(pods)

    for number in range(MOST_AT_ONCE + 5):
        tasks.busy(f"pod-{number}")
    pods.answer.set()
    await tasks.close()

    assert len(pods.costs) == MOST_AT_ONCE


async def test_the_end_does_not_wait_for_a_cluster_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_costs, "PATCH_WITHIN_S", 0.05)
    pods = Pods()
    tasks = PodCostTasks(pods)

    tasks.busy("a")
    async with asyncio.timeout(PATIENCE_S):
        await tasks.close()

    assert pods.closed


async def test_a_handler_without_a_name_is_nobodys_pod() -> None:
    pods = Pods()
    pods.answer.set()
    tasks = PodCostTasks(pods)

    tasks.busy("")
    await tasks.close()

    assert pods.costs == []


def test_the_environment_says_whom_to_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SERVICE_ACCOUNT", tmp_path)
    assert isinstance(for_environment("", ""), NoPods)
    assert isinstance(for_environment("", "alloresto"), ClusterPods)
    assert isinstance(for_environment("http://127.0.0.1:1", "alloresto"), LocalRuntimePods)
    (tmp_path / "token").touch()
    assert isinstance(for_environment("", ""), ClusterPods)
