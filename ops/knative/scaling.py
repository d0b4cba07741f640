"""A Revision's autoscaling settings, from its template's annotations."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ops.manifests.manifests import Problem

PREFIX = "autoscaling.knative.dev/"
_FIELD = "spec.template.metadata.annotations[{}]"

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
    target: float | None = None
    """Requests a pod aims at, at most containerConcurrency."""
    target_default: float = 100.0
    """When neither ``target`` nor containerConcurrency says."""
    retention_s: float = 0.0
    scale_down_delay_s: float = 0.0
    activation_scale: int = 1
    burst_capacity: float = 211.0
    """-1 keeps the activator in the path, which is the only mode that was measured and is executed."""

    def per_pod(self, container_concurrency: int) -> float:
        """The concurrency that one pod should carry."""
        limit = float(container_concurrency) if container_concurrency else self.target_default
        if self.target is not None:
            limit = min(limit, self.target) if container_concurrency else self.target
        return max(0.01, limit * self.utilization)


def seconds(text: str) -> float:
    """Go's duration syntax (``1h``, ``2m``, ``30s``, ``1.5s``, ``200ms``) in seconds. Raises ValueError."""
    match = _DURATION.match(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is not a duration such as 30s or 2m")
    hours, minutes, secs, millis = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + secs + millis / 1000


def integer(text: str) -> int:
    """A natural number. Raises ValueError."""
    if not text.isdigit():
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def positive(text: str) -> float:
    """Raises ValueError."""
    value = float(text)
    if value <= 0:
        raise ValueError(f"{text!r} is not above 0")
    return value


def between(text: str, low: float, high: float) -> float:
    """A Go duration in seconds. Raises ValueError."""
    value = seconds(text)
    if not low <= value <= high:
        raise ValueError(f"{text!r} is not between {low:g} s and {high:g} s")
    return value


def read_scaling(annotations: Mapping[str, str], where: str, defaults: Scaling) -> tuple[Scaling, list[Problem]]:
    """Settings from ``autoscaling.knative.dev/*``; an annotation that would not be honoured is a problem."""
    scaling = defaults
    problems: list[Problem] = []
    for annotation, value in annotations.items():
        if not annotation.startswith(PREFIX):
            continue
        try:
            scaling = _apply(scaling, annotation.removeprefix(PREFIX), value)
        except ValueError as error:
            problems.append(
                Problem(where, _FIELD.format(annotation), str(error), "correct the annotation or remove it")
            )
    problems.extend(Problem(where, *fault) for fault in _contradictions(scaling))
    return scaling, problems


def _contradictions(scaling: Scaling) -> Iterator[tuple[str, str, str]]:
    """``(field, what, fix)`` of what is wrong with the settings together."""
    if scaling.max_scale and scaling.max_scale < scaling.min_scale:
        what = f"max-scale {scaling.max_scale} is below min-scale {scaling.min_scale}"
        yield _FIELD.format(PREFIX + "max-scale"), what, "raise max-scale or lower min-scale"
    if scaling.burst_capacity != -1:
        what = f"{scaling.burst_capacity:g} is not executed here, only -1: 0 queues behind busy pods, and other values"
        fix = 'set the annotation to "-1" (or target-burst-capacity in config-autoscaler)'
        yield _FIELD.format(PREFIX + "target-burst-capacity"), what + " take the activator away under load", fix


def _apply(scaling: Scaling, key: str, value: str) -> Scaling:
    match key:
        case "class":
            _one_of(value, "kpa.autoscaling.knative.dev")
        case "metric":
            _one_of(value, "concurrency")
        case "target-burst-capacity":
            return replace(scaling, burst_capacity=float(value))
        case "initial-scale":
            integer(value)  # a cluster proves a new revision with it; nothing is started here before it is needed
        case "min-scale":
            return replace(scaling, min_scale=integer(value))
        case "max-scale":
            return replace(scaling, max_scale=integer(value))
        case "activation-scale":
            return replace(scaling, activation_scale=max(1, integer(value)))
        case "target":
            return replace(scaling, target=positive(value))
        case "target-utilization-percentage":
            return replace(scaling, utilization=min(100.0, positive(value)) / 100)
        case "window":
            return replace(scaling, window_s=between(value, 6, 3600))
        case "scale-to-zero-pod-retention-period":
            return replace(scaling, retention_s=seconds(value))
        case "scale-down-delay":
            return replace(scaling, scale_down_delay_s=between(value, 0, 3600))
        case _:
            raise ValueError("not an autoscaling annotation that runs here")
    return scaling


def _one_of(value: str, *allowed: str) -> None:
    if value not in allowed:
        raise ValueError(f"{value!r} is not executed here, only {' or '.join(allowed)}")
