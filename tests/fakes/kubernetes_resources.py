"""The resources that a fake API server serves, its URLs, and its way to refuse."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from aiohttp import web

Object = dict[str, Any]
Key = tuple[str, str, str, str]  # API group, kind, namespace (empty for the cluster's own), name

# What is served: by group and version, the plural, the kind, and whether it lives in a namespace.
RESOURCES: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "v1": (
        ("configmaps", "ConfigMap", True),
        ("namespaces", "Namespace", False),
        ("nodes", "Node", False),
        ("pods", "Pod", True),
        ("secrets", "Secret", True),
        ("serviceaccounts", "ServiceAccount", True),
        ("services", "Service", True),
    ),
    "apps/v1": (("deployments", "Deployment", True), ("statefulsets", "StatefulSet", True)),
    "authorization.k8s.io/v1": (
        ("selfsubjectaccessreviews", "SelfSubjectAccessReview", False),
        ("subjectaccessreviews", "SubjectAccessReview", False),
    ),
    "autoscaling/v2": (("horizontalpodautoscalers", "HorizontalPodAutoscaler", True),),
    "batch/v1": (("jobs", "Job", True),),
    "networking.k8s.io/v1": (("ingresses", "Ingress", True), ("networkpolicies", "NetworkPolicy", True)),
    "policy/v1": (("poddisruptionbudgets", "PodDisruptionBudget", True),),
    "rbac.authorization.k8s.io/v1": (
        ("clusterroles", "ClusterRole", False),
        ("clusterrolebindings", "ClusterRoleBinding", False),
        ("roles", "Role", True),
        ("rolebindings", "RoleBinding", True),
    ),
    "apiextensions.k8s.io/v1": (("customresourcedefinitions", "CustomResourceDefinition", False),),
    "serving.knative.dev/v1": (
        ("configurations", "Configuration", True),
        ("revisions", "Revision", True),
        ("routes", "Route", True),
        ("services", "Service", True),
    ),
    "eventing.knative.dev/v1": (("brokers", "Broker", True), ("triggers", "Trigger", True)),
    "eventing.knative.dev/v1alpha1": (("eventpolicies", "EventPolicy", True),),
    "sources.knative.dev/v1": (("pingsources", "PingSource", True), ("sinkbindings", "SinkBinding", True)),
}

KINDS = {
    (api_version, kind): (plural, namespaced)
    for api_version, rows in RESOURCES.items()
    for plural, kind, namespaced in rows
}


class Refused(Exception):  # noqa: N818 - as the server means it; nothing is broken
    """Answered as a Status object, as the API does; in plain text where it has no such resource at all."""

    def __init__(self, code: int, reason: str, message: str, *, plain: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.plain = plain

    def status(self) -> Object:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            "code": self.code,
        }

    def response(self) -> web.Response:
        if self.plain:
            return web.Response(status=self.code, text="404 page not found\n")
        return json_response(self.status(), self.code)


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL means."""

    group: str
    api_version: str
    plural: str
    kind: str
    namespace: str
    name: str

    def holds(self, key: Key) -> bool:
        group, kind, namespace, _ = key
        return (group, kind) == (self.group, self.kind) and self.namespace in ("", namespace)

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


def target_of(path: str, without: Collection[str]) -> Target:
    """Raises Refused for what is not served; ``without`` are API groups."""
    unknown = Refused(404, "NotFound", "404 page not found", plain=True)
    parts = path.strip("/").split("/")
    api_version, rest = (parts[1], parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
    if group_of(api_version) in without:
        raise unknown
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    for plural, kind, namespaced in RESOURCES.get(api_version, ()):
        if rest and plural == rest[0] and len(rest) <= 2 and (namespaced or not namespace):
            return Target(group_of(api_version), api_version, plural, kind, namespace, "".join(rest[1:]))
    raise unknown


def group_of(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def json_response(body: Object, status: int) -> web.Response:
    # No charset: the API sends none, and clients compare.
    return web.Response(body=json.dumps(body).encode(), status=status, content_type="application/json")
