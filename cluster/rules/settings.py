"""Knative's own settings, one set for the whole cluster: the ConfigMaps of ``knative-serving``, and the activator."""

from collections.abc import Iterator

from cluster.rules.findings import Finding, fault, fault_of_value, patch, set_value, target
from cluster.rules.handler import TIMEOUT_S
from cluster.rules.objects import SERVING, ClusterObject, ClusterObjects, Reference
from cluster.rules.product import ACTIVATOR, KNATIVE_SERVING, POD_GRACE_S, POD_SPEC, handler, longest_call_s

NAME_LABEL = "app.kubernetes.io/name"
COMPONENT_LABEL = "app.kubernetes.io/component"
COMPONENTS = {
    "config-network": "networking",
    "config-defaults": "controller",
    "config-autoscaler": "autoscaler",
    "config-observability": "observability",
    "config-features": "controller",
}
"""Those that we set, with the component that Knative's release labels them with."""
GATED_FIELDS = {
    "affinity": "kubernetes.podspec-affinity",
    "nodeSelector": "kubernetes.podspec-nodeselector",
    "priorityClassName": "kubernetes.podspec-priorityclassname",
    "securityContext": "kubernetes.podspec-securitycontext",
    "tolerations": "kubernetes.podspec-tolerations",
    "topologySpreadConstraints": "kubernetes.podspec-topologyspreadconstraints",
}
"""Fields of a pod that a Knative Service may have only when this key of config-features is enabled."""
CLUSTER_MAX_TIMEOUT_S = 600
"""``max-revision-timeout-seconds`` where it is not set."""


def config_maps(objects: ClusterObjects) -> list[ClusterObject]:
    """All of Knative Serving's."""
    return objects.all("", "ConfigMap", KNATIVE_SERVING)


def pods_are_addressed_one_by_one(objects: ClusterObjects) -> Iterator[Finding]:
    config = _config(objects, "config-network")
    if config is None:
        return
    path = ("data", "mesh-compatibility-mode")
    mode = str(config.at(*path) or "auto")
    if mode.lower() != "disabled":
        found = mode if config.at(*path) else "not set, which means auto"
        why = (
            "one slow probe, and the activator falls back to the ClusterIP, which knows no free pods: of 6 calls on "
            "3 pods three waited 46-91 s behind live calls"
        )
        fix = set_value(config, path, "disabled")
        if not config.file:  # it is read once, when the activator starts
            fix += f"\nkubectl rollout restart {target(ACTIVATOR)}"
        yield fault(config, path, found, why, fix)


def fields_of_pods_are_permitted(objects: ClusterObjects) -> Iterator[Finding]:
    """Knative refuses a Service with a field that config-features does not enable."""
    config = _config(objects, "config-features")
    if config is None:
        return
    for service in objects.all(SERVING, "Service"):
        for field, feature in GATED_FIELDS.items():
            permitted = str(config.at("data", feature) or "disabled")
            if service.at(*POD_SPEC, field) and permitted.lower() not in ("enabled", "allowed"):
                found = f"{permitted}, while Service/{service.name} has {field}"
                why = f"Knative refuses the Service: its next Revision cannot be made (must not set the field {field})"
                yield fault_of_value(config, ("data", feature), found, why, "enabled")


def knative_checks_its_settings(objects: ClusterObjects) -> Iterator[Finding]:
    """The labels that Knative's webhook selects ConfigMaps by; a server-side apply over Knative deletes them."""
    for name, component in COMPONENTS.items():
        config = objects.find(Reference("v1", "ConfigMap", KNATIVE_SERVING, name))
        if config is None or config.file or config.at("metadata", "ownerReferences"):
            continue  # a patch has no labels; the Knative Operator puts its own back
        wanted = {NAME_LABEL: KNATIVE_SERVING, COMPONENT_LABEL: component}
        labels = config.mapping("metadata", "labels")
        if labels.get(NAME_LABEL) != KNATIVE_SERVING or labels.get(COMPONENT_LABEL) not in COMPONENTS.values():
            why = (
                "Knative's webhook checks only ConfigMaps with these labels: a wrong setting is accepted "
                "(revision-timeout-seconds: bogus was), and Knative's processes fail at it when they start next"
            )
            found = f"not {', '.join(f'{key}: {value}' for key, value in wanted.items())}"
            yield fault_of_value(config, ("metadata", "labels"), found, why, wanted)


