"""Knative's own settings: the ConfigMaps of ``knative-serving``, as far as processes on one machine can show them.

What is not set has Knative's default, so that without ``manifests/components/knative-settings`` the local runtime is a
cluster as it was installed: it refuses a ``timeoutSeconds`` over 600. A setting that would change nothing here but
something there is refused, except those that one machine has no use for (resources, names, certificates, domains).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from devstack.knative.clock import Constants
from ops.knative.scaling import Scaling, between, integer, positive, seconds
from ops.manifests.manifests import Manifest, ManifestError, Problem

NAMESPACE = "knative-serving"
_FIX = "correct the setting or remove it"


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Seconds; 0 has no limit. ``scaling`` is what a Revision without annotations has."""

    timeout_s: int = 300
    max_timeout_s: int = 600
    response_start_s: int | None = None
    """None: as ``timeout_s``."""
    idle_s: int = 0
    concurrency: int = 0
    scaling: Scaling = field(default_factory=Scaling)
    constants: Constants = field(default_factory=Constants)
    metrics: str = "none"
    features: frozenset[str] = frozenset({"kubernetes.podspec-volumes-emptydir"})
    """What a Service may say: the keys of config-features that are not Disabled."""


_Change = Callable[[ClusterSettings, str], ClusterSettings]


def read_settings(manifests: Iterable[Manifest], base: ClusterSettings) -> ClusterSettings:
    """What the ConfigMaps of ``knative-serving`` among ``manifests`` make of ``base``. Raises ManifestError."""
    settings = base
    problems: list[Problem] = []
    for manifest in manifests:
        metadata = manifest.body.get("metadata") or {}
        if manifest.kind != "ConfigMap" or metadata.get("namespace") != NAMESPACE:
            continue
        for key, value in (manifest.body.get("data") or {}).items():
            try:
                settings = _apply(settings, manifest.name, key, value)
            except ValueError as error:
                problems.append(Problem(manifest.where, f"data[{key}]", str(error), _FIX))
    if problems:
        raise ManifestError(problems)
    return settings


def _apply(settings: ClusterSettings, config_map: str, key: str, value: object) -> ClusterSettings:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text: put it in quotes")
    if key == "_example":
        return settings
    if config_map == "config-features":
        if value.lower() == "disabled":
            return replace(settings, features=settings.features - {key})
        return replace(settings, features=settings.features | {key})
    if config_map not in _KEYS or key in _INERT.get(config_map, ()):
        return settings
    change = _KEYS[config_map].get(key)
    if change is None:
        known = ", ".join(sorted({*_KEYS[config_map], *_INERT.get(config_map, ())}))
        raise ValueError(f"{config_map} has no such setting that is known here ({known})")
    return change(settings, value)


def _defaults(name: str) -> _Change:
    def change(settings: ClusterSettings, value: str) -> ClusterSettings:
        changed: dict[str, Any] = {name: integer(value)}
        return replace(settings, **changed)

    return change


def _scaling(name: str, read: Callable[[str], float]) -> _Change:
    def change(settings: ClusterSettings, value: str) -> ClusterSettings:
        changed: dict[str, Any] = {name: read(value)}
        return replace(settings, scaling=replace(settings.scaling, **changed))

    return change


def _constants(name: str, read: Callable[[str], float]) -> _Change:
    def change(settings: ClusterSettings, value: str) -> ClusterSettings:
        changed: dict[str, Any] = {name: read(value)}
        return replace(settings, constants=replace(settings.constants, **changed))

    return change


def _only(*allowed: str, why: str = "") -> _Change:
    def change(settings: ClusterSettings, value: str) -> ClusterSettings:
        if value not in allowed:
            raise ValueError(f"{value!r} is not executed here, only {' or '.join(allowed)}{why}")
        return settings

    return change


def _fraction(value: str) -> float:
    """A percentage, which Knative also takes as a fraction up to 1."""
    number = positive(value)
    return number / 100 if number > 1 else number


_MESH = ": auto, the default, let three of six calls wait 46-91 s behind live ones"

_KEYS: Mapping[str, Mapping[str, _Change]] = {
    "config-defaults": {
        "revision-timeout-seconds": _defaults("timeout_s"),
        "max-revision-timeout-seconds": _defaults("max_timeout_s"),
        "revision-response-start-timeout-seconds": _defaults("response_start_s"),
        "revision-idle-timeout-seconds": _defaults("idle_s"),
        "container-concurrency": _defaults("concurrency"),
    },
    "config-autoscaler": {
        "stable-window": _scaling("window_s", lambda value: between(value, 6, 3600)),
        "scale-down-delay": _scaling("scale_down_delay_s", lambda value: between(value, 0, 3600)),
        "scale-to-zero-pod-retention-period": _scaling("retention_s", seconds),
        "target-burst-capacity": _scaling("burst_capacity", float),
        "container-concurrency-target-percentage": _scaling("utilization", _fraction),
        "container-concurrency-target-default": _scaling("target_default", positive),
        "min-scale": _scaling("min_scale", integer),
        "max-scale": _scaling("max_scale", integer),
        "panic-window-percentage": _constants("panic_window_ratio", lambda value: positive(value) / 100),
        "panic-threshold-percentage": _constants("panic_threshold", lambda value: positive(value) / 100),
        "max-scale-down-rate": _constants("max_scale_down_rate", positive),
        "max-scale-up-rate": _only("1000", "1000.0"),
        "max-scale-limit": _only("0"),
        "enable-scale-to-zero": _only("true"),
        "pod-autoscaler-class": _only("kpa.autoscaling.knative.dev"),
    },
    "config-network": {"mesh-compatibility-mode": _only("disabled", why=_MESH)},
    "config-observability": {
        "metrics-protocol": lambda settings, value: replace(settings, metrics=value),
    },
}

_INERT: Mapping[str, frozenset[str]] = {
    "config-defaults": frozenset(
        {
            "revision-cpu-request",
            "revision-memory-request",
            "revision-ephemeral-storage-request",
            "revision-cpu-limit",
            "revision-memory-limit",
            "revision-ephemeral-storage-limit",
            "container-name-template",
            "init-container-name-template",
            "container-concurrency-max-limit",
            "allow-container-concurrency-zero",
            "enable-service-links",
        }
    ),
    "config-autoscaler": frozenset(
        {
            "scale-to-zero-grace-period",  # no wait when the activator is always in the path, as with burst -1
            "activator-capacity",
            "allow-zero-initial-scale",
            "initial-scale",
            "requests-per-second-target-default",
        }
    ),
    "config-network": frozenset(
        {
            "autocreate-cluster-domain-claims",
            "auto-tls",
            "external-domain-tls",
            "cluster-local-domain-tls",
            "system-internal-tls",
            "certificate-class",
            "default-external-scheme",
            "domain-template",
            "http-protocol",
            "ingress-class",
            "namespace-wildcard-cert-selector",
            "rollout-duration",
            "tag-template",
        }
    ),
    "config-observability": frozenset(
        {
            "metrics-endpoint",
            "metrics-export-interval",
            "request-metrics-protocol",
            "request-metrics-endpoint",
            "request-metrics-export-interval",
            "runtime-profiling",
            "tracing-protocol",
            "tracing-endpoint",
            "tracing-sampling-rate",
        }
    ),
}
