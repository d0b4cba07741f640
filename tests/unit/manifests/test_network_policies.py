"""The NetworkPolicies allow the arrows of the design, no more and no fewer."""

from collections.abc import Iterator

import pytest

from tests.unit.manifests.rendered import (
    Object,
    environment,
    identity,
    is_knative,
    of_kind,
    pod_labels,
    pod_of,
    selects,
    workloads,
)

pytestmark = pytest.mark.unit

WITH_POLICIES = ("staging", "production")
HOLDERS = {"postgres": "_DATABASE_URL", "redis": "REDIS_URL"}
PORTS = {"postgres": 5432, "redis": 6379}


def on_the_pod_network(overlay: str) -> Iterator[Object]:
    """The workloads that NetworkPolicies apply to."""
    return (one for one in workloads(overlay) if not pod_of(one).get("hostNetwork"))


def name_of(workload: Object) -> str:
    return str(workload["metadata"]["name"])


def reaching(overlay: str, port: int) -> set[str]:
    """The workloads that a policy lets out to TCP ``port``, to a destination that is named."""
    return {
        name_of(workload)
        for policy in of_kind(overlay, "NetworkPolicy")
        for rule in policy["spec"].get("egress", [])
        if rule.get("to") and any(allowed.get("port") == port for allowed in rule.get("ports", []))
        for workload in on_the_pod_network(overlay)
        if selects(policy["spec"]["podSelector"], pod_labels(workload))
    }


def admitted(overlay: str, server: str) -> set[str]:
    """The workloads that ``server``'s own policy lets in."""
    [policy] = [one for one in of_kind(overlay, "NetworkPolicy") if one["metadata"]["name"] == server]
    return {
        name_of(workload)
        for rule in policy["spec"]["ingress"]
        for peer in rule["from"]
        for workload in workloads(overlay)
        if selects(peer["podSelector"], pod_labels(workload))
    }


def holders(overlay: str, variable: str) -> set[str]:
    return {
        name_of(one)
        for one in on_the_pod_network(overlay)
        if any(name.endswith(variable) or f"_{name}".endswith(variable) for name in environment(one))
    }


@pytest.mark.parametrize("overlay", [*WITH_POLICIES, "dev-cluster", "rabbitmq-broker"])
def test_every_policy_selects_a_pod(overlay: str) -> None:
    for policy in of_kind(overlay, "NetworkPolicy"):
        selector = policy["spec"]["podSelector"]
        if "eventing.knative.dev/brokerRole" in str(selector):
            continue  # pods that eventing-rabbitmq makes
        assert any(selects(selector, pod_labels(one)) for one in on_the_pod_network(overlay)), identity(policy)
        for named in [value for rule in selector.get("matchExpressions", []) for value in rule.get("values", [])]:
            assert named in {name_of(one) for one in workloads(overlay)}, f"{identity(policy)}: {named}"


@pytest.mark.parametrize("overlay", WITH_POLICIES)
def test_nothing_is_allowed_that_is_not_named(overlay: str) -> None:
    [deny] = [one for one in of_kind(overlay, "NetworkPolicy") if one["metadata"]["name"] == "default-deny"]
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in of_kind(overlay, "NetworkPolicy"):
        for rule in [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]:
            assert rule.get("ports"), f"{identity(policy)}: every port"


@pytest.mark.parametrize("overlay", WITH_POLICIES)
@pytest.mark.parametrize("server", HOLDERS)
def test_whoever_has_a_url_reaches_its_server_and_nobody_else(overlay: str, server: str) -> None:
    expected = holders(overlay, HOLDERS[server])
    assert expected
    assert reaching(overlay, PORTS[server]) == expected


@pytest.mark.parametrize("overlay", ["staging", "dev-cluster"])
@pytest.mark.parametrize("server", HOLDERS)
def test_a_server_lets_in_whoever_has_its_url_and_nobody_else(overlay: str, server: str) -> None:
    assert admitted(overlay, server) == holders(overlay, HOLDERS[server])


