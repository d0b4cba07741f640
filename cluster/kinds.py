"""Kinds of objects: their place in the API's URLs, and lightkube's class for each.

All are generic resources (plain dicts), the built-in ones too: a typed model drops the fields that it does not know,
and a rule about a setting must see what the cluster has.
"""

import functools
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

# Kinds without a namespace, of those that a manifest of ours may hold or that we ask for.
CLUSTER_SCOPED = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "SelfSubjectAccessReview",
        "StorageClass",
        "SubjectAccessReview",
        "ValidatingWebhookConfiguration",
    }
)


@dataclass(frozen=True, slots=True)
class Kind:
    """``api_version`` is ``v1`` for the core group, else ``GROUP/VERSION``."""

    api_version: str
    name: str

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    @property
    def namespaced(self) -> bool:
        return self.name not in CLUSTER_SCOPED

    @property
    def plural(self) -> str:
        """By Kubernetes' own rule (UnsafeGuessKindToResource), which holds for every kind of ours and of Knative."""
        singular = self.name.lower()
        if singular.endswith("y"):
            return f"{singular[:-1]}ies"
        return f"{singular}es" if singular.endswith("s") else f"{singular}s"

    def __str__(self) -> str:
        """As ``kubectl`` names it: ``revisions.serving.knative.dev``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


POD = Kind("v1", "Pod")
SERVICE = Kind("serving.knative.dev/v1", "Service")
REVISION = Kind("serving.knative.dev/v1", "Revision")
ACCESS_REVIEW = Kind("authorization.k8s.io/v1", "SubjectAccessReview")
OWN_ACCESS_REVIEW = Kind("authorization.k8s.io/v1", "SelfSubjectAccessReview")


@functools.cache  # lightkube takes one class for each kind
def resource(kind: Kind) -> Any:
    """lightkube's class, whose instances are dicts."""
    from lightkube.generic_resource import create_global_resource, create_namespaced_resource

    create = create_namespaced_resource if kind.namespaced else create_global_resource
    return create(kind.group, kind.version, kind.name, kind.plural)
