"""Probe functions in a local runtime, each under the call handler's manifest as the dev overlay renders it.

Replaced are the program and its environment, and what a figure's own conditions name (a window, a pod limit): all
else (one call a pod, utilization, burst capacity, timeouts, the probe) is what a call meets.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from devstack.knative import Clock, Runtime
from devstack.stack.stack import KNATIVE_SETTINGS, MANIFESTS, compile_packages
from ops.manifests import Manifest, render

HANDLER = "call-handler"
PROGRAM = [sys.executable, "-m", "bench.probe_function"]
REQUEST_TIMEOUT_S = 120.0
WAIT_TIMEOUT_S = 60.0
POLL_S = 0.005
SCALING = "autoscaling.knative.dev/"


class ProbeError(RuntimeError):
    """The runtime did not do what a figure is measured on; the message says what was waited for."""


def probes(names: Iterable[str], environment: Mapping[str, str] | None = None, **scaling: str) -> list[Manifest]:
    """Knative Services of the probe. ``scaling``: annotations with their dashes as underscores, ``window="6s"``."""
    return [_probe(_handler(), name, environment or {}, scaling) for name in names]


@cache
def _handler() -> Manifest:
    return next(one for one in render(MANIFESTS) if (one.kind, one.name) == ("Service", HANDLER))


def _probe(handler: Manifest, name: str, environment: Mapping[str, str], scaling: Mapping[str, str]) -> Manifest:
    body: dict[str, Any] = copy.deepcopy(handler.body)
    body["metadata"]["name"] = name
    template = body["spec"]["template"]
    template["metadata"]["annotations"] |= {SCALING + key.replace("_", "-"): value for key, value in scaling.items()}
    container = template["spec"]["containers"][0]
    container |= {"image": "probe", "command": PROGRAM, "args": [], "envFrom": []}
    container["env"] = [{"name": key, "value": value} for key, value in environment.items()]
    return Manifest(body, handler.file)


class ProbeCluster:
    """A started runtime of probes, and a client of it."""

    def __init__(self, runtime: Runtime, http: aiohttp.ClientSession, folder: Path) -> None:
        self.runtime = runtime
        self.http = http
        self.folder = folder

    def pods(self, service: str, *states: str) -> list[str]:
        """Names of a Service's pods in one of ``states``; without any, of all but those that are ending."""
        wanted = states or ("pending", "ready", "busy")
        return [pod.name for pod in self.runtime.pods(service) if pod.state in wanted]

    async def until(self, condition: Callable[[], bool], what: str, timeout_s: float = WAIT_TIMEOUT_S) -> float:
        """Seconds until ``condition``. Raises ProbeError naming ``what`` did not come."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > timeout_s:
                raise ProbeError(f"not within {timeout_s:g} s: {what}")
            await asyncio.sleep(POLL_S)
        return time.monotonic() - began

    async def publish(self, event_id: str, kind: str) -> int:
        """POST an event to the Broker; the status of the answer."""
        headers = {"ce-specversion": "1.0", "ce-id": event_id, "ce-source": "/bench", "ce-type": kind}
        async with self.http.post(self.runtime.broker_url(), headers=headers) as answer:
            return answer.status


class ProbeCall:
    """One held POST, as the edge bridge holds a call's. ``first_byte_s`` is from the POST to the first line."""

    def __init__(self, answer: aiohttp.ClientResponse, lines: int, first: dict[str, Any], first_byte_s: float) -> None:
        self._answer = answer
        self._lines = lines
        self.worker: str = first["worker"]
        self.first_byte_s = first_byte_s
        self.lags_ms: list[float] = []

    @classmethod
    async def start(cls, cluster: ProbeCluster, service: str, seconds: float = 0.0, every_ms: int = 500) -> ProbeCall:
        """Returns at the first line. The call lasts ``seconds``, a line each ``every_ms``; 0: one line."""
        lines = max(1, round(seconds * 1000 / every_ms))
        began = time.monotonic()
        url = f"{cluster.runtime.url(service)}/stream?lines={lines}&every_ms={every_ms}"
        answer = await cluster.http.post(url)
        line = await answer.content.readline()
        if answer.status != 200:
            answer.close()
            raise ProbeError(f"{service} answered {answer.status}")
        return cls(answer, lines, msgspec.json.decode(line), time.monotonic() - began)

    async def finish(self) -> bool:
        """Read to the end; whether the final line came. A connection that breaks is no error here: it is the answer."""
        last = 0
        with contextlib.suppress(aiohttp.ClientError, ConnectionError, msgspec.DecodeError):
            async for raw in self._answer.content:
                line = msgspec.json.decode(raw)
                self.lags_ms.append((time.time() - line["at"]) * 1000)
                last = line["line"]
        self._answer.close()
        return last == self._lines - 1

    def hang_up(self) -> None:
        self._answer.close()


@contextlib.asynccontextmanager
async def running(manifests: list[Manifest], folder: Path, clock: Clock | None = None) -> AsyncIterator[ProbeCluster]:
    """A runtime of ``manifests``, at Knative's own pace unless a clock says otherwise, stopped at the end."""
    compile_packages()
    runtime = Runtime(
        manifests,
        images={"probe": PROGRAM},
        cluster_settings=render(KNATIVE_SETTINGS),
        secrets={},
        state_dir=folder,
        stop_grace_s=0.5,
        clock=clock or Clock(),
    )
    http = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S), connector=aiohttp.TCPConnector(limit=0)
    )
    try:
        await runtime.start()
        yield ProbeCluster(runtime, http, folder)
    finally:
        await http.close()
        await runtime.stop()
