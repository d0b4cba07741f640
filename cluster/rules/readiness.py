"""Does everything run: what is missing, what is not available, and what keeps pods from starting.

Only for a cluster: its objects have a status, and what is not among them is not there.
"""

from collections.abc import Iterator

from cluster.rules.findings import APPLY, Finding, fault, fault_of_value, kubectl, target
from cluster.rules.objects import EVENTING, ClusterObject, ClusterObjects, Reference
from cluster.rules.presence import INSTALL
from cluster.rules.product import (
    ACTIVATOR,
    BROKER,
    KNATIVE_EVENTING,
    KNATIVE_SERVING,
    POD_SPEC,
    RELAY,
    WEB,
    edge,
    handler,
)

KNATIVES = {
    KNATIVE_SERVING: ("activator", "autoscaler", "controller", "webhook"),
    KNATIVE_EVENTING: ("eventing-controller", "eventing-webhook"),
}
"""Deployments that every Knative has. The others depend on its Broker, and some have no pod until they have work."""
IN_MEMORY_BROKER = ("imc-controller", "imc-dispatcher", "mt-broker-controller", "mt-broker-filter", "mt-broker-ingress")
NOT_DELIVERED = "events are not delivered: they wait in the outbox, and no function does its work"
CONSEQUENCES = {
    "activator": "no call reaches a pod",
    "autoscaler": "no pod is started for a call: every caller hears the restaurant's fallback",
    "controller": "no change of a Service takes effect",
    "webhook": "no Service can be changed, and Knative's settings are not checked",
    "edge-bridge": "the phone is not answered",
    "outbox-relay": NOT_DELIVERED,
    "web": "nobody can see orders or change a menu",
    "postgres": "nothing is known of restaurants, and no order can be kept",
    "redis": "bridges cannot hold their lines, and a call cannot go on when its handler fails",
    **dict.fromkeys((*KNATIVES[KNATIVE_EVENTING], *IN_MEMORY_BROKER), NOT_DELIVERED),
}
BROKEN = {
    "ImagePullBackOff": "name an image that the nodes can pull, with its pull secret",
    "ErrImagePull": "name an image that the nodes can pull, with its pull secret",
    "ErrImageNeverPull": "load the image into the node, or let it be pulled",
    "InvalidImageName": "correct the image's name",
    "CrashLoopBackOff": "its last log names the reason",
    "CreateContainerConfigError": "make the Secret or ConfigMap that the message names",
    "CreateContainerError": "correct what the message names",
    "RunContainerError": "correct what the message names",
}
"""Why a container waits → what to do about it; other reasons pass by themselves."""


def every_part_is_there(objects: ClusterObjects) -> Iterator[Finding]:
    """Beside the call handler and the bridge, which the rules about manifests miss already."""
    for namespace, names in KNATIVES.items():
        there = {one.name for one in objects.all("apps", "Deployment", namespace)}
        for name in sorted(set(names) - there) if not objects.missed else ():
            where = str(Reference("apps/v1", "Deployment", namespace, name))
            yield Finding(where, False, "not there", INSTALL, field="metadata.name", consequence=CONSEQUENCES[name])
    if handler(objects) is None and edge(objects) is None:
        return  # nothing of the product is, which is said already
    for group, kind, name in (("apps", "Deployment", RELAY), ("apps", "Deployment", WEB), (EVENTING, "Broker", BROKER)):
        if objects.named(group, kind, name) is None and not objects.missed:
            why = CONSEQUENCES.get(name, NOT_DELIVERED)
            yield Finding(f"{kind}/{name}", False, "not there", APPLY, field="metadata.name", consequence=why)
    if not objects.all(EVENTING, "Trigger") and not objects.missed:
        why = "no function hears of any event: nothing is logged, no greeting is rendered"
        yield Finding("Triggers", False, "there is none", APPLY, field="metadata.name", consequence=why)


def every_part_runs(objects: ClusterObjects) -> Iterator[Finding]:
    """Deployments and StatefulSets: wanted, and available."""
    for kind in ("Deployment", "StatefulSet"):
        for one in objects.all("apps", kind):
            replicas = one.integer("spec", "replicas")
            wanted = 1 if replicas is None else replicas
            knatives = (*KNATIVES.get(one.namespace, ()), *IN_MEMORY_BROKER)
            if one.namespace in KNATIVES and wanted == 0 and one.name not in knatives:
                continue  # ping sources' and other Brokers' own, which Knative scales
            if one.reference == ACTIVATOR and wanted != 1:
                continue  # has a rule of its own
            why = CONSEQUENCES.get(one.name, "what it is for is not done")
            if wanted == 0:
                yield fault_of_value(one, ("spec", "replicas"), "0: it is switched off", why, 1)
                continue
            available = one.integer("status", "availableReplicas") or 0
            if available < wanted:
                found = f"{available} of {wanted} pods are available"
                if available:
                    why = "the others carry its load, and there is no spare when one fails"
                fix = f"see what keeps them, and its pods below:\n{kubectl('describe', one.reference)}"
                yield fault(one, ("status", "availableReplicas"), found, why, fix, warning=available > 0)