def long_calls_are_allowed(objects: ClusterObjects) -> Iterator[Finding]:
    config = _config(objects, "config-defaults")
    if config is None:
        return
    service = handler(objects)
    timeout_s = (service.integer(*POD_SPEC, "timeoutSeconds") if service is not None else None) or TIMEOUT_S
    path = ("data", "max-revision-timeout-seconds")
    most = str(config.at(*path) or CLUSTER_MAX_TIMEOUT_S)
    if not most.isdigit() or int(most) < timeout_s:
        found = most if config.at(*path) else f"not set, which means {CLUSTER_MAX_TIMEOUT_S}"
        why = f"the call handler's timeoutSeconds of {timeout_s} is refused: its next Revision cannot be made"
        yield fault_of_value(config, path, found, why, str(timeout_s))


def silence_is_not_cut_by_default(objects: ClusterObjects) -> Iterator[Finding]:
    config = _config(objects, "config-defaults")
    if config is None:
        return
    service = handler(objects)
    own = service.at(*POD_SPEC, "idleTimeoutSeconds") if service is not None else None
    path = ("data", "revision-idle-timeout-seconds")
    idle_s = str(config.at(*path) or "0")
    if idle_s != "0" and own is None:
        why = "the call handler gets it as its idleTimeoutSeconds: it cuts a silent stream, and a cold start"
        yield fault_of_value(config, path, idle_s, why, "0")


def pod_metrics_are_on(objects: ClusterObjects) -> Iterator[Finding]:
    config = _config(objects, "config-observability")
    if config is None:
        return
    path = ("data", "metrics-protocol")
    if config.at(*path) in (None, "", "none"):
        why = "no kn_revision_* metrics: desired, pending and panicking pods cannot be seen, nor alerted on"
        found = str(config.at(*path) or "not set, which means none")
        yield fault_of_value(config, path, found, why, "prometheus", warning=True)


def _config(objects: ClusterObjects, name: str) -> ClusterObject | None:
    """The ConfigMap. Where Knative is installed without it, an empty one: its defaults hold."""
    reference = Reference("v1", "ConfigMap", KNATIVE_SERVING, name)
    if objects.is_absent(reference):
        return ClusterObject(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": KNATIVE_SERVING}}
        )
    return objects.find(reference)


def there_is_one_activator(objects: ClusterObjects) -> Iterator[Finding]:
    deployment = objects.find(ACTIVATOR)
    two = "with two activators, of 7 calls 2 waited 41-46 s behind live calls: each knows only its own"
    if deployment is not None:
        replicas = deployment.at("spec", "replicas")
        if replicas not in (None, 1):
            why = two if replicas else "no call reaches a pod"
            yield fault_of_value(deployment, ("spec", "replicas"), str(replicas), why, 1)
    for autoscaler in objects.all("autoscaling", "HorizontalPodAutoscaler", KNATIVE_SERVING):
        aim = autoscaler.mapping("spec", "scaleTargetRef")
        most = autoscaler.at("spec", "maxReplicas")
        if (aim.get("kind"), aim.get("name")) != (ACTIVATOR.kind, ACTIVATOR.name) or most == 1:
            continue
        found = f"{autoscaler.at('spec', 'minReplicas') or 1} to {most} activators"
        # pinned, not deleted: it then keeps the Deployment at one, too
        fix = "under spec write  minReplicas: 1 and maxReplicas: 1"
        if not autoscaler.file:
            fix = patch(autoscaler.reference, {"spec": {"minReplicas": 1, "maxReplicas": 1}})
        yield fault(autoscaler, ("spec", "maxReplicas"), found, two, fix)


def the_activator_waits_for_its_calls(objects: ClusterObjects) -> Iterator[Finding]:
    deployment = objects.find(ACTIVATOR)
    if deployment is None:
        return
    path = (*POD_SPEC, "terminationGracePeriodSeconds")
    grace_s = deployment.integer(*path)
    longest_s = longest_call_s(objects)
    if (POD_GRACE_S if grace_s is None else grace_s) < longest_s:
        found = f"{f'not set, which means {POD_GRACE_S}' if grace_s is None else grace_s}, for calls of {longest_s:g} s"
        why = "when it is replaced (upgrade, node drain) every call that lasts longer is cut: all of them go through it"
        yield fault_of_value(deployment, path, found, why, TIMEOUT_S)
