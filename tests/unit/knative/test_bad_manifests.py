"""A wrong manifest is refused before anything starts: the object, the field and the fix are named."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from devstack.knative.resolving import Surroundings, resolve
from devstack.knative.settings import ClusterSettings, read_settings
from ops.manifests import Manifest, ManifestError
from tests.unit.knative.cluster_settings import cluster_setting

pytestmark = pytest.mark.unit

SERVICE: dict[str, Any] = {
    "apiVersion": "serving.knative.dev/v1",
    "kind": "Service",
    "metadata": {"name": "handler"},
    "spec": {
        "template": {
            "metadata": {"annotations": {"autoscaling.knative.dev/target-burst-capacity": "-1"}},
            "spec": {"containers": [{"image": "app"}]},
        }
    },
}
BROKER: dict[str, Any] = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "metadata": {"name": "default"}}
TRIGGER: dict[str, Any] = {
    "apiVersion": "eventing.knative.dev/v1",
    "kind": "Trigger",
    "metadata": {"name": "t"},
    "spec": {
        "broker": "default",
        "subscriber": {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "handler"}},
    },
}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "app", "ports": [{"name": "http", "containerPort": 80}]}]},
        },
    },
}
BINDING: dict[str, Any] = {
    "apiVersion": "sources.knative.dev/v1",
    "kind": "SinkBinding",
    "metadata": {"name": "b"},
    "spec": {
        "subject": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "sink": {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "handler"}},
    },
}
CORE_SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
}
PING: dict[str, Any] = {
    "apiVersion": "sources.knative.dev/v1",
    "kind": "PingSource",
    "metadata": {"name": "p"},
    "spec": {"schedule": "*/5 * * * * *", "sink": copy.deepcopy(BINDING["spec"]["sink"])},
}
POLICY: dict[str, Any] = {
    "apiVersion": "eventing.knative.dev/v1alpha1",
    "kind": "EventPolicy",
    "metadata": {"name": "e"},
    "spec": {
        "to": [{"ref": {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "default"}}],
        "from": [{"sub": "system:serviceaccount:n:*"}],
    },
}
ROLE: dict[str, Any] = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "r"},
    "rules": [{"whatever": "its own schema says"}],
}
ALL = [SERVICE, BROKER, TRIGGER, DEPLOYMENT, BINDING, CORE_SERVICE, PING, POLICY, ROLE]
FILES = ["handler", "broker", "trigger", "web", "binding", "web-service", "ping", "policy", "role", "copy"]


def problems_of(
    change: Callable[[list[dict[str, Any]]], None], settings: ClusterSettings | None = None, **surroundings: Any
) -> list[str]:
    objects = copy.deepcopy(ALL)
    change(objects)
    known: dict[str, Any] = {"images": {"app": ["true"]}, "secrets": {"db": {"URL": "x"}}, "overrides": {}}
    manifests = [Manifest(body, f"{file}.yaml") for body, file in zip(objects, FILES, strict=False)]
    try:
        resolve(manifests, Surroundings(namespace="n", **(known | surroundings)), settings or ClusterSettings())
    except ManifestError as error:
        return [str(problem) for problem in error.problems]
    return []


def put(number: int, path: str, value: Any) -> Callable[[list[dict[str, Any]]], None]:
    """Set (or, with Ellipsis, delete) a value deep in one of the objects."""

    def change(objects: list[dict[str, Any]]) -> None:
        node: Any = objects[number]
        *steps, last = (int(step) if step.isdigit() else step for step in path.split("/"))
        for step in steps:
            node = node[step]
        if value is ...:
            del node[last]
        else:
            node[last] = value

    return change


def annotate(key: str, value: str, prefix: str = "autoscaling.knative.dev/") -> Callable[[list[dict[str, Any]]], None]:
    def change(objects: list[dict[str, Any]]) -> None:
        objects[0]["spec"]["template"]["metadata"]["annotations"][prefix + key] = value

    return change


def twice(number: int) -> Callable[[list[dict[str, Any]]], None]:
    return lambda objects: objects.append(copy.deepcopy(objects[number]))


def from_secret(name: str, key: str) -> list[dict[str, Any]]:
    return [{"name": "A", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}]


def test_the_good_manifests_are_good() -> None:
    assert problems_of(lambda _: None) == []


AT_SERVICE = "handler.yaml: Service/handler: "
AT_HANDLER = AT_SERVICE + "spec.template"
AT_CONTAINER = AT_HANDLER + ".spec.containers[0]"
AT_TEMPLATE = AT_HANDLER + ".metadata.annotations"
AT_SCALING = AT_TEMPLATE + "[autoscaling.knative.dev/"
SCALING = "autoscaling.knative.dev/"
ANNOTATIONS = "spec/template/metadata/annotations"
NO_SERVICE = {"ref": {"apiVersion": "v1", "kind": "Service", "name": "x"}}
CONTAINER = "spec/template/spec/containers/0"


@pytest.mark.parametrize(
    ("change", "start", "words"),
    [
        (put(0, "spec/template/spec/timeoutSecond", 5), AT_HANDLER + ".spec.timeoutSecond", "unknown field"),
        (put(0, f"{CONTAINER}/image", ...), AT_CONTAINER + ".image", "missing"),
        (
            put(0, f"{CONTAINER}/image", "other:1"),
            AT_CONTAINER + ".image",
            "no command is known for image other; give the runtime a command for it, or use app",
        ),
        (
            put(0, f"{CONTAINER}/command", ["no-such-program"]),
            AT_CONTAINER + ".command",
            "no-such-program is not installed here",
        ),
        (
            put(0, f"{CONTAINER}/readinessProbe", {"exec": {"command": ["x"]}}),
            AT_CONTAINER + ".readinessProbe.exec",
            "is not executed here, and was 0.66 s slower",
        ),
        (put(0, f"{CONTAINER}/readinessProbe", {"periodSeconds": 1}), AT_CONTAINER + ".readinessProbe", "no action"),
        (
            put(0, f"{CONTAINER}/readinessProbe", {"httpGet": {"port": "api"}}),
            AT_CONTAINER + ".readinessProbe",
            "no port named api",
        ),
        (
            put(0, f"{CONTAINER}/env", from_secret("db", "PASSWORD")),
            AT_CONTAINER + ".env[0].valueFrom.secretKeyRef",
            "Secret db has no key PASSWORD (it has URL)",
        ),
        (
            put(0, f"{CONTAINER}/env", from_secret("x", "URL")),
            AT_CONTAINER + ".env[0].valueFrom.secretKeyRef",
            "there is no Secret x; create it or name one of db",
        ),
        (
            put(0, f"{CONTAINER}/envFrom", [{"configMapRef": {"name": "c"}}]),
            AT_CONTAINER + ".envFrom[0].configMapRef",
            "there is no ConfigMap c",
        ),
        (
            put(0, "spec/template/spec/responseStartTimeoutSeconds", 400),
            AT_HANDLER + ".spec.responseStartTimeoutSeconds",
            "longer than timeoutSeconds",
        ),
        (annotate("windows", "6s"), AT_SCALING + "windows]", "not an autoscaling annotation"),
        (annotate("window", "5s"), AT_SCALING + "window]", "not between 6 s and 3600 s"),
        (annotate("min-scale", "one"), AT_SCALING + "min-scale]", "'one' is not a whole number"),
        (annotate("metric", "rps"), AT_SCALING + "metric]", "only concurrency"),
        (
            annotate("target-burst-capacity", "0"),
            AT_SCALING + "target-burst-capacity]",
            "only -1: 0 queues behind busy",
        ),
        (put(0, ANNOTATIONS, {}), AT_SCALING + "target-burst-capacity]", "211 is not executed here, only -1"),
        (
            annotate("window", "6s", "autoscalling.knative.dev/"),
            AT_TEMPLATE + "[autoscalling.knative.dev/window]",
            "known",
        ),
        (annotate("rollout", "1", "serving.knative.dev/"), AT_TEMPLATE + "[serving.knative.dev/rollout]", "known"),
        (
            put(0, "metadata/annotations", {SCALING + "min-scale": "1"}),
            AT_SERVICE + "metadata.annotations[autoscaling.knative.dev/min-scale]",
            "only on a Revision; move it to spec.template.metadata.annotations",
        ),
        (
            put(0, "metadata/annotations", {"serving.knative.dev/creater": "me"}),
            AT_SERVICE + "metadata.annotations[serving.knative.dev/creater]",
            "not an annotation of Knative's",
        ),
        (put(0, "spec/template/spec/timeoutSeconds", "5 m"), AT_HANDLER + ".spec.timeoutSeconds", "Expected `int"),
        (
            put(0, "spec/template/spec/timeoutSeconds", 601),
            AT_HANDLER + ".spec.timeoutSeconds",
            "601 is more than the cluster's max-revision-timeout-seconds, 600; lower it, or raise the setting",
        ),
        (put(0, "spec/template/spec/idleTimeoutSeconds", 301), AT_HANDLER + ".spec.idleTimeoutSeconds", "longer than"),
        (
            put(0, "spec/template/spec/tolerations", [{"key": "calls"}]),
            AT_HANDLER + ".spec.tolerations",
            "Knative refuses it as installed; set kubernetes.podspec-tolerations to Enabled in config-features",
        ),
        (
            put(0, f"{CONTAINER}/env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
            AT_CONTAINER + ".env[0].valueFrom.fieldRef",
            "set kubernetes.podspec-fieldref to Enabled in config-features",
        ),
        (
            put(0, f"{CONTAINER}/lifecycle", {"preStop": {"sleep": {"seconds": 5}}}),
            AT_CONTAINER + ".lifecycle",
            "Knative refuses it: the hook is its own",
        ),
        (
            put(0, "spec/template/spec/automountServiceAccountToken", True),
            AT_HANDLER + ".spec.automountServiceAccountToken",
            "takes only false",
        ),
        (
            put(0, "metadata/namespace", "elsewhere"),
            AT_SERVICE + "metadata.namespace",
            "elsewhere is not executed here, only n; keep one namespace in this overlay",
        ),
        (put(0, "spec/traffic", [{"percent": 100}]), AT_SERVICE + "spec.traffic", "unknown field"),
        (put(0, f"{CONTAINER}/image", 5), AT_CONTAINER + ".image", "Expected `str`"),
        (
            put(0, f"{CONTAINER}/livenessProbe", {"tcpSocket": {"port": "api"}}),
            AT_CONTAINER + ".livenessProbe",
            "no port named api",
        ),
        (twice(0), "copy.yaml: Service/handler: metadata.name", "used twice; see also handler.yaml: Service/handler"),
        (twice(1), "copy.yaml: Broker/default: metadata.name", "used twice; see also broker.yaml: Broker/default"),
        (
            put(0, ANNOTATIONS, {SCALING + "min-scale": 0}),
            AT_HANDLER + ".metadata.annotations[...]",
            "Expected `str`, got `int`",
        ),
        (put(0, "kind", "Servise"), "handler.yaml: Servise/handler: kind", "is not executed here"),
        (
            put(0, "apiVersion", "serving.knative.dev/v2"),
            "handler.yaml: Service/handler: apiVersion",
            "use serving.knative.dev/v1 or v1",
        ),
        (put(1, "kind", "Secret"), "broker.yaml: Secret/default: kind", "Secrets are given to the runtime by name"),
        (
            put(2, "spec/broker", "other"),
            "trigger.yaml: Trigger/t: spec.broker",
            "there is no Broker other; create it or name one of default",
        ),
        (
            put(2, "spec/subscriber/ref/name", "nobody"),
            "trigger.yaml: Trigger/t: spec.subscriber.ref.name",
            "there is no Service nobody (serving.knative.dev/v1); create it or name one of handler",
        ),
        (
            put(2, "spec/subscriber", {}),
            "trigger.yaml: Trigger/t: spec.subscriber",
            "neither a ref nor an absolute uri",
        ),
        (put(2, "spec/filters", []), "trigger.yaml: Trigger/t: spec.filters", "unknown field"),
        (put(2, "spec/broker", ...), "trigger.yaml: Trigger/t: spec.broker", "missing; set it"),
        (
            put(2, "spec/subscriber/uri", "http://elsewhere/"),
            "trigger.yaml: Trigger/t: spec.subscriber.uri",
            "an absolute uri beside a ref; write a path such as /due",
        ),
        (
            put(2, "spec/subscriber", {"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}),
            "trigger.yaml: Trigger/t: spec.subscriber.ref",
            "apps/v1 Deployment cannot take events here",
        ),
        (
            put(2, "spec/delivery", {"backoffDelay": "200ms"}),
            "trigger.yaml: Trigger/t: spec.delivery.backoffDelay",
            "not an ISO 8601 duration; write it like PT0.5S",
        ),
        (
            put(2, "spec/delivery", {"deadLetterSink": NO_SERVICE}),
            "trigger.yaml: Trigger/t: spec.delivery.deadLetterSink.ref.name",
            "there is no Service x (v1)",
        ),
        (
            put(1, "spec", {"delivery": {"deadLetterSink": NO_SERVICE}}),
            "broker.yaml: Broker/default: spec.delivery.deadLetterSink.ref.name",
            "there is no Service x (v1)",
        ),
        (
            put(1, "metadata/annotations", {"eventing.knative.dev/broker.class": "Kafka"}),
            "broker.yaml: Broker/default: metadata.annotations[eventing.knative.dev/broker.class]",
            "Kafka is not executed here, only MTChannelBasedBroker",
        ),
        (
            put(3, "spec/replicas", 2),
            "web.yaml: Deployment/web: spec.replicas",
            "2 replicas would share one loopback port",
        ),
        (put(3, "spec/serviceName", "x"), "web.yaml: Deployment/web: spec.serviceName", "unknown field"),
        (
            put(4, "spec/subject/name", "nobody"),
            "binding.yaml: SinkBinding/b: spec.subject",
            "there is no Deployment nobody; name one of Deployment web",
        ),
        (put(4, "spec/subject", ...), "binding.yaml: SinkBinding/b: spec.subject", "missing"),
        (
            put(4, "spec/subject/apiVersion", "v1"),
            "binding.yaml: SinkBinding/b: spec.subject",
            "v1 has no Deployment that runs here",
        ),
        (
            put(
                4,
                "spec/subject",
                {"apiVersion": "apps/v1", "kind": "Deployment", "selector": {"matchLabels": {"a": "b"}}},
            ),
            "binding.yaml: SinkBinding/b: spec.subject",
            "no Deployment has the labels {'a': 'b'}",
        ),
        (
            put(4, "spec/sink/ref/kind", "Broker"),
            "binding.yaml: SinkBinding/b: spec.sink.ref",
            "serving.knative.dev/v1 Broker cannot take events here",
        ),
        (
            put(5, "spec/selector", {"app": "x"}),
            "web-service.yaml: Service/web: spec.selector",
            "no workload's pods have the labels app=x",
        ),
        (
            put(5, "spec/ports/0/targetPort", "api"),
            "web-service.yaml: Service/web: spec.ports[0].targetPort",
            "web has no container port api; use one of 80, http",
        ),
        (
            put(6, "spec/schedule", "@every 5s"),
            "ping.yaml: PingSource/p: spec.schedule",
            "@every is not taken by Knative",
        ),
        (put(6, "spec/schedule", "61 * * * *"), "ping.yaml: PingSource/p: spec.schedule", "61"),
        (put(6, "spec/schedule", "hourly"), "ping.yaml: PingSource/p: spec.schedule", "'hourly'"),
        (put(6, "spec/sink/ref/name", "x"), "ping.yaml: PingSource/p: spec.sink.ref.name", "there is no Service x"),
        (
            put(7, "spec/to/0/ref/name", "x"),
            "policy.yaml: EventPolicy/e: spec.to[0].ref.name",
            "there is no Broker x (eventing.knative.dev/v1); create it or name one of default",
        ),
        (put(7, "spec/to/0/ref", ...), "policy.yaml: EventPolicy/e: spec.to[0]", "needs either ref or selector"),
        (put(7, "spec/form", []), "policy.yaml: EventPolicy/e: spec.form", "unknown field"),
        (put(7, "spec/from/0", {}), "policy.yaml: EventPolicy/e: spec.from[0]", "needs either ref or sub"),
        (put(7, "apiVersion", "eventing.knative.dev/v1"), "policy.yaml: EventPolicy/e: apiVersion", "use eventing"),
        (put(8, "apiVersion", "rbac.authorization.k8s.io/v1beta1"), "role.yaml: Role/r: apiVersion", "use rbac.auth"),
        (put(6, "spec/timezone", "Mars/Base"), "ping.yaml: PingSource/p: spec.schedule", "Mars/Base"),
    ],
)
def test_a_fault_is_named_with_its_fix(change: Callable[[list[dict[str, Any]]], None], start: str, words: str) -> None:
    """K12 (exec), K16, K21, K40, K50 (filters), K54 (@every)."""
    [problem] = problems_of(change)
    assert problem.startswith(start + ": ")
    assert words in problem
    assert ";" in problem


def test_every_fault_is_told_at_once() -> None:
    def change(objects: list[dict[str, Any]]) -> None:
        put(2, "spec/broker", "other")(objects)
        put(3, "spec/replicas", 2)(objects)

    assert len(problems_of(change)) == 2


def test_an_override_for_nobody_is_a_fault() -> None:
    [problem] = problems_of(lambda _: None, overrides={"wep": {"A": "1"}})
    assert "wep: there is no such workload or Service; name one of handler, web" in problem


def test_a_pod_field_that_the_cluster_allows_is_taken() -> None:
    """K40."""
    features = {"kubernetes.podspec-tolerations": "enabled"}
    settings = read_settings([cluster_setting("config-features", features)], ClusterSettings())
    assert problems_of(put(0, "spec/template/spec/tolerations", [{"key": "calls"}]), settings=settings) == []
