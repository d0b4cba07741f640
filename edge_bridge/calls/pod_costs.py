"""Tells the cluster which handler pods are busy, so that a scale-down takes idle ones.

Knative deletes pods with live calls unless they carry a higher ``controller.kubernetes.io/pod-deletion-cost``.
The bridge patches it, so that a handler pod needs no token. Best effort: a failure costs one call's protection.
"""

import asyncio
from collections.abc import Coroutine
from typing import Protocol

import aiohttp

from cluster.client import KnativeClient
from cluster.connection import in_a_pod
from cluster.errors import ClusterError
from process import logs

log = logs.get(__name__)

BUSY_COST = 1000
PATCH_WITHIN_S = 3.0
MOST_AT_ONCE = 16


class PodCosts(Protocol):
    async def check(self) -> None:
        """Once at the start. Raises ClusterError when costs cannot be set."""

    async def set_deletion_cost(self, pod: str, cost: int) -> None:
        """Ends within PATCH_WITHIN_S; a pod that is gone is no error. Raises whatever else went wrong."""

    async def close(self) -> None: ...


class NoPods:
    """Neither a cluster nor the local runtime: nothing to tell."""

    async def check(self) -> None:
        return None

    async def set_deletion_cost(self, pod: str, cost: int) -> None:
        return None

    async def close(self) -> None:
        return None


class LocalRuntimePods:
    """The local Knative runtime's API, where the cost has the same meaning."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    async def check(self) -> None:
        return None

    async def set_deletion_cost(self, pod: str, cost: int) -> None:
        timeout = aiohttp.ClientTimeout(total=PATCH_WITHIN_S)
        url = f"{self._url}/runtime/pods/{pod}/deletion-cost"
        async with aiohttp.ClientSession(timeout=timeout) as http, http.post(url, json={"cost": cost}) as answer:
            if answer.status not in (204, 404):  # 404: the pod is gone, and its cost with it
                answer.raise_for_status()

    async def close(self) -> None:
        return None


class ClusterPods:
    """The Kubernetes API."""

    def __init__(self, client: KnativeClient) -> None:
        self._client = client

    async def check(self) -> None:
        """Also takes what the first request costs (0.5 s of imports) before there are calls."""
        if not await self._client.allowed("patch", "pods"):
            raise ClusterError(
                f"patch pods in namespace {self._client.namespace}",
                "the bridge's service account may not",
                "bind the Role pod-deletion-cost of the manifests to it",
                403,
            )

    async def set_deletion_cost(self, pod: str, cost: int) -> None:
        await self._client.set_deletion_cost(pod, cost)

    async def close(self) -> None:
        await self._client.close()


def for_environment(local_runtime_url: str, handler_namespace: str) -> PodCosts:
    """The local runtime's when its URL is set; the cluster's in a pod, or where a namespace is named; else none."""
    if local_runtime_url:
        return LocalRuntimePods(local_runtime_url)
    if handler_namespace or in_a_pod():
        return ClusterPods(KnativeClient(handler_namespace, timeout_s=PATCH_WITHIN_S))
    return NoPods()


class PodCostTasks:
    """Patches in the background, bounded in time and number. Those of one pod come one after the other."""

    def __init__(self, pods: PodCosts) -> None:
        self._pods = pods
        self._wanted: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def check(self) -> None:
        """Tells the log now, not at the first call, that pods cannot be protected."""

        async def check() -> None:
            try:
                await self._pods.check()
            except ClusterError as error:
                log.warning("a scale-down may take pods with live calls", why=str(error))

        self._start(check())

    def busy(self, pod: str) -> None:
        self._want(pod, BUSY_COST)

    def idle(self, pod: str) -> None:
        self._want(pod, 0)

    async def close(self) -> None:
        """Waits for what is under way, PATCH_WITHIN_S at the most."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=PATCH_WITHIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._pods.close()

    def _want(self, pod: str, cost: int) -> None:
        async def tell() -> None:
            told: int | None = None
            while told != self._wanted[pod]:  # it may have changed while it was told
                told = self._wanted[pod]
                try:
                    await self._pods.set_deletion_cost(pod, told)
                except Exception as error:  # best effort, whatever the API answers
                    why = str(error) if isinstance(error, ClusterError) else type(error).__name__
                    log.warning("the pod's deletion cost was not set", pod=pod, cost=told, why=why)
            del self._wanted[pod]

        if not pod:
            return
        if pod in self._wanted:  # its task is under way, and looks again when it is done
            self._wanted[pod] = cost
        elif len(self._tasks) < MOST_AT_ONCE:
            self._wanted[pod] = cost
            self._start(tell())

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
