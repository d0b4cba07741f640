"""What the pods reserve of a node: a request that is not used keeps other pods away all the same."""

import math

import pytest

from ops.costs import assumptions
from tests.unit.manifests.rendered import OVERLAYS, Object, annotations, container_of, is_knative, workloads

pytestmark = pytest.mark.unit

KNATIVE_M, KIND_M = 1350, 950
"""What Knative as released asks for (1,225m, and 125m for ping sources), and kind's control plane, in millicores."""
CORES_M = 4000
CALLS = 12
CALLS_A_BRIDGE = 8
QUEUE_PROXY = "queue.sidecar.serving.knative.dev/cpu-resource-request"
UTILIZATION = "autoscaling.knative.dev/target-utilization-percentage"
MAX_SCALE = "autoscaling.knative.dev/max-scale"


def millicores(quantity: str) -> int:
    return int(quantity[:-1]) if quantity.endswith("m") else int(float(quantity) * 1000)


def of_a_pod(workload: Object) -> int:
    asked = millicores(container_of(workload)["resources"]["requests"]["cpu"])
    return asked + (millicores(annotations(workload)[QUEUE_PROXY]) if is_knative(workload) else 0)


def always_on(overlay: str) -> dict[str, int]:
    """Millicores of each workload that runs while nobody calls; Jobs are over by then."""
    found = (one for one in workloads(overlay) if one["kind"] in ("Deployment", "StatefulSet"))
    return {one["metadata"]["name"]: of_a_pod(one) * one["spec"].get("replicas", 1) for one in found}


def functions(overlay: str) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in workloads(overlay) if is_knative(one)}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_handlers_pod_asks_for_no_more_than_75m(overlay: str) -> None:
    assert of_a_pod(functions(overlay)["call-handler"]) <= 75


def test_a_quiet_product_asks_for_no_more_than_300m() -> None:
    assert sum(always_on("dev-cluster").values()) <= 300


def test_twelve_calls_at_once_fit_on_four_cores() -> None:
    functions_now = functions("dev-cluster")
    handler = functions_now.pop("call-handler")
    pods = math.ceil(CALLS / (int(annotations(handler)[UTILIZATION]) / 100))
    resident = always_on("dev-cluster")
    bridges = resident.pop("edge-bridge") * math.ceil(CALLS / CALLS_A_BRIDGE)

    needed = sum(resident.values()) + bridges + pods * of_a_pod(handler) + sum(map(of_a_pod, functions_now.values()))

    assert pods <= int(annotations(handler)[MAX_SCALE])
    assert KNATIVE_M + KIND_M + needed <= CORES_M


def test_the_cost_model_assumes_what_a_handlers_pod_asks_for() -> None:
    assumed = assumptions.load().handler.request_millicores.value

    assert assumed == of_a_pod(functions("production")["call-handler"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_process_is_throttled(overlay: str) -> None:
    limited = [
        one["metadata"]["name"]
        for one in workloads(overlay)
        if "cpu" in container_of(one)["resources"].get("limits", {})
    ]
    assert limited == []
