"""Knative's own settings, read from its ConfigMaps."""

from pathlib import Path

import pytest

from devstack.knative.settings import ClusterSettings, read_settings
from ops.manifests import ManifestError, render
from tests.unit.knative.cluster_settings import cluster_setting

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]


def test_what_is_not_set_is_as_knative_is_installed() -> None:
    """K15, K16, K21, K37."""
    installed = read_settings([], ClusterSettings())
    assert (installed.timeout_s, installed.max_timeout_s, installed.idle_s) == (300, 600, 0)
    assert (installed.scaling.window_s, installed.scaling.utilization, installed.scaling.burst_capacity) == (
        60,
        0.7,
        211,
    )
    assert installed.metrics == "none"


def test_our_settings_are_the_ones_that_were_measured() -> None:
    """K1, K16, K21, K37."""
    ours = read_settings(render(ROOT / "manifests" / "components" / "knative-settings"), ClusterSettings())
    assert ours.max_timeout_s == 3600
    assert ours.scaling.burst_capacity == -1
    assert ours.metrics == "prometheus"


def test_every_setting_that_processes_can_show_is_honoured() -> None:
    autoscaler = {
        "stable-window": "30s",
        "scale-down-delay": "15s",
        "scale-to-zero-pod-retention-period": "2m",
        "target-burst-capacity": "-1",
        "container-concurrency-target-percentage": "0.5",
        "container-concurrency-target-default": "50",
        "min-scale": "1",
        "max-scale": "9",
        "panic-window-percentage": "20.0",
        "panic-threshold-percentage": "300",
        "max-scale-down-rate": "4.0",
        "_example": "# whatever",
        "activator-capacity": "200",
    }
    defaults = {
        "revision-timeout-seconds": "120",
        "max-revision-timeout-seconds": "900",
        "revision-response-start-timeout-seconds": "20",
        "revision-idle-timeout-seconds": "60",
        "container-concurrency": "1",
    }
    settings = read_settings(
        [
            cluster_setting("config-autoscaler", autoscaler),
            cluster_setting("config-defaults", defaults),
            cluster_setting("config-defaults", {"revision-timeout-seconds": "7"}, namespace="elsewhere"),
            cluster_setting("config-gc", {"min-non-active-revisions": "2"}),
        ],
        ClusterSettings(),
    )
    scaling, constants = settings.scaling, settings.constants
    assert (scaling.window_s, scaling.scale_down_delay_s, scaling.retention_s) == (30, 15, 120)
    assert (scaling.utilization, scaling.target_default, scaling.burst_capacity) == (0.5, 50, -1)
    assert (scaling.min_scale, scaling.max_scale) == (1, 9)
    assert (constants.panic_window_ratio, constants.panic_threshold, constants.max_scale_down_rate) == (0.2, 3, 4)
    assert (settings.timeout_s, settings.max_timeout_s, settings.response_start_s) == (120, 900, 20)
    assert (settings.idle_s, settings.concurrency) == (60, 1)


def test_a_feature_is_on_unless_it_says_disabled() -> None:
    features = {"kubernetes.podspec-affinity": "Allowed", "kubernetes.podspec-volumes-emptydir": "Disabled"}
    settings = read_settings([cluster_setting("config-features", features)], ClusterSettings())
    assert settings.features == {"kubernetes.podspec-affinity"}


@pytest.mark.parametrize(
    ("name", "key", "value", "words"),
    [
        ("config-network", "mesh-compatibility-mode", "auto", "only disabled: auto, the default, let three of six"),
        ("config-network", "mesh-compatibility", "disabled", "no such setting that is known here"),
        ("config-autoscaler", "stable-window", "5s", "not between 6 s and 3600 s"),
        ("config-autoscaler", "enable-scale-to-zero", "false", "only true"),
        ("config-defaults", "max-revision-timeout-seconds", "1h", "'1h' is not a whole number"),
        ("config-defaults", "max-revision-timeout-seconds", 3600, "3600 is not a text: put it in quotes"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file_and_fix(name: str, key: str, value: object, words: str) -> None:
    """K1."""
    with pytest.raises(ManifestError) as refused:
        read_settings([cluster_setting(name, {key: value})], ClusterSettings())
    [problem] = refused.value.problems
    assert (problem.where, problem.field) == (f"{name}.yaml: ConfigMap/{name}", f"data[{key}]")
    assert words in problem.what
    assert problem.fix
