"""Tells the cluster which handler pods are busy, so that a scale-down takes idle ones.

Knative deletes pods with live calls unless they carry a higher ``controller.kubernetes.io/pod-deletion-cost``.
The bridge patches it, so that a handler pod needs no token. Best effort: a failure costs one call's protection.
"""

import asyncio
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from process import logs

log = logs.get(__name__)

ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
BUSY_COST = 1000
PATCH_WITHIN_S = 3.0
MOST_AT_ONCE = 16
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class PodCosts(Protocol):
    async def set_cost(self, pod: str, cost: int) -> None:
        """Raises whatever went wrong."""


class NoPods:
    """Neither a cluster nor the local runtime: nothing to tell."""

    async def set_cost(self, pod: str, cost: int) -> None:
        return None


class LocalRuntimePods:
    """The local Knative runtime's API."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    async def set_cost(self, pod: str, cost: int) -> None:
        timeout = aiohttp.ClientTimeout(total=PATCH_WITHIN_S)
        url = f"{self._url}/runtime/pods/{pod}/deletion-cost"
        async with aiohttp.ClientSession(timeout=timeout) as http, http.post(url, json={"cost": cost}) as answer:
            if answer.status not in (204, 404):  # 404: the pod is gone, and its cost with it
                answer.raise_for_status()


class ClusterPods:
    """The Kubernetes API, with the bridge's own service account. lightkube is imported at the first call (190 ms)."""

    def __init__(self) -> None:
        self._client: Any = None

    async def set_cost(self, pod: str, cost: int) -> None:
        await asyncio.to_thread(self._patch, pod, cost)

    def _patch(self, pod: str, cost: int) -> None:
        from lightkube import ApiError, Client
        from lightkube.resources.core_v1 import Pod

        if self._client is None:
            self._client = Client(field_manager="alloresto-edge")
        try:
            self._client.patch(Pod, pod, {"metadata": {"annotations": {ANNOTATION: str(cost)}}})
        except ApiError as error:
            if error.status.code != 404:
                raise


def for_environment(local_runtime_url: str) -> PodCosts:
    """The local runtime's when its URL is set, the cluster's inside one, else none."""
    if local_runtime_url:
        return LocalRuntimePods(local_runtime_url)
    return ClusterPods() if _NAMESPACE_FILE.exists() else NoPods()


class PodCostTasks:
    """Patches in the background, bounded in time and number."""

    def __init__(self, pods: PodCosts) -> None:
        self._pods = pods
        self._tasks: set[asyncio.Task[None]] = set()

    def busy(self, pod: str) -> None:
        self._start(pod, BUSY_COST)

    def idle(self, pod: str) -> None:
        self._start(pod, 0)

    async def settle(self) -> None:
        """Wait for what is under way; every patch ends within PATCH_WITHIN_S."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, pod: str, cost: int) -> None:
        if not pod or len(self._tasks) >= MOST_AT_ONCE:
            return
        task = asyncio.create_task(self._set(pod, cost))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _set(self, pod: str, cost: int) -> None:
        try:
            await asyncio.wait_for(self._pods.set_cost(pod, cost), PATCH_WITHIN_S)
        except Exception as error:  # best effort, whatever the API answers
            log.warning("the pod's deletion cost was not set", pod=pod, cost=cost, why=type(error).__name__)
