"""Whatever an object names is there: in the same overlay, in the same namespace, or in the example Secrets."""

from collections.abc import Iterator

import pytest

from cluster.client import IN_CALL
from tests.unit.manifests.rendered import (
    OPTIONS,
    OVERLAYS,
    Object,
    container_of,
    group_of,
    identity,
    objects,
    of_kind,
    pod_labels,
    pod_of,
    secrets,
    selects,
    workloads,
)

pytestmark = [pytest.mark.unit, pytest.mark.parametrize("overlay", [*OVERLAYS, *OPTIONS])]

CONFIG = "alloresto-config"
EDGE_ALONE = (
    "real-time-audio",
    "kamailio",
)  # the edge's half of production, whose sink and database are in the other half


def named(overlay: str, kind: str, name: str, namespace: str, group: str | None = None) -> Object:
    found = [
        body
        for body in of_kind(overlay, kind, group)
        if body["metadata"]["name"] == name and body["metadata"].get("namespace") == namespace
    ]
    assert len(found) == 1, f"{namespace}/{kind}/{name}: {len(found)} of them"
    return found[0]


def refs(body: Object) -> Iterator[Object]:
    """Every ``ref`` of an eventing object, wherever it stands."""
    stack = [body["spec"]]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if isinstance(node.get("ref"), dict):
                yield node["ref"]
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def test_every_key_that_a_process_reads_is_in_a_config_map_or_an_example_secret(overlay: str) -> None:
    for workload in workloads(overlay):
        namespace = workload["metadata"]["namespace"]
        for source in container_of(workload).get("envFrom", []):
            if "secretRef" in source:
                assert source["secretRef"]["name"] in secrets()
            else:
                named(overlay, "ConfigMap", source["configMapRef"]["name"], namespace)
        for variable in container_of(workload).get("env", []):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                assert reference["key"] in secrets().get(reference["name"], ()), f"{identity(workload)}: {variable}"


def test_every_sink_subscriber_and_dead_letter_is_there(overlay: str) -> None:
    if overlay in EDGE_ALONE:
        pytest.skip("its sink is in the other half")
    seen = 0
    for body in objects(overlay):
        if group_of(body) in ("eventing.knative.dev", "sources.knative.dev"):
            for ref in refs(body):
                group = ref["apiVersion"].rpartition("/")[0]
                namespace = ref.get("namespace", body["metadata"]["namespace"])
                named(overlay, ref["kind"], ref["name"], namespace, group)
                seen += 1
    assert seen


def test_every_trigger_has_its_broker_and_a_dead_letter(overlay: str) -> None:
    for trigger in of_kind(overlay, "Trigger"):
        spec = trigger["spec"]
        named(overlay, "Broker", spec["broker"], trigger["metadata"]["namespace"])
        assert spec["delivery"]["deadLetterSink"]["ref"]["name"] == "dead-letter-keeper", identity(trigger)


def test_every_brokers_config_is_there(overlay: str) -> None:
    for broker in of_kind(overlay, "Broker"):
        config = broker["spec"].get("config")
        if config:
            named(overlay, config["kind"], config["name"], broker["metadata"]["namespace"])


def test_every_bound_workload_is_there(overlay: str) -> None:
    for binding in of_kind(overlay, "SinkBinding"):
        subject = binding["spec"]["subject"]
        named(overlay, subject["kind"], subject["name"], binding["metadata"]["namespace"])


def test_every_service_account_of_a_pod_or_a_binding_is_there(overlay: str) -> None:
    for workload in workloads(overlay):
        account = pod_of(workload).get("serviceAccountName")
        if account:
            named(overlay, "ServiceAccount", account, workload["metadata"]["namespace"])
    for binding in of_kind(overlay, "RoleBinding"):
        namespace = binding["metadata"]["namespace"]
        named(overlay, binding["roleRef"]["kind"], binding["roleRef"]["name"], namespace)
        for subject in binding["subjects"]:
            named(overlay, "ServiceAccount", subject["name"], subject["namespace"])


def test_every_service_budget_and_autoscaler_has_its_pods(overlay: str) -> None:
    for service in of_kind(overlay, "Service", ""):
        if "selector" not in service["spec"]:
            named(overlay, "EndpointSlice", service["metadata"]["name"], service["metadata"]["namespace"])
            continue  # it leads out of the cluster
        chosen = [
            one for one in workloads(overlay) if selects({"matchLabels": service["spec"]["selector"]}, pod_labels(one))
        ]
        assert len(chosen) == 1, identity(service)
        known = {port.get(key) for port in container_of(chosen[0])["ports"] for key in ("name", "containerPort")}
        for port in service["spec"]["ports"]:
            is_audio = port.get("protocol") == "UDP" and port["name"].startswith("rtp-")  # opened for each call
            assert is_audio or port["targetPort"] in known, f"{identity(service)}: {port}"
    for budget in of_kind(overlay, "PodDisruptionBudget"):
        in_call = {IN_CALL: "true"}  # the bridge's mark on a handler's pod, which no template has
        labels = [pod_labels(one) for one in workloads(overlay)]
        assert any(selects(budget["spec"]["selector"], own) for own in (*labels, in_call)), identity(budget)
    for autoscaler in of_kind(overlay, "HorizontalPodAutoscaler"):
        target = autoscaler["spec"]["scaleTargetRef"]
        scaled = named(overlay, target["kind"], target["name"], autoscaler["metadata"]["namespace"])
        assert "replicas" not in scaled["spec"], "every deployment would undo the autoscaler's decision"


def test_every_mounted_volume_and_claim_is_there(overlay: str) -> None:
    for workload in workloads(overlay):
        pod = pod_of(workload)
        claimed = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        mounted = {mount["name"] for mount in container_of(workload).get("volumeMounts", [])}
        assert mounted == volumes | claimed, identity(workload)
        for volume in pod.get("volumes", []):
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                named(overlay, "PersistentVolumeClaim", claim, workload["metadata"]["namespace"])


def test_the_ingress_leads_to_a_service(overlay: str) -> None:
    for ingress in of_kind(overlay, "Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                service = named(overlay, "Service", backend["name"], ingress["metadata"]["namespace"], "")
                assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
        hosts = {host for tls in ingress["spec"]["tls"] for host in tls["hosts"]}
        assert hosts == {rule["host"] for rule in ingress["spec"]["rules"]}


def test_guests_reach_the_admin_where_its_ingress_is(overlay: str) -> None:
    told = {
        one["metadata"]["namespace"]: one["data"].get("WEB_PUBLIC_URL")
        for one in of_kind(overlay, "ConfigMap")
        if one["metadata"]["name"] == CONFIG
    }
    for one in of_kind(overlay, "Ingress"):
        if one["metadata"]["name"] == "web":
            assert told[one["metadata"]["namespace"]] == f"https://{one['spec']['rules'][0]['host']}"
    for one in workloads(overlay):
        if one["metadata"]["name"] in ("web", "web-staff", "errand-runner"):
            assert {"configMapRef": {"name": CONFIG}} in container_of(one)["envFrom"]
