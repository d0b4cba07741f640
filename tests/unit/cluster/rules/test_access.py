"""RBAC, evaluated from Roles and bindings as the API server does."""

from typing import Any

import pytest

from cluster.rules import Access, Unread, Verdict
from cluster.rules.edge import is_allowed
from tests.unit.cluster.rules.planted import Planted

pytestmark = pytest.mark.unit

PATCH_PODS = Access("alloresto-edge/edge-bridge", "patch", "", "pods", "alloresto")
BINDING = "RoleBinding/edge-bridge-pod-deletion-cost"
ROLE = "Role/pod-deletion-cost"
GROUP = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group"}
USER = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User"}


@pytest.mark.parametrize(
    "subject",
    [
        GROUP | {"name": "system:authenticated"},
        GROUP | {"name": "system:serviceaccounts"},
        GROUP | {"name": "system:serviceaccounts:alloresto-edge"},
        USER | {"name": "system:serviceaccount:alloresto-edge:edge-bridge"},
    ],
)
def test_an_account_is_also_meant_by_its_user_name_and_its_groups(cluster: Planted, subject: dict[str, Any]) -> None:
    cluster.set(BINDING, "subjects", [subject])
    assert is_allowed(cluster.read(), PATCH_PODS)


@pytest.mark.parametrize(
    "subject",
    [
        {"kind": "ServiceAccount", "name": "edge-bridge", "namespace": "alloresto"},
        {"kind": "ServiceAccount", "name": "default", "namespace": "alloresto-edge"},
        GROUP | {"name": "system:serviceaccounts:alloresto"},
        USER | {"name": "edge-bridge"},
    ],
)
def test_another_account_gives_the_bridge_nothing(cluster: Planted, subject: dict[str, Any]) -> None:
    cluster.set(BINDING, "subjects", [subject])
    assert not is_allowed(cluster.read(), PATCH_PODS)


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, True),
        ({"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "patch"]}, True),
        ({"apiGroups": ["apps"], "resources": ["pods"], "verbs": ["patch"]}, False),
        ({"apiGroups": [""], "resources": ["pods/log"], "verbs": ["patch"]}, False),
        ({"apiGroups": [""], "resources": ["pods"], "verbs": ["update"]}, False),
        ({"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"], "resourceNames": ["one"]}, False),
    ],
)
def test_a_rule_must_cover_group_resource_and_verb(cluster: Planted, rule: dict[str, Any], allowed: bool) -> None:
    cluster.set(ROLE, "rules", [rule])
    assert is_allowed(cluster.read(), PATCH_PODS) is allowed


def test_a_binding_in_another_namespace_gives_nothing(cluster: Planted) -> None:
    cluster.set(BINDING, "metadata/namespace", "alloresto-edge")
    assert not is_allowed(cluster.read(), PATCH_PODS)


def test_a_cluster_role_counts_in_the_bindings_namespace_or_everywhere(cluster: Planted) -> None:
    cluster.set(ROLE, "metadata", {"name": "pod-deletion-cost"})
    cluster.one(ROLE)["kind"] = "ClusterRole"
    cluster.set(BINDING, "roleRef/kind", "ClusterRole")
    assert is_allowed(cluster.read(), PATCH_PODS)
    cluster.set(BINDING, "metadata", {"name": "everywhere"})
    cluster.one("RoleBinding/everywhere")["kind"] = "ClusterRoleBinding"
    assert is_allowed(cluster.read(), PATCH_PODS)


def test_the_api_servers_own_answer_counts_more_than_the_objects(cluster: Planted) -> None:
    cluster.reviews = {PATCH_PODS: False}
    [finding] = cluster.findings()
    assert finding.verdict is Verdict.REFUSED
    cluster.remove(ROLE)
    cluster.reviews = {PATCH_PODS: True}
    assert cluster.findings() == []


def test_what_could_not_be_read_is_not_taken_for_a_missing_right(cluster: Planted) -> None:
    cluster.remove(ROLE)
    cluster.unread = [Unread("rbac.authorization.k8s.io/v1", "Role", "alloresto", why="it is forbidden")]
    [finding] = cluster.findings()
    assert finding.verdict is Verdict.NOT_EXAMINED
    assert finding.what == "Roles in alloresto"


def test_the_commands_grant_the_right_to_the_bridges_own_account(cluster: Planted) -> None:
    cluster.remove(BINDING)
    [finding] = cluster.findings()
    assert finding.fix.splitlines() == [
        "kubectl create role pod-deletion-cost -n alloresto --verb=patch --resource=pods "
        "--dry-run=client -o yaml | kubectl apply -f -",
        "kubectl create rolebinding edge-bridge-pod-deletion-cost -n alloresto --role=pod-deletion-cost "
        "--serviceaccount=alloresto-edge:edge-bridge --dry-run=client -o yaml | kubectl apply -f -",
    ]
