"""``manifests/components/knative-settings/apply.sh`` on Knative as it is installed, run by a shell."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.rules import ClusterObject, ClusterObjects, Verdict, examine, presence
from cluster.rules.examination import MANIFEST_RULES
from tests.fakes.kubernetes_resources import Object
from tests.integration.doctor.good_cluster import INSTALLED, MANIFESTS

pytestmark = pytest.mark.integration

ROOT = MANIFESTS.parent
KUBECTL = '''#!{python}
"""Patches a file of objects as the API server would, and says what kubectl says."""
import argparse, json, pathlib, sys, yaml
from ops.manifests.patches import merge

state = pathlib.Path({state!r})
parser = argparse.ArgumentParser()
for option in ("--context", "--namespace", "--type", "--filename", "--patch-file", "--timeout"):
    parser.add_argument(option)
parser.add_argument("words", nargs="+")
asked = parser.parse_args()
cluster = json.loads(state.read_text())
assert asked.context == "kind-alloresto"
if asked.words != ["patch"]:
    cluster["asked"].append(" ".join([asked.namespace, *asked.words]))
else:
    assert asked.type == "merge"
    named = yaml.safe_load(pathlib.Path(asked.filename).read_text())
    patch = yaml.safe_load(pathlib.Path(asked.patch_file).read_text())
    key = "/".join((named["kind"], named["metadata"]["namespace"], named["metadata"]["name"]))
    patched = merge(cluster["objects"][key], patch, by_key=False)
    print(key, "patched" + (" (no change)" if patched == cluster["objects"][key] else ""))
    cluster["objects"][key] = patched
state.write_text(json.dumps(cluster))
'''


class Kubectl:
    """A cluster in a file, and the ``kubectl`` that changes it."""

    def __init__(self, folder: Path) -> None:
        self._state = folder / "cluster.json"
        program = folder / "kubectl"
        program.write_text(KUBECTL.format(python=sys.executable, state=str(self._state)))
        program.chmod(0o755)
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        self._environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
        self._write(objects={key(one): copy.deepcopy(one) for one in INSTALLED}, asked=[])

    def _write(self, **state: object) -> None:
        self._state.write_text(json.dumps(state))

    @property
    def objects(self) -> dict[str, Object]:
        return json.loads(self._state.read_text())["objects"]  # type: ignore[no-any-return]

    @property
    def asked(self) -> list[str]:
        return json.loads(self._state.read_text())["asked"]  # type: ignore[no-any-return]

    def put(self, item: Object) -> None:
        self._write(objects=self.objects | {key(item): item}, asked=[])

    def apply(self) -> str:
        script = str(ROOT / presence.APPLY_SETTINGS)
        done = subprocess.run(
            [script, "--context", "kind-alloresto"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout


def key(item: Object) -> str:
    return "/".join((item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]))


@pytest.fixture
def kubectl(tmp_path: Path) -> Kubectl:
    return Kubectl(tmp_path)


def refused(objects: dict[str, Object]) -> list[str]:
    settings = [rule for rule in MANIFEST_RULES if rule.subject in ("activator",) or rule.subject.startswith("config-")]
    found = examine(ClusterObjects(ClusterObject(one) for one in objects.values()), settings)
    return [one.what for one in found if one.verdict is not Verdict.GOOD]


def test_the_settings_are_set_and_nothing_else_of_knatives_objects_changes(kubectl: Kubectl) -> None:
    assert refused(kubectl.objects)

    kubectl.apply()

    assert refused(kubectl.objects) == []
    for before in INSTALLED:
        after = kubectl.objects[key(before)]
        assert after["metadata"] == before["metadata"]
        assert before.get("data", {}).items() <= after.get("data", {}).items()
    assert kubectl.objects["HorizontalPodAutoscaler/knative-serving/activator"]["spec"]["scaleTargetRef"]
    activator = kubectl.objects["Deployment/knative-serving/activator"]["spec"]
    assert activator["selector"] == {"matchLabels": {"app": "activator"}}
    assert activator["template"]["spec"]["containers"]


def test_the_activator_starts_again_with_the_mesh_mode_and_only_then(kubectl: Kubectl) -> None:
    kubectl.apply()
    assert kubectl.asked == [
        "knative-serving rollout restart deployment/activator",
        "knative-serving rollout status deployment/activator",
    ]

    said = kubectl.apply()

    assert len(kubectl.asked) == 2
    assert all(line.endswith("(no change)") for line in said.splitlines())


def test_what_an_upgrade_of_knative_puts_back_is_set_again(kubectl: Kubectl) -> None:
    kubectl.apply()
    for one in INSTALLED:
        if one["kind"] != "ConfigMap":
            kubectl.put(copy.deepcopy(one))
    assert refused(kubectl.objects)

    kubectl.apply()

    assert refused(kubectl.objects) == []
    assert kubectl.asked == []
