"""skaffold.yaml against what it names: the Dockerfile, the overlays, the manifests, the files."""

import os
import re
import shlex
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from ops.images import dockerfile
from ops.images.dockerfile import BuildContext
from ops.images.report import TARGETS
from ops.manifests import render
from ops.manifests.patches import apply_operations
from tests.unit.manifests.rendered import group_of, objects, workloads

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
SKAFFOLD: dict[str, Any] = yaml.load((ROOT / "skaffold.yaml").read_text(), yaml.CSafeLoader)
KIND: dict[str, Any] = yaml.load((ROOT / "setup" / "kind.yaml").read_text(), yaml.CSafeLoader)
DOCKERFILE = dockerfile.read(ROOT / "Dockerfile")
PROFILES = {profile["name"]: profile for profile in SKAFFOLD["profiles"]}
OVERLAYS = {"dev": "dev-cluster", "staging": "staging", "production": "production"}
RELEASED = ("staging", "production")


def configuration(profile: str) -> dict[str, Any]:
    """What skaffold works with under ``-p profile``: its patches applied, its sections laid over."""
    patched: dict[str, Any] = apply_operations(SKAFFOLD, PROFILES[profile].get("patches", []))
    return patched | {key: PROFILES[profile][key] for key in ("manifests",) if key in PROFILES[profile]}


def artifacts(profile: str) -> dict[str, dict[str, Any]]:
    return {artifact["image"]: artifact for artifact in configuration(profile)["build"]["artifacts"]}


def hooks(profile: str) -> list[list[str]]:
    """The words of each command, in their order."""
    found = configuration(profile)["deploy"]["kubectl"]["hooks"]
    commands = [hook["host"]["command"] for when in ("before", "after") for hook in found[when]]
    assert all(command[:2] == ["sh", "-c"] and len(command) == 3 for command in commands)
    return [shlex.split(command[2]) for command in commands]


def hook(profile: str, script: str) -> list[str]:
    return next(words for words in hooks(profile) if words[0] == f"setup/{script}")


def named(overlay: str, kind: str, name: str) -> dict[str, Any]:
    return next(one for one in objects(overlay) if (one["kind"], one["metadata"]["name"]) == (kind, name))


def containers(overlay: str) -> list[dict[str, Any]]:
    return [container for one in workloads(overlay) for container in one["spec"]["template"]["spec"]["containers"]]


def test_there_is_a_profile_for_each_overlay_and_the_first_is_the_default() -> None:
    paths = {name: configuration(name)["manifests"]["kustomize"]["paths"] for name in PROFILES}

    assert paths == {profile: [f"manifests/overlays/{overlay}"] for profile, overlay in OVERLAYS.items()}
    assert configuration("dev") == SKAFFOLD
    for (path,) in paths.values():
        assert render(ROOT / path)


@pytest.mark.parametrize("profile", OVERLAYS)
def test_the_images_that_are_built_are_those_that_the_manifests_run(profile: str) -> None:
    used = {container["image"] for container in containers(OVERLAYS[profile])}

    assert {image for image in used if image.startswith("alloresto")} == artifacts(profile).keys()
    on_a_cluster = set(TARGETS) - {"site", "synthetic"}  # one server; a component that no overlay has
    expected = on_a_cluster if profile in RELEASED else on_a_cluster - {"backup"}  # it needs a bucket
    assert {image.removeprefix("alloresto-") for image in artifacts(profile)} == expected


@pytest.mark.parametrize("profile", OVERLAYS)
def test_each_image_is_made_by_its_own_stage_of_the_dockerfile(profile: str) -> None:
    for image, artifact in artifacts(profile).items():
        target = DOCKERFILE.stage(artifact["docker"]["target"])
        own = image.removeprefix("alloresto-")
        assert own in (target.name, target.base if profile == "dev" else None)


@pytest.mark.parametrize("profile", RELEASED)
def test_a_release_is_pushed_and_has_nothing_of_a_developers_machine(profile: str) -> None:
    released = configuration(profile)

    assert all(artifact["docker"]["target"] in TARGETS for artifact in artifacts(profile).values())
    assert not any("sync" in artifact for artifact in artifacts(profile).values())
    assert "portForward" not in released
    assert released["build"]["local"]["push"]
    assert not any("seed" in words[0] for words in hooks(profile))


