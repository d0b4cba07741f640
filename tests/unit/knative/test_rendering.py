"""Our renderer gives the objects that kubectl kustomize gives."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.manifests import ManifestError, render
from tests.unit.manifests.rendered import CLUSTER_WIDE, MANIFESTS, OPTIONS, OVERLAYS, write_option

pytestmark = pytest.mark.unit

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: main
          image: shop/web:1
          args: [a, b]
          env:
            - {name: A, value: "1"}
            - {name: B, value: "2"}
          ports: [{containerPort: 80}, {containerPort: 81}]
          volumeMounts: [{name: x, mountPath: /x}]
        - {name: side, image: "registry:5000/side"}
      tolerations: [{key: one, operator: Exists}]
      volumes: [{name: x, emptyDir: {}}]
"""
KNATIVE = """
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: handler, labels: {tier: call}}
spec:
  template:
    metadata: {annotations: {a: "1"}}
    spec:
      containers:
        - image: shop/functions
          args: [handler]
          env: [{name: A, value: "1"}]
"""
ACCESS = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: edge}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: edge}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: edge}
subjects: [{kind: ServiceAccount, name: edge}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: watcher}
rules: []
---
apiVersion: v1
kind: Namespace
metadata: {name: old}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80}, {name: admin, port: 81}]
"""

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


def by_kubectl(folder: Path) -> list[dict[str, Any]]:
    rendered = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert rendered.returncode == 0, rendered.stderr
    return sorted(yaml.load_all(rendered.stdout, yaml.CSafeLoader), key=identity)  # in C: seconds less


def by_us(folder: Path) -> list[dict[str, Any]]:
    return sorted((manifest.body for manifest in render(folder)), key=identity)


def identity(body: dict[str, Any]) -> str:
    metadata = body["metadata"]
    return f"{body['apiVersion']} {body['kind']} {metadata.get('namespace')} {metadata['name']}"


def write(folder: Path, kustomization: str, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "kustomization.yaml").write_text(kustomization)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


@needs_kubectl
@pytest.mark.parametrize("folder", [*(f"overlays/{name}" for name in OVERLAYS), *CLUSTER_WIDE])
def test_our_manifests_render_as_kubectl_renders_them(folder: str) -> None:
    assert by_us(MANIFESTS / folder) == by_kubectl(MANIFESTS / folder)


@needs_kubectl
@pytest.mark.parametrize("component", OPTIONS)
def test_a_component_that_no_overlay_has_renders_as_kubectl_renders_it(component: str, tmp_path: Path) -> None:
    folder = write_option(tmp_path, component)
    rendered = by_us(folder)
    assert rendered == by_kubectl(folder)
    assert rendered != by_us(MANIFESTS / OPTIONS[component][0])


def test_every_component_is_used_or_rendered_by_itself() -> None:
    files = list((MANIFESTS / "components").rglob("kustomization.yaml"))
    components = {str(file.parent.relative_to(MANIFESTS / "components")) for file in files}
    used = {
        str((file.parent / named).resolve().relative_to(MANIFESTS / "components"))
        for file in MANIFESTS.rglob("kustomization.yaml")
        for named in yaml.load(file.read_text(), yaml.CSafeLoader).get("components", [])
    }
    assert components == used | set(OPTIONS) | {folder.removeprefix("components/") for folder in CLUSTER_WIDE}


@needs_kubectl
@pytest.mark.parametrize(
    "rest",
    [
        "namespace: alloresto",
        "images: [{name: shop/web, newTag: '2'}, {name: 'registry:5000/side', newName: side, digest: 'sha256:00'}]",
        "images: [{name: shop/functions, newName: other/functions}]",
        "replicas: [{name: web, count: 3}]",
        "commonAnnotations: {team: phones}",
        "labels: [{pairs: {part: x}}]",
        "labels: [{pairs: {part: x}, includeTemplates: true}]",
        "labels: [{pairs: {part: x}, includeSelectors: true}]",
        "configMapGenerator: [{name: c, literals: [A=1, B=x=y]}]\ngeneratorOptions: {disableNameSuffixHash: true}",
        "patches: [{target: {kind: Deployment, name: w.*}, path: replicas.yaml}]",
        "patches: [{target: {kind: Service}, path: note.yaml}]",
        "patches: [{target: {kind: Service, version: v1, group: serving.knative.dev}, path: merge-knative.yaml}]",
        "patches: [{target: {labelSelector: 'tier=call'}, path: merge-knative.yaml}]",
        "patches: [{path: merge.yaml}, {path: merge-knative.yaml}, {path: ports.yaml}]",
        "patches: [{path: remove.yaml}]",
    ],
)
def test_each_transformation_is_kustomizes(rest: str, tmp_path: Path) -> None:
    merge = """
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web, labels: {extra: "yes"}}
    spec:
      replicas: null
      template:
        spec:
          tolerations: [{key: two, operator: Exists}]
          containers:
            - name: side
              env: [{name: NEW, value: "1"}]
            - name: main
              args: [c]
              env:
                - {name: C, value: "3"}
                - {name: B, value: "two"}
                - {name: A, $patch: delete}
              ports: [{containerPort: 81, name: admin}]
              volumeMounts: [{name: y, mountPath: /y}]
    """
    merge_knative = """
    apiVersion: serving.knative.dev/v1
    kind: Service
    metadata: {name: handler}
    spec:
      template:
        metadata: {annotations: {b: "2"}}
        spec:
          timeoutSeconds: 60
          containers: [{image: other, env: [{name: B, value: "2"}]}]
    """
    ports = """
    apiVersion: v1
    kind: Service
    metadata: {name: web}
    spec: {ports: [{port: 81, name: control}]}
    """
    remove = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, $patch: delete}"
    (tmp_path / "merge-knative.yaml").write_text(merge_knative)
    (tmp_path / "replicas.yaml").write_text('[{"op": "replace", "path": "/spec/replicas", "value": 5}]')
    (tmp_path / "note.yaml").write_text('[{"op": "add", "path": "/metadata/annotations", "value": {"a": "b"}}]')
    resources = "resources: [deployment.yaml, knative.yaml, access.yaml]\n"
    files = {"deployment": DEPLOYMENT, "knative": KNATIVE, "access": ACCESS, "merge": merge, "ports": ports}
    folder = write(tmp_path, resources + rest, remove=remove, **files)
    assert by_us(folder) == by_kubectl(folder)


@needs_kubectl
def test_a_component_changes_what_the_overlay_has(tmp_path: Path) -> None:
    write(tmp_path / "base", "resources: [deployment.yaml]", deployment=DEPLOYMENT)
    write(
        tmp_path / "more",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [knative.yaml]\n"
        'patches: [{target: {kind: Deployment}, patch: \'[{"op":"remove","path":"/spec/replicas"}]\'}]',
        knative=KNATIVE,
    )
    overlay = write(tmp_path / "dev", "namespace: alloresto\nresources: [../base]\ncomponents: [../more]")
    assert by_us(overlay) == by_kubectl(overlay)


@pytest.mark.parametrize(
    ("kustomization", "where", "field", "words"),
    [
        ("resources: [absent.yaml]", "kustomization.yaml", "resources[0]", "does not exist"),
        ("resource: []", "kustomization.yaml", "resource", "unknown field"),
        ("namePrefix: x-", "kustomization.yaml", "namePrefix", "unknown field"),
        ("resources: [https://example.com/x]", "kustomization.yaml", "resources[0]", "remote"),
        ("resources: [{}]", "kustomization.yaml", "resources[0]", "Expected `str`"),
        ("resources: [broken.yaml]", "broken.yaml", "(file)", "not YAML"),
        ("resources: [nameless.yaml]", "nameless.yaml", "(top)", "not a Kubernetes object"),
        ("resources: [ok.yaml, ok.yaml]", "kustomization.yaml", "resources", "twice"),
        ("configMapGenerator: [{name: c, literals: [A=1]}]", "kustomization.yaml", "configMapGenerator[0]", "hash"),
        ("resources: [ok.yaml]\npatches: [{path: ok.yaml, patch: x}]", "kustomization.yaml", "patches[0]", "either"),
        ("patches: [{path: ok.yaml}]", "kustomization.yaml", "patches[0]", "nothing to patch"),
        (
            "resources: [ok.yaml]\npatches: [{target: {kind: ConfigMap}, patch: '[{op: remove, path: /spec/x}]'}]",
            "kustomization.yaml",
            "patches[0]",
            "operation 0 (remove /spec/x) does not apply",
        ),
    ],
)
def test_a_fault_is_named_by_file_and_field(
    kustomization: str, where: str, field: str, words: str, tmp_path: Path
) -> None:
    ok = "{apiVersion: v1, kind: ConfigMap, metadata: {name: ok}}"
    write(tmp_path, kustomization, ok=ok, broken="a: [", nameless="{apiVersion: v1, kind: ConfigMap}")
    with pytest.raises(ManifestError) as failure:
        render(tmp_path)
    [problem] = failure.value.problems
    assert where in problem.where
    assert problem.field.startswith(field)
    assert words in str(problem)


def test_a_folder_without_a_kustomization_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no kustomization\.yaml"):
        render(tmp_path)
