"""Telemetry's component reaches every process of ours, and its policy lets each of them out."""

import msgspec
import pytest

from process.telemetry import SWITCHES
from process.telemetry.starting import AnalyticsSettings, ErrorSettings, TraceSettings
from tests.unit.manifests.rendered import (
    OPTIONS,
    container_of,
    objects,
    of_kind,
    pod_labels,
    secrets,
    selects,
    workloads,
)

pytestmark = pytest.mark.unit

SECRET = "alloresto-telemetry"
NOT_OURS = {"postgres", "redis"}
WITHOUT = {"migrate", "archive", "backup"}  # jobs of a moment
KNOWN = {
    field.name.upper()
    for kind in (TraceSettings, ErrorSettings, AnalyticsSettings)
    for field in msgspec.structs.fields(kind)
}


def running(component: str) -> dict[str, dict[str, str]]:
    """Our processes, with their pods' labels."""
    names = {one["metadata"]["name"]: pod_labels(one) for one in workloads(component)}
    return {name: labels for name, labels in names.items() if name not in NOT_OURS | WITHOUT}


def test_every_process_has_the_addresses_and_the_secret_ones() -> None:
    [config] = [one for one in of_kind("telemetry", "ConfigMap") if one["metadata"]["name"] == "alloresto-config"]
    assert config["data"]["OTEL_EXPORTER_OTLP_ENDPOINT"].startswith("http://")
    given = {
        one["metadata"]["name"]: [source.get("secretRef") for source in container_of(one).get("envFrom", [])]
        for one in workloads("telemetry")
    }
    reading = {name for name, sources in given.items() if {"name": SECRET, "optional": True} in sources}
    assert reading == set(running("telemetry"))


def test_what_the_manifests_set_is_what_the_processes_read() -> None:
    [config] = [one for one in of_kind("telemetry", "ConfigMap") if one["metadata"]["name"] == "alloresto-config"]
    told = {name for name in config["data"] if name.startswith("OTEL_")} | secrets()[SECRET]
    assert told <= KNOWN
    assert set(SWITCHES) <= KNOWN


def test_nothing_is_on_in_the_overlays_themselves() -> None:
    base, _ = OPTIONS["telemetry"]
    for body in objects(base.removeprefix("overlays/")):
        assert not [name for name in SWITCHES if name in str(body)], body["metadata"]["name"]


def test_the_policies_let_each_of_them_out_and_nobody_else() -> None:
    component = "network-policies/telemetry"
    for name in ("to-collector", "to-telemetry-services"):
        [policy] = [one for one in of_kind(component, "NetworkPolicy") if one["metadata"]["name"] == name]
        let_out = {
            one["metadata"]["name"]
            for one in workloads(component)
            if selects(policy["spec"]["podSelector"], pod_labels(one))
        }
        assert let_out == set(running(component))
