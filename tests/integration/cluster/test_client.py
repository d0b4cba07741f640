"""The Knative client against an API server that holds real objects."""

import pytest

from cluster.client import DELETION_COST, SAFE_TO_EVICT, KnativeClient
from cluster.errors import ClusterError
from cluster.states import MIN_SCALE
from tests.fakes.knative_objects import pod, revision, service
from tests.fakes.kubernetes_api import KubernetesApi
from tests.integration.cluster.conftest import Connect

pytestmark = pytest.mark.integration


async def test_services_are_listed_with_their_url_and_newest_ready_revision(client: KnativeClient) -> None:
    handler, logger = await client.services()

    assert (handler.name, handler.ready, handler.reason) == ("call-handler", True, "")
    assert handler.url == "http://call-handler.alloresto.svc.cluster.local"
    assert (handler.latest_revision, logger.latest_revision) == ("call-handler-00002", "order-logger-00001")


async def test_a_service_that_is_not_ready_says_why(api: KubernetesApi, client: KnativeClient) -> None:
    api.put(service("call-handler", ready=False, reason="RevisionMissing", message="the image is not there"))

    handler = (await client.services())[0]

    assert (handler.ready, handler.reason, handler.message) == (False, "RevisionMissing", "the image is not there")


async def test_revisions_are_listed_with_desired_and_actual_pods(client: KnativeClient) -> None:
    revisions = await client.revisions("call-handler")

    assert [(r.name, r.service, r.desired, r.actual) for r in revisions] == [
        ("call-handler-00001", "call-handler", 0, 0),
        ("call-handler-00002", "call-handler", 2, 2),
    ]
    assert len(await client.revisions()) == 3


async def test_other_namespaces_are_not_ours(api: KubernetesApi, client: KnativeClient) -> None:
    api.put(service("call-handler", namespace="elsewhere"))

    assert len(await client.services()) == 2
    assert len(await client.list("serving.knative.dev/v1", "Service", namespace="*")) == 3


async def test_prewarming_annotates_the_newest_ready_revision(api: KubernetesApi, client: KnativeClient) -> None:
    assert await client.prewarm("call-handler", 2) == "call-handler-00002"

    assert api.annotations("Revision", "call-handler-00002", "alloresto")[MIN_SCALE] == "2"
    assert MIN_SCALE not in api.annotations("Revision", "call-handler-00001", "alloresto")
    template = (api.get("Service", "call-handler", "alloresto") or {})["spec"]["template"]["metadata"]["annotations"]
    assert template == {}  # that would make a new Revision


async def test_prewarmed_pods_are_seen_once_knative_has_acted(api: KubernetesApi, client: KnativeClient) -> None:
    await client.prewarm("order-logger", 3)
    api.settle()

    [logger] = await client.revisions("order-logger")

    assert (logger.min_scale, logger.desired, logger.actual) == (3, 3, 3)


async def test_prewarming_with_0_removes_the_annotation(api: KubernetesApi, client: KnativeClient) -> None:
    await client.prewarm("call-handler", 2)

    await client.prewarm("call-handler", 0)

    assert MIN_SCALE not in api.annotations("Revision", "call-handler-00002", "alloresto")


async def test_prewarming_with_0_goes_back_to_what_the_template_says(api: KubernetesApi, client: KnativeClient) -> None:
    api.put(service("order-logger", annotations={MIN_SCALE: "1"}))
    await client.prewarm("order-logger", 5)

    await client.prewarm("order-logger", 0)

    assert api.annotations("Revision", "order-logger-00001", "alloresto")[MIN_SCALE] == "1"


async def test_prewarming_keeps_the_other_annotations(api: KubernetesApi, client: KnativeClient) -> None:
    api.put(revision("order-logger-00001", "order-logger", annotations={"autoscaling.knative.dev/window": "30s"}))

    await client.prewarm("order-logger", 1)

    assert api.annotations("Revision", "order-logger-00001", "alloresto") == {
        "autoscaling.knative.dev/window": "30s",
        MIN_SCALE: "1",
    }


