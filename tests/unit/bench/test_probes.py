"""What the bench runs is the call handler's manifest, but for the program and the conditions of a figure."""

import math
from typing import Any

import pytest

from bench.knative import scale_down, serving
from bench.knative.probes import HANDLER, probes
from devstack.stack.stack import MANIFESTS
from ops.manifests import render

pytestmark = pytest.mark.unit

SCALING = "autoscaling.knative.dev/"


def template(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body["spec"]["template"]
    return found


def test_a_probe_has_the_handlers_settings_but_for_what_is_named() -> None:
    [probe] = probes(["probe"], {"ON_SIGTERM": "exit"}, window="30s")
    [handler] = [one for one in render(MANIFESTS) if (one.kind, one.name) == ("Service", HANDLER)]
    ours, theirs = template(probe.body), template(handler.body)
    assert ours["metadata"]["annotations"] == theirs["metadata"]["annotations"] | {SCALING + "window": "30s"}
    [container], [original] = ours["spec"].pop("containers"), theirs["spec"].pop("containers")
    assert ours["spec"] == theirs["spec"]
    assert container["readinessProbe"] == original["readinessProbe"]
    assert container["env"] == [{"name": "ON_SIGTERM", "value": "exit"}]


def test_every_cold_start_is_of_a_service_of_its_own() -> None:
    names = [manifest.name for manifest in serving.manifests(runs=3)]
    assert len(names) == len(set(names))
    assert sum(name.startswith("cold-") for name in names) == 3


def test_fewer_pods_are_wanted_once_the_first_callers_have_hung_up() -> None:
    """Otherwise no pod would be deleted, and no call cut whatever its pod costs."""
    wanted = math.ceil(scale_down.LIVE_CALLS / 0.7)
    assert wanted < scale_down.FIRST_CALLERS + scale_down.LIVE_CALLS
