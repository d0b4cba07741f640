"""``alloresto release`` on the local runtime, and with the rights of its Role on a Kubernetes API."""

from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.client import KnativeClient
from cluster.errors import ClusterError
from ops import releases
from ops.releases import ClusterHandlers, LocalHandlers, ReleaseError
from stores.postgres import Postgres
from tests.conftest import Database
from tests.fakes.knative_objects import service as a_service
from tests.fakes.knative_objects import service_account
from tests.fakes.kubernetes_api import KubernetesApi

pytestmark = pytest.mark.integration

Start = Callable[..., Coroutine[Any, Any, Any]]
Service = Callable[..., dict[str, Any]]

FIRST, SECOND = "call-handler-00001", "call-handler-00002"
ROLE = Path(__file__).parents[3] / "manifests" / "base" / "platform" / "release-access.yaml"


@pytest.fixture
async def postgres(database: Database) -> AsyncIterator[Postgres]:
    postgres = Postgres(database.platform_url)
    await postgres.open()
    yield postgres
    async with postgres.platform() as connection:
        await connection.execute("update handler_release set state = 'withdrawn', share = 0")
    await postgres.close()


async def test_a_release_from_hold_to_promotion(start: Start, service: Service, postgres: Postgres) -> None:
    cluster = await start(service("call-handler"))
    handlers = LocalHandlers(cluster.runtime.admin_url)

    def ready() -> str:
        return str(cluster.runtime.service("call-handler")["status"]["latestReadyRevisionName"])

    async def asked() -> str:
        answer = await cluster.post("/wait?ms=1", "call-handler")
        return str((await answer.json())["worker"])[: len(FIRST)]

    async with postgres.platform() as connection:
        with pytest.raises(ReleaseError, match="release hold"):
            await releases.begin(handlers, connection, 5)
        assert await releases.hold(handlers) == FIRST
        with pytest.raises(ReleaseError, match="deploy first"):
            await releases.begin(handlers, connection, 5)
        await cluster.runtime.roll_out("call-handler", {"STEP": "2"})
        with pytest.raises(ReleaseError, match=f"{SECOND} is not ready"):
            await releases.begin(handlers, connection, 5)
        await cluster.until(lambda: ready() == SECOND, "the second is proved")
        assert await asked() == FIRST
        assert await releases.hold(handlers) == FIRST  # again changes nothing

        release = await releases.begin(handlers, connection, 5)
        assert (release.stable, release.candidate, release.share) == (FIRST, SECOND, 5)
        assert await asked() == FIRST
        answer = await cluster.http.post(f"{release.candidate_url}/wait?ms=1")
        assert (await answer.json())["worker"].startswith(SECOND)
        with pytest.raises(ReleaseError, match="is on trial"):
            await releases.begin(handlers, connection, 5)

        assert (await releases.promote(handlers, connection)).state == "promoted"
        assert await asked() == SECOND
        assert (await cluster.http.post(f"{release.stable_url}/wait?ms=1")).status == 200  # calls find their own again
        with pytest.raises(ReleaseError, match="no release"):
            await releases.promote(handlers, connection)


async def test_its_role_may_set_the_traffic_of_the_handler_and_nothing_else(tmp_path: Path) -> None:
    [role] = yaml.safe_load_all(ROLE.read_text())
    role["metadata"]["namespace"] = "alloresto"
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "release", "namespace": "alloresto"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "release-handlers"},
        "subjects": [{"kind": "ServiceAccount", "name": "operator"}],
    }
    handler = a_service("call-handler")
    handler["status"]["traffic"] = [{"latestRevision": True, "revisionName": FIRST, "percent": 100}]
    objects = [handler, a_service("order-logger"), service_account("operator"), role, binding]
    async with KubernetesApi(objects) as api:
        kubeconfig = api.kubeconfig(tmp_path / "config", account="alloresto/operator")
        async with KnativeClient("alloresto", kubeconfig=kubeconfig) as client:
            assert await releases.hold(ClusterHandlers(client)) == FIRST
            routed = api.get("Service", "call-handler", "alloresto")
            assert routed is not None
            spec = routed["spec"]
            assert spec["traffic"] == [{"revisionName": FIRST, "percent": 100, "tag": "r00001"}]
            assert spec["template"] == handler["spec"]["template"]
            for refused in (client.route("order-logger", []), client.set_deletion_cost("pod", 1)):
                with pytest.raises(ClusterError):
                    await refused
