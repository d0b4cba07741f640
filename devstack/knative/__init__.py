"""Knative's measured contract as processes on one machine: for development, and for a site of one server.

``Runtime`` executes rendered manifests. What is kept and what differs from a cluster stands in
docs/knative-contract.md; each kept line has a contract test.
"""

from devstack.knative.clock import Clock
from devstack.knative.runtime import Runtime, StartError
from devstack.knative.states import Pod, RuntimeEvent

__all__ = ["Clock", "Pod", "Runtime", "RuntimeEvent", "StartError"]
