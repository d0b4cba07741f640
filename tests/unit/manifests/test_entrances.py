"""The entrances besides SIP: closed in every overlay, opened by a component that names what guards them."""

import pytest

from tests.unit.manifests.rendered import OVERLAYS, Object, container_of, environment, objects, of_kind, workloads

pytestmark = pytest.mark.unit

ENTRANCES = {"audiosocket": ("AUDIOSOCKET_PORT", "AUDIOSOCKET_PEERS"), "twilio": ("TWILIO_PORT", "TWILIO_PUBLIC_URL")}


def bridges(overlay: str) -> list[Object]:
    return [one for one in workloads(overlay) if one["metadata"]["name"] == "edge-bridge"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_overlay_opens_one(overlay: str) -> None:
    opened = {name for one in bridges(overlay) for name in environment(one)}
    assert opened.isdisjoint({"AUDIOSOCKET_PORT", "TWILIO_PORT"})


@pytest.mark.parametrize("component", ENTRANCES)
def test_its_component_opens_it_guarded_on_the_port_that_its_service_and_policy_have(component: str) -> None:
    [bridge] = bridges(component)
    port, guard = ENTRANCES[component]
    values = environment(bridge)
    assert values[guard]["value"]
    [container_port] = [one for one in container_of(bridge)["ports"] if one["name"] == component]
    assert str(container_port["containerPort"]) == values[port]["value"]
    [service] = [one for one in of_kind(component, "Service") if one["metadata"]["name"] == f"edge-bridge-{component}"]
    assert [one["targetPort"] for one in service["spec"]["ports"]] == [component]
    policies = {one["metadata"]["name"] for one in objects("staging") if one["kind"] == "NetworkPolicy"}
    [added] = [
        one
        for one in of_kind(f"network-policies/{component}", "NetworkPolicy")
        if one["metadata"]["name"] not in policies
    ]
    [rule] = added["spec"]["ingress"]
    assert rule["from"]
    assert [one["port"] for one in rule["ports"]] == [container_port["containerPort"]]