@pytest.mark.parametrize("profile", RELEASED)
def test_a_release_waits_as_long_as_the_fewest_bridges_may_drain(profile: str) -> None:
    bridge = named(OVERLAYS[profile], "StatefulSet", "edge-bridge")
    drain_s = bridge["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]

    replicas = (
        bridge["spec"].get("replicas")
        or named(OVERLAYS[profile], "HorizontalPodAutoscaler", "edge-bridge")["spec"]["minReplicas"]
    )
    _script, _context, seconds, *_namespaces = hook(profile, "after-deploy.sh")
    assert int(seconds) > drain_s * replicas


def test_files_are_synced_where_the_image_has_them_and_only_where_they_may_be_written() -> None:
    synced = [artifact for artifact in artifacts("dev").values() if "sync" in artifact]
    (web,) = synced
    context = BuildContext(ROOT)
    target = web["docker"]["target"]
    copied = {one.words[0]: one.words[1] for one in DOCKERFILE.instructions(target) if one.keyword == "COPY"}
    for rule in web["sync"]["manual"]:
        files = [PurePosixPath(path.relative_to(ROOT)) for path in ROOT.glob(rule["src"]) if path.is_file()]
        folder = PurePosixPath(rule["src"]).parts[0]
        assert any(context.allows(file) for file in files), f"{rule['src']}: nothing to sync"
        assert f"{rule['dest']}/{folder}" == copied[folder]
    (container,) = (one for one in containers("dev-cluster") if one["image"] == web["image"])
    assert container["securityContext"]["readOnlyRootFilesystem"] is False
    assert any("chown" in one.words for one in DOCKERFILE.stage(target).instructions)


def test_every_forwarded_port_is_one_of_the_manifests_and_is_tcp() -> None:
    for forward in SKAFFOLD["portForward"]:
        kind = {"service": "Service", "statefulset": "StatefulSet"}[forward["resourceType"]]
        target = named("dev-cluster", kind, forward["resourceName"])
        assert target["metadata"]["namespace"] == forward["namespace"]
        spec = target["spec"]
        ports = (
            {port["port"]: port for port in spec["ports"]}
            if kind == "Service"
            else {port["containerPort"]: port for port in spec["template"]["spec"]["containers"][0]["ports"]}
        )
        assert ports[forward["port"]].get("protocol", "TCP") == "TCP"


def test_kind_maps_exactly_the_node_ports_of_sip_and_rtp() -> None:
    (node,) = KIND["nodes"]
    mapped = {(one["containerPort"], one["hostPort"], one["protocol"]) for one in node["extraPortMappings"]}
    service = named("dev-cluster", "Service", "edge-bridge-sip")

    assert mapped == {(one["nodePort"], one["port"], one["protocol"]) for one in service["spec"]["ports"]}


@pytest.mark.parametrize("profile", OVERLAYS)
def test_every_hook_is_a_script_that_is_there_and_gets_the_cluster_that_skaffold_deploys_to(profile: str) -> None:
    for words in hooks(profile):
        assert os.access(ROOT / words[0], os.X_OK), words
        assert words[1] == "$SKAFFOLD_KUBE_CONTEXT"


@pytest.mark.parametrize("profile", OVERLAYS)
def test_the_secrets_that_pods_read_are_checked_in_each_namespace_before_anything_is_applied(profile: str) -> None:
    _script, _context, *wanted = hook(profile, "before-deploy.sh")

    checked = {namespace: set(names.split(",")) for namespace, names in (one.split(":") for one in wanted)}
    assert checked == secrets_read(OVERLAYS[profile])


@pytest.mark.parametrize("profile", OVERLAYS)
def test_a_deployment_is_waited_for_in_every_namespace_that_has_pods_and_first_where_the_migration_is(
    profile: str,
) -> None:
    overlay = OVERLAYS[profile]
    _script, _context, _seconds, *namespaces = hook(profile, "after-deploy.sh")

    assert set(namespaces) == {one["metadata"]["namespace"] for one in workloads(overlay)}
    assert namespaces[0] == named(overlay, "Job", "migrate")["metadata"]["namespace"]


@pytest.mark.parametrize("profile", OVERLAYS)
def test_a_finished_migration_stays_until_the_next_release_removes_it(profile: str) -> None:
    assert "ttlSecondsAfterFinished" not in named(OVERLAYS[profile], "Job", "migrate")["spec"]


@pytest.mark.parametrize("profile", OVERLAYS)
def test_no_pod_template_gets_the_label_that_changes_with_every_run(profile: str) -> None:
    selector = configuration(profile)["resourceSelector"]
    allowed = {one["groupKind"]: one for one in selector["allow"]}
    kinds = {f"{one['kind']}.{group_of(one)}" for one in workloads(OVERLAYS[profile])}

    assert kinds <= allowed.keys()
    for kind in kinds:
        assert allowed[kind]["labels"] == [".metadata.labels"], "a label of the template is a new Revision or a restart"
        assert allowed[kind]["image"] == [".*"], "else the built image is not put in"
    assert "deny" not in selector, "a kind that is denied gets no image either"


def secrets_read(overlay: str) -> dict[str, set[str]]:
    """By namespace, what a pod can't start without. Those of the data in the cluster are among them."""
    read: dict[str, set[str]] = {}
    for workload in workloads(overlay):
        text = yaml.safe_dump(workload)
        names = set(re.findall(r"secretKeyRef:\s+key: \S+\s+name: (\S+)(?!\s+optional: true)\s", text))
        if names:
            read.setdefault(workload["metadata"]["namespace"], set()).update(names)
    return read
