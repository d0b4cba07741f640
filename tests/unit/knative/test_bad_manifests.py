"""A wrong manifest is refused before anything starts: the object, the field and the fix are named."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from local.knative import Manifest, ManifestError
from local.knative.resolving import Surroundings, resolve

pytestmark = pytest.mark.unit

SERVICE: dict[str, Any] = {
    "apiVersion": "serving.knative.dev/v1",
    "kind": "Service",
    "metadata": {"name": "handler"},
    "spec": {"template": {"metadata": {"annotations": {}}, "spec": {"containers": [{"image": "app"}]}}},
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
    "spec": {"schedule": "*/5 * * * * *", "sink": BINDING["spec"]["sink"]},
}
ALL = [SERVICE, BROKER, TRIGGER, DEPLOYMENT, BINDING, CORE_SERVICE, PING]
FILES = ["handler", "broker", "trigger", "web", "binding", "web-service", "ping"]


def problems_of(change: Callable[[list[dict[str, Any]]], None], **surroundings: Any) -> list[str]:
    objects = copy.deepcopy(ALL)
    change(objects)
    known: dict[str, Any] = {"images": {"app": ["true"]}, "secrets": {"db": {"URL": "x"}}, "overrides": {}}
    manifests = [Manifest(body, f"{file}.yaml") for body, file in zip(objects, FILES, strict=False)]
    try:
        resolve(manifests, Surroundings(namespace="n", **(known | surroundings)))
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


def from_secret(name: str, key: str) -> list[dict[str, Any]]:
    return [{"name": "A", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}]


def test_the_good_manifests_are_good() -> None:
    assert problems_of(lambda _: None) == []


AT_HANDLER = "handler.yaml: Service/handler: spec.template"
AT_CONTAINER = AT_HANDLER + ".spec.containers[0]"
AT_SCALING = AT_HANDLER + ".metadata.annotations[autoscaling.knative.dev/"
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
            "unknown field",
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
        (put(0, ANNOTATIONS, {SCALING + "windows": "6s"}), AT_SCALING + "windows]", "not an autoscaling annotation"),
        (put(0, ANNOTATIONS, {SCALING + "window": "5s"}), AT_SCALING + "window]", "not between 6 s and 3600 s"),
        (
            put(0, ANNOTATIONS, {SCALING + "target-burst-capacity": "0"}),
            AT_SCALING + "target-burst-capacity]",
            "only -1",
        ),
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
        (put(6, "spec/timezone", "Mars/Base"), "ping.yaml: PingSource/p: spec.schedule", "Mars/Base"),
    ],
)
def test_a_fault_is_named_with_its_fix(change: Callable[[list[dict[str, Any]]], None], start: str, words: str) -> None:
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


def test_kinds_that_mean_nothing_here_are_left_alone() -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"}, "rules": []}
    assert problems_of(lambda objects: objects.append(role)) == []
