"""Each rule finds what it is for, names it, and says nothing of a good cluster."""

import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from cluster.rules import Finding, Verdict
from cluster.rules.edge import LAST_APPLIED
from tests.unit.cluster.rules.planted import Planted

pytestmark = pytest.mark.unit

Plant = Callable[[Planted], None]

HANDLER, EDGE, RELAY, BROKER = (
    "Service/call-handler",
    "StatefulSet/edge-bridge",
    "Deployment/outbox-relay",
    "Broker/default",
)
TRIGGER, ACTIVATOR = "Trigger/call-logger-ended", "Deployment/activator"
SPEC = "spec/template/spec"
SCALING = "spec/template/metadata/annotations/autoscaling.knative.dev~"
FIELD = "spec.template.spec"
SCALING_FIELD = "spec.template.metadata.annotations[autoscaling.knative.dev/"
DUPLEX = "spec/template/metadata/annotations/features.knative.dev~http-full-duplex"
DUPLEX_FIELD = "spec.template.metadata.annotations[features.knative.dev/http-full-duplex]"
PROBE = f"{SPEC}/containers/0/readinessProbe"

HPA = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: activator, namespace: knative-serving}
spec: {minReplicas: 1, maxReplicas: 20, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: activator}}
"""

SIP_SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: edge-bridge-sip, namespace: alloresto-edge}
spec: {type: NodePort, selector: {app: edge-bridge}, ports: [{protocol: UDP, port: 30060}]}
"""


def put(what: str, path: str, value: Any = ...) -> Plant:
    return lambda cluster: cluster.set(what, path, value)


def variable(what: str, name: str, value: str | None = None) -> Plant:
    return lambda cluster: cluster.environment(what, name, value)


def removed(what: str, namespace: str = "") -> Plant:
    return lambda cluster: cluster.remove(what, namespace)


def sink_of(binding: str, namespace: str, kind: str, name: str) -> Plant:
    group = "eventing.knative.dev" if kind == "Broker" else "serving.knative.dev"
    ref = {"apiVersion": f"{group}/v1", "kind": kind, "name": name, "namespace": "alloresto"}

    def plant(cluster: Planted) -> None:
        cluster.one(binding, namespace)["spec"]["sink"] = {"ref": ref}

    return plant


def behind_a_service(cluster: Planted) -> None:
    """Where NetworkPolicies apply, and say who rings."""
    cluster.environment(EDGE, "SIP_PEERS", None)
    cluster.set(EDGE, f"{SPEC}/hostNetwork", False)
    cluster.add(SIP_SERVICE)


def without_tls(cluster: Planted) -> None:
    for name in ("SIP_TLS_CERT", "SIP_TLS_KEY"):
        cluster.environment(EDGE, name, None)


def test_the_good_cluster_has_no_fault(cluster: Planted) -> None:
    assert cluster.findings() == []


