"""A Knative Service as it will run here, and what Knative's own webhook refuses: what passes here passes there."""

from collections.abc import Iterator

from cluster.rules.handler import FULL_DUPLEX
from cluster.rules.settings import GATED_FIELDS
from devstack.knative.containers import ContainerReader
from devstack.knative.plan import ServicePlan
from devstack.knative.settings import ClusterSettings
from ops.knative.scaling import PREFIX, read_scaling
from ops.manifests import fields, kinds
from ops.manifests.manifests import Problem
from ops.manifests.parsing import Parsed

_ROLLOUT = "serving.knative.dev/rollout-duration"
_TEMPLATE_ANNOTATIONS = frozenset(
    {
        FULL_DUPLEX,
        "serving.knative.dev/progress-deadline",
        "queue.sidecar.serving.knative.dev/cpu-resource-request",
        "queue.sidecar.serving.knative.dev/cpu-resource-limit",
        "queue.sidecar.serving.knative.dev/memory-resource-request",
        "queue.sidecar.serving.knative.dev/memory-resource-limit",
    }
)
"""Of Knative's own, all but the first mean nothing on one machine; ``autoscaling.knative.dev/*`` are executed."""


def read_service(
    entry: Parsed, value: kinds.KnativeService, containers: ContainerReader, settings: ClusterSettings
) -> tuple[ServicePlan, list[Problem]]:
    """The plan of one Service, and everything that is wrong with it but for its container."""
    spec = value.spec.template.spec
    scaling, problems = read_scaling(value.spec.template.metadata.annotations, entry.where, settings.scaling)
    faults = (*_annotations(value), *_timeouts(spec, settings), *_gates(spec, settings))
    problems.extend(Problem(entry.where, *fault) for fault in faults)
    timeout_s = settings.timeout_s if spec.timeout_seconds is None else spec.timeout_seconds
    plan = ServicePlan(
        name=entry.name,
        container=containers.read(spec.containers, entry.name, entry.where),
        concurrency=settings.concurrency if spec.container_concurrency is None else spec.container_concurrency,
        timeout_s=timeout_s,
        response_start_s=_limit(spec.response_start_timeout_seconds, settings.response_start_s, timeout_s),
        idle_s=_limit(spec.idle_timeout_seconds, settings.idle_s, timeout_s),
        scaling=scaling,
        full_duplex=value.spec.template.metadata.annotations.get(FULL_DUPLEX, "").lower() == "enabled",
    )
    return plan, problems


Fault = tuple[str, str, str]
"""``(field, what, fix)``."""


def _limit(own: int | None, default: int | None, timeout_s: float) -> float | None:
    """Knative fills in the cluster's default only where it is shorter than the Service's ``timeoutSeconds``."""
    if own is None:
        own = default if default is not None and default < timeout_s else None
    return own or None


def _annotations(value: kinds.KnativeService) -> Iterator[Fault]:
    for name in value.metadata.annotations:
        field = f"metadata.annotations[{name}]"
        if name.startswith(PREFIX):
            yield field, "Knative takes it only on a Revision", "move it to spec.template.metadata.annotations"
        elif _is_knatives(name) and name != _ROLLOUT:
            yield field, "not an annotation of Knative's that is known here", "correct the annotation or remove it"
    for name in value.spec.template.metadata.annotations:
        if _is_knatives(name) and not name.startswith(PREFIX) and name not in _TEMPLATE_ANNOTATIONS:
            field = f"spec.template.metadata.annotations[{name}]"
            yield field, "not an annotation of Knative's that is known here", "correct the annotation or remove it"


def _is_knatives(name: str) -> bool:
    return name.partition("/")[0].endswith("knative.dev")


def _timeouts(spec: kinds.RevisionSpec, settings: ClusterSettings) -> Iterator[Fault]:
    timeout_s = settings.timeout_s if spec.timeout_seconds is None else spec.timeout_seconds
    if timeout_s > settings.max_timeout_s:
        what = f"{timeout_s} is more than the cluster's max-revision-timeout-seconds, {settings.max_timeout_s}"
        fix = "lower it, or raise the setting in config-defaults"
        yield "spec.template.spec.timeoutSeconds", what, fix
    for name, limit in (
        ("responseStartTimeoutSeconds", spec.response_start_timeout_seconds),
        ("idleTimeoutSeconds", spec.idle_timeout_seconds),
    ):
        if limit is not None and limit > timeout_s:
            yield f"spec.template.spec.{name}", "longer than timeoutSeconds", "set it to timeoutSeconds or less"


def _gates(spec: kinds.RevisionSpec, settings: ClusterSettings) -> Iterator[Fault]:
    fix = "set {} to Enabled in config-features, or remove the field"
    for field in spec.__struct_fields__:
        name = fields.camel(field)
        feature = GATED_FIELDS.get(name, "")
        if feature and getattr(spec, field) and feature not in settings.features:
            yield f"spec.template.spec.{name}", "Knative refuses it as installed", fix.format(feature)
    feature = "kubernetes.podspec-fieldref"
    for index, variable in enumerate(spec.containers[0].env):
        refers = variable.value_from is not None and variable.value_from.field_ref is not None
        if refers and feature not in settings.features:
            field = f"spec.template.spec.containers[0].env[{index}].valueFrom.fieldRef"
            yield field, "Knative refuses it as installed", fix.format(feature)
    if spec.automount_service_account_token:
        yield "spec.template.spec.automountServiceAccountToken", "Knative takes only false", "set false or remove it"
    if spec.containers[0].lifecycle is not None:
        what = "Knative refuses it: the hook is its own"
        yield "spec.template.spec.containers[0].lifecycle", what, "drain on SIGTERM instead; remove it"
