"""What an examination says beyond its rules: what holds, what could not be read, and how to mend things."""

import copy
import itertools
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from cluster.rules import ClusterObject, ClusterObjects, Finding, Unread, Verdict, examine, exit_status, product
from cluster.rules.examination import RULES
from cluster.rules.handler import TIMEOUT_S
from edge_bridge.node.supervisor import LEAVE_WITHIN_S
from edge_bridge.settings import RTP_PORTS, EdgeSettings
from eventing.catalogue import CallIncoming
from functions.call_handler.settings import Settings as HandlerSettings
from tests.unit.cluster.rules.planted import OBJECTS, Planted

pytestmark = pytest.mark.unit

HANDLER = "Service/call-handler"


def default(settings: type[msgspec.Struct], name: str) -> object:
    return next(one.default for one in msgspec.structs.fields(settings) if one.name == name)


def required(settings: type[msgspec.Struct]) -> set[str]:
    return {one.name.upper() for one in msgspec.structs.fields(settings) if one.required}


def test_a_rule_that_finds_nothing_says_what_holds(cluster: Planted) -> None:
    findings = examine(cluster.read())
    assert [(one.what, one.detail) for one in findings] == [(rule.subject, rule.holds) for rule in RULES]
    assert exit_status(findings) == 0


def test_the_product_s_facts_are_those_of_its_processes() -> None:
    assert product.CALL_EVENT == CallIncoming.TYPE
    assert default(HandlerSettings, "max_call_s") == product.MAX_CALL_S
    assert default(HandlerSettings, "drain_s") == TIMEOUT_S
    assert default(EdgeSettings, "drain_s") == product.EDGE_DRAIN_S
    assert default(EdgeSettings, "max_calls") == product.EDGE_MAX_CALLS
    assert default(EdgeSettings, "rtp_port_min") == product.EDGE_RTP_PORT_MIN
    assert RTP_PORTS == product.EDGE_RTP_PORTS
    assert default(EdgeSettings, "handler_wait_s") == product.HANDLER_WAIT_S
    assert LEAVE_WITHIN_S == product.EDGE_LEAVES_WITHIN_S
    assert set(product.REQUIRED_ENVIRONMENT[product.HANDLER]) == required(HandlerSettings)
    assert {*product.REQUIRED_ENVIRONMENT[product.EDGE], "K_SINK"} == required(EdgeSettings)


def test_the_operators_secrets_are_those_of_the_example() -> None:
    example = Path(__file__).parents[4] / "manifests" / "secrets.example.yaml"
    written = {one["metadata"]["name"]: set(one["stringData"]) for one in yaml.safe_load_all(example.read_text())}
    assert {name: set(keys) for name, keys in product.OPERATOR_SECRETS.items()} == written


def test_what_could_not_be_read_is_told_with_the_rules_that_needed_it_and_the_role(cluster: Planted) -> None:
    cluster.remove("ConfigMap/config-network")
    cluster.remove("Deployment/activator")
    why = "whoever runs this may not read it (403)"
    cluster.unread = [
        Unread("v1", "ConfigMap", "knative-serving", "config-network", why),
        Unread("apps/v1", "Deployment", "knative-serving", why=why),
    ]
    [finding] = cluster.findings()
    assert finding.verdict is Verdict.NOT_EXAMINED
    assert finding.what == "ConfigMap/config-network, Deployments in knative-serving"
    assert why in finding.detail
    for unknown in ("pods are addressed one by one", "there is one", "waits for its calls"):
        assert unknown in finding.consequence
    role, binding = finding.fix.splitlines()
    assert role.startswith("kubectl create clusterrole alloresto-doctor --verb=get,list --resource=")
    assert {"configmaps", "deployments.apps", "secrets"} <= set(role.partition("--resource=")[2].split()[0].split(","))
    assert binding.startswith(
        "kubectl create rolebinding alloresto-doctor -n knative-serving --clusterrole=alloresto-doctor --user=NAME"
    )


def test_a_rule_that_could_not_look_does_not_say_that_all_is_well(cluster: Planted) -> None:
    cluster.remove("ConfigMap/config-network")
    cluster.unread = [Unread("v1", "ConfigMap", "knative-serving", "config-network", "it is forbidden")]
    assert "pods are addressed one by one" not in {one.detail for one in examine(cluster.read())}


