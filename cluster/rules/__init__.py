"""The rules of a cluster that loses no calls, as pure functions over plain objects.

The same rules serve a cluster (``alloresto doctor --cluster``), a rendered folder (``--manifests``) and the local
stack before it starts. Every consequence that is told was measured on Kubernetes with Knative; what was measured,
and what was not, stands in docs/knative-contract.md.
"""

from cluster.rules.examination import CALL_RULES, MANIFEST_RULES, RULES, Rule, examine
from cluster.rules.findings import Finding, Verdict, exit_status
from cluster.rules.objects import Access, ClusterObject, ClusterObjects, Reference, Unread

__all__ = [
    "CALL_RULES",
    "MANIFEST_RULES",
    "RULES",
    "Access",
    "ClusterObject",
    "ClusterObjects",
    "Finding",
    "Reference",
    "Rule",
    "Unread",
    "Verdict",
    "examine",
    "exit_status",
]
