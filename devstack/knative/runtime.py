"""The runtime: manifests in, processes out.

Its admin interface (``LOCAL_RUNTIME_URL`` in every process's environment, loopback only):

    GET  /runtime                            the state as JSON (``Runtime.describe``)
    GET  /runtime/events                     NDJSON of RuntimeEvent: the last 1000, then live
    POST /runtime/pods/NAME/deletion-cost    {"cost": 1000} → 204; 404 when the pod is gone
    POST /runtime/pods/NAME/kill             → 204; SIGKILL to the pod's process
    GET  /runtime/revisions                  JSON: a list of RevisionScale
    POST /runtime/revisions/NAME/prewarm     {"pods": 2} → 204; 0 takes it back
    GET  /runtime/services/NAME              the Service as Kubernetes would give it, without its template
    PATCH /runtime/services/NAME             {"spec": {"traffic": [...]}} → 204
    POST /runtime/services/NAME/revisions    {"environment": {...}, "folder": "..."} → {"name": "..."}
    GET  /runtime/scrape-targets             what Prometheus may scrape, in the form of its http_sd_configs
    GET  /metrics                            Prometheus text; 404 unless config-observability says prometheus
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp

from devstack.knative.activator import client_session
from devstack.knative.admin import Feed, admin_app
from devstack.knative.broker import InMemoryBroker
from devstack.knative.clock import Clock, Constants
from devstack.knative.listeners import Listener, listen, listen_app
from devstack.knative.pings import run_ping
from devstack.knative.plan import Destination, ServicePlan, WorkloadPlan
from devstack.knative.pods import RunningPod
from devstack.knative.resolving import Surroundings, resolve
from devstack.knative.revisions import Revision
from devstack.knative.rollouts import Service, Target
from devstack.knative.settings import ClusterSettings, read_settings
from devstack.knative.states import EventKind, Pod, RevisionMetrics, RevisionScale, RuntimeEvent
from devstack.knative.workloads import StartError, Workloads
from ops.manifests.manifests import Manifest

__all__ = ["Runtime", "StartError"]

STOP_GRACE_S = 8.0
"""Real seconds between SIGTERM and SIGKILL when the runtime stops: all is over within 10."""

_KEPT_LOGS = 200


class Runtime:
    """Executes ``render(folder)``. Raises ManifestError, with every problem, before anything is started.

    ``images``: image name (tag ignored) → command prefix, e.g. ``{"alloresto-functions": [sys.executable, "-m",
    "functions"]}``; a container's ``args`` are appended, its ``command`` replaces the prefix. ``secrets``: name →
    key → value. ``config_overrides``: workload or Service name → environment that wins over the manifest's.
    A container port named ``api`` listens where ``API_PORT`` of the final environment says (``http``: ``PORT``),
    else at its ``containerPort``. ``working_dir`` stands for the images' WORKDIR (None: this process's).
    ``cluster_settings`` are Knative's own ConfigMaps, rendered apart because they live in ``knative-serving``; what
    they leave out is as Knative is installed. ``on_event`` is called in the event loop and must not block.
    Pods' output goes to files in ``state_dir``, or without one where ours goes. ``service_ports`` and ``broker_ports``
    fix where those named are found; the others get free ports.
    """

    def __init__(
        self,
        objects: Sequence[Manifest],
        *,
        images: Mapping[str, Sequence[str]],
        cluster_settings: Sequence[Manifest] = (),
        secrets: Mapping[str, Mapping[str, str]],
        config_overrides: Mapping[str, Mapping[str, str]] | None = None,
        state_dir: Path | None,
        working_dir: Path | None = None,
        on_event: Callable[[RuntimeEvent], None] | None = None,
        namespace: str = "alloresto",
        clock: Clock | None = None,
        constants: Constants | None = None,
        admin_port: int = 0,
        service_ports: Mapping[str, int] | None = None,
        broker_ports: Mapping[str, int] | None = None,
        stop_grace_s: float = STOP_GRACE_S,
    ) -> None:
        installed = ClusterSettings(constants=constants or Constants())
        self._settings = read_settings((*cluster_settings, *objects), installed)
        surroundings = Surroundings(images, secrets, config_overrides or {}, namespace)
        self.plan = resolve(objects, surroundings, self._settings)
        self._state_dir = state_dir and state_dir / "pods"
        self._working_dir = working_dir
        self._on_event = on_event
        self._namespace = namespace
        self._clock = clock or Clock()
        self._constants = self._settings.constants
        self._admin_port = admin_port
        self._service_ports = service_ports or {}
        self._broker_ports = broker_ports or {}
        self._stop_grace_s = stop_grace_s
        self._feed = Feed()
        self._metrics = RevisionMetrics(namespace, self.revisions) if self._settings.metrics == "prometheus" else None
        self._services: dict[str, Service] = {}
        self._brokers: dict[str, tuple[InMemoryBroker, Listener]] = {}
        self._workloads: Workloads | None = None
        self._admin: Listener | None = None
        self._pings: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None
        self._jobs: asyncio.Task[None] | None = None
        self._stopped = False
        self._stopping = asyncio.Lock()

    async def start(self) -> None:
        """Open every port, run the Jobs to their end, then start the rest. Raises StartError or OSError.

        Returns when everything is started, not when it is ready: Services come with their first request. When it
        raises, nothing is left behind.
        """
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.stop)
            if self._state_dir is not None:
                _make_room(self._state_dir)
            self._session = session = client_session()
            self._admin = await listen_app(admin_app(self, self._feed, self._metrics), self._admin_port)
            await self._open_services(session)
            for name in self.plan.brokers:
                triggers = [trigger for trigger in self.plan.triggers if trigger.broker == name]
                broker = InMemoryBroker(
                    name, self._namespace, triggers, session, self._locate, self._clock, self._report
                )
                self._brokers[name] = broker, await listen(broker.handle, self._broker_ports.get(name, 0))
            self._workloads = Workloads(
                self.plan.workloads,
                state_dir=self._state_dir,
                working_dir=self._working_dir,
                injected=self._injected,
                clock=self._clock,
                constants=self._constants,
                report=self._report,
            )
            await self._run_jobs(self._workloads)
            for service in self._services.values():
                service.start()
            self._workloads.start()
            self._pings = [
                asyncio.create_task(run_ping(plan, self._namespace, session, self._locate, self._clock, self._report))
                for plan in self.plan.pings
            ]
            undo.pop_all()

    async def stop(self) -> None:
        """End everything within 10 s, also what a ``start`` has begun: SIGTERM, SIGKILL after the grace."""
        self._stopped = True
        async with self._stopping:  # a ``start`` that is cut short stops, too
            if self._jobs is not None:
                self._jobs.cancel()
                await asyncio.gather(self._jobs, return_exceptions=True)
            await self._stop()

    async def _stop(self) -> None:
        for ping in self._pings:
            ping.cancel()
        for service in self._services.values():
            service.freeze()
        for broker, _ in self._brokers.values():
            await broker.close()
        await asyncio.gather(*(pod.shutdown(self._stop_grace_s) for pod in self._running()))
        closing = [service.close() for service in self._services.values()]
        closing += [listener.close() for _, listener in self._brokers.values()]
        if self._admin is not None:
            closing.append(self._admin.close())
        await asyncio.gather(*closing)
        if self._session is not None:
            await self._session.close()

    @property
    def admin_url(self) -> str:
        """The value of LOCAL_RUNTIME_URL."""
        if self._admin is None:
            raise RuntimeError("the runtime is not started")
        return self._admin.url

    def url(self, service: str) -> str:
        """Where a Knative Service (through its activator) or a Kubernetes Service's first port is. KeyError."""
        if service in self._services:
            return self._services[service].url
        plan = self.plan.core_services[service]
        if self._workloads is None:
            raise RuntimeError("the runtime is not started")
        target = plan.target_ports[0] if plan.target_ports else None
        return f"http://127.0.0.1:{self._workloads.port(plan.workload, target)}"

    def broker_url(self, broker: str = "default") -> str:
        """A Broker's ingress, with its path. KeyError."""
        found, listener = self._brokers[broker]
        return listener.url + found.path

    def pods(self, service: str | None = None) -> list[Pod]:
        """The pods of a Service or workload (or all), terminating ones too."""
        return [pod for pod in (running.snapshot() for running in self._running()) if service in (None, pod.service)]

    def set_deletion_cost(self, pod: str, cost: int) -> None:
        """Like the annotation ``controller.kubernetes.io/pod-deletion-cost``. KeyError when the pod is gone."""
        self._pod(pod).deletion_cost = cost

    def revisions(self) -> list[RevisionScale]:
        """Of all Knative Services, the older ones first."""
        return [revision.state() for service in self._services.values() for revision in service.revisions]

    def service(self, name: str) -> dict[str, Any]:
        """A Knative Service as Kubernetes would give it, without its template. KeyError."""
        return self._service(name).as_object()

    def route(self, name: str, traffic: Sequence[Target]) -> None:
        """Like a patch of the Service's ``spec.traffic``. KeyError, ValueError."""
        self._service(name).route(traffic)

    async def roll_out(self, name: str, environment: Mapping[str, str], folder: Path | None = None) -> str:
        """Like applying the Service with these variables, or an image that works in ``folder``. Gives the new
        Revision's name. KeyError."""
        return (await self._service(name).roll_out(environment, folder)).name

    def scrape_targets(self) -> list[dict[str, Any]]:
        """Every pod that listens, and Knative's autoscaler, which is this runtime, labelled as PodMonitors do."""
        found = [(pod.snapshot(), pod.port) for pod in self._running()]
        targets = [
            {
                "targets": [f"127.0.0.1:{port}"],
                "labels": {"job": pod.service, "pod": pod.name, "namespace": self._namespace},
            }
            for pod, port in found
            if port and pod.state != "terminating"
        ]
        own = self.admin_url.removeprefix("http://")
        return [*targets, {"targets": [own], "labels": {"job": "autoscaler", "namespace": "knative-serving"}}]

    def prewarm(self, name: str, pods: int) -> str:
        """Like annotating the Revision with ``autoscaling.knative.dev/min-scale``; 0 removes it.

        ``name`` is the Revision's, or its Service's, and then that with the most traffic. Returns the Revision's.
        KeyError, ValueError below 0.
        """
        if pods < 0:
            raise ValueError(f"pods: {pods} is below 0")
        for service in self._services.values():
            for revision in service.revisions:
                if name == revision.name or (name == service.name and revision is service.most_asked):
                    revision.prewarm(pods)
                    return revision.name
        raise KeyError(f"Revision or Service {name}")

    def kill_pod(self, name: str) -> None:
        """SIGKILL to the pod's process; it is restarted as the kubelet would. KeyError when the pod is gone."""
        self._pod(name).kill()

    def describe(self) -> dict[str, Any]:
        """``services`` (name, url, revision: the newest ready one, desired, concurrency, queued, pods), ``workloads``
        and ``brokers``.
        """
        services = [
            {
                "name": name,
                "url": service.url,
                "revision": service.latest_ready.name,
                "desired": sum(one.desired for one in service.revisions),
                "concurrency": sum(one.concurrency for one in service.revisions),
                "queued": sum(one.queued for one in service.revisions),
                "pods": [asdict(pod.snapshot()) for one in service.revisions for pod in one.pods],
            }
            for name, service in self._services.items()
        ]
        workloads = self._workloads.pods.values() if self._workloads else ()
        return {
            "services": services,
            "workloads": [asdict(pod.snapshot()) for pod in workloads],
            "brokers": {name: self.broker_url(name) for name in self._brokers},
        }

    # Making

    async def _open_services(self, session: aiohttp.ClientSession) -> None:
        def make(plan: ServicePlan, number: int, folder: Path | None) -> Revision:
            return Revision(
                plan,
                number,
                state_dir=self._state_dir,
                working_dir=folder or self._working_dir,
                injected={"LOCAL_RUNTIME_URL": self.admin_url, "HOST": "127.0.0.1"},
                session=session,
                clock=self._clock,
                constants=self._constants,
                report=self._report,
            )

        for name, plan in self.plan.services.items():
            service = self._services[name] = Service(plan, make)
            await service.open(self._service_ports.get(name, 0))

    async def _run_jobs(self, workloads: Workloads) -> None:
        """As a task of its own, so that ``stop`` can end it: then nothing else is started."""
        if self._stopped:
            raise StartError("stopped while it opened its ports")
        self._jobs = asyncio.create_task(workloads.run_jobs())
        try:
            await self._jobs
        except asyncio.CancelledError:
            if self._stopped:
                raise StartError("stopped while its Jobs ran") from None
            self._jobs.cancel()
            raise

    def _injected(self, plan: WorkloadPlan) -> dict[str, str]:
        injected = {"LOCAL_RUNTIME_URL": self.admin_url, "HOST": "127.0.0.1"}
        if plan.binding is not None:
            injected["K_SINK"] = self._locate(plan.binding.sink)
            injected["K_CE_OVERRIDES"] = plan.binding.overrides
        return injected

    def _locate(self, destination: Destination) -> str:
        if destination.kind == "uri":
            return destination.name
        base = self.broker_url(destination.name) if destination.kind == "broker" else self.url(destination.name)
        return destination.below(base)

    # Watching

    def _running(self) -> list[RunningPod]:
        pods = [pod for service in self._services.values() for one in service.revisions for pod in one.pods]
        return pods + (list(self._workloads.pods.values()) if self._workloads else [])

    def _service(self, name: str) -> Service:
        if name not in self._services:
            raise KeyError(f"Service {name}")
        return self._services[name]

    def _pod(self, name: str) -> RunningPod:
        for pod in self._running():
            if pod.name == name:
                return pod
        raise KeyError(f"pod {name}")

    def _report(self, kind: EventKind, service: str, pod: str, detail: str) -> None:
        event = RuntimeEvent(time.time(), kind, service, pod, detail)
        self._feed.publish(event)
        if self._on_event is not None:
            self._on_event(event)


def _make_room(folder: Path) -> None:
    """For new logs: the oldest go."""
    folder.mkdir(parents=True, exist_ok=True)
    logs = sorted(folder.glob("*.log"), key=lambda log: log.stat().st_mtime, reverse=True)
    for log in logs[_KEPT_LOGS:]:
        log.unlink(missing_ok=True)
