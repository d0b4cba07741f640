"""Is there anything to examine: Knative itself, and the product's own objects?"""

from collections.abc import Iterator

from cluster.rules.findings import APPLY, Finding, fault, kubectl
from cluster.rules.objects import EVENTING, SERVING, SOURCES, ClusterObjects
from cluster.rules.product import EDGE, HANDLER, KNATIVE_NAMESPACES, edge, handler

APPLY_SETTINGS = "manifests/components/knative-settings/apply.sh"
INSTALL = (
    "install Knative Serving with a networking layer, then Eventing (https://knative.dev/docs/install), then\n"
    f"{APPLY_SETTINGS}"
)
KNATIVE_KINDS = (
    (SERVING, "Service"),
    (EVENTING, "Broker"),
    (EVENTING, "Trigger"),
    (SOURCES, "SinkBinding"),
    (SOURCES, "PingSource"),
)
NOT_LOOKED_AT = {"status": "Unknown", "message": "its controller has not looked at it yet"}
PARTS = {SERVING: "Knative Serving", EVENTING: "Knative Eventing", SOURCES: "Knative Eventing's sources"}


def knative_is_installed(objects: ClusterObjects) -> Iterator[Finding]:
    missing = sorted(objects.not_installed & PARTS.keys(), key=list(PARTS).index)
    if not missing:
        return
    names = " and ".join(PARTS[group] for group in missing)
    why = "no call handler can run; nothing else was examined"
    detail = f"the cluster does not know {', '.join(missing)}"
    yield Finding(names, False, detail, INSTALL, field="(not installed)", consequence=why)


def the_product_is_here(objects: ClusterObjects) -> Iterator[Finding]:
    service, bridge = handler(objects), edge(objects)
    if service is not None and bridge is not None:
        return
    written = [one for one in objects if one.file]
    only_settings = bool(written) and all(one.namespace in KNATIVE_NAMESPACES for one in written)
    if objects.missed or (service is bridge is None and only_settings):
        return  # a folder with Knative's settings alone is examined for what it is
    absent = [name for name, one in ((f"Service/{HANDLER}", service), (f"StatefulSet/{EDGE}", bridge)) if one is None]
    why = "no call is taken" if bridge is None else "every caller hears the restaurant's fallback"
    fix = "name the right folder, or the right --namespace and --edge-namespace; to deploy:\n"
    fix += APPLY
    yield Finding(" and ".join(absent), False, "not there", fix, field="metadata.name", consequence=why)


def knative_says_ready(objects: ClusterObjects) -> Iterator[Finding]:
    """What Knative itself reports; only on a cluster, where objects have a status."""
    for group, kind in KNATIVE_KINDS:
        for one in objects.all(group, kind):
            conditions = [
                (path, condition)
                for path, condition in one.items("status", "conditions")
                if condition.get("type") == "Ready"
            ]
            path, condition = conditions[0] if conditions else (("status", "conditions"), NOT_LOOKED_AT)
            status = str(condition.get("status") or "Unknown")
            if status == "True":
                continue
            said = " ".join(str(condition.get(key, "")) for key in ("reason", "message")).strip()
            why = "its latest change is not in effect: what runs is older than what stands here, or nothing runs"
            fix = f"mend what the message names; more is said by:\n{kubectl('describe', one.reference)}"
            yield fault(one, path, f"{status}: {said}" if said else status, why, fix, warning=status == "Unknown")
