"""Every bad setting, planted one by one in a good cluster, is found; and what the doctor says to run mends it."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.client import DELETION_COST, SAFE_TO_EVICT, KnativeClient
from cluster.rules import Finding, Verdict, examine, presence
from cluster.rules.edge import LAST_APPLIED
from ops.cluster_doctor import read
from tests.fakes.kubernetes_api import KubernetesApi
from tests.fakes.kubernetes_resources import Object
from tests.integration.doctor import kubectl
from tests.integration.doctor.good_cluster import INSTALLED, good_objects, rendered_option, settled

pytestmark = pytest.mark.integration

Plant = Callable[[KubernetesApi], None]

PRODUCT, EDGE, KNATIVE = "alloresto", "alloresto-edge", "knative-serving"
SERVING, EVENTING = "serving.knative.dev/v1", "eventing.knative.dev/v1"
SPEC = "spec.template.spec"
SCALING = "spec.template.metadata.annotations.autoscaling~knative~dev/"


def put(kind: str, namespace: str, name: str, path: str, value: Any = ...) -> Plant:
    """``path``: with dots between, ``~`` for a dot in a key; an ellipsis deletes."""

    def plant(api: KubernetesApi) -> None:
        found = api.get(kind, name, namespace, SERVING if kind == "Service" else "")
        assert found is not None
        node: Any = found
        *steps, last = (int(step) if step.isdigit() else step.replace("~", ".") for step in path.split("."))
        for step in steps:
            node = node[step] if isinstance(step, int) else node.setdefault(step, {})
        if value is ...:
            del node[last]
        else:
            node[last] = value
        api.put(found)

    return plant


def handler(path: str, value: Any = ...) -> Plant:
    return put("Service", PRODUCT, "call-handler", path, value)


def bridge(path: str, value: Any = ...) -> Plant:
    return put("StatefulSet", EDGE, "edge-bridge", path, value)


def variable(kind: str, namespace: str, name: str, variable_name: str, value: str = "") -> Plant:
    """Set a variable; empty removes it."""

    def plant(api: KubernetesApi) -> None:
        found = api.get(kind, name, namespace, SERVING if kind == "Service" else "")
        assert found is not None
        container = found["spec"]["template"]["spec"]["containers"][0]
        container["env"] = [one for one in container["env"] if one["name"] != variable_name]
        if value:
            container["env"].append({"name": variable_name, "value": value})
        api.put(found)

    return plant


def gone(kind: str, namespace: str, name: str, api_version: str = "") -> Plant:
    return lambda api: api.delete(kind, name, namespace, api_version)


def no_triggers(api: KubernetesApi) -> None:
    for one in good_objects():
        if one["kind"] == "Trigger":
            api.delete("Trigger", one["metadata"]["name"], PRODUCT, EVENTING)


def there(item: Object) -> Plant:
    def plant(api: KubernetesApi) -> None:
        api.put(settled(item))

    return plant


def trigger(spec: Object) -> Plant:
    subscriber = {"ref": {"apiVersion": SERVING, "kind": "Service", "name": "order-logger"}}
    body = {"broker": "default", "subscriber": subscriber, **spec}
    metadata = {"name": "planted", "namespace": PRODUCT}
    return there({"apiVersion": EVENTING, "kind": "Trigger", "metadata": metadata, "spec": body})


def sink(kind: str, name: str) -> Object:
    return {"ref": {"apiVersion": EVENTING if kind == "Broker" else SERVING, "kind": kind, "name": name}}


def by_type(event_type: str) -> Object:
    return {"filter": {"attributes": {"type": event_type}}}


ENDED = by_type("com.alloresto.call.ended")

PLANTED: dict[str, tuple[Plant, str, str]] = {
    # name: what is planted; the object and the field that must be named
    "mesh mode is auto": (
        put("ConfigMap", KNATIVE, "config-network", "data.mesh-compatibility-mode", "auto"),
        "ConfigMap/config-network in knative-serving",
        "data.mesh-compatibility-mode",
    ),
    "mesh mode is not set": (
        put("ConfigMap", KNATIVE, "config-network", "data.mesh-compatibility-mode"),
        "ConfigMap/config-network in knative-serving",
        "data.mesh-compatibility-mode",
    ),
    "a ConfigMap that Knative no longer checks": (
        put("ConfigMap", KNATIVE, "config-defaults", "metadata.labels"),
        "ConfigMap/config-defaults in knative-serving",
        "metadata.labels",
    ),
    **{
        f"{name} at zero": (
            put(kind, namespace, name, "spec.replicas", 0),
            f"{kind}/{name} in {namespace}",
            "spec.replicas",
        )
        for kind, namespace, name in (
            ("StatefulSet", EDGE, "edge-bridge"),
            ("Deployment", PRODUCT, "outbox-relay"),
            ("Deployment", PRODUCT, "web"),
            ("Deployment", KNATIVE, "autoscaler"),
            ("Deployment", "knative-eventing", "imc-dispatcher"),
        )
    },
    "no relay": (gone("Deployment", PRODUCT, "outbox-relay"), "Deployment/outbox-relay", "metadata.name"),
    "no Broker": (gone("Broker", PRODUCT, "default"), "Broker/default", "metadata.name"),
    "no Triggers": (
        no_triggers,
        "Triggers",
        "metadata.name",
    ),
    "a field that Knative refuses": (
        put("ConfigMap", KNATIVE, "config-features", "data.kubernetes~podspec-tolerations"),
        "ConfigMap/config-features in knative-serving",
        "data[kubernetes.podspec-tolerations]",
    ),
    "a bridge's Service is gone": (
        gone("Service", EDGE, "edge-bridge", "v1"),
        "StatefulSet/edge-bridge",
        "spec.serviceName",
    ),
    "the admin's Service is gone": (
        gone("Service", PRODUCT, "web", "v1"),
        "Ingress/web",
        "spec.rules[0].http.paths[0].backend.service.name",
    ),
    "two activators": (
        put("Deployment", KNATIVE, "activator", "spec.replicas", 2),
        "Deployment/activator in knative-serving",
        "spec.replicas",
    ),
    "an autoscaler for the activator": (
        put("HorizontalPodAutoscaler", KNATIVE, "activator", "spec.maxReplicas", 20),
        "HorizontalPodAutoscaler/activator in knative-serving",
        "spec.maxReplicas",
    ),
    "an activator that leaves too soon": (
        put("Deployment", KNATIVE, "activator", f"{SPEC}.terminationGracePeriodSeconds", 600),
        "Deployment/activator in knative-serving",
        f"{SPEC}.terminationGracePeriodSeconds",
    ),
    "a maximum timeout below ours": (
        put("ConfigMap", KNATIVE, "config-defaults", "data.max-revision-timeout-seconds", "600"),
        "ConfigMap/config-defaults in knative-serving",
        "data.max-revision-timeout-seconds",
    ),
    "an idle timeout by default": (
        put("ConfigMap", KNATIVE, "config-defaults", "data.revision-idle-timeout-seconds", "60"),
        "ConfigMap/config-defaults in knative-serving",
        "data.revision-idle-timeout-seconds",
    ),
    "a limit below our max-scale": (
        put("ConfigMap", KNATIVE, "config-autoscaler", "data.max-scale-limit", "20"),
        "ConfigMap/config-autoscaler in knative-serving",
        "data.max-scale-limit",
    ),
    "half-duplex": (
        handler("spec.template.metadata.annotations.features~knative~dev/http-full-duplex"),
        "Service/call-handler",
        "spec.template.metadata.annotations[features.knative.dev/http-full-duplex]",
    ),
    "several calls a pod": (
        handler(f"{SPEC}.containerConcurrency", 10),
        "Service/call-handler",
        f"{SPEC}.containerConcurrency",
    ),
    "a timeout shorter than calls": (
        handler(f"{SPEC}.timeoutSeconds", 600),
        "Service/call-handler",
        f"{SPEC}.timeoutSeconds",
    ),
    "an idle timeout": (
        handler(f"{SPEC}.idleTimeoutSeconds", 30),
        "Service/call-handler",
        f"{SPEC}.idleTimeoutSeconds",
    ),
    "no response start timeout": (
        handler(f"{SPEC}.responseStartTimeoutSeconds"),
        "Service/call-handler",
        f"{SPEC}.responseStartTimeoutSeconds",
    ),
    "a response start timeout below a cold start": (
        handler(f"{SPEC}.responseStartTimeoutSeconds", 2),
        "Service/call-handler",
        f"{SPEC}.responseStartTimeoutSeconds",
    ),
    "a burst capacity of 0": (
        handler(SCALING + "target-burst-capacity", "0"),
        "Service/call-handler",
        "spec.template.metadata.annotations[autoscaling.knative.dev/target-burst-capacity]",
    ),
    "a utilization of 100": (
        handler(SCALING + "target-utilization-percentage", "100"),
        "Service/call-handler",
        "spec.template.metadata.annotations[autoscaling.knative.dev/target-utilization-percentage]",
    ),
    "a max-scale below the bridges' calls": (
        handler(SCALING + "max-scale", "2"),
        "Service/call-handler",
        "spec.template.metadata.annotations[autoscaling.knative.dev/max-scale]",
    ),
    "another autoscaler": (
        handler(SCALING + "class", "hpa.autoscaling.knative.dev"),
        "Service/call-handler",
        "spec.template.metadata.annotations[autoscaling.knative.dev/class]",
    ),
    "another metric": (
        handler(SCALING + "metric", "rps"),
        "Service/call-handler",
        "spec.template.metadata.annotations[autoscaling.knative.dev/metric]",
    ),
    "no readiness probe": (
        handler(f"{SPEC}.containers.0.readinessProbe"),
        "Service/call-handler",
        f"{SPEC}.containers[0].readinessProbe",
    ),
    "a handler that stops before its call": (
        variable("Service", PRODUCT, "call-handler", "DRAIN_S", "10"),
        "Service/call-handler",
        f"{SPEC}.containers[0].env",
    ),
    "a handler without its database": (
        variable("Service", PRODUCT, "call-handler", "DATABASE_URL"),
        "Service/call-handler",
        f"{SPEC}.containers[0].env",
    ),
    "a Trigger that takes the call": (
        trigger(by_type("com.alloresto.call.incoming")),
        "Trigger/planted",
        "spec.filter",
    ),
    "a Trigger that takes everything": (trigger({}), "Trigger/planted", "spec.filter"),
    "a Trigger of the newer kind that takes the call": (
        trigger({"filters": [{"prefix": {"type": "com.alloresto.call."}}]}),
        "Trigger/planted",
        "spec.filters",
    ),
    "a Trigger to a function that does not exist": (
        put("Trigger", PRODUCT, "call-logger-ended", "spec.subscriber.ref.name", "nobody"),
        "Trigger/call-logger-ended",
        "spec.subscriber.ref.name",
    ),
    "a Trigger of a Broker that does not exist": (
        put("Trigger", PRODUCT, "call-logger-ended", "spec.broker", "nobody"),
        "Trigger/call-logger-ended",
        "spec.broker",
    ),
    "a Trigger without dead letters": (
        lambda api: (
            put("Broker", PRODUCT, "default", "spec.delivery.deadLetterSink")(api),
            put("Trigger", PRODUCT, "call-logger-ended", "spec.delivery.deadLetterSink")(api),
        )[0],
        "Trigger/call-logger-ended",
        "spec.delivery.deadLetterSink",
    ),
    "a Broker without dead letters": (
        put("Broker", PRODUCT, "default", "spec.delivery.deadLetterSink"),
        "Broker/default",
        "spec.delivery.deadLetterSink",
    ),
    "dead letters that nobody takes": (
        put("Broker", PRODUCT, "default", "spec.delivery.deadLetterSink.ref.name", "nobody"),
        "Broker/default",
        "spec.delivery.deadLetterSink.ref.name",
    ),
    "dead letters to what is gone": (
        gone("Service", PRODUCT, "dead-letter-keeper", SERVING),
        "Trigger/call-logger-ended",
        "spec.delivery.deadLetterSink.ref.name",
    ),
    "calls that go to the Broker": (
        put("SinkBinding", EDGE, "edge-bridge", "spec.sink", sink("Broker", "default")),
        "SinkBinding/edge-bridge",
        "spec.sink",
    ),
    "calls that go to another namespace": (
        put("SinkBinding", EDGE, "edge-bridge", "spec.sink", sink("Service", "call-handler")),
        "SinkBinding/edge-bridge",
        "spec.sink",
    ),
    "a bridge that nobody tells where calls go": (
        gone("SinkBinding", EDGE, "edge-bridge"),
        "StatefulSet/edge-bridge",
        "spec",
    ),
    "events that go past the Broker": (
        put("SinkBinding", PRODUCT, "outbox-relay", "spec.sink", sink("Service", "order-logger")),
        "SinkBinding/outbox-relay",
        "spec.sink",
    ),
    "no right to mark busy pods": (
        gone("RoleBinding", PRODUCT, "edge-bridge-pod-deletion-cost"),
        "StatefulSet/edge-bridge",
        f"{SPEC}.serviceAccountName",
    ),
    "a right for another verb": (
        put("Role", PRODUCT, "pod-deletion-cost", "rules.0.verbs", ["get"]),
        "StatefulSet/edge-bridge",
        f"{SPEC}.serviceAccountName",
    ),
    "no token to mark busy pods with": (
        bridge(f"{SPEC}.automountServiceAccountToken", False),
        "StatefulSet/edge-bridge",
        f"{SPEC}.automountServiceAccountToken",
    ),
    "pods marked in the wrong namespace": (
        variable("StatefulSet", EDGE, "edge-bridge", "HANDLER_NAMESPACE"),
        "StatefulSet/edge-bridge",
        f"{SPEC}.containers[0].env",
    ),
    "a bridge that is killed while it drains": (
        bridge(f"{SPEC}.terminationGracePeriodSeconds", 60),
        "StatefulSet/edge-bridge",
        f"{SPEC}.terminationGracePeriodSeconds",
    ),
    "a manifest that sets what the autoscaler decides": (
        put(
            "StatefulSet",
            EDGE,
            "edge-bridge",
            "metadata.annotations",
            {LAST_APPLIED: json.dumps({"spec": {"replicas": 2, "serviceName": "edge-bridge"}})},
        ),
        "StatefulSet/edge-bridge",
        "spec.replicas",
    ),
    "an autoscaler that makes more bridges than there is room for calls": (
        put("HorizontalPodAutoscaler", EDGE, "edge-bridge", "spec.maxReplicas", 100),
        "Service/call-handler",
        "spec.template.metadata.annotations[autoscaling.knative.dev/max-scale]",
    ),
    "fewer ports than calls": (
        variable("StatefulSet", EDGE, "edge-bridge", "RTP_PORT_MAX", "10099"),
        "StatefulSet/edge-bridge",
        f"{SPEC}.containers[0].env",
    ),
    "a bridge that anybody may ring": (
        variable("StatefulSet", EDGE, "edge-bridge", "SIP_PEERS", "0.0.0.0/0"),
        "StatefulSet/edge-bridge",
        f"{SPEC}.containers[0].env",
    ),
    "a missing Secret": (gone("Secret", PRODUCT, "alloresto-keys"), "Service/call-handler", ".valueFrom.secretKeyRef"),
    "a missing key of a Secret": (
        put("Secret", EDGE, "alloresto-redis", "data", {"OTHER": ""}),
        "StatefulSet/edge-bridge",
        ".valueFrom.secretKeyRef",
    ),
    "a missing ConfigMap": (
        gone("ConfigMap", PRODUCT, "kafka-broker-config"),
        "Broker/default",
        "spec.config",
    ),
    "a call handler that is not there": (
        gone("Service", PRODUCT, "call-handler", SERVING),
        "Service/call-handler",
        "metadata.name",
    ),
}

WARNED: dict[str, tuple[Plant, str, str]] = {
    "no budget for the pods in a call": (
        gone("PodDisruptionBudget", PRODUCT, "call-handler"),
        "Service/call-handler",
        "spec.template.metadata.labels",
    ),
    "a budget that lets a pod in a call go": (
        put("PodDisruptionBudget", PRODUCT, "call-handler", "spec.maxUnavailable", 1),
        "PodDisruptionBudget/call-handler",
        "spec.maxUnavailable",
    ),
    "metrics are off": (
        put("ConfigMap", KNATIVE, "config-observability", "data.metrics-protocol"),
        "ConfigMap/config-observability",
        "data.metrics-protocol",
    ),
    "nothing goes to zero": (
        put("ConfigMap", KNATIVE, "config-autoscaler", "data.enable-scale-to-zero", "false"),
        "ConfigMap/config-autoscaler",
        "data.enable-scale-to-zero",
    ),
    "pods that always run": (
        handler(SCALING + "min-scale", "3"),
        "Service/call-handler",
        "spec.template.metadata.annotations[autoscaling.knative.dev/min-scale]",
    ),
    "no max-scale": (
        handler(SCALING + "max-scale"),
        "Service/call-handler",
        "spec.template.metadata.annotations[autoscaling.knative.dev/max-scale]",
    ),
    "a token that is mounted": (
        handler(f"{SPEC}.automountServiceAccountToken", True),
        "Service/call-handler",
        f"{SPEC}.automountServiceAccountToken",
    ),
    "an exec probe": (
        handler(f"{SPEC}.containers.0.readinessProbe", {"exec": {"command": ["true"]}}),
        "Service/call-handler",
        f"{SPEC}.containers[0].readinessProbe",
    ),
    "no disruption budget": (
        gone("PodDisruptionBudget", EDGE, "edge-bridge"),
        "StatefulSet/edge-bridge",
        "spec.template.metadata.labels",
    ),
    "no networks of trunks": (
        variable("StatefulSet", EDGE, "edge-bridge", "SIP_PEERS"),
        "StatefulSet/edge-bridge",
        f"{SPEC}.containers[0].env",
    ),
    "a drain that is shorter than calls": (
        variable("StatefulSet", EDGE, "edge-bridge", "DRAIN_S", "300"),
        "StatefulSet/edge-bridge",
        f"{SPEC}.containers[0].env",
    ),
}


async def examined(client: KnativeClient) -> list[Finding]:
    """What is not good."""
    findings = examine(await read(client, PRODUCT, EDGE))
    return [one for one in findings if one.verdict is not Verdict.GOOD]


@pytest.fixture
async def client(api: KubernetesApi, tmp_path: Path) -> AsyncIterator[KnativeClient]:
    async with KnativeClient(PRODUCT, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig")) as client:
        yield client


async def test_a_good_cluster_is_not_refused(client: KnativeClient) -> None:
    assert await examined(client) == []


async def test_nothing_is_written_and_no_value_of_a_secret_is_kept(api: KubernetesApi, client: KnativeClient) -> None:
    read_objects = await read(client, PRODUCT, EDGE)
    asked = {path for method, path in api.requests if method != "GET"}
    assert asked == {"/apis/authorization.k8s.io/v1/subjectaccessreviews"}
    kept = [one.mapping("data") for one in read_objects if one.kind == "Secret"]
    assert kept
    assert {value for data in kept for value in data.values()} == {""}


@pytest.mark.parametrize("name", PLANTED)
async def test_a_planted_fault_is_found_and_its_command_mends_it(
    name: str, api: KubernetesApi, client: KnativeClient
) -> None:
    plant, what, field = PLANTED[name]
    plant(api)
    findings = await examined(client)
    named = [one for one in findings if one.verdict is Verdict.REFUSED and one.what.startswith(what)]
    assert any(one.field.endswith(field) for one in named), findings
    run_commands(api, findings)
    assert await examined(client) == []


@pytest.mark.parametrize("name", WARNED)
async def test_a_planted_cost_is_warned_of_and_its_command_mends_it(
    name: str, api: KubernetesApi, client: KnativeClient
) -> None:
    plant, what, field = WARNED[name]
    plant(api)
    [finding] = await examined(client)
    assert finding.verdict is Verdict.WARNING
    assert finding.what.startswith(what)
    assert finding.field == field
    run_commands(api, [finding])
    assert await examined(client) == []


async def test_our_settings_mend_knative_as_it_is_installed(api: KubernetesApi, client: KnativeClient) -> None:
    for item in INSTALLED:
        api.put(settled(item))
    found = await examined(client)
    assert {one.what.partition("/")[2] for one in found if one.verdict is Verdict.REFUSED} == {
        "config-network in knative-serving",
        "config-defaults in knative-serving",
        "config-features in knative-serving",
        "activator in knative-serving",
    }
    kubectl.run(api, presence.APPLY_SETTINGS)
    assert await examined(client) == []


def run_commands(api: KubernetesApi, findings: list[Finding]) -> None:
    """Every line that is a command; each finding has one."""
    for finding in findings:
        commands = [line for line in finding.fix.splitlines() if line.startswith("kubectl ")]
        assert commands, finding
        for command in commands:
            kubectl.run(api, command)


async def test_with_nothing_but_knatives_kinds_nothing_is_good(tmp_path: Path) -> None:
    async with (
        KubernetesApi([]) as api,
        KnativeClient(PRODUCT, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig")) as client,
    ):
        findings = examine(await read(client, PRODUCT, EDGE))

    assert [one for one in findings if one.verdict is Verdict.GOOD] == []
    missing = {one.what for one in findings if one.verdict is Verdict.REFUSED}
    assert {
        "Service/call-handler and StatefulSet/edge-bridge",
        "Deployment/activator in knative-serving",
        "Deployment/autoscaler in knative-serving",
        "Deployment/eventing-controller in knative-eventing",
    } <= missing


@pytest.mark.parametrize("name", ["activator", "autoscaler", "controller", "webhook"])
async def test_a_part_of_knative_that_is_not_there_is_not_good(
    name: str, api: KubernetesApi, client: KnativeClient
) -> None:
    api.delete("Deployment", name, KNATIVE)

    [finding] = await examined(client)

    assert (finding.what, finding.detail) == (f"Deployment/{name} in {KNATIVE}", "not there")


@pytest.mark.parametrize("name", ["edge-bridge-sip", "redis", "postgres"])
async def test_a_service_that_is_deleted_is_found_in_a_cluster_of_one_namespace(name: str, tmp_path: Path) -> None:
    async with (
        KubernetesApi(good_objects("overlays/dev-cluster")) as api,
        KnativeClient(PRODUCT, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig")) as client,
    ):
        assert [one for one in examine(await read(client, PRODUCT, PRODUCT)) if one.verdict is not Verdict.GOOD] == []
        api.delete("Service", name, PRODUCT, "v1")

        [found] = [one for one in examine(await read(client, PRODUCT, PRODUCT)) if one.verdict is not Verdict.GOOD]

    assert found.verdict is Verdict.REFUSED
    assert found.what.partition("/")[0] == "StatefulSet"


@pytest.mark.parametrize(("namespace", "name"), [(PRODUCT, "postgres"), (PRODUCT, "redis")])
async def test_data_that_is_switched_off_is_found(namespace: str, name: str, tmp_path: Path) -> None:
    async with (
        KubernetesApi(good_objects("overlays/dev-cluster")) as api,
        KnativeClient(PRODUCT, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig")) as client,
    ):
        put("StatefulSet", namespace, name, "spec.replicas", 0)(api)

        [found] = [one for one in examine(await read(client, PRODUCT, PRODUCT)) if one.verdict is not Verdict.GOOD]

    assert (found.what, found.field) == (f"StatefulSet/{name} in {namespace}", "spec.replicas")


@pytest.mark.parametrize(("available", "verdict"), [(0, Verdict.REFUSED), (1, Verdict.WARNING)])
async def test_pods_that_are_wanted_and_not_available_are_told(
    available: int, verdict: Verdict, api: KubernetesApi, client: KnativeClient
) -> None:
    put("Deployment", PRODUCT, "outbox-relay", "status.availableReplicas", available)(api)

    [finding] = await examined(client)

    assert finding.verdict is verdict
    assert finding.detail == f"{available} of 2 pods are available"


def a_pod(**status: Any) -> Object:
    metadata = {"name": "call-handler-00001-a", "namespace": PRODUCT}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}, "status": status}


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "CrashLoopBackOff", "CreateContainerConfigError"])
async def test_a_pod_that_cannot_start_is_told_with_its_reason(
    reason: str, api: KubernetesApi, client: KnativeClient
) -> None:
    waiting = {"waiting": {"reason": reason, "message": "Back-off"}}
    api.put(a_pod(containerStatuses=[{"name": "user-container", "image": "alloresto-functions", "state": waiting}]))

    [finding] = await examined(client)

    assert finding.verdict is Verdict.REFUSED
    assert finding.detail == f"{reason}: Back-off"
    assert finding.fix.splitlines()[-1].startswith("kubectl ")


async def test_a_pod_without_a_node_is_told_with_what_the_scheduler_says(
    api: KubernetesApi, client: KnativeClient
) -> None:
    said = "0/1 nodes are available: 1 Insufficient cpu."
    api.put(a_pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said}]))

    [finding] = await examined(client)

    assert finding.detail == said


async def test_a_pod_that_starts_is_no_fault(api: KubernetesApi, client: KnativeClient) -> None:
    waiting = {"waiting": {"reason": "ContainerCreating"}}
    api.put(a_pod(containerStatuses=[{"name": "user-container", "image": "alloresto-functions", "state": waiting}]))

    assert await examined(client) == []


async def test_a_job_that_failed_is_told(api: KubernetesApi, client: KnativeClient) -> None:
    put("Job", PRODUCT, "migrate", "status", {"conditions": [{"type": "Failed", "status": "True"}]})(api)

    [finding] = await examined(client)

    assert finding.what == f"Job/migrate in {PRODUCT}"


async def test_what_knative_has_not_looked_at_yet_is_not_called_ready(
    api: KubernetesApi, client: KnativeClient
) -> None:
    put("Trigger", PRODUCT, "call-logger-ended", "status", {})(api)

    [finding] = await examined(client)

    assert finding.verdict is Verdict.WARNING
    assert "has not looked at it" in finding.detail


async def test_a_pod_in_a_call_that_may_be_evicted_is_warned_of(api: KubernetesApi, client: KnativeClient) -> None:
    pod = a_pod()
    pod["metadata"]["annotations"] = {DELETION_COST: "1000"}
    api.put(pod)

    [finding] = await examined(client)

    assert finding.verdict is Verdict.WARNING
    assert SAFE_TO_EVICT in finding.detail


SIP_TLS = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "edge-bridge-sip-tls", "namespace": EDGE},
    "data": {"tls.crt": "", "tls.key": ""},
}

KAMAILIO: dict[str, tuple[Plant, Verdict, str]] = {
    "no Secret": (gone("Secret", EDGE, "edge-bridge-sip-tls"), Verdict.REFUSED, ".secret"),
    "a Secret without the key": (
        put("Secret", EDGE, "edge-bridge-sip-tls", "data", {"tls.crt": ""}),
        Verdict.REFUSED,
        ".secret",
    ),
    "a key that no variable names": (
        variable("StatefulSet", EDGE, "edge-bridge", "SIP_TLS_KEY"),
        Verdict.REFUSED,
        ".containers[0].env",
    ),
    "no TLS at all": (
        lambda api: (
            variable("StatefulSet", EDGE, "edge-bridge", "SIP_TLS_CERT")(api),
            variable("StatefulSet", EDGE, "edge-bridge", "SIP_TLS_KEY")(api),
        )[0],
        Verdict.WARNING,
        ".containers[0].env",
    ),
}


@pytest.mark.parametrize("name", KAMAILIO)
async def test_kamailio_without_its_certificate_is_found(
    name: str, api: KubernetesApi, client: KnativeClient, tmp_path: Path
) -> None:
    for item in rendered_option(tmp_path, "kamailio"):
        api.put(settled(item))
    api.put(SIP_TLS)
    assert await examined(client) == []
    plant, verdict, field = KAMAILIO[name]

    plant(api)

    [finding] = await examined(client)
    assert (finding.what, finding.verdict) == (f"StatefulSet/edge-bridge in {EDGE}", verdict)
    assert finding.field.endswith(field)
    assert finding.fix
