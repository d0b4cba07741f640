"""From manifests to a Plan: cross-references checked, every problem collected, nothing started."""

from collections.abc import Iterator, Mapping, Sequence

from devstack.knative.containers import ContainerReader, Surroundings
from devstack.knative.plan import Binding, CoreServicePlan, Plan, ServicePlan, WorkloadPlan
from devstack.knative.services import read_service
from devstack.knative.settings import NAMESPACE, ClusterSettings
from devstack.knative.subscriptions import Subscriptions
from ops.manifests import kinds
from ops.manifests.manifests import Manifest, ManifestError, Problem
from ops.manifests.parsing import Objects, Parsed, parse_objects

__all__ = ["Surroundings", "resolve"]

_AS_INSTALLED = ClusterSettings()


def resolve(
    manifests: Sequence[Manifest], surroundings: Surroundings, settings: ClusterSettings = _AS_INSTALLED
) -> Plan:
    """The plan. Raises ManifestError with every fault in the fields, or else in the references between objects."""
    objects, problems = parse_objects(manifests)
    if problems:  # references to an object that could not be read would only add noise
        raise ManifestError(problems)
    problems.extend(_elsewhere(objects, surroundings.namespace))
    plan = _Resolver(objects, surroundings, settings, problems).plan()
    if problems:
        raise ManifestError(problems)
    return plan


def _elsewhere(objects: Objects, namespace: str) -> Iterator[Problem]:
    """One machine is one namespace: names of another would be mixed up with ours."""
    for entry in objects:
        if entry.namespace not in ("", namespace, NAMESPACE):
            what = f"{entry.namespace} is not executed here, only {namespace}"
            yield Problem(entry.where, "metadata.namespace", what, "keep one namespace in this overlay")


class _Resolver:
    def __init__(
        self, objects: Objects, surroundings: Surroundings, settings: ClusterSettings, problems: list[Problem]
    ) -> None:
        self._objects = objects
        self._settings = settings
        self._problems = problems
        self._containers = ContainerReader(objects, surroundings, problems)

    def plan(self) -> Plan:
        subscriptions = Subscriptions(self._objects, self._workload_entries(), self._problems)
        bindings = subscriptions.bindings()
        workloads = {entry.name: self._workload(entry, bindings.get(entry.name)) for entry in self._workload_entries()}
        services: dict[str, ServicePlan] = {}
        for entry, value in self._objects.of(kinds.KnativeService):
            services[entry.name], problems = read_service(entry, value, self._containers, self._settings)
            self._problems.extend(problems)
        self._containers.check_overrides({*workloads, *services})
        subscriptions.check_policies()
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

    # Services and workloads

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
        container = self._containers.read(pod.containers, entry.name, entry.where)
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
