"""What the rules need to see of a cluster: kinds by namespace, and the role that lets somebody read them."""

from collections.abc import Iterator

from cluster.rules.access import RBAC
from cluster.rules.mending import create_or_replace
from cluster.rules.objects import EVENTING, SERVING, SOURCES, group_of
from cluster.rules.product import KNATIVE_SERVING

Kind = tuple[str, str]
"""apiVersion and kind."""

PRODUCT_KINDS: tuple[Kind, ...] = (
    (f"{SERVING}/v1", "Service"),
    (f"{EVENTING}/v1", "Broker"),
    (f"{EVENTING}/v1", "Trigger"),
    (f"{SOURCES}/v1", "SinkBinding"),
    (f"{SOURCES}/v1", "PingSource"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "Job"),
    ("policy/v1", "PodDisruptionBudget"),
    ("v1", "ServiceAccount"),
)
EDGE_KINDS: tuple[Kind, ...] = (
    (f"{SOURCES}/v1", "SinkBinding"),
    ("apps/v1", "StatefulSet"),
    ("policy/v1", "PodDisruptionBudget"),
    ("v1", "ServiceAccount"),
)
SETTINGS_KINDS: tuple[Kind, ...] = (
    ("v1", "ConfigMap"),
    ("apps/v1", "Deployment"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
)
ROLE_KINDS: tuple[Kind, ...] = (
    (f"{RBAC}/v1", "Role"),
    (f"{RBAC}/v1", "RoleBinding"),
    (f"{RBAC}/v1", "ClusterRole"),
    (f"{RBAC}/v1", "ClusterRoleBinding"),
)
"""Only where the API server may not be asked what somebody else may do."""
REFERRED_KINDS: tuple[Kind, ...] = (("v1", "ConfigMap"), ("v1", "Secret"), ("v1", "Service"))
"""By name, where something refers to one."""

DOCTOR = "alloresto-doctor"


def listed(namespace: str, edge_namespace: str) -> Iterator[tuple[str, str, str]]:
    """apiVersion, kind and namespace of what is listed, each once."""
    wanted = (
        *((*kind, namespace) for kind in PRODUCT_KINDS),
        *((*kind, edge_namespace) for kind in EDGE_KINDS),
        *((*kind, KNATIVE_SERVING) for kind in SETTINGS_KINDS),
    )
    yield from dict.fromkeys(wanted)


def grant(namespace: str) -> str:
    """Commands that let NAME (to be filled in) read it all in ``namespace``; empty: what has no namespace."""
    kinds = dict.fromkeys((*PRODUCT_KINDS, *EDGE_KINDS, *SETTINGS_KINDS, *ROLE_KINDS, *REFERRED_KINDS))
    resources = ",".join(_resource(*kind) for kind in kinds)
    binding = f"rolebinding {DOCTOR} -n {namespace}" if namespace else f"clusterrolebinding {DOCTOR}"
    role = create_or_replace(f"clusterrole {DOCTOR} --verb=get,list --resource={resources}")
    return f"{role}\n{create_or_replace(f'{binding} --clusterrole={DOCTOR} --user=NAME')}"


def _resource(api_version: str, kind: str) -> str:
    """As ``kubectl`` takes it: ``triggers.eventing.knative.dev``. No kind of ours has an irregular plural."""
    group, plural = group_of(api_version), kind.lower() + "s"
    return f"{plural}.{group}" if group else plural