REFUSED: list[tuple[Plant, str, str, str]] = [
    # Knative's own settings
    (put("ConfigMap/config-network", "data"), "ConfigMap/config-network", "data.mesh-compatibility-mode", "46-91 s"),
    (
        put("ConfigMap/config-network", "data/mesh-compatibility-mode", "auto"),
        "ConfigMap/config-network",
        "data.mesh-compatibility-mode",
        "46-91 s",
    ),
    (removed("ConfigMap/config-network"), "ConfigMap/config-network", "data.mesh-compatibility-mode", "46-91 s"),
    (
        put("ConfigMap/config-defaults", "data"),
        "config-defaults",
        "data.max-revision-timeout-seconds",
        "3600 is refused",
    ),
    (
        put("ConfigMap/config-defaults", "data/max-revision-timeout-seconds", "600"),
        "config-defaults",
        "data.max-revision-timeout-seconds",
        "3600 is refused",
    ),
    (
        put("ConfigMap/config-defaults", "data/revision-idle-timeout-seconds", "60"),
        "config-defaults",
        "data.revision-idle-timeout-seconds",
        "cuts a silent stream",
    ),
    (
        put("ConfigMap/config-autoscaler", "data/max-scale-limit", "100"),
        "config-autoscaler",
        "data.max-scale-limit",
        "500 is refused",
    ),
    *(
        (put(f"ConfigMap/{name}", path), name, "metadata.labels", "bogus was")
        for name in ("config-network", "config-defaults", "config-autoscaler", "config-observability")
        for path in ("metadata/labels", "metadata/labels/app.kubernetes.io~component")
    ),
    # the activator
    (put(ACTIVATOR, "spec/replicas", 2), ACTIVATOR, "spec.replicas", "41-46 s"),
    (put(ACTIVATOR, "spec/replicas", 0), ACTIVATOR, "spec.replicas", "no call reaches a pod"),
    (lambda cluster: cluster.add(HPA), "HorizontalPodAutoscaler/activator", "spec.maxReplicas", "41-46 s"),
    (
        put(ACTIVATOR, f"{SPEC}/terminationGracePeriodSeconds", 600),
        ACTIVATOR,
        f"{FIELD}.terminationGracePeriodSeconds",
        "all of them go through it",
    ),
    (
        put(ACTIVATOR, f"{SPEC}/terminationGracePeriodSeconds"),
        ACTIVATOR,
        f"{FIELD}.terminationGracePeriodSeconds",
        "all of them go through it",
    ),
    # the call handler
    (put(HANDLER, DUPLEX), HANDLER, DUPLEX_FIELD, "31 of 265 calls"),
    (put(HANDLER, DUPLEX, "Disabled"), HANDLER, DUPLEX_FIELD, "31 of 265 calls"),
    (put(HANDLER, f"{SPEC}/containerConcurrency"), HANDLER, f"{FIELD}.containerConcurrency", "409"),
    (put(HANDLER, f"{SPEC}/containerConcurrency", 2), HANDLER, f"{FIELD}.containerConcurrency", "409"),
    (put(HANDLER, f"{SPEC}/timeoutSeconds"), HANDLER, f"{FIELD}.timeoutSeconds", "activator request timeout"),
    (put(HANDLER, f"{SPEC}/timeoutSeconds", 1800), HANDLER, f"{FIELD}.timeoutSeconds", "activator request timeout"),
    (variable(HANDLER, "DRAIN_S", "60"), HANDLER, f"{FIELD}.containers[0].env", "4 of 4 runs"),
    (put(HANDLER, f"{SPEC}/idleTimeoutSeconds", 60), HANDLER, f"{FIELD}.idleTimeoutSeconds", "cuts a silent stream"),
    (
        put(HANDLER, f"{SPEC}/responseStartTimeoutSeconds"),
        HANDLER,
        f"{FIELD}.responseStartTimeoutSeconds",
        "no early 503",
    ),
    (
        put(HANDLER, f"{SPEC}/responseStartTimeoutSeconds", 3),
        HANDLER,
        f"{FIELD}.responseStartTimeoutSeconds",
        "7.63 s",
    ),
    (put(HANDLER, PROBE), HANDLER, f"{FIELD}.containers[0].readinessProbe", "while it cannot take one"),
    (put(HANDLER, PROBE, {"tcpSocket": {}}), HANDLER, f"{FIELD}.containers[0].readinessProbe", "cannot take one"),
    (put(HANDLER, SCALING + "target-burst-capacity"), HANDLER, SCALING_FIELD + "target-burst-capacity]", "in a call"),
    (
        put(HANDLER, SCALING + "target-burst-capacity", "0"),
        HANDLER,
        SCALING_FIELD + "target-burst-capacity]",
        "in a call",
    ),
    (
        put(HANDLER, SCALING + "target-utilization-percentage", "100"),
        HANDLER,
        SCALING_FIELD + "target-utilization-percentage]",
        "2.5-7 s",
    ),
    (
        put(HANDLER, SCALING + "class", "hpa.autoscaling.knative.dev"),
        HANDLER,
        SCALING_FIELD + "class]",
        "does not scale to zero",
    ),
    (put(HANDLER, SCALING + "metric", "rps"), HANDLER, SCALING_FIELD + "metric]", "held for minutes"),
    (put(HANDLER, SCALING + "max-scale", "6"), HANDLER, SCALING_FIELD + "max-scale]", "without an early 503"),
    (variable(HANDLER, "MASTER_KEY"), HANDLER, f"{FIELD}.containers[0].env", "status 2"),
    # where calls and events go
    (sink_of("SinkBinding/edge-bridge", "", "Broker", "default"), "SinkBinding/edge-bridge", "spec.sink", "invokes it"),
    (
        sink_of("SinkBinding/edge-bridge", "", "Service", "call-logger"),
        "SinkBinding/edge-bridge",
        "spec.sink",
        "through the Broker",
    ),
    (removed("SinkBinding/edge-bridge"), EDGE, "spec", "K_SINK"),
    (
        put("SinkBinding/edge-bridge", "spec/subject/name", "edge"),
        EDGE,
        "spec",
        "K_SINK",
    ),
    (
        sink_of("SinkBinding/outbox-relay", "", "Service", "call-handler"),
        "SinkBinding/outbox-relay",
        "spec.sink",
        "no Trigger sees them",
    ),
    (removed("SinkBinding/outbox-relay"), RELAY, "spec", "K_SINK"),
    # events
    (
        put(TRIGGER, "spec/filter/attributes/type", "com.alloresto.call.incoming"),
        TRIGGER,
        "spec.filter",
        "invokes it again",
    ),
    (put(TRIGGER, "spec/filter"), TRIGGER, "spec.filter", "invokes it again"),
    (put(TRIGGER, "spec/filters", [{"prefix": {"type": "com.alloresto."}}]), TRIGGER, "spec.filters", "invokes it"),
    (put(TRIGGER, "spec/broker", "other"), TRIGGER, "spec.broker", "no event"),
    (put(TRIGGER, "spec/subscriber/ref/name", "nobody"), TRIGGER, "spec.subscriber.ref.name", "nothing does the work"),
    (put(TRIGGER, "spec/subscriber", {"uri": "/due"}), TRIGGER, "spec.subscriber", "nowhere"),
    (put("PingSource/greetings-due", "spec/sink/ref/name", "x"), "PingSource", "spec.sink.ref.name", "nowhere"),
    (put(BROKER, "spec/delivery"), BROKER, "spec.delivery.deadLetterSink", "every publish into a 500"),
    (
        put(BROKER, "spec/delivery/deadLetterSink/ref/name", "nobody"),
        BROKER,
        "spec.delivery.deadLetterSink.ref.name",
        "every publish into a 500",
    ),
    # the bridge
    (removed("RoleBinding/edge-bridge-pod-deletion-cost"), EDGE, f"{FIELD}.serviceAccountName", "2 of 3 busy pods"),
    (removed("Role/pod-deletion-cost"), EDGE, f"{FIELD}.serviceAccountName", "2 of 3 busy pods"),
    (put("Role/pod-deletion-cost", "rules/0/verbs", ["get"]), EDGE, f"{FIELD}.serviceAccountName", "2 of 3 busy pods"),
    (
        put(EDGE, f"{SPEC}/automountServiceAccountToken", False),
        EDGE,
        f"{FIELD}.automountServiceAccountToken",
        "no token",
    ),
    (
        put("ServiceAccount/edge-bridge", "automountServiceAccountToken", False),
        EDGE,
        f"{FIELD}.automountServiceAccountToken",
        "no token",
    ),
    (variable(EDGE, "HANDLER_NAMESPACE"), EDGE, f"{FIELD}.containers[0].env", "no deletion cost"),
    (
        put(EDGE, f"{SPEC}/terminationGracePeriodSeconds", 1800),
        EDGE,
        f"{FIELD}.terminationGracePeriodSeconds",
        "killed while its calls go on",
    ),
    (variable(EDGE, "REDIS_URL"), EDGE, f"{FIELD}.containers[0].env", "status 2"),
    (
        put(EDGE, f"metadata/annotations/{LAST_APPLIED.replace('/', '~')}", '{"spec":{"replicas":2}}'),
        EDGE,
        "spec.replicas",
        "each deployment puts it back",
    ),
    (
        put("HorizontalPodAutoscaler/edge-bridge", "spec/maxReplicas", 200),
        HANDLER,
        SCALING_FIELD + "max-scale]",
        "without an early 503",
    ),
    (variable(EDGE, "MAX_CALLS", "20"), HANDLER, SCALING_FIELD + "max-scale]", "without an early 503"),
    (variable(EDGE, "RTP_PORT_MAX", "10009"), EDGE, f"{FIELD}.containers[0].env", "gets 503, with places free"),
    (variable(EDGE, "SIP_PEERS", "192.0.2.0/24,0.0.0.0/0"), EDGE, f"{FIELD}.containers[0].env", "anybody who scans"),
    (variable(EDGE, "SIP_PEERS", "::/0"), EDGE, f"{FIELD}.containers[0].env", "anybody who scans"),
    (variable(EDGE, "SIP_TLS_KEY"), EDGE, f"{FIELD}.containers[0].env", "one is of no use"),
    (
        put("Secret/edge-bridge-sip-tls", "data/tls.key"),
        EDGE,
        f"{FIELD}.volumes[0].secret",
        "status 2",
    ),
    (removed("Secret/edge-bridge-sip-tls"), EDGE, f"{FIELD}.volumes[0].secret", "do not start"),
    # what pods refer to
    (
        removed("Secret/alloresto-keys", "alloresto-edge"),
        EDGE,
        f"{FIELD}.containers[0].env[8].valueFrom.secretKeyRef",
        "do not start",
    ),
    (
        put("Secret/alloresto-openai", "data/OPENAI_API_KEY"),
        HANDLER,
        f"{FIELD}.containers[0].env[3].valueFrom.secretKeyRef",
        "do not start",
    ),
    (
        removed("ConfigMap/alloresto-config"),
        HANDLER,
        f"{FIELD}.containers[0].envFrom[0].configMapRef",
        "do not start",
    ),
    (
        put(EDGE, f"{SPEC}/volumes/0/secret/secretName", "sip-tls"),
        EDGE,
        f"{FIELD}.volumes[0].secret",
        "do not start",
    ),
    # what Knative says
    (put(HANDLER, "status/conditions/0/status", "False"), HANDLER, "status.conditions[0]", "not in effect"),
]


