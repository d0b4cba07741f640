"""The product's manifests: what was measured is in them, and the parts fit together."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventing.catalogue import BY_TYPE, CallIncoming
from eventing.relay.publishing import PUBLISH_TIMEOUT_S
from local.knative import Manifest, render
from local.knative.resolving import Surroundings, resolve

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
        "metric": "concurrency",
        "min-scale": "0",
        "max-scale": "500",
        "target-burst-capacity": "-1",
        "target-utilization-percentage": "70",
        "window": "30s",
        "scale-to-zero-pod-retention-period": "2m",
        "scale-down-delay": "30s",
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


def test_retries_end_before_the_relay_gives_up_waiting_for_the_synchronous_broker() -> None:
    images = {"alloresto-functions": ["true"], "alloresto-edge": ["true"], "alloresto-web": ["true"]}
    dev = render(ROOT / "manifests" / "overlays" / "dev")
    plan = resolve(dev, Surroundings(images, SECRETS, {}, "alloresto"))
    for trigger in plan.triggers:
        waits = sum(trigger.delivery.backoff_s(attempt) for attempt in range(trigger.delivery.retry))
        assert waits < PUBLISH_TIMEOUT_S, trigger.name


def test_every_knative_service_runs_a_function_that_is_there() -> None:
    functions = {folder.parent.name for folder in (ROOT / "functions").glob("*/__main__.py")}
    for service in bodies("Service", "serving"):
        container = service["spec"]["template"]["spec"]["containers"][0]
        assert container["args"][0] in functions
        assert container["args"][0] == service["metadata"]["name"].replace("-", "_")


def test_the_bridge_sends_calls_to_the_handler_itself_and_the_relay_events_to_the_broker() -> None:
    sinks = {body["metadata"]["name"]: body["spec"]["sink"]["ref"] for body in bodies("SinkBinding")}
    assert (sinks["edge-bridge"]["kind"], sinks["edge-bridge"]["name"]) == ("Service", "call-handler")
    assert (sinks["outbox-relay"]["kind"], sinks["outbox-relay"]["name"]) == ("Broker", "default")


def test_only_the_bridge_has_a_token_and_it_may_only_patch_pods() -> None:
    for manifest in BASE:
        template = manifest.body.get("spec", {}).get("template")
        if template is not None:
            mounts = template["spec"]["automountServiceAccountToken"]
            assert mounts is (manifest.name == "edge-bridge"), manifest.where
    [role] = bodies("Role")
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}]


def test_no_secret_is_written_in_a_manifest() -> None:
    assert not list(bodies("Secret"))
    assert set(secret_names()) == set(SECRETS)


def secret_names() -> Iterator[str]:
    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if "secretKeyRef" in node:
                yield node["secretKeyRef"]["name"]
            for child in node.values():
                yield from walk(child)
        elif isinstance(node, list):
            for child in node:
                yield from walk(child)

    for manifest in BASE:
        yield from walk(manifest.body)


SECRETS = {
    "alloresto-database": {"DATABASE_URL": "x", "PLATFORM_DATABASE_URL": "x", "MIGRATE_DATABASE_URL": "x"},
    "alloresto-redis": {"REDIS_URL": "x"},
    "alloresto-openai": {"OPENAI_API_KEY": "x"},
    "alloresto-keys": {"MASTER_KEY": "x", "WEB_SECRET_KEY": "x"},
}


def test_a_manifest_remembers_its_file() -> None:
    [handler] = [one for one in BASE if one.name == "call-handler" and one.kind == "Service"]
    assert isinstance(handler, Manifest)
    assert handler.where.endswith("manifests/base/call-handler.yaml: Service/call-handler")
