"""Manifests as a cluster reads them: rendered as kustomize renders, typed strictly, each fault with its file."""

from ops.manifests.manifests import Manifest, ManifestError, Problem
from ops.manifests.render import render

__all__ = ["Manifest", "ManifestError", "Problem", "render"]
