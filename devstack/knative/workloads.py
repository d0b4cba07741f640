"""Deployments and StatefulSets as one always-on process each, Jobs as one process that must succeed."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from devstack.knative.clock import Clock, Constants
from devstack.knative.environment import expand
from devstack.knative.plan import WorkloadPlan
from devstack.knative.pods import Launch, RunningPod
from devstack.knative.processes import Prober, end_group, ended, spawn
from devstack.knative.revisions import random_suffix
from devstack.knative.states import EventKind, Report
from ops.manifests.fields import Probe

_JOB_BACKOFF_S = (10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 360.0)
_DEFAULT_JOB_DEADLINE_S = 600.0
_LAST_LINES_BYTES = 2000


class StartError(Exception):
    """Something that everything else waits for did not start; the text names it, its log and the reason."""


class Workloads:
    """``injected`` is asked at each start, when the sinks' URLs are known."""

    def __init__(
        self,
        plans: Mapping[str, WorkloadPlan],
        *,
        state_dir: Path | None,
        working_dir: Path | None,
        injected: Callable[[WorkloadPlan], Mapping[str, str]],
        clock: Clock,
        constants: Constants,
        report: Report,
    ) -> None:
        self.pods: dict[str, RunningPod] = {}
        self._plans = plans
        self._state_dir = state_dir
        self._working_dir = working_dir
        self._injected = injected
        self._clock = clock
        self._constants = constants
        self._report = report

    def start(self) -> None:
        """Start every Deployment and StatefulSet."""
        for plan in self._plans.values():
            if plan.kind != "Job" and plan.replicas:
                self._create(plan)

    def port(self, name: str, target: int | str | None) -> int:
        """Where a workload's container port listens."""
        plan = self._plans[name]
        return plan.container.port(self._environment(plan, name), target)

    def _log_file(self, pod: str) -> Path | None:
        return self._state_dir and self._state_dir / f"{pod}.log"

    async def run_jobs(self) -> None:
        """Run the Jobs one after the other. Raises StartError when one does not complete."""
        for plan in self._plans.values():
            if plan.kind == "Job":
                await self._run_job(plan)

    async def _run_job(self, plan: WorkloadPlan) -> None:
        pod = f"{plan.name}-{random_suffix(5)}"
        log_file = self._log_file(pod)
        deadline_s = plan.deadline_s or _DEFAULT_JOB_DEADLINE_S
        try:
            async with self._clock.timeout(deadline_s):
                await self._try_job(plan, pod, log_file)
        except TimeoutError:
            raise StartError(f"Job/{plan.name}: not done in {deadline_s:g} s; see {log_file}") from None

    async def _try_job(self, plan: WorkloadPlan, pod: str, log_file: Path | None) -> None:
        code = 0
        for attempt in range(plan.backoff_limit + 1):
            if attempt:
                await self._clock.sleep(_JOB_BACKOFF_S[min(attempt, len(_JOB_BACKOFF_S)) - 1])
            code = await self._run_to_end(plan, pod, log_file)
            if code == 0:
                self._report("job_done", plan.name, pod, f"attempt {attempt + 1}")
                return
            self._report("pod_restarted", plan.name, pod, f"{ended(code)}, see {log_file}")
        last = last_lines(log_file)
        raise StartError(f"Job/{plan.name}: {ended(code)} after {plan.backoff_limit + 1} attempts; {log_file}:\n{last}")

    async def _run_to_end(self, plan: WorkloadPlan, pod: str, log_file: Path | None) -> int:
        command, environment, _ = self._prepare(plan, pod)
        process = await spawn(command, environment, log_file, self._working_dir)
        self._report("pod_started", plan.name, pod, f"pid {process.pid}")
        try:
            return await process.wait()
        except asyncio.CancelledError:
            end_group(process.pid)
            await process.wait()  # a killed process ends at once; nothing of it is left when ``stop`` returns
            raise
        finally:
            end_group(process.pid)

    def _create(self, plan: WorkloadPlan) -> None:
        name = f"{plan.name}-0" if plan.kind == "StatefulSet" else f"{plan.name}-{random_suffix(9)}-{random_suffix(5)}"
        container = plan.container
        launch = Launch(
            service=plan.name,
            name=name,
            log_file=self._log_file(name),
            working_dir=self._working_dir,
            prepare=lambda: self._prepare(plan, name),
            readiness=Prober(container.readiness or Probe()),
            liveness=Prober(container.liveness) if container.liveness else None,
            startup=Prober(container.startup) if container.startup else None,
            grace_s=plan.grace_s,
        )

        def emit(kind: EventKind, pod: str, detail: str) -> None:
            if kind == "pod_gone":
                self.pods.pop(plan.name, None)
            self._report(kind, plan.name, pod, detail)

        pod = RunningPod(launch, emit, self._clock, self._constants, lambda _: None)
        self.pods[plan.name] = pod
        pod.start()

    def _prepare(self, plan: WorkloadPlan, pod: str) -> tuple[tuple[str, ...], Mapping[str, str], int]:
        environment = self._environment(plan, pod)
        command = tuple(expand(part, environment) for part in plan.container.command)
        probe = plan.container.readiness or plan.container.liveness or plan.container.startup
        action = probe and (probe.http_get or probe.tcp_socket)
        return command, environment, plan.container.port(environment, action.port if action else None)

    def _environment(self, plan: WorkloadPlan, pod: str) -> dict[str, str]:
        return plan.container.environment.resolve(pod, {"HOSTNAME": pod} | dict(self._injected(plan)))


def last_lines(log_file: Path | None) -> str:
    """The end of a log, for an error message."""
    if log_file is None:
        return "(it is in our own log)"
    try:
        return log_file.read_bytes()[-_LAST_LINES_BYTES:].decode("utf-8", "replace").strip()
    except OSError:
        return "(no log)"
