"""The edge bridge's use of the client, with no more than its own role."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.client import DELETION_COST, IN_CALL, SAFE_TO_EVICT, KnativeClient
from edge_bridge.calls.pod_costs import ClusterPods, PodCostTasks, for_environment
from ops.manifests.render import render
from tests.fakes.knative_objects import pod
from tests.fakes.kubernetes_api import KubernetesApi
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

MANIFESTS = Path(__file__).parents[3] / "manifests"
POD = "call-handler-00002-a"


@pytest.fixture
def bridge(api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PodCostTasks:
    """In the bridge's own namespace; its handlers are in ``alloresto``."""
    kubeconfig = api.kubeconfig(tmp_path / "bridge", account="alloresto/edge-bridge", namespace="alloresto-edge")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    return PodCostTasks(for_environment("", "alloresto"))


def cost(api: KubernetesApi) -> str | None:
    return api.annotations("Pod", POD, "alloresto").get(DELETION_COST)


def labels(api: KubernetesApi) -> dict[str, str]:
    found = api.get("Pod", POD, "alloresto")
    assert found is not None
    return found["metadata"].get("labels", {})  # type: ignore[no-any-return]


async def test_a_busy_pod_is_protected_until_its_call_has_ended(api: KubernetesApi, bridge: PodCostTasks) -> None:
    bridge.check()
    bridge.busy(POD)
    async with asyncio.timeout(PATIENCE_S):
        while cost(api) != "1000":
            await asyncio.sleep(0.01)
    evictable = api.annotations("Pod", POD, "alloresto").get(SAFE_TO_EVICT)
    in_call = labels(api).get(IN_CALL)

    bridge.idle(POD)
    await bridge.close()

    assert (evictable, in_call) == ("false", "true")
    assert cost(api) == "0"
    assert SAFE_TO_EVICT not in api.annotations("Pod", POD, "alloresto")
    assert IN_CALL not in labels(api)


async def test_without_its_role_the_bridge_says_so_at_its_start(
    api: KubernetesApi, bridge: PodCostTasks, caplog: pytest.LogCaptureFixture
) -> None:
    api.delete("RoleBinding", "edge-bridge-pod-deletion-cost", "alloresto")

    bridge.check()
    bridge.busy(POD)
    await bridge.close()

    warnings = [record for record in caplog.records if record.name == "edge_bridge.calls.pod_costs"]
    told = {record.getMessage(): getattr(record, "alloresto_fields")["why"] for record in warnings}  # noqa: B009
    assert told["a scale-down may take pods with live calls"].endswith(
        "bind the Role pod-deletion-cost of the manifests to it"
    )
    assert "403" in told["the pod's deletion cost was not set"]
    assert cost(api) is None


def test_lightkube_is_not_imported_before_it_is_used() -> None:
    program = "import sys, edge_bridge.calls.pod_costs, cluster.client; print('lightkube' in sys.modules)"

    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True, env=dict(os.environ)
    )

    assert ran.stdout.strip() == "False"


@pytest.mark.parametrize("overlay", ["dev", "staging", "production"])
async def test_each_overlays_role_is_enough(overlay: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = [manifest.body for manifest in render(MANIFESTS / "overlays" / overlay)]
    [bridge] = [item for item in objects if item["kind"] == "StatefulSet" and item["metadata"]["name"] == "edge-bridge"]
    own, spec = bridge["metadata"]["namespace"], bridge["spec"]["template"]["spec"]
    settings = {item["name"]: item.get("value", "") for item in spec["containers"][0]["env"]}
    namespace = settings.get("HANDLER_NAMESPACE", "")
    access = [item for item in objects if item["kind"] in ("ServiceAccount", "Role", "RoleBinding")]

    async with KubernetesApi([*access, pod(POD, "call-handler", namespace=namespace or own)]) as api:
        account = f"{own}/{spec['serviceAccountName']}"
        kubeconfig = api.kubeconfig(tmp_path / "config", account=account, namespace=own)
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        pods = ClusterPods(KnativeClient(namespace))
        await pods.check()
        await pods.set_deletion_cost(POD, 1000)
        await pods.close()

        assert api.annotations("Pod", POD, namespace or own) == {DELETION_COST: "1000", SAFE_TO_EVICT: "false"}
