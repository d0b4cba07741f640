"""Role-based access control as Kubernetes evaluates it, over the Role and binding objects of a fake API server."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.fakes.kubernetes_resources import Object

MASTERS = "system:masters"


@dataclass(frozen=True, slots=True)
class Subject:
    user: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Action:
    """``resource`` is ``pods`` or ``pods/log``; an empty ``namespace`` is the whole cluster."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


ADMIN = Subject("kubernetes-admin", frozenset({MASTERS, "system:authenticated"}))
ANONYMOUS = Subject("system:anonymous", frozenset({"system:unauthenticated"}))


def service_account(namespace: str, name: str) -> Subject:
    groups = {"system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"}
    return Subject(f"system:serviceaccount:{namespace}:{name}", frozenset(groups))


def is_allowed(objects: Iterable[Object], subject: Subject, action: Action) -> bool:
    if MASTERS in subject.groups:
        return True
    by_kind: dict[str, list[Object]] = {}
    for item in objects:
        by_kind.setdefault(item["kind"], []).append(item)
    bindings = list(by_kind.get("ClusterRoleBinding", ()))
    if action.namespace:
        bindings += [b for b in by_kind.get("RoleBinding", ()) if b["metadata"]["namespace"] == action.namespace]
    return any(
        _permits(rule, action)
        for binding in bindings
        if any(_is(subject, bound, binding) for bound in binding.get("subjects", ()))
        for rule in _rules(by_kind, binding)
    )


def _rules(by_kind: dict[str, list[Object]], binding: Object) -> list[Object]:
    """Those of the role that the binding names; a binding to a role that does not exist grants nothing."""
    ref = binding["roleRef"]
    for role in by_kind.get(ref["kind"], ()):
        at_home = ref["kind"] == "ClusterRole" or role["metadata"]["namespace"] == binding["metadata"]["namespace"]
        if role["metadata"]["name"] == ref["name"] and at_home:
            return list(role.get("rules") or ())
    return []


def _is(subject: Subject, bound: Object, binding: Object) -> bool:
    if bound["kind"] == "ServiceAccount":
        namespace = bound.get("namespace") or binding["metadata"].get("namespace", "")
        return subject.user == f"system:serviceaccount:{namespace}:{bound['name']}"
    return bound["name"] in subject.groups if bound["kind"] == "Group" else bound["name"] == subject.user


def _permits(rule: Object, action: Action) -> bool:
    names = rule.get("resourceNames")
    return (
        _holds(rule["verbs"], action.verb)
        and _holds(rule.get("apiGroups", ()), action.group)
        and _holds(rule.get("resources", ()), action.resource)
        and (not names or action.name in names)
    )


def _holds(values: Iterable[str], wanted: str) -> bool:
    return wanted in values or "*" in values
