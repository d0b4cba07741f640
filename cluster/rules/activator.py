"""Knative's activator: every held call goes through it, so there is exactly one, and it leaves slowly."""

from collections.abc import Iterator

from cluster.rules.findings import Finding
from cluster.rules.handler import TIMEOUT_S
from cluster.rules.mending import fault, fault_of_value, patch
from cluster.rules.objects import ClusterObjects, Reference
from cluster.rules.product import KNATIVE_SERVING, POD_GRACE_S, POD_SPEC, longest_call_s

ACTIVATOR = Reference("apps/v1", "Deployment", KNATIVE_SERVING, "activator")


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
