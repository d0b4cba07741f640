"""Objects as a cluster with Knative holds them, cut down to what is read of them."""

from collections.abc import Mapping

from tests.fakes.kubernetes_resources import Object

NAMESPACE = "alloresto"


def service(
    name: str,
    *,
    namespace: str = NAMESPACE,
    revision: str = "",
    ready: bool = True,
    reason: str = "",
    message: str = "",
    annotations: Mapping[str, str] | None = None,
) -> Object:
    """A Knative Service; ``revision`` is its newest ready one (``NAME-00001``), ``annotations`` are the template's."""
    latest = revision or f"{name}-00001"
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "template": {
                "metadata": {"annotations": dict(annotations or {})},
                "spec": {"containers": [{"image": "alloresto-functions"}]},
            }
        },
        "status": {
            "url": f"http://{name}.{namespace}.svc.cluster.local",
            "latestCreatedRevisionName": latest,
            "latestReadyRevisionName": latest,
            "conditions": [_condition(ready, reason, message)],
        },
    }


def revision(
    name: str,
    service: str,
    *,
    namespace: str = NAMESPACE,
    ready: bool = True,
    pods: int = 0,
    annotations: Mapping[str, str] | None = None,
) -> Object:
    """``pods`` are desired and there; Knative leaves a 0 out."""
    replicas = {"desiredReplicas": pods, "actualReplicas": pods} if pods else {}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Revision",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"serving.knative.dev/service": service},
            "annotations": dict(annotations or {}),
        },
        "spec": {"containers": [{"image": "alloresto-functions"}]},
        "status": {"conditions": [_condition(ready)], **replicas},
    }


def pod(name: str, service: str, *, namespace: str = NAMESPACE) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"serving.knative.dev/service": service}},
        "spec": {"containers": [{"name": "user-container", "image": "alloresto-functions"}]},
        "status": {"phase": "Running"},
    }


def service_account(name: str, *, namespace: str = NAMESPACE) -> Object:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def deletion_cost_role() -> list[Object]:
    """The edge bridge's ServiceAccount, its Role and the binding, as the manifests have them."""
    rbac = "rbac.authorization.k8s.io"
    return [
        service_account("edge-bridge"),
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "Role",
            "metadata": {"name": "pod-deletion-cost", "namespace": NAMESPACE},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "edge-bridge-pod-deletion-cost", "namespace": NAMESPACE},
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "pod-deletion-cost"},
            "subjects": [{"kind": "ServiceAccount", "name": "edge-bridge"}],
        },
    ]


def _condition(ready: bool, reason: str = "", message: str = "") -> Object:
    condition = {"type": "Ready", "status": str(ready), "reason": reason, "message": message}
    return {key: value for key, value in condition.items() if value}
