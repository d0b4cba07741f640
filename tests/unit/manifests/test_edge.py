"""The bridges: how many there are, how much each takes, and what Kamailio needs in front of one."""

import re

import pytest
import yaml

from cluster.rules.product import EDGE_MAX_CALLS
from edge_bridge.entrances.sip.gate.figures import Figures
from process import metrics
from tests.unit.manifests.rendered import (
    MANIFESTS,
    OPTIONS,
    OVERLAYS,
    Object,
    container_of,
    environment,
    objects,
    of_kind,
    pod_of,
    workloads,
)

pytestmark = pytest.mark.unit

CALLS_A_PROCESS = 4  # of the SIP library
PROCESS_MB = 60
CALL_CORES = 0.02
SCALED = ("production", "standby")


def bridge_of(overlay: str) -> Object:
    [bridge] = [one for one in workloads(overlay) if one["metadata"]["name"] == "edge-bridge"]
    return bridge


def value(overlay: str, name: str) -> str:
    return str(environment(bridge_of(overlay))[name]["value"])


def calls(overlay: str) -> int:
    return int(environment(bridge_of(overlay)).get("MAX_CALLS", {}).get("value", EDGE_MAX_CALLS))


def autoscaler() -> Object:
    namespace = bridge_of("production")["metadata"]["namespace"]
    [found] = [
        one for one in of_kind("production", "HorizontalPodAutoscaler") if one["metadata"]["namespace"] == namespace
    ]
    return found["spec"]  # type: ignore[no-any-return]


def targets() -> dict[str, int]:
    """What the autoscaler aims at for each bridge, by metric."""
    asked = [one["pods"] for one in autoscaler()["metrics"]]
    return {one["metric"]["name"]: int(one["target"]["averageValue"]) for one in asked}


def test_bridges_are_added_at_seventy_percent_of_the_lines_and_of_the_calls_that_one_takes() -> None:
    assert targets() == {
        "sip_registrations_active": round(0.7 * int(value("production", "MAX_LINES"))),
        "sip_gate_dialogs": round(0.7 * int(value("production", "MAX_CALLS"))),
    }


def test_the_adapter_has_a_rule_for_each_metric_that_the_autoscaler_asks_for_and_a_bridge_gives_it() -> None:
    written = yaml.safe_load((MANIFESTS / "components/edge-autoscaling/prometheus-adapter.yaml").read_text())
    rules = {rule["seriesQuery"].partition("{")[0]: rule for rule in written["rules"]["custom"]}
    given = metrics.render()[1].decode() + Figures().render(banned=0, dialogs=0)

    assert rules.keys() == targets().keys()
    for name, rule in rules.items():
        assert re.search(rf"^# TYPE {name} gauge$", given, re.MULTILINE)
        assert rule["resources"]["overrides"].keys() == {"namespace", "pod"}


def test_bridges_come_at_once_and_go_one_by_one() -> None:
    behavior = autoscaler()["behavior"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behavior["scaleDown"] == {
        "stabilizationWindowSeconds": 300,
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
    }
    assert (autoscaler()["minReplicas"], autoscaler()["maxReplicas"]) == (2, 50)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_node_is_emptied_of_its_bridge_and_few_at_once(overlay: str) -> None:
    """Never none at all, and never a large part of them."""
    [most] = [
        one["spec"]["maxUnavailable"]
        for one in of_kind(overlay, "PodDisruptionBudget")
        if one["metadata"]["name"] == "edge-bridge"
    ]
    assert most == ("10%" if overlay in SCALED else 1)


@pytest.mark.parametrize("overlay", [*OVERLAYS, *OPTIONS])
def test_there_are_ports_for_every_call_and_for_the_one_before_it_that_rest(overlay: str) -> None:
    variables = environment(bridge_of(overlay))
    if "RTP_PORT_MIN" not in variables:
        pytest.skip("the process's own range")
    ports = int(variables["RTP_PORT_MAX"]["value"]) - int(variables["RTP_PORT_MIN"]["value"]) + 1
    assert ports >= 4 * calls(overlay)


def test_a_bridge_asks_for_what_its_calls_take() -> None:
    asked = container_of(bridge_of("production"))["resources"]["requests"]
    assert float(asked["cpu"]) >= CALL_CORES * calls("production")
    processes = -(-calls("production") // CALLS_A_PROCESS)
    assert int(asked["memory"].removesuffix("Gi")) * 1024 >= PROCESS_MB * processes


def test_kamailio_gets_its_certificate_from_a_secret_and_writes_into_memory_only() -> None:
    volumes = {one["name"]: one for one in pod_of(bridge_of("kamailio"))["volumes"]}
    mounted = {mount["mountPath"]: mount for mount in container_of(bridge_of("kamailio"))["volumeMounts"]}

    certificates = volumes[mounted["/etc/alloresto/sip-tls"]["name"]]
    for name in ("SIP_TLS_CERT", "SIP_TLS_KEY"):
        folder, _, key = value("kamailio", name).rpartition("/")
        assert mounted[folder]["readOnly"] and "subPath" not in mounted[folder]
        assert key in ("tls.crt", "tls.key")  # what a Secret of kubernetes.io/tls has
    assert certificates["secret"]["defaultMode"] == 0o440
    assert volumes[mounted[value("kamailio", "TMPDIR")]["name"]]["emptyDir"] == {"medium": "Memory"}


def test_kamailio_takes_udp_tcp_and_tls_at_ports_that_need_no_capability() -> None:
    ports = {(one.get("protocol", "TCP"), one["containerPort"]) for one in container_of(bridge_of("kamailio"))["ports"]}
    assert {("UDP", 5060), ("TCP", 5060), ("TCP", int(value("kamailio", "SIP_TLS_PORT")))} <= ports
    assert min(port for _, port in ports) >= 1024
    assert "add" not in container_of(bridge_of("kamailio"))["securityContext"]["capabilities"]


def test_only_production_and_its_standby_scale_their_bridges() -> None:
    for overlay in OVERLAYS:
        scaled = [one for one in objects(overlay) if one["kind"] == "HorizontalPodAutoscaler"]
        targets = {one["spec"]["scaleTargetRef"]["name"] for one in scaled}
        assert ("edge-bridge" in targets) is (overlay in SCALED)
