"""What will run, resolved: every reference between objects checked, nothing started yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin

from devstack.knative.environment import Environment
from ops.knative.scaling import Scaling
from ops.manifests.fields import Probe

DestinationKind = Literal["service", "broker", "workload", "uri"]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where events go. ``name`` is the Service's, Broker's or Kubernetes Service's, or the whole URI."""

    kind: DestinationKind
    name: str
    path: str = ""

    def below(self, base: str) -> str:
        """The whole URL: ``path`` is resolved against ``base`` as any relative reference."""
        return urljoin(base, self.path) if self.path else base

    def in_cluster(self, namespace: str) -> str:
        """The address that it has on a cluster; what a dead letter names, whatever port is used here."""
        match self.kind:
            case "broker":
                return self.below(f"http://broker-ingress.knative-eventing.svc.cluster.local/{namespace}/{self.name}")
            case "uri":
                return self.name
            case _:
                return self.below(f"http://{self.name}.{namespace}.svc.cluster.local")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How hard the broker tries; the defaults are the cluster's (about 3.4 minutes in all, no timeout)."""

    retry: int = 10
    linear: bool = False
    delay_s: float = 0.2
    timeout_s: float | None = None
    dead_letter: Destination | None = None

    def backoff_s(self, attempt: int) -> float:
        """The wait after failed attempt ``attempt``, from 0."""
        return self.delay_s * attempt if self.linear else self.delay_s * 2.0**attempt


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """``ports``: a container port's name → its number in the manifest, in the manifest's order."""

    command: tuple[str, ...]
    environment: Environment
    ports: Mapping[str, int]
    readiness: Probe | None
    liveness: Probe | None
    startup: Probe | None = None

    def port(self, environment: Mapping[str, str], target: int | str | None) -> int:
        """Where a container port really listens.

        Several workloads share one host, so the environment decides: the port named ``api`` listens at ``API_PORT``,
        ``http`` also at ``PORT``; without such a variable, at its ``containerPort``. ``target`` is a name, a number
        or None for the first port.
        """
        if target is None:
            name, number = next(iter(self.ports.items()), ("", 0))
        else:
            name, number = next((one for one in self.ports.items() if target in one), None) or ("", int(target))
        variables = [f"{name.upper().replace('-', '_')}_PORT"]
        if name == "http":
            variables.append("PORT")
        for variable in variables:
            if environment.get(variable, "").isdigit():
                return int(environment[variable])
        return number


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """A Knative Service's template, a Revision's. Times in seconds; None has no limit."""

    name: str
    container: ContainerPlan
    concurrency: int
    timeout_s: float
    response_start_s: float | None
    idle_s: float | None
    scaling: Scaling
    full_duplex: bool = False
    """Whether an answer may begin before the request's body has ended."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What a SinkBinding injects: K_SINK and K_CE_OVERRIDES (JSON, or empty)."""

    sink: Destination
    overrides: str


@dataclass(frozen=True, slots=True)
class WorkloadPlan:
    """A Deployment, StatefulSet or Job as one always-on (or once-run) process."""

    kind: Literal["Deployment", "StatefulSet", "Job"]
    name: str
    container: ContainerPlan
    replicas: int
    grace_s: float
    binding: Binding | None
    backoff_limit: int = 6
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True)
class CoreServicePlan:
    """A Kubernetes Service: ``workload``'s container ports, by name or number, the first one first."""

    name: str
    workload: str
    target_ports: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class TriggerPlan:
    """``attributes`` must all be equal; an empty value means that the attribute must be there."""

    name: str
    broker: str
    attributes: Mapping[str, str]
    subscriber: Destination
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class PingPlan:
    """``schedule`` is cron with five fields, or six with seconds first."""

    name: str
    schedule: str
    timezone: str
    content_type: str
    data: bytes
    sink: Destination
    extensions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the runtime executes."""

    services: Mapping[str, ServicePlan]
    workloads: Mapping[str, WorkloadPlan]
    core_services: Mapping[str, CoreServicePlan]
    brokers: tuple[str, ...]
    triggers: tuple[TriggerPlan, ...]
    pings: tuple[PingPlan, ...]