@pytest.mark.parametrize(("plant", "what", "field", "consequence"), REFUSED)
def test_a_setting_that_loses_calls_is_refused(
    cluster: Planted, plant: Plant, what: str, field: str, consequence: str
) -> None:
    plant(cluster)
    [finding] = cluster.findings()
    assert finding.verdict is Verdict.REFUSED
    assert what in finding.what
    assert finding.field == field
    assert consequence in finding.consequence
    assert finding.detail and finding.fix
    assert_commands_can_be_read(finding)


WARNED: list[tuple[Plant, str, str, str]] = [
    (put(HANDLER, f"{SPEC}/automountServiceAccountToken"), HANDLER, "automountServiceAccountToken", "0.99 s"),
    (put(HANDLER, f"{SPEC}/automountServiceAccountToken", True), HANDLER, "automountServiceAccountToken", "0.99 s"),
    (put(HANDLER, PROBE, {"exec": {"command": ["true"]}}), HANDLER, "readinessProbe", "1.79 s"),
    (put(HANDLER, f"{SPEC}/responseStartTimeoutSeconds", 60), HANDLER, "responseStartTimeoutSeconds", "for nobody"),
    (put(HANDLER, SCALING + "max-scale"), HANDLER, "max-scale]", "no limit"),
    (put(HANDLER, SCALING + "min-scale", "2"), HANDLER, "min-scale]", "new Revision"),
    (put("ConfigMap/config-autoscaler", "data/enable-scale-to-zero", "false"), "config-autoscaler", "zero", "one pod"),
    (put("ConfigMap/config-observability", "data"), "config-observability", "metrics-protocol", "kn_revision"),
    (removed("PodDisruptionBudget/edge-bridge"), EDGE, "labels", "every bridge together"),
    (variable(EDGE, "DRAIN_S", "300"), EDGE, "env", "hangs up"),
    (variable(EDGE, "SIP_PEERS"), EDGE, "env", "gets 403, then silence"),
    (variable(EDGE, "SIP_PEERS", " "), EDGE, "env", "gets 403, then silence"),
    (without_tls, EDGE, "env", "can be read on its way"),
    (put(HANDLER, "status/conditions/0/status", "Unknown"), HANDLER, "status.conditions[0]", "not in effect"),
]


