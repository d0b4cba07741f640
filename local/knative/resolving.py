"""From manifests to a Plan: cross-references checked, every problem collected, nothing started."""

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from local.knative import kinds
from local.knative.environment import EnvironmentReader, Secrets, command_line, inherited
from local.knative.manifests import Manifest
from local.knative.parsing import Objects, Parsed, parse_objects
from local.knative.plan import Binding, ContainerPlan, CoreServicePlan, Plan, ServicePlan, WorkloadPlan
from local.knative.problems import ManifestError, Problem
from local.knative.scaling import read_scaling
from local.knative.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the manifests name but do not hold."""

    images: Mapping[str, Sequence[str]]
    secrets: Secrets
    overrides: Mapping[str, Mapping[str, str]]
    namespace: str


def resolve(manifests: Iterable[Manifest], surroundings: Surroundings) -> Plan:
    """The plan. Raises ManifestError with every fault in the fields, or else in the references between objects."""
    objects, problems = parse_objects(manifests)
    if problems:  # references to an object that could not be read would only add noise
        raise ManifestError(problems)
    resolver = _Resolver(objects, surroundings, problems)
    plan = resolver.plan()
    problems.extend(resolver.environment.problems)
    if problems:
        raise ManifestError(problems)
    return plan


class _Resolver:
    def __init__(self, objects: Objects, surroundings: Surroundings, problems: list[Problem]) -> None:
        self._objects = objects
        self._surroundings = surroundings
        self._problems = problems
        self.environment = EnvironmentReader(objects, surroundings.secrets, surroundings.namespace)

    def plan(self) -> Plan:
        subscriptions = Subscriptions(self._objects, self._workload_entries(), self._problems)
        bindings = subscriptions.bindings()
        workloads = {entry.name: self._workload(entry, bindings.get(entry.name)) for entry in self._workload_entries()}
        services = {entry.name: self._service(entry, value) for entry, value in self._objects.of(kinds.KnativeService)}
        self._check_overrides({*workloads, *services})
        return Plan(
            services=services,
            workloads=workloads,
            core_services=self._core_services(),
            brokers=tuple(self._objects.names(kinds.Broker)),
            triggers=tuple(subscriptions.triggers()),
            pings=tuple(subscriptions.pings()),
        )

    def _problem(self, where: str, field: str, what: str, fix: str) -> None:
        self._problems.append(Problem(where, field, what, fix))

    # Containers

    def _container(self, container: kinds.Container, name: str, where: str, path: str) -> ContainerPlan:
        image = re.sub(r"@sha256:.*$|:[^/:]*$", "", container.image)
        known = self._surroundings.images
        prefix = known.get(image) or known.get(image.rsplit("/", 1)[-1])
        if prefix is None:
            fix = f"give the runtime a command for it, or use {', '.join(sorted(known)) or '(no image is known)'}"
            self._problem(where, f"{path}.image", f"no command is known for image {image}", fix)
            prefix = ()
        command = command_line(container, prefix)
        self._check_command(command, where, path)
        overrides = self._surroundings.overrides.get(name, {})
        ports = {port.name or str(port.container_port): port.container_port for port in container.ports}
        for probe_path, probe in (
            (f"{path}.readinessProbe", container.readiness_probe),
            (f"{path}.livenessProbe", container.liveness_probe),
        ):
            self._check_probe(probe, ports, where, probe_path)
        environment = self.environment.read(container, where, path, overrides)
        return ContainerPlan(command, environment, ports, container.readiness_probe, container.liveness_probe)

    def _check_command(self, command: Sequence[str], where: str, path: str) -> None:
        if command and shutil.which(command[0], path=inherited()["PATH"]) is None:
            self._problem(where, f"{path}.command", f"{command[0]} is not installed here", "install it or correct it")

    def _check_probe(self, probe: kinds.Probe | None, ports: Mapping[str, int], where: str, path: str) -> None:
        if probe is None:
            return
        action = probe.http_get or probe.tcp_socket
        if action is None:
            self._problem(where, path, "no action", "set httpGet or tcpSocket")
        elif isinstance(action.port, str) and action.port not in ports:
            fix = f"name one of {', '.join(ports) or '(the container has no named port)'}"
            self._problem(where, path, f"the container has no port named {action.port}", fix)

    def _check_overrides(self, names: set[str]) -> None:
        for name in sorted(set(self._surroundings.overrides) - names):
            fix = f"name one of {', '.join(sorted(names))}"
            self._problem("config_overrides", name, "there is no such workload or Service", fix)

    # Services and workloads

    def _service(self, entry: Parsed, value: kinds.KnativeService) -> ServicePlan:
        template = value.spec.template
        spec = template.spec
        scaling, problems = read_scaling(template.metadata.annotations, entry.where)
        self._problems.extend(problems)
        start_s = spec.response_start_timeout_seconds
        if start_s is not None and start_s > spec.timeout_seconds:
            field = "spec.template.spec.responseStartTimeoutSeconds"
            self._problem(entry.where, field, "longer than timeoutSeconds", "set it to timeoutSeconds or less")
        return ServicePlan(
            name=entry.name,
            container=self._container(spec.containers[0], entry.name, entry.where, "spec.template.spec.containers[0]"),
            concurrency=spec.container_concurrency,
            timeout_s=spec.timeout_seconds,
            response_start_s=start_s,
            idle_s=spec.idle_timeout_seconds,
            scaling=scaling,
        )

    def _workload_entries(self) -> list[Parsed]:
        found = (
            *self._objects.of(kinds.Deployment),
            *self._objects.of(kinds.StatefulSet),
            *self._objects.of(kinds.Job),
        )
        return [entry for entry, _ in found]

    def _workload(self, entry: Parsed, binding: Binding | None) -> WorkloadPlan:
        value = entry.value
        assert isinstance(value, kinds.Workload)
        pod = value.spec.template.spec
        container = self._container(pod.containers[0], entry.name, entry.where, "spec.template.spec.containers[0]")
        if isinstance(value, kinds.Job):
            if pod.restart_policy == "Always":
                field = "spec.template.spec.restartPolicy"
                self._problem(entry.where, field, "a Job cannot use Always", "set OnFailure or Never")
            return WorkloadPlan(
                "Job",
                entry.name,
                container,
                1,
                pod.termination_grace_period_seconds,
                binding,
                value.spec.backoff_limit,
                value.spec.active_deadline_seconds,
            )
        if value.spec.replicas > 1:
            what = f"{value.spec.replicas} replicas would share one loopback port"
            self._problem(entry.where, "spec.replicas", what, "set 1 in this overlay")
        grace_s = pod.termination_grace_period_seconds
        if isinstance(value, kinds.Deployment):
            return WorkloadPlan("Deployment", entry.name, container, value.spec.replicas, grace_s, binding)
        return WorkloadPlan("StatefulSet", entry.name, container, value.spec.replicas, grace_s, binding)

    def _core_services(self) -> dict[str, CoreServicePlan]:
        plans: dict[str, CoreServicePlan] = {}
        for entry, value in self._objects.of(kinds.CoreService):
            workload = self._selected(entry, value.spec.selector)
            if workload is not None:
                targets = tuple(
                    port.port if port.target_port is None else port.target_port for port in value.spec.ports
                )
                self._check_targets(entry, workload, targets)
                plans[entry.name] = CoreServicePlan(entry.name, workload, targets)
        return plans

    def _selected(self, entry: Parsed, selector: Mapping[str, str]) -> str | None:
        for workload in self._workload_entries():
            assert isinstance(workload.value, kinds.Workload)
            labels = workload.value.spec.template.metadata.labels
            if selector and selector.items() <= labels.items():
                return workload.name
        wanted = ", ".join(f"{key}={value}" for key, value in selector.items()) or "(empty)"
        what = f"no workload's pods have the labels {wanted}"
        self._problem(entry.where, "spec.selector", what, "use the labels of a pod template")
        return None

    def _check_targets(self, entry: Parsed, workload: str, targets: Sequence[int | str]) -> None:
        found = next(candidate for candidate in self._workload_entries() if candidate.name == workload)
        assert isinstance(found.value, kinds.Workload)
        ports = found.value.spec.template.spec.containers[0].ports
        known: set[int | str] = {port.container_port for port in ports} | {port.name for port in ports}
        for index, target in enumerate(targets):
            if target not in known:
                fix = f"use one of {', '.join(sorted(map(str, known - {''}))) or '(it declares no port)'}"
                field = f"spec.ports[{index}].targetPort"
                self._problem(entry.where, field, f"{workload} has no container port {target}", fix)
