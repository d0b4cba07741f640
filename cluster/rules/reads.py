"""What the rules need to see of a cluster: kinds by namespace, and the role that lets somebody read them."""

from collections.abc import Iterator

from cluster.kinds import Kind
from cluster.rules.edge import RBAC
from cluster.rules.findings import create_or_replace
from cluster.rules.objects import EVENTING, SERVING, SOURCES
from cluster.rules.product import KNATIVE_EVENTING, KNATIVE_SERVING

PRODUCT_KINDS: tuple[Kind, ...] = (
    Kind(f"{SERVING}/v1", "Service"),
    Kind(f"{EVENTING}/v1", "Broker"),
    Kind(f"{EVENTING}/v1", "Trigger"),
    Kind(f"{SOURCES}/v1", "SinkBinding"),
    Kind(f"{SOURCES}/v1", "PingSource"),
    Kind("apps/v1", "Deployment"),
    Kind("apps/v1", "StatefulSet"),
    Kind("batch/v1", "Job"),
    Kind("policy/v1", "PodDisruptionBudget"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler"),
    Kind("networking.k8s.io/v1", "Ingress"),
    Kind("v1", "Pod"),
    Kind("v1", "Service"),
    Kind("v1", "ServiceAccount"),
)
EDGE_KINDS: tuple[Kind, ...] = (
    Kind(f"{SOURCES}/v1", "SinkBinding"),
    Kind("apps/v1", "StatefulSet"),
    Kind("policy/v1", "PodDisruptionBudget"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler"),
    Kind("v1", "Pod"),
    Kind("v1", "Service"),
    Kind("v1", "ServiceAccount"),
)
SETTINGS_KINDS: tuple[Kind, ...] = (
    Kind("v1", "ConfigMap"),
    Kind("apps/v1", "Deployment"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler"),
)
ROLE_KINDS: tuple[Kind, ...] = (
    Kind(f"{RBAC}/v1", "Role"),
    Kind(f"{RBAC}/v1", "RoleBinding"),
    Kind(f"{RBAC}/v1", "ClusterRole"),
    Kind(f"{RBAC}/v1", "ClusterRoleBinding"),
)
"""Only where the API server may not be asked what somebody else may do."""
REFERRED_KINDS: tuple[Kind, ...] = (Kind("v1", "ConfigMap"), Kind("v1", "Secret"), Kind("v1", "Service"))
"""By name, where something refers to one."""

DOCTOR = "alloresto-doctor"


def listed(namespace: str, edge_namespace: str) -> Iterator[tuple[Kind, str]]:
    """Kind and namespace of what is listed, each once."""
    wanted = (
        *((kind, namespace) for kind in PRODUCT_KINDS),
        *((kind, edge_namespace) for kind in EDGE_KINDS),
        *((kind, KNATIVE_SERVING) for kind in SETTINGS_KINDS),
        (Kind("apps/v1", "Deployment"), KNATIVE_EVENTING),
    )
    yield from dict.fromkeys(wanted)


def grant(namespace: str) -> str:
    """Commands that let NAME (to be filled in) read it all in ``namespace``; empty: what has no namespace."""
    kinds = dict.fromkeys((*PRODUCT_KINDS, *EDGE_KINDS, *SETTINGS_KINDS, *ROLE_KINDS, *REFERRED_KINDS))
    resources = ",".join(map(str, kinds))
    binding = f"rolebinding {DOCTOR} -n {namespace}" if namespace else f"clusterrolebinding {DOCTOR}"
    role = create_or_replace(f"clusterrole {DOCTOR} --verb=get,list --resource={resources}")
    return f"{role}\n{create_or_replace(f'{binding} --clusterrole={DOCTOR} --user=NAME')}"
