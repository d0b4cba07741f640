"""The product's manifests: what was measured is in them, and the parts fit together."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import fields

from devstack.knative.pings import check_schedule
from devstack.knative.resolving import Surroundings, resolve
from devstack.knative.settings import ClusterSettings, read_settings
from eventing import integrators
from eventing.catalogue import BY_TYPE, CallIncoming, Payload
from eventing.relay.publishing import PUBLISH_TIMEOUT_S
from functions.__main__ import known
from functions.call_handler.settings import Settings
from functions.errand_runner import planning as errands
from ops.manifests import Manifest, render
from tests.unit.manifests.rendered import of_kind, secrets

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
BASE = render(ROOT / "manifests" / "base")


def bodies(kind: str, group: str = "") -> Iterator[dict[str, Any]]:
    for manifest in BASE:
        if manifest.kind == kind and manifest.api_version.startswith(group):
            yield manifest.body


def named(kind: str, name: str, group: str = "") -> dict[str, Any]:
    return next(body for body in bodies(kind, group) if body["metadata"]["name"] == name)


def test_the_call_handler_is_set_as_measured() -> None:
    template = named("Service", "call-handler", "serving")["spec"]["template"]
    scaling = {key.split("/")[1]: value for key, value in template["metadata"]["annotations"].items()}
    assert scaling == {
        "http-full-duplex": "Enabled",
        "metric": "concurrency",
        "min-scale": "0",
        "max-scale": "500",
        "target-burst-capacity": "-1",
        "target-utilization-percentage": "70",
        "window": "30s",
        "scale-to-zero-pod-retention-period": "2m",
        "scale-down-delay": "30s",
        "cpu-resource-request": "10m",
    }
    spec = template["spec"]
    assert (spec["containerConcurrency"], spec["timeoutSeconds"], spec["responseStartTimeoutSeconds"]) == (1, 3600, 20)
    assert "idleTimeoutSeconds" not in spec
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert "httpGet" in spec["containers"][0]["readinessProbe"]


def test_no_trigger_takes_the_call_itself() -> None:
    types = [trigger["spec"]["filter"]["attributes"].get("type", "") for trigger in bodies("Trigger")]
    assert types
    assert CallIncoming.TYPE not in types
    assert "" not in types


def test_every_trigger_names_a_type_of_the_catalogue_and_a_dead_letter_sink() -> None:
    for trigger in bodies("Trigger"):
        spec = trigger["spec"]
        assert spec["filter"]["attributes"]["type"] in BY_TYPE, trigger["metadata"]["name"]
        assert spec["delivery"]["deadLetterSink"]["ref"]["name"] == "dead-letter-keeper", trigger["metadata"]["name"]


@pytest.mark.parametrize(
    ("service", "kinds"), [("errand-runner", errands.KINDS), ("webhook-sender", integrators.KINDS)]
)
def test_what_a_function_takes_is_brought_to_it(service: str, kinds: tuple[type[Payload], ...]) -> None:
    """An event without a Trigger goes nowhere, and nothing says so."""
    brought = [
        trigger["spec"]["filter"]["attributes"]["type"]
        for trigger in bodies("Trigger")
        if trigger["spec"]["subscriber"]["ref"]["name"] == service
    ]
    assert sorted(brought) == sorted(kind.TYPE for kind in kinds)


def test_retries_end_before_the_relay_gives_up_waiting_for_the_synchronous_broker() -> None:
    images = {"alloresto-functions": ["true"], "alloresto-edge": ["true"], "alloresto-web": ["true"]}
    given = {name: dict.fromkeys(keys, "x") for name, keys in secrets().items()}
    dev = render(ROOT / "manifests" / "overlays" / "dev")
    settings = read_settings(render(ROOT / "manifests" / "components" / "knative-settings"), ClusterSettings())
    plan = resolve(dev, Surroundings(images, given, {}, "alloresto"), settings)
    for trigger in plan.triggers:
        waits = sum(trigger.delivery.backoff_s(attempt) for attempt in range(trigger.delivery.retry))
        assert waits < PUBLISH_TIMEOUT_S, trigger.name


@pytest.mark.parametrize(
    ("overlay", "retry", "hold_s", "broker_class"),
    [("dev", 6, 12.6, None), ("production", 10, 1023, "Kafka"), ("rabbitmq-broker", 8, 255, "RabbitMQBroker")],
)
def test_a_broker_that_keeps_events_tries_for_longer(
    overlay: str, retry: int, hold_s: float, broker_class: str | None
) -> None:
    [broker] = of_kind(overlay, "Broker")
    assert broker["metadata"].get("annotations", {}).get("eventing.knative.dev/broker.class") == broker_class
    orders = next(one for one in of_kind(overlay, "Trigger") if one["metadata"]["name"] == "order-logger")
    for delivery in (broker["spec"]["delivery"], orders["spec"]["delivery"]):
        first_s = float(delivery["backoffDelay"].removeprefix("PT").removesuffix("S"))
        assert delivery["retry"] == retry
        assert sum(first_s * 2**attempt for attempt in range(retry)) == pytest.approx(hold_s)


def test_the_clock_calls_paths_that_the_functions_have() -> None:
    pings = {body["metadata"]["name"]: body["spec"] for body in bodies("PingSource")}
    assert set(pings) == {
        *("greetings-due", "partitions-due", "retention-due"),
        *("pending-writes", "lost-calls", "figures-due", "assignments-due"),
        *("deliveries-due", "errands-due", "prewarm-due"),
    }
    for name, spec in pings.items():
        sink = spec["sink"]
        function = sink["ref"]["name"].replace("-", "_")
        files = [*(ROOT / "functions").glob(f"{function}.py"), *(ROOT / "functions" / function).glob("*.py")]
        sources = "".join(file.read_text() for file in files)
        assert f'on_tick(app, "{sink["uri"]}"' in sources, name
        assert check_schedule(spec["schedule"], spec["timezone"]) is None


def test_the_clusters_own_settings_are_as_measured() -> None:
    folder = "components/knative-settings"
    data = {body["metadata"]["name"]: body["data"] for body in of_kind(folder, "ConfigMap")}
    assert data["config-network"] == {"mesh-compatibility-mode": "disabled"}
    assert data["config-defaults"] == {"max-revision-timeout-seconds": "3600"}
    assert data["config-observability"] == {"metrics-protocol": "prometheus"}
    [autoscaler] = of_kind(folder, "HorizontalPodAutoscaler")
    assert (autoscaler["spec"]["minReplicas"], autoscaler["spec"]["maxReplicas"]) == (1, 1)
    [activator] = of_kind(folder, "Deployment")
    handler = named("Service", "call-handler", "serving")
    grace_s = activator["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace_s == handler["spec"]["template"]["spec"]["timeoutSeconds"] == 3600


def test_a_bridge_has_the_time_that_its_calls_may_take() -> None:
    pod = named("StatefulSet", "edge-bridge")["spec"]["template"]["spec"]
    [drain_s] = [float(one["value"]) for one in pod["containers"][0]["env"] if one["name"] == "DRAIN_S"]
    longest_call_s = next(field.default for field in fields(Settings) if field.name == "max_call_s")
    assert longest_call_s <= drain_s < pod["terminationGracePeriodSeconds"]


def test_every_knative_service_runs_a_function_that_is_there() -> None:
    functions = known()
    for service in bodies("Service", "serving"):
        container = service["spec"]["template"]["spec"]["containers"][0]
        assert container["args"][0] in functions
        assert container["args"][0] == service["metadata"]["name"].replace("-", "_")


def test_the_bridge_sends_calls_to_the_handler_itself_and_the_relay_events_to_the_broker() -> None:
    sinks = {body["metadata"]["name"]: body["spec"]["sink"]["ref"] for body in bodies("SinkBinding")}
    assert (sinks["edge-bridge"]["kind"], sinks["edge-bridge"]["name"]) == ("Service", "call-handler")
    assert (sinks["outbox-relay"]["kind"], sinks["outbox-relay"]["name"]) == ("Broker", "default")


def test_a_manifest_remembers_its_file() -> None:
    [handler] = [one for one in BASE if one.name == "call-handler" and one.kind == "Service"]
    assert isinstance(handler, Manifest)
    assert handler.where.endswith("manifests/base/platform/call-handler.yaml: Service/call-handler")