@pytest.mark.parametrize(("plant", "what", "field", "consequence"), WARNED)
def test_a_setting_that_costs_is_warned_of(
    cluster: Planted, plant: Plant, what: str, field: str, consequence: str
) -> None:
    plant(cluster)
    [finding] = cluster.findings()
    assert finding.verdict is Verdict.WARNING
    assert what in finding.what
    assert finding.field.endswith(field)
    assert consequence in finding.consequence
    assert_commands_can_be_read(finding)


FINE: list[Plant] = [
    put(HANDLER, f"{SPEC}/idleTimeoutSeconds", 0),
    put("ConfigMap/config-autoscaler", "data/target-burst-capacity", "-1"),
    put("ConfigMap/config-network", "data/mesh-compatibility-mode", "Disabled"),
    put(ACTIVATOR, "spec/replicas"),
    lambda cluster: cluster.add(HPA.replace("maxReplicas: 20", "maxReplicas: 1")),
    lambda cluster: cluster.add(HPA.replace("name: activator", "name: webhook")),
    put(TRIGGER, "spec/delivery"),
    put(TRIGGER, "spec/subscriber", {"uri": "https://example.org/hook"}),
    variable(EDGE, "K_SINK", "http://call-handler.alloresto.svc.cluster.local"),
    put(EDGE, f"metadata/annotations/{LAST_APPLIED.replace('/', '~')}", '{"spec":{"serviceName":"edge-bridge"}}'),
    put(EDGE, f"metadata/annotations/{LAST_APPLIED.replace('/', '~')}", "no JSON"),
    variable(EDGE, "RTP_PORT_MAX", "10031"),  # four for each of eight calls
    variable(EDGE, "REGISTRAR", "direct"),
    behind_a_service,
]


