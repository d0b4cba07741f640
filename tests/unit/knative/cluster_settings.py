"""One of Knative's own ConfigMaps, as ``manifests/components/knative-settings`` holds them."""

from collections.abc import Mapping

from ops.manifests import Manifest


def cluster_setting(name: str, data: Mapping[str, object], namespace: str = "knative-serving") -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}
    return Manifest(body, f"{name}.yaml")