async def test_an_unknown_service_cannot_be_prewarmed(client: KnativeClient) -> None:
    with pytest.raises(ClusterError, match=r"pre-warming nobody: there is no such Service in namespace alloresto; "):
        await client.prewarm("nobody", 1)


async def test_a_service_without_a_ready_revision_cannot_be_prewarmed(
    api: KubernetesApi, client: KnativeClient
) -> None:
    unready = service("call-handler", ready=False, message="the image is not there")
    del unready["status"]["latestReadyRevisionName"]
    api.put(unready)

    with pytest.raises(ClusterError, match=r"no Revision of it is ready \(the image is not there\); see .*kubectl"):
        await client.prewarm("call-handler", 1)


async def test_less_than_no_pod_is_refused_before_anything_is_asked(api: KubernetesApi, client: KnativeClient) -> None:
    with pytest.raises(ValueError, match="expected 0 or more, got -1"):
        await client.prewarm("call-handler", -1)
    assert api.requests == []


async def test_the_deletion_cost_is_set_on_the_pod(api: KubernetesApi, client: KnativeClient) -> None:
    await client.set_deletion_cost("call-handler-00002-a", 1000)

    assert api.annotations("Pod", "call-handler-00002-a", "alloresto") == {
        DELETION_COST: "1000",
        SAFE_TO_EVICT: "false",
    }


async def test_a_pod_that_is_gone_needs_no_deletion_cost(api: KubernetesApi, client: KnativeClient) -> None:
    api.delete("Pod", "call-handler-00002-a", "alloresto")

    await client.set_deletion_cost("call-handler-00002-a", 0)

    assert api.get("Pod", "call-handler-00002-a", "alloresto") is None


async def test_any_object_comes_as_the_cluster_has_it(api: KubernetesApi, client: KnativeClient) -> None:
    stored = api.put({**pod("p", "s"), "spec": {"aFieldOfTheNextKubernetes": {"deep": [1]}}})

    assert await client.get("v1", "Pod", "p") == stored
    assert await client.get("v1", "Pod", "nobody") is None


async def test_listed_objects_say_what_they_are_and_are_chosen_by_label(client: KnativeClient) -> None:
    found = await client.list("v1", "Pod", labels={"serving.knative.dev/service": "call-handler"})

    assert [(item["apiVersion"], item["kind"], item["metadata"]["name"]) for item in found] == [
        ("v1", "Pod", "call-handler-00002-a")
    ]
    assert await client.list("v1", "Pod", labels={"serving.knative.dev/service": "order-logger"}) == []


async def test_an_object_of_the_whole_cluster_has_no_namespace(api: KubernetesApi, client: KnativeClient) -> None:
    api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "alloresto"}})

    assert await client.get("v1", "Namespace", "alloresto")
    assert [item["metadata"]["name"] for item in await client.list("v1", "Namespace")] == ["alloresto"]


async def test_what_a_service_account_may_do_is_told(client: KnativeClient) -> None:
    bridge = "alloresto/edge-bridge"

    assert await client.allowed("patch", "pods", account=bridge)
    assert not await client.allowed("delete", "pods", account=bridge)
    assert not await client.allowed("patch", "pods", account=bridge, namespace="elsewhere")
    assert not await client.allowed("patch", "pods", account=bridge, namespace="*")
    assert not await client.allowed("patch", "revisions", group="serving.knative.dev", account=bridge)
    assert not await client.allowed("patch", "pods", account="alloresto/default")


async def test_what_we_may_do_ourselves_is_told(client: KnativeClient, connect: Connect) -> None:
    bridge = connect(account="alloresto/edge-bridge")

    assert await client.allowed("delete", "pods")
    assert await bridge.allowed("patch", "pods")
    assert not await bridge.allowed("get", "pods/log")


async def test_a_closed_client_may_be_used_again(client: KnativeClient) -> None:
    await client.services()
    await client.close()

    assert len(await client.services()) == 2