def pods_start(objects: ClusterObjects) -> Iterator[Finding]:
    """Pods whose containers wait for what will not come, each reason once for an image; and pods without a node."""
    told: set[tuple[str, str, str]] = set()
    for pod in objects.all("", "Pod"):
        for path, status in (
            *pod.items("status", "initContainerStatuses"),
            *pod.items("status", "containerStatuses"),
        ):
            waiting = pod.mapping(*path, "state", "waiting")
            reason, image = str(waiting.get("reason", "")), str(status.get("image", ""))
            if reason not in BROKEN or (pod.namespace, image, reason) in told:
                continue
            told.add((pod.namespace, image, reason))
            found = f"{reason}: {waiting.get('message') or image}"
            look = kubectl("describe", pod.reference)
            if reason == "CrashLoopBackOff":
                look = kubectl("logs", pod.reference, "--previous", f"--container={status.get('name')}")
            why = "its container does not start: a call, or an event, that waits for this pod waits in vain"
            yield fault(pod, (*path, "state", "waiting"), found, why, f"{BROKEN[reason]}\n{look}")
        for path, condition in pod.items("status", "conditions"):
            if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
                why = "no node has room for its requests; pods that drain keep theirs (a call waited 29.5 s for them)"
                fix = f"add a node, or take requests away from what runs\n{kubectl('describe', pod.reference)}"
                yield fault(pod, path, str(condition.get("message") or "Unschedulable"), why, fix)


def jobs_complete(objects: ClusterObjects) -> Iterator[Finding]:
    for job in objects.all("batch", "Job"):
        for path, condition in job.items("status", "conditions"):
            if condition.get("type") == "Failed" and condition.get("status") == "True":
                found = str(condition.get("message") or condition.get("reason") or "failed")
                why = "the tables are not those that the processes expect, and they wait for them"
                fix = f"mend what its log names, delete the Job and apply again\n{kubectl('logs', job.reference)}"
                yield fault(job, path, found, why, fix)


def services_lead_to_pods(objects: ClusterObjects) -> Iterator[Finding]:
    """The Services that a StatefulSet or an Ingress names are there, and callers have a way in to the bridge."""
    for one in objects.all("apps", "StatefulSet"):
        name = str(one.at("spec", "serviceName") or "")
        if name:
            why = "its pods have no name in DNS: nobody finds them"
            yield from _service(objects, one, ("spec", "serviceName"), name, why)
    for ingress in objects.all("networking.k8s.io", "Ingress"):
        for rule, _ in ingress.items("spec", "rules"):
            for path, _ in ingress.items(*rule, "http", "paths"):
                place = (*path, "backend", "service", "name")
                name = str(ingress.at(*place) or "")
                yield from _service(objects, ingress, place, name, "the page answers 503")
    bridge = edge(objects)
    if bridge is None or bridge.at(*POD_SPEC, "hostNetwork") is True:
        return
    labels = bridge.mapping("spec", "template", "metadata", "labels")
    exposed = [
        one
        for one in objects.all("", "Service", bridge.namespace)
        if one.at("spec", "type") in ("NodePort", "LoadBalancer")
        and one.mapping("spec", "selector").items() <= labels.items()
        and any(port.get("protocol") == "UDP" for _, port in one.items("spec", "ports"))
    ]
    if not exposed and not objects.missed:
        found = "neither hostNetwork nor a Service with UDP ports of type NodePort or LoadBalancer"
        fix = f"add components/sip-node-ports or components/host-network to the overlay, then\n{APPLY}"
        yield fault(bridge, (*POD_SPEC, "hostNetwork"), found, "no INVITE reaches it: the phone never rings", fix)


def _service(
    objects: ClusterObjects, holder: ClusterObject, path: tuple[str | int, ...], name: str, why: str
) -> Iterator[Finding]:
    reference = Reference("v1", "Service", holder.namespace, name)
    if objects.is_absent(reference):
        fix = f"create {target(reference).strip()}, as the overlay has it:\n{APPLY}"
        yield fault(holder, path, f"there is no {reference}", why, fix)
