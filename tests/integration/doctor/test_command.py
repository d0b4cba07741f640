"""``alloresto doctor`` as people and pipelines use it: what it prints, writes and ends with."""

import asyncio
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import cli
from ops import cluster_doctor
from tests.fakes.knative_objects import service_account
from tests.fakes.kubernetes_api import KubernetesApi
from tests.integration.doctor import kubectl
from tests.integration.doctor.good_cluster import MANIFESTS, good_objects

pytestmark = pytest.mark.integration

READER = "system:serviceaccount:alloresto:reader"


async def doctor(*arguments: object) -> Result:
    """In a thread: the API server that it asks runs in this one."""
    words = ["doctor", *map(str, arguments)]
    runner = CliRunner(env={"COLUMNS": "80"})
    return await asyncio.to_thread(lambda: runner.invoke(cli.app, words))


def data(file: Path) -> Any:
    return json.loads(file.read_text())


async def test_a_good_cluster_ends_with_0(api: KubernetesApi, tmp_path: Path) -> None:
    result = await doctor("--cluster", "--kubeconfig", api.kubeconfig(tmp_path / "kubeconfig"))
    assert result.exit_code == 0
    assert api.url in result.stdout
    assert "refused" not in result.stdout


async def test_a_bad_cluster_ends_with_1_and_whole_commands(api: KubernetesApi, tmp_path: Path) -> None:
    api.put(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "config-network",
                "namespace": "knative-serving",
                "labels": {
                    "app.kubernetes.io/name": "knative-serving",
                    "app.kubernetes.io/component": "networking",
                },
            },
        }
    )
    file = tmp_path / "found.json"
    result = await doctor("--cluster", "--kubeconfig", api.kubeconfig(tmp_path / "kubeconfig"), "--json", file)
    assert result.exit_code == 1
    command = (
        "kubectl patch -n knative-serving configmap/config-network --type merge "
        """-p '{"data":{"mesh-compatibility-mode":"disabled"}}'"""
    )
    assert f"      fix  {command}\n" in result.stdout  # longer than the terminal is wide, and still one line
    assert "1 refused" in result.stdout
    found = data(file)
    assert (found["exit_status"], found["counts"]["refused"]) == (1, 1)
    [refused] = [one for one in found["findings"] if one["verdict"] == "refused"]
    assert refused["what"] == "ConfigMap/config-network in knative-serving"
    assert refused["field"] == "data.mesh-compatibility-mode"
    restart = "kubectl rollout restart -n knative-serving deployment/activator"  # it reads the mode when it starts
    assert refused["fix"] == f"{command}\n{restart}"
    assert "46-91 s" in refused["consequence"]


async def test_other_namespaces_are_examined_when_they_are_named(tmp_path: Path) -> None:
    async with KubernetesApi(good_objects()) as api:
        kubeconfig = api.kubeconfig(tmp_path / "kubeconfig")
        result = await doctor("--cluster", "--kubeconfig", kubeconfig, "--namespace", "a", "--edge-namespace", "b")
    assert result.exit_code == 1
    assert "Service/call-handler and StatefulSet/edge-bridge" in result.stdout


async def test_what_may_not_be_read_ends_with_3_until_its_commands_were_run(api: KubernetesApi, tmp_path: Path) -> None:
    api.put(service_account("reader"))
    kubeconfig = api.kubeconfig(tmp_path / "kubeconfig", account="alloresto/reader")
    file = tmp_path / "found.json"
    for _ in range(2):  # what is referred to is known only when the rest is
        result = await doctor("--cluster", "--kubeconfig", kubeconfig, "--json", file)
        assert result.exit_code == 3
        assert "not examined, because" in result.stdout
        unread = [one for one in data(file)["findings"] if one["verdict"] == "not examined"]
        for finding in unread:
            for command in finding["fix"].splitlines():
                kubectl.run(api, command.replace("NAME", READER))
    result = await doctor("--cluster", "--kubeconfig", kubeconfig)
    assert result.exit_code == 0, result.stdout


async def test_a_fault_counts_more_than_what_may_not_be_read(api: KubernetesApi, tmp_path: Path) -> None:
    api.fail(403, times=100, path="/configmaps")
    api.delete("RoleBinding", "edge-bridge-pod-deletion-cost", "alloresto")
    result = await doctor("--cluster", "--kubeconfig", api.kubeconfig(tmp_path / "kubeconfig"))
    assert result.exit_code == 1
    assert "1 refused" in result.stdout
    assert "not examined" in result.stdout


async def test_without_the_right_to_ask_about_others_the_roles_are_evaluated(
    api: KubernetesApi, tmp_path: Path
) -> None:
    api.fail(403, times=100, path="/subjectaccessreviews")
    kubeconfig = api.kubeconfig(tmp_path / "kubeconfig")
    assert (await doctor("--cluster", "--kubeconfig", kubeconfig)).exit_code == 0
    api.delete("Role", "pod-deletion-cost", "alloresto")
    result = await doctor("--cluster", "--kubeconfig", kubeconfig)
    assert result.exit_code == 1
    assert "may not patch pods" in result.stdout


