"""One Knative Service's Revision: its pods, how many there should be, and its activator."""

import asyncio
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp
from aiohttp import web

from devstack.knative.activator import Activator, PodEndpoint
from devstack.knative.clock import Clock, Constants
from devstack.knative.environment import expand
from devstack.knative.listeners import Listener, listen
from devstack.knative.plan import ServicePlan
from devstack.knative.pods import Launch, RunningPod
from devstack.knative.processes import Prober
from devstack.knative.slots import Slots
from devstack.knative.states import EventKind, Report, RevisionScale
from devstack.servers.ports import free_port
from ops.knative.autoscaler import Autoscaler, ConcurrencyMeter
from ops.manifests.fields import Probe, TcpSocket

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes's for generated names: no vowels, no look-alikes."""


def random_suffix(length: int) -> str:
    return "".join(random.choices(_ALPHABET, k=length))


class Revision:
    """``start`` opens the port; pods come with the first request, or at once with a min-scale."""

    def __init__(
        self,
        plan: ServicePlan,
        number: int,
        *,
        state_dir: Path | None,
        working_dir: Path | None,
        injected: Mapping[str, str],
        session: aiohttp.ClientSession,
        clock: Clock,
        constants: Constants,
        report: Report,
    ) -> None:
        self.plan = plan
        self.name = f"{plan.name}-{number:05}"
        self.pods: list[RunningPod] = []
        self.desired = 0
        self._state_dir = state_dir
        self._working_dir = working_dir
        self._replica_set = f"{self.name}-deployment-{random_suffix(10)}"
        self._injected = injected
        self._clock = clock
        self._constants = constants
        self._report = report
        self._slots: Slots[PodEndpoint] = Slots(plan.concurrency)
        self._autoscaler = Autoscaler(plan.scaling, plan.concurrency, constants)
        self._meter = ConcurrencyMeter(plan.scaling.window_s, clock.now())
        self._activator = Activator(plan, self._slots, session, clock, self._on_request, self._on_cut)
        self._poked = asyncio.Event()
        self._frozen = False
        self._when_ready: Callable[[], None] | None = None
        self._listener: Listener | None = None
        self._autoscaling: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        if self._listener is None:
            raise RuntimeError(f"{self.plan.name} is not started")
        return self._listener.url

    @property
    def queued(self) -> int:
        return self._slots.waiting

    @property
    def concurrency(self) -> int:
        return self._meter.level

    def state(self) -> RevisionScale:
        autoscaler = self._autoscaler
        live = self._live()
        ready = sum(pod.ready for pod in live)
        return RevisionScale(
            name=self.name,
            service=self.plan.name,
            desired=self.desired,
            actual=ready,
            min_scale=autoscaler.min_scale,
            wanted=autoscaler.observed.desired,
            not_ready=len(self.pods) - ready,
            pending=sum(pod.pid is None and not pod.restarts for pod in live),
            terminating=len(self.pods) - len(live),
            stable=autoscaler.observed.stable,
            panic=autoscaler.observed.panic,
            target=self.plan.scaling.per_pod(self.plan.concurrency),
            panicking=autoscaler.panicking,
        )

    async def open(self) -> None:
        """Take the port, so that every URL is known before any process starts."""
        self._listener = await listen(self.handle)

    def start(self) -> None:
        self._decide()  # a min-scale does not wait for a request
        self._autoscaling = asyncio.create_task(self._autoscale())

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """A request to the Revision: by its own URL, or by its Service's."""
        return await self._activator.handle(request)

    def prove(self, when_ready: Callable[[], None]) -> None:
        """Start a pod, which goes when nobody asks for it; ``when_ready`` is called once, with the first that is."""
        self._when_ready = when_ready
        self._scale_to(max(self.desired, self._autoscaler.first_request(self._clock.now(), 0)))

    def reachable(self, is_reached: bool) -> None:
        """A Revision that no traffic and no tag leads to keeps no pods."""
        least = max(self.plan.scaling.min_scale, self._autoscaler.min_scale)  # it may be warmed
        self._autoscaler.min_scale = least if is_reached else 0

    def freeze(self) -> None:
        """No more scaling: the runtime ends the pods itself, while their answers still stream."""
        self._frozen = True
        if self._autoscaling is not None:
            self._autoscaling.cancel()

    async def close(self) -> None:
        """Cut what still streams and give the port back."""
        if self._listener is not None:
            await self._listener.close()

    def prewarm(self, pods: int) -> None:
        """The Revision's own min-scale annotation; 0 gives the template's back. No new Revision comes of it."""
        self._autoscaler.min_scale = pods or self.plan.scaling.min_scale
        self._decide()

    # Scaling

    def _on_request(self, delta: int) -> None:
        self._meter.change(delta, self._clock.now())
        if delta > 0 and not self._frozen:
            if not self._live():
                self._scale_to(self._autoscaler.first_request(self._clock.now(), 0))
                self._poked.set()
            self._fill()

    def _on_cut(self, kind: EventKind, when: str) -> None:
        self._report(kind, self.plan.name, "", when)

    def _live(self) -> list[RunningPod]:
        return [pod for pod in self.pods if not pod.terminating]

    async def _autoscale(self) -> None:
        """Decide every autoscaler period, which a first request starts anew."""
        while True:
            self._poked.clear()
            try:
                async with self._clock.timeout(self._constants.autoscaler_period_s):
                    await self._poked.wait()
            except TimeoutError:
                self._decide()

    def _decide(self) -> None:
        now = self._clock.now()
        live = self._live()
        ready = sum(pod.ready for pod in live)
        stable = self._meter.mean(self.plan.scaling.window_s, now)
        panic = self._meter.mean(self._autoscaler.panic_window_s, now)
        self._scale_to(self._autoscaler.decide(now, stable, panic, ready, len(live)))

    def _scale_to(self, desired: int) -> None:
        live = self._live()
        if self._when_ready is not None:  # initial-scale: it has to show that it can get ready
            desired = max(desired, 1)
        if desired != self.desired:
            self._report("scale", self.plan.name, "", f"{self.desired} → {desired}")
            self.desired = desired
        self._fill()
        # the ReplicaSet controller's order: not ready first, then the lowest deletion cost, then the youngest
        leaving = sorted(live, key=lambda pod: (pod.ready, pod.deletion_cost, -pod.ready_since))
        for pod in leaving[: max(0, len(live) - desired)]:
            pod.delete()

    def _fill(self) -> None:
        """Make the missing pods. While requests wait for a pod, only as many as wait for one: on a machine with few
        cores the spare ones would make their callers wait longer. They follow at the next decision.
        """
        live = self._live()
        missing = self.desired - len(live)
        waiting = self._meter.level - sum(pod.in_flight for pod in self.pods)
        if waiting > 0:
            starting = sum(not pod.ready for pod in live)
            missing = min(missing, waiting - starting)
        for _ in range(missing):
            self._create()

    def _create(self) -> None:
        name = f"{self._replica_set}-{random_suffix(5)}"
        container = self.plan.container
        launch = Launch(
            service=self.plan.name,
            name=name,
            log_file=self._state_dir and self._state_dir / f"{name}.log",
            working_dir=self._working_dir,
            prepare=lambda: self._prepare(name),
            readiness=Prober(container.readiness or Probe(tcp_socket=TcpSocket())),
            liveness=Prober(container.liveness) if container.liveness else None,
            startup=Prober(container.startup) if container.startup else None,
            grace_s=self.plan.timeout_s,  # as measured: the pod's termination grace is the Revision's timeout
        )
        pod = RunningPod(launch, self._emit, self._clock, self._constants, self._on_endpoint_change)
        self.pods.append(pod)
        pod.start()

    def _prepare(self, pod: str) -> tuple[tuple[str, ...], Mapping[str, str], int]:
        port = free_port()
        injected = dict(self._injected) | {
            "PORT": str(port),
            "K_SERVICE": self.plan.name,
            "K_CONFIGURATION": self.plan.name,
            "K_REVISION": self.name,
            "HOSTNAME": pod,
        }
        environment = self.plan.container.environment.resolve(pod, injected)
        command = tuple(expand(part, environment) for part in self.plan.container.command)
        return command, environment, port

    def _emit(self, kind: EventKind, pod: str, detail: str) -> None:
        if kind == "pod_gone":
            self.pods = [other for other in self.pods if other.name != pod]
        self._report(kind, self.plan.name, pod, detail)

    def _on_endpoint_change(self, pod: RunningPod) -> None:
        if pod.ready and not pod.terminating:
            self._slots.add(pod)
            if self._when_ready is not None:
                when_ready, self._when_ready = self._when_ready, None
                when_ready()
        else:
            self._slots.remove(pod)
