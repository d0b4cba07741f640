"""A Revision's autoscaling settings, from its template's annotations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from local.knative.problems import Problem

PREFIX = "autoscaling.knative.dev/"

_DURATION = re.compile(r"^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$")


@dataclass(frozen=True, slots=True)
class Scaling:
    """Seconds, pods and ratios. The defaults are Knative's."""

    min_scale: int = 0
    max_scale: int = 0
    """0 has no limit."""
    window_s: float = 60.0
    utilization: float = 0.7
    """Of the concurrency limit; the autoscaler aims at this share, so ceil(N / 0.7) pods for N calls."""
    target: float = 100.0
    """Requests a pod aims at when containerConcurrency sets no limit."""
    retention_s: float = 0.0
    scale_down_delay_s: float = 0.0
    activation_scale: int = 1

    def per_pod(self, container_concurrency: int) -> float:
        """The concurrency that one pod should carry."""
        limit = float(container_concurrency) if container_concurrency else self.target
        return max(0.01, min(limit, self.target) * self.utilization)


def seconds(text: str) -> float:
    """Go's duration syntax (``1h``, ``2m``, ``30s``, ``1.5s``, ``200ms``) in seconds. Raises ValueError."""
    match = _DURATION.match(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is not a duration such as 30s or 2m")
    hours, minutes, secs, millis = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + secs + millis / 1000


def _integer(text: str) -> int:
    if not text.isdigit():
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise ValueError(f"{text!r} is not above 0")
    return value


def _between(text: str, low: float, high: float) -> float:
    value = seconds(text)
    if not low <= value <= high:
        raise ValueError(f"{text!r} is not between {low:g} s and {high:g} s")
    return value


def read_scaling(annotations: Mapping[str, str], where: str) -> tuple[Scaling, list[Problem]]:
    """Settings from ``autoscaling.knative.dev/*``; an annotation that would not be honoured is a problem."""
    scaling = Scaling()
    problems: list[Problem] = []
    for annotation, value in annotations.items():
        if not annotation.startswith(PREFIX):
            continue
        try:
            scaling = _apply(scaling, annotation.removeprefix(PREFIX), value)
        except ValueError as error:
            field = f"spec.template.metadata.annotations[{annotation}]"
            problems.append(Problem(where, field, str(error), "correct the annotation or remove it"))
    return scaling, problems


def _apply(scaling: Scaling, key: str, value: str) -> Scaling:
    match key:
        case "class":
            _one_of(value, "kpa.autoscaling.knative.dev")
        case "metric":
            _one_of(value, "concurrency")
        case "target-burst-capacity":
            _one_of(value, "-1")  # 0 queues behind busy pods, and other values leave the activator under load
        case "initial-scale":
            _integer(value)  # a cluster proves a new revision with it; nothing is started here before it is needed
        case "min-scale":
            return replace(scaling, min_scale=_integer(value))
        case "max-scale":
            return replace(scaling, max_scale=_integer(value))
        case "activation-scale":
            return replace(scaling, activation_scale=max(1, _integer(value)))
        case "target":
            return replace(scaling, target=_positive(value))
        case "target-utilization-percentage":
            return replace(scaling, utilization=min(100.0, _positive(value)) / 100)
        case "window":
            return replace(scaling, window_s=_between(value, 6, 3600))
        case "scale-to-zero-pod-retention-period":
            return replace(scaling, retention_s=seconds(value))
        case "scale-down-delay":
            return replace(scaling, scale_down_delay_s=_between(value, 0, 3600))
        case _:
            raise ValueError("not an autoscaling annotation that runs here")
    return scaling


def _one_of(value: str, *allowed: str) -> None:
    if value not in allowed:
        raise ValueError(f"{value!r} is not executed here, only {' or '.join(allowed)}")
