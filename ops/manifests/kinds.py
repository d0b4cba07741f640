"""The fields of the kinds that the local runtime executes, strict: an unknown field is an error.

Fields that a laptop cannot act on (scheduling, security contexts, resources) are accepted as they are;
`kubernetes-validate` and the CRD schemas check their inside. What is not listed here is refused rather
than ignored, so that a manifest never means less locally than it says.
"""

from typing import Any, Literal

from msgspec import field

from ops.manifests.fields import (
    LabelSelector,
    Metadata,
    Natural,
    PodFields,
    PodSpec,
    Positive,
    Strict,
    TemplateMetadata,
)


class Ref(Strict):
    kind: str
    name: str
    api_version: str
    namespace: str = ""


class Sink(Strict):
    """``ref`` or ``uri``; with both, ``uri`` is a path below the reference."""

    ref: Ref | None = None
    uri: str = ""


class DeliverySpec(Strict):
    retry: Natural | None = None
    backoff_policy: Literal["exponential", "linear"] | None = None
    backoff_delay: str | None = None
    timeout: str | None = None
    dead_letter_sink: Sink | None = None


class BrokerSpec(Strict):
    config: Ref | None = None
    delivery: DeliverySpec | None = None


class Broker(Strict):
    metadata: Metadata
    spec: BrokerSpec = field(default_factory=BrokerSpec)


class TriggerFilter(Strict):
    attributes: dict[str, str] = field(default_factory=dict)


class TriggerSpec(Strict):
    broker: str
    subscriber: Sink
    filter: TriggerFilter = field(default_factory=TriggerFilter)
    delivery: DeliverySpec | None = None


class Trigger(Strict):
    metadata: Metadata
    spec: TriggerSpec


class CeOverrides(Strict):
    extensions: dict[str, str] = field(default_factory=dict)


class Subject(Strict):
    kind: str
    api_version: str
    name: str = ""
    namespace: str = ""
    selector: LabelSelector | None = None


class SinkBindingSpec(Strict):
    subject: Subject
    sink: Sink
    ce_overrides: CeOverrides | None = None


class SinkBinding(Strict):
    metadata: Metadata
    spec: SinkBindingSpec


class PingSourceSpec(Strict):
    schedule: str
    sink: Sink
    timezone: str = "UTC"
    content_type: str = ""
    data: str = ""
    data_base64: str = ""
    ce_overrides: CeOverrides | None = None


class PingSource(Strict):
    metadata: Metadata
    spec: PingSourceSpec


class PolicySource(Strict):
    """Who may send: an object that has an identity, or an identity's name (``*`` only at its end)."""

    ref: Ref | None = None
    sub: str = ""


class PolicySelector(Strict):
    kind: str
    api_version: str
    match_labels: dict[str, str] = field(default_factory=dict)
    match_expressions: Any = None


class PolicyTarget(Strict):
    ref: Ref | None = None
    selector: PolicySelector | None = None


class EventPolicySpec(Strict):
    """``from`` is Python's word, so it is renamed; no ``filters``: none of ours has any."""

    to: list[PolicyTarget] = field(default_factory=list)
    sources: list[PolicySource] = field(default_factory=list, name="from")


class EventPolicy(Strict):
    """Checked, not executed: who sends is proved by OIDC tokens, which nobody issues here."""

    metadata: Metadata
    spec: EventPolicySpec


class RevisionSpec(PodFields):
    container_concurrency: Natural | None = None
    timeout_seconds: Positive | None = None
    response_start_timeout_seconds: Natural | None = None
    idle_timeout_seconds: Natural | None = None


class RevisionTemplate(Strict):
    spec: RevisionSpec
    metadata: TemplateMetadata = field(default_factory=TemplateMetadata)


class KnativeServiceSpec(Strict):
    template: RevisionTemplate


class KnativeService(Strict):
    metadata: Metadata
    spec: KnativeServiceSpec


class PodTemplate(Strict):
    spec: PodSpec
    metadata: TemplateMetadata = field(default_factory=TemplateMetadata)


class DeploymentSpec(Strict):
    template: PodTemplate
    selector: LabelSelector
    replicas: Natural = 1
    strategy: Any = None
    min_ready_seconds: Natural = 0
    progress_deadline_seconds: Natural = 600
    revision_history_limit: Natural = 10


class Deployment(Strict):
    metadata: Metadata
    spec: DeploymentSpec


class StatefulSetSpec(Strict):
    template: PodTemplate
    selector: LabelSelector
    service_name: str = ""
    replicas: Natural = 1
    update_strategy: Any = None
    pod_management_policy: str = ""
    volume_claim_templates: Any = None
    persistent_volume_claim_retention_policy: Any = None
    min_ready_seconds: Natural = 0
    revision_history_limit: Natural = 10


class StatefulSet(Strict):
    metadata: Metadata
    spec: StatefulSetSpec


class JobSpec(Strict):
    template: PodTemplate
    backoff_limit: Natural = 6
    active_deadline_seconds: Positive | None = None
    ttl_seconds_after_finished: Natural | None = None
    completions: Literal[1] = 1
    parallelism: Literal[1] = 1


class Job(Strict):
    metadata: Metadata
    spec: JobSpec


Workload = Deployment | StatefulSet | Job


class ServicePort(Strict):
    port: Natural
    name: str = ""
    target_port: int | str | None = None
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    node_port: int | None = None
    app_protocol: str = ""


class CoreServiceSpec(Strict):
    selector: dict[str, str]
    ports: list[ServicePort] = field(default_factory=list)
    type: str = "ClusterIP"
    cluster_ip: str = field(default="", name="clusterIP")
    publish_not_ready_addresses: bool = False
    external_traffic_policy: str = ""
    session_affinity: str = ""


class CoreService(Strict):
    metadata: Metadata
    spec: CoreServiceSpec


class ConfigMap(Strict):
    metadata: Metadata
    data: dict[str, str] = field(default_factory=dict)
    immutable: bool = False


PARSED: dict[tuple[str, str], type[Strict]] = {
    ("serving.knative.dev/v1", "Service"): KnativeService,
    ("eventing.knative.dev/v1", "Broker"): Broker,
    ("eventing.knative.dev/v1", "Trigger"): Trigger,
    ("eventing.knative.dev/v1alpha1", "EventPolicy"): EventPolicy,
    ("sources.knative.dev/v1", "SinkBinding"): SinkBinding,
    ("sources.knative.dev/v1", "PingSource"): PingSource,
    ("apps/v1", "Deployment"): Deployment,
    ("apps/v1", "StatefulSet"): StatefulSet,
    ("batch/v1", "Job"): Job,
    ("v1", "Service"): CoreService,
    ("v1", "ConfigMap"): ConfigMap,
}

"""By apiVersion and kind: read strictly. All but EventPolicy are executed."""

INERT = frozenset(
    {
        ("v1", "LimitRange"),
        ("v1", "Namespace"),
        ("v1", "PersistentVolumeClaim"),
        ("v1", "ResourceQuota"),
        ("v1", "ServiceAccount"),
        ("batch/v1", "CronJob"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("networking.k8s.io/v1", "Ingress"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("policy/v1", "PodDisruptionBudget"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        ("scheduling.k8s.io/v1", "PriorityClass"),
    }
)
"""Kinds that mean nothing on one machine: accepted and left alone (their fields are checked by their schemas)."""
