"""Knative's measured contract as processes on one machine: a development tool, production is Knative.

``render`` turns a kustomize folder into manifests, ``Runtime`` executes them. What is kept and what
differs from a cluster stands in docs/knative-contract.md; each kept line has a contract test.
"""

from local.knative.clock import Clock
from local.knative.manifests import Manifest
from local.knative.problems import ManifestError, Problem
from local.knative.render import render
from local.knative.runtime import Runtime, StartError
from local.knative.states import Pod, RuntimeEvent

__all__ = ["Clock", "Manifest", "ManifestError", "Pod", "Problem", "Runtime", "RuntimeEvent", "StartError", "render"]