@pytest.mark.parametrize("group", ["serving.knative.dev", "eventing.knative.dev"])
async def test_a_cluster_without_knative_is_told_how_to_get_it(group: str, tmp_path: Path) -> None:
    objects = [one for one in good_objects() if not one["apiVersion"].startswith(group)]
    async with KubernetesApi(objects, without={group}) as api:
        file = tmp_path / "found.json"
        result = await doctor("--cluster", "--kubeconfig", api.kubeconfig(tmp_path / "kubeconfig"), "--json", file)
    assert result.exit_code == 1
    [finding] = data(file)["findings"]
    assert finding["what"].startswith("Knative")
    assert "install" in finding["fix"]


async def test_a_cluster_that_is_not_reached_is_one_finding(tmp_path: Path) -> None:
    async with KubernetesApi() as api:
        kubeconfig = api.kubeconfig(tmp_path / "kubeconfig")
    result = await doctor("--cluster", "--kubeconfig", kubeconfig)
    assert result.exit_code == 1
    assert "is not reached" in result.stdout
    assert "1 refused" in result.stdout


async def test_a_cluster_that_does_not_answer_is_given_up(
    api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_doctor, "REQUEST_TIMEOUT_S", 0.2)
    api.delay_s = 30.0
    before = time.monotonic()
    result = await doctor("--cluster", "--kubeconfig", api.kubeconfig(tmp_path / "kubeconfig"))
    assert result.exit_code == 1
    assert "no answer within" in result.stdout
    assert time.monotonic() - before < 20


async def test_one_answer_that_fails_is_not_taken_for_nothing_there(api: KubernetesApi, tmp_path: Path) -> None:
    api.fail(500, times=100, path="/triggers")
    result = await doctor("--cluster", "--kubeconfig", api.kubeconfig(tmp_path / "kubeconfig"))
    assert result.exit_code == 3
    assert "Triggers in alloresto" in result.stdout


@pytest.mark.parametrize("text", ["", "nonsense: {", "{}"])
async def test_a_kubeconfig_that_cannot_be_used_is_named(text: str, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(text)
    result = await doctor("--cluster", "--kubeconfig", kubeconfig)
    assert result.exit_code == 1
    assert str(kubeconfig) in result.stdout


async def test_a_cluster_with_everything_in_one_namespace_is_as_good(tmp_path: Path) -> None:
    async with KubernetesApi(good_objects("overlays/staging")) as api:
        result = await doctor("--cluster", "--kubeconfig", api.kubeconfig(tmp_path / "kubeconfig"))
    assert result.exit_code == 0, result.stdout


# What one server runs without a cluster has no bridge in it: that is a unit of its own there.
CLUSTERS = sorted(one.name for one in (MANIFESTS / "overlays").iterdir() if one.name != "site")


@pytest.mark.parametrize("overlay", CLUSTERS)
async def test_every_overlay_is_good(overlay: str) -> None:
    result = await doctor("--manifests", MANIFESTS / "overlays" / overlay)
    assert result.exit_code == 0, result.stdout
    assert "warned of" not in result.stdout


async def test_our_knative_settings_are_good() -> None:
    result = await doctor("--manifests", MANIFESTS / "components" / "knative-settings")
    assert result.exit_code == 0, result.stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("platform/call-handler.yaml", "timeoutSeconds: 3600", "timeoutSecond: 3600", "timeoutSecond: unknown field"),
        ("platform/call-handler.yaml", "containerConcurrency: 1", "containerConcurrency: 0", "containerConcurrency: 1"),
        (
            "platform/call-handler.yaml",
            "name: alloresto-keys",
            "name: alloresto-key",
            "there is no Secret/alloresto-key",
        ),
        (
            "platform/call-logger.yaml",
            "kind: Service\n      name: call-logger",
            "kind: Service\n      name: nobody",
            "there is no Service/nobody",
        ),
        ("edge/edge-bridge.yaml", "name: call-handler", "name: order-logger", "points at Service/order-logger"),
    ],
)
async def test_a_bad_manifest_is_named_with_file_field_and_fix(
    file: str, old: str, new: str, said: str, tmp_path: Path
) -> None:
    copied = tmp_path / "manifests"
    shutil.copytree(MANIFESTS, copied)
    text = (copied / "base" / file).read_text()
    assert old in text
    (copied / "base" / file).write_text(text.replace(old, new))
    result = await doctor("--manifests", copied / "overlays" / "dev")
    assert result.exit_code == 1
    assert f"no {copied}/base/{file}: " in result.stdout
    assert said in result.stdout


async def test_a_folder_without_manifests_is_named(tmp_path: Path) -> None:
    result = await doctor("--manifests", tmp_path)
    assert result.exit_code == 1
    assert f"{tmp_path}" in result.stdout
    assert "kustomization.yaml" in result.stdout


async def test_a_cluster_and_a_folder_at_once_are_a_wrong_command_line() -> None:
    assert (await doctor("--cluster", "--manifests", MANIFESTS)).exit_code == 2