@pytest.mark.parametrize("plant", FINE)
def test_what_is_as_good_is_no_fault(cluster: Planted, plant: Plant) -> None:
    plant(cluster)
    assert cluster.findings() == []


def test_without_its_volume_kamailio_has_no_certificate(cluster: Planted) -> None:
    cluster.set(EDGE, f"{SPEC}/containers/0/volumeMounts", ...)

    findings = cluster.findings()

    assert [one.detail.split(",")[0] for one in findings] == [
        "SIP_TLS_CERT is /etc/alloresto/sip-tls/tls.crt",
        "SIP_TLS_KEY is /etc/alloresto/sip-tls/tls.key",
    ]
    assert {one.verdict for one in findings} == {Verdict.REFUSED}


def test_a_manifest_with_the_autoscalers_number_has_the_line_to_remove(cluster: Planted) -> None:
    cluster.files = {EDGE: "edge/edge-bridge.yaml"}

    [finding] = cluster.findings()

    assert (finding.verdict, finding.detail) == (Verdict.REFUSED, "2")
    assert finding.fix == "remove spec.replicas"


def test_what_was_applied_last_is_mended_without_the_number_and_with_the_rest(cluster: Planted) -> None:
    applied = {"kind": "StatefulSet", "spec": {"replicas": 2, "serviceName": "edge-bridge"}}
    cluster.set(EDGE, f"metadata/annotations/{LAST_APPLIED.replace('/', '~')}", json.dumps(applied))

    [finding] = cluster.findings()

    written = json.loads(shlex.split(finding.fix.splitlines()[-1])[-1])["metadata"]["annotations"][LAST_APPLIED]
    assert json.loads(written) == {"kind": "StatefulSet", "spec": {"serviceName": "edge-bridge"}}


def test_a_cluster_wide_burst_capacity_serves_a_handler_without_its_own(cluster: Planted) -> None:
    cluster.set(HANDLER, SCALING + "target-burst-capacity", ...)
    cluster.set("ConfigMap/config-autoscaler", "data/target-burst-capacity", "-1")
    assert cluster.findings() == []


def test_an_own_idle_timeout_of_zero_overrules_the_clusters(cluster: Planted) -> None:
    cluster.set("ConfigMap/config-defaults", "data/revision-idle-timeout-seconds", "60")
    cluster.set(HANDLER, f"{SPEC}/idleTimeoutSeconds", 0)
    assert cluster.findings() == []


def test_a_trigger_without_dead_letters_is_refused_when_its_broker_has_none_either(cluster: Planted) -> None:
    cluster.set(BROKER, "spec/delivery", ...)
    cluster.set(TRIGGER, "spec/delivery", ...)
    assert {one.what.split("/")[0] for one in cluster.findings()} == {"Broker", "Trigger"}


def test_a_longer_call_needs_more_of_everything_that_waits_for_it(cluster: Planted) -> None:
    cluster.environment(HANDLER, "MAX_CALL_S", "3590")
    assert {one.field: one.verdict for one in cluster.findings()} == {
        f"{FIELD}.timeoutSeconds": Verdict.REFUSED,
        f"{FIELD}.containers[0].env": Verdict.WARNING,  # the bridge's DRAIN_S
    }


def test_a_missing_secret_is_told_once_with_everybody_who_names_it(cluster: Planted) -> None:
    cluster.remove("Secret/alloresto-database", "alloresto")
    [finding] = cluster.findings()
    assert "call-handler" in finding.what
    assert "also named by outbox-relay" in finding.detail
    assert "--from-literal=DATABASE_URL=CHANGE-ME --from-literal=PLATFORM_DATABASE_URL=CHANGE-ME" in finding.fix


def test_nothing_of_the_product_is_one_finding(cluster: Planted) -> None:
    cluster.objects = [one for one in cluster.objects if one["metadata"]["namespace"].startswith("knative-")]
    [finding] = cluster.findings()
    assert finding.what == "Service/call-handler and StatefulSet/edge-bridge"


def test_without_knative_there_is_one_finding_with_the_way_to_install_it(cluster: Planted) -> None:
    cluster.not_installed = {"serving.knative.dev", "eventing.knative.dev"}
    [finding] = cluster.findings()
    assert finding.what == "Knative Serving and Knative Eventing"
    assert finding.verdict is Verdict.REFUSED
    assert "install" in finding.fix


def assert_commands_can_be_read(finding: Finding) -> None:
    """Each command is one line that a shell takes apart without complaint."""
    for line in finding.fix.splitlines():
        if line.startswith("kubectl"):
            assert len(shlex.split(line)) > 3