@pytest.mark.parametrize("overlay", WITH_POLICIES)
def test_only_who_speaks_to_the_engine_kubernetes_or_a_bucket_or_calls_webhooks_reaches_any_address(
    overlay: str,
) -> None:
    keys = {name_of(one) for one in on_the_pod_network(overlay) if "OPENAI_API_KEY" in environment(one)}
    open_to_all = {
        name_of(workload)
        for policy in of_kind(overlay, "NetworkPolicy")
        for rule in policy["spec"].get("egress", [])
        if not rule.get("to") or any(peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0" for peer in rule["to"])
        for workload in on_the_pod_network(overlay)
        if selects(policy["spec"]["podSelector"], pod_labels(workload))
    }
    kubernetes = {"web-staff", "prewarmer"} | ({"edge-bridge"} if overlay == "staging" else set())
    assert open_to_all == keys | {"errand-runner", "webhook-sender", "archive", "backup"} | kubernetes


@pytest.mark.parametrize("overlay", WITH_POLICIES)
def test_a_handler_reaches_the_bridges_media_port(overlay: str) -> None:
    [bridge] = (
        of_kind(overlay, "StatefulSet")
        if overlay == "production"
        else [one for one in of_kind(overlay, "StatefulSet") if name_of(one) == "edge-bridge"]
    )
    media = int(environment(bridge)["MEDIA_PORT"]["value"])
    assert reaching(overlay, media) == {"call-handler"}


@pytest.mark.parametrize("overlay", WITH_POLICIES)
def test_knative_reaches_every_function(overlay: str) -> None:
    [policy] = [one for one in of_kind(overlay, "NetworkPolicy") if one["metadata"]["name"] == "knative-to-functions"]
    for workload in workloads(overlay):
        assert selects(policy["spec"]["podSelector"], pod_labels(workload)) is is_knative(workload)


def test_the_open_udp_ports_are_those_that_sip_and_rtp_use() -> None:
    [policy] = [one for one in of_kind("staging", "NetworkPolicy") if one["metadata"]["name"] == "edge-bridge"]
    allowed: set[int] = set()
    for rule in policy["spec"]["ingress"]:
        for port in rule["ports"]:
            if port.get("protocol") == "UDP":
                allowed.update(range(port["port"], port.get("endPort", port["port"]) + 1))
    [service] = [one for one in of_kind("staging", "Service", "") if name_of(one) == "edge-bridge-sip"]
    assert {port["nodePort"] for port in service["spec"]["ports"]} == allowed
    for port in service["spec"]["ports"]:
        assert port["port"] == port["nodePort"]


def test_the_synthetic_caller_reaches_the_bridges_phone_and_postgres_and_both_let_it_in() -> None:
    overlay = "network-policies/synthetic-caller"
    [bridge] = [one for one in of_kind(overlay, "StatefulSet") if name_of(one) == "edge-bridge"]
    variables = environment(bridge)
    first, last = (int(variables[f"RTP_PORT_{end}"]["value"]) for end in ("MIN", "MAX"))
    phone = {("UDP", int(variables["SIP_PORT"]["value"]), None), ("UDP", first, last)}
    policies = {name_of(one): one["spec"] for one in of_kind(overlay, "NetworkPolicy")}
    [to_edge] = policies["synthetic-caller-to-edge"]["ingress"]

    def ports(rules: list[Object]) -> set[tuple[str, int, int | None]]:
        return {(p.get("protocol", "TCP"), p["port"], p.get("endPort")) for rule in rules for p in rule["ports"]}

    assert ports([to_edge]) == phone
    assert to_edge["from"] == [{"podSelector": {"matchLabels": {"app": "synthetic-caller"}}}]
    assert phone | {("TCP", PORTS["postgres"], None)} <= ports(policies["synthetic-caller"]["egress"])
    assert "synthetic-caller" not in admitted("staging", "postgres")
    assert ports(policies["synthetic-caller-to-postgres"]["ingress"]) == {("TCP", PORTS["postgres"], None)}
    for policy in ("synthetic-caller-to-edge", "synthetic-caller-to-postgres"):
        assert any(selects(policies[policy]["podSelector"], pod_labels(one)) for one in workloads(overlay))


def test_udp_comes_from_networks_that_are_named() -> None:
    [policy] = [one for one in of_kind("staging", "NetworkPolicy") if name_of(one) == "edge-bridge"]
    rules = [rule for rule in policy["spec"]["ingress"] if any(port.get("protocol") == "UDP" for port in rule["ports"])]
    assert len(rules) == 2
    for rule in rules:
        assert [peer["ipBlock"]["cidr"] for peer in rule["from"]] != ["0.0.0.0/0"]
