"""What we read of Knative's objects."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cluster.kinds import Object

S = TypeVar("S")

SERVICE_LABEL = "serving.knative.dev/service"
MIN_SCALE = "autoscaling.knative.dev/min-scale"


@dataclass(frozen=True, slots=True)
class ServiceState:
    """A Knative Service. ``latest_revision`` is the newest *ready* Revision, ``latest_created`` the newest.

    ``reason`` and ``message`` are the Ready condition's, empty when it is True.
    """

    name: str
    url: str
    ready: bool
    reason: str
    message: str
    latest_revision: str
    latest_created: str


@dataclass(frozen=True, slots=True)
class RevisionState:
    """A Revision and its pods: ``desired`` by the autoscaler, ``actual`` that are ready.

    ``min_scale`` is the annotation on the Revision itself, the pre-warmed number; None without one.
    """

    name: str
    service: str
    ready: bool
    reason: str
    message: str
    desired: int
    actual: int
    min_scale: int | None


@dataclass(frozen=True, slots=True)
class Change(Generic[S]):
    """``state`` is the new one, or the last known when the object is ``gone``."""

    state: S
    gone: bool = False


def service_state(service: Object) -> ServiceState:
    status = service.get("status", {})
    return ServiceState(
        service["metadata"]["name"],
        status.get("url", ""),
        *_readiness(status),
        latest_revision=status.get("latestReadyRevisionName", ""),
        latest_created=status.get("latestCreatedRevisionName", ""),
    )


def revision_state(revision: Object) -> RevisionState:
    """Knative leaves the numbers out where they are 0."""
    metadata, status = revision["metadata"], revision.get("status", {})
    min_scale = metadata.get("annotations", {}).get(MIN_SCALE)
    return RevisionState(
        metadata["name"],
        metadata.get("labels", {}).get(SERVICE_LABEL, ""),
        *_readiness(status),
        desired=status.get("desiredReplicas", 0),
        actual=status.get("actualReplicas", 0),
        min_scale=int(min_scale) if min_scale is not None else None,
    )


def _readiness(status: dict[str, Any]) -> tuple[bool, str, str]:
    for condition in status.get("conditions", ()):
        if condition["type"] == "Ready":
            return condition["status"] == "True", condition.get("reason", ""), condition.get("message", "")
    return False, "NoStatus", "its controller has not looked at it yet"
