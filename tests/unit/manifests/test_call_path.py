"""What a call needs of each overlay, as measured on a cluster."""

import pytest

from cluster.client import IN_CALL
from tests.unit.manifests.rendered import OVERLAYS, Object, annotations, of_kind

pytestmark = pytest.mark.unit


def service(overlay: str, name: str) -> Object:
    """A Knative Service."""
    [found] = [one for one in of_kind(overlay, "Service", "serving.knative.dev") if one["metadata"]["name"] == name]
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_call_handler_may_answer_before_its_request_has_ended(overlay: str) -> None:
    assert annotations(service(overlay, "call-handler"))["features.knative.dev/http-full-duplex"] == "Enabled"


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("name", ["archiver", "line-assigner", "prewarmer", "reconciler"])
def test_there_is_never_more_than_one_of_what_the_clock_wakes(overlay: str, name: str) -> None:
    assert annotations(service(overlay, name))["autoscaling.knative.dev/max-scale"] == "1"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_a_death_left_behind_is_looked_for_every_five_seconds(overlay: str) -> None:
    sources = {one["spec"]["sink"]["uri"]: one["spec"] for one in of_kind(overlay, "PingSource")}
    for path in ("/pending", "/lost-calls"):
        assert sources[path]["sink"]["ref"]["name"] == "reconciler"
        assert sources[path]["schedule"] == "*/5 * * * * *"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_lines_are_looked_after_every_two_seconds_and_at_each_change(overlay: str) -> None:
    sources = {one["spec"]["sink"]["uri"]: one["spec"] for one in of_kind(overlay, "PingSource")}
    triggers = {one["metadata"]["name"]: one["spec"] for one in of_kind(overlay, "Trigger")}
    assert sources["/assignments-due"]["sink"]["ref"]["name"] == "line-assigner"
    assert sources["/assignments-due"]["schedule"] == "*/2 * * * * *"
    assert triggers["line-assigner"]["filter"]["attributes"]["type"] == "com.alloresto.line.changed"


def test_one_machine_lowers_the_functions_limits_and_raises_none() -> None:
    lowered = {name: min(most, 6) for name, most in max_scales("staging").items()}
    assert max_scales("dev") == lowered | {"call-handler": 12}  # for the bridge's eight calls


def max_scales(overlay: str) -> dict[str, int]:
    return {
        one["metadata"]["name"]: int(annotations(one)["autoscaling.knative.dev/max-scale"])
        for one in of_kind(overlay, "Service", "serving.knative.dev")
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_pod_in_a_call_may_be_evicted(overlay: str) -> None:
    namespace = service(overlay, "call-handler")["metadata"]["namespace"]
    budgets = [one for one in of_kind(overlay, "PodDisruptionBudget") if one["metadata"]["namespace"] == namespace]
    assert {"maxUnavailable": 0, "selector": {"matchLabels": {IN_CALL: "true"}}} in [one["spec"] for one in budgets]
