"""A runtime around one tiny real function, and manifests to run it in every way."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from devstack.knative import Clock, Runtime, RuntimeEvent
from devstack.knative.clock import Constants
from ops.manifests import Manifest

FUNCTION = (sys.executable, "-m", "bench.probe_function")
ROOT = Path(__file__).parents[3]
SCALING = "autoscaling.knative.dev/"
BASE_SCALING = {"window": "6s", "target-utilization-percentage": "100", "target-burst-capacity": "-1"}


@dataclass
class Cluster:
    """A running runtime, with what its events and its functions' records tell."""

    runtime: Runtime
    folder: Path
    http: aiohttp.ClientSession
    events: list[RuntimeEvent] = field(default_factory=list)

    def records(self, file: str = "record") -> list[dict[str, Any]]:
        """What the functions that share a RECORD_FILE wrote, in order."""
        path = self.folder / file
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def took(self, file: str = "record") -> list[str]:
        """The ids of the events that were taken, in order."""
        return [entry["event"]["id"] for entry in self.records(file) if "event" in entry]

    def kinds(self, service: str) -> list[str]:
        return [event.kind for event in self.events if event.service == service]

    def live(self, service: str = "probe") -> list[str]:
        return [pod.name for pod in self.runtime.pods(service) if pod.state != "terminating"]

    async def publish(self, event_id: str = "1", kind: str = "probe.asked", **extensions: str) -> int:
        """POST an event to the Broker; the status of the answer."""
        attributes = {"specversion": "1.0", "id": event_id, "source": "/test", "type": kind} | extensions
        headers = {f"ce-{name}": value for name, value in attributes.items()}
        headers["content-type"] = "application/json"
        async with self.http.post(self.runtime.broker_url(), data=b'{"a": 1}', headers=headers) as answer:
            return answer.status

    async def post(self, path: str, service: str = "probe") -> aiohttp.ClientResponse:
        return await self.http.post(self.runtime.url(service) + path)

    async def until(self, condition: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            tail = [f"{event.kind} {event.pod[-5:]} {event.detail}" for event in self.events[-15:]]
            raise AssertionError(f"not within {timeout_s:g} s: {what}; last events: {tail}") from None


Start = Callable[..., Coroutine[Any, Any, Cluster]]


@pytest.fixture
async def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """``await start(*manifests, speed=…)``: a runtime that is stopped at the end of the test."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    running: list[Cluster] = []

    async def begin(
        *manifests: dict[str, Any], speed: float = 1.0, constants: Constants | None = None, **options: Any
    ) -> Cluster:
        events: list[RuntimeEvent] = []
        given: dict[str, Any] = {"secrets": {}, "stop_grace_s": 0.1} | options
        runtime = Runtime(
            [Manifest(manifest, "test.yaml") for manifest in manifests],
            images={"probe": FUNCTION},
            state_dir=tmp_path,
            on_event=events.append,
            clock=Clock(speed),
            constants=constants,
            **given,
        )
        http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=40))
        cluster = Cluster(runtime, tmp_path, http, events)
        running.append(cluster)
        await runtime.start()
        return cluster

    yield begin
    for cluster in running:
        await cluster.http.close()
        await cluster.runtime.stop()


@pytest.fixture
def service(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A Knative Service of the probe function: one request a pod, environment and spec fields as given."""

    def build(
        name: str = "probe", *, scaling: dict[str, str] | None = None, env: dict[str, str] | None = None, **spec: Any
    ) -> dict[str, Any]:
        annotations = BASE_SCALING | (scaling or {})
        environment = {"RECORD_FILE": str(tmp_path / "record")} | (env or {})
        container = {
            "image": "probe",
            "env": [{"name": key, "value": value} for key, value in environment.items()],
            "readinessProbe": {"httpGet": {"path": "/health/ready"}},
        }
        template = {
            "metadata": {"annotations": {SCALING + key: value for key, value in annotations.items()}},
            "spec": {"containerConcurrency": 1, "containers": [container]} | spec,
        }
        return {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"template": template},
        }

    return build


@pytest.fixture
def trigger() -> Callable[..., dict[str, Any]]:
    """A Trigger of Broker ``default``; quick retries unless given."""

    def build(subscriber: str, *, name: str = "", attributes: dict[str, str] | None = None, **delivery: Any) -> Any:
        delivery = {"retry": 2, "backoffDelay": "PT0.01S", "backoffPolicy": "exponential"} | delivery
        return {
            "apiVersion": "eventing.knative.dev/v1",
            "kind": "Trigger",
            "metadata": {"name": name or subscriber},
            "spec": {
                "broker": "default",
                "filter": {"attributes": {"type": "probe.asked"} if attributes is None else attributes},
                "subscriber": {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": subscriber}},
                "delivery": delivery,
            },
        }

    return build


@pytest.fixture
def broker() -> dict[str, Any]:
    return {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "metadata": {"name": "default"}}


@pytest.fixture
def dead_letters_to() -> Callable[[str], dict[str, Any]]:
    def build(name: str) -> dict[str, Any]:
        return {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": name}}

    return build