def test_another_reason_than_a_missing_right_keeps_its_own_fix(cluster: Planted) -> None:
    cluster.remove("Secret/alloresto-redis", "alloresto")
    cluster.unread = [Unread("v1", "Secret", "alloresto", "alloresto-redis", "no answer within 4 s", "try again")]
    [finding] = cluster.findings()
    assert (finding.verdict, finding.fix) == (Verdict.NOT_EXAMINED, "try again")


def test_nobody_is_blamed_for_what_is_kept_elsewhere(cluster: Planted) -> None:
    cluster.objects = [one for one in cluster.objects if one["metadata"]["namespace"] != "knative-serving"]
    cluster.unread = [Unread("", "", "knative-serving")]
    assert cluster.findings() == []


def test_an_object_of_a_file_gets_the_line_to_write(cluster: Planted) -> None:
    cluster.files = {HANDLER: "base/call-handler.yaml"}
    cluster.set(HANDLER, "spec/template/spec/containerConcurrency", 0)
    cluster.set(HANDLER, "spec/template/spec/idleTimeoutSeconds", 60)
    concurrency, idle = cluster.findings()
    assert concurrency.what == "base/call-handler.yaml: Service/call-handler"
    assert concurrency.fix == "under spec.template.spec write  containerConcurrency: 1"
    assert idle.fix == "remove spec.template.spec.idleTimeoutSeconds"


def test_a_command_patches_the_very_field(cluster: Planted) -> None:
    cluster.set(HANDLER, "spec/template/spec/idleTimeoutSeconds", 60)
    [finding] = cluster.findings()
    words = shlex.split(finding.fix)
    assert words[:-1] == [
        "kubectl",
        "patch",
        "-n",
        "alloresto",
        "service.serving.knative.dev/call-handler",
        *words[5:-1],
    ]
    assert words[5:-1] == ["--type", "merge", "-p"]
    assert json.loads(words[-1]) == {"spec": {"template": {"spec": {"idleTimeoutSeconds": None}}}}


def test_a_setting_that_the_knative_operator_owns_is_changed_where_it_comes_from(cluster: Planted) -> None:
    owner = {"apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing", "name": "knative-serving"}
    cluster.set("ConfigMap/config-network", "metadata/ownerReferences", [owner])
    cluster.set("ConfigMap/config-network", "data/mesh-compatibility-mode", "auto")
    [finding] = cluster.findings()
    words = shlex.split(finding.fix.splitlines()[0])
    assert words[2:5] == ["-n", "knative-serving", "knativeserving.operator.knative.dev/knative-serving"]
    assert json.loads(words[-1]) == {"spec": {"config": {"network": {"mesh-compatibility-mode": "disabled"}}}}


def test_a_command_for_a_field_inside_a_list_leaves_the_rest_of_the_list(cluster: Planted) -> None:
    cluster.set(HANDLER, "spec/template/spec/containers/0/readinessProbe", ...)
    [finding] = cluster.findings()
    words = shlex.split(finding.fix)
    assert words[5:-1] == ["--type", "json", "-p"]
    [operation] = json.loads(words[-1])
    assert (operation["op"], operation["path"]) == ("add", "/spec/template/spec/containers/0/readinessProbe")


def test_a_field_of_the_wrong_type_is_examined_without_an_accident() -> None:
    wrong_values = itertools.cycle(["long", 5, [None], {"x": None}, None])
    for number, one in enumerate(OBJECTS):
        for path in paths_below(one):
            node: Any = copy.deepcopy(one)
            others = [ClusterObject(other) for other in (*OBJECTS[:number], *OBJECTS[number + 1 :])]
            planted = ClusterObject(node)
            for step in path[:-1]:
                node = node[step]
            node[path[-1]] = next(wrong_values)
            examine(ClusterObjects([planted, *others]))


def paths_below(node: Any) -> Iterator[tuple[Any, ...]]:
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, child in steps:
        yield (step,)
        yield from ((step, *path) for path in paths_below(child))


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ([], 0),
        ([Verdict.GOOD, Verdict.WARNING], 0),
        ([Verdict.NOT_EXAMINED, Verdict.WARNING], 3),
        ([Verdict.NOT_EXAMINED, Verdict.REFUSED], 1),
    ],
)
def test_the_exit_status_is_that_of_the_worst_finding(verdicts: list[Verdict], status: int) -> None:
    findings = [
        Finding("x", one is Verdict.GOOD, "", warning=one is Verdict.WARNING, examined=one is not Verdict.NOT_EXAMINED)
        for one in verdicts
    ]
    assert [one.verdict for one in findings] == verdicts
    assert exit_status(findings) == status
