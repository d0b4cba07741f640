"""The stack of a laptop starts nothing on an overlay that would lose calls on a cluster."""

import shutil
from pathlib import Path

import pytest

from devstack.stack.stack import MANIFESTS, Stack, StackOptions
from ops.manifest_doctor import lost_calls
from ops.manifests import ManifestError, render

pytestmark = pytest.mark.integration


async def refusal(tmp_path: Path, file: str, old: str, new: str) -> tuple[ManifestError, list[str]]:
    """What a stack says to a copy of the manifests with one change, and what it had told by then."""
    copied = tmp_path / "manifests"
    shutil.copytree(MANIFESTS.parents[1], copied)
    text = (copied / "base" / file).read_text()
    assert old in text
    (copied / "base" / file).write_text(text.replace(old, new))
    told: list[str] = []
    options = StackOptions(tmp_path / "state", manifests=copied / "overlays" / "dev")
    with pytest.raises(ManifestError) as caught:
        await Stack(options, told.append).start()
    return caught.value, told


@pytest.mark.parametrize(
    ("file", "old", "new", "where", "field", "fix"),
    [
        (
            "platform/call-handler.yaml",
            "containerConcurrency: 1",
            "containerConcurrency: 3",
            "call-handler.yaml: Service/call-handler",
            "spec.template.spec.containerConcurrency",
            "containerConcurrency: 1",
        ),
        (
            "platform/call-handler.yaml",
            "timeoutSeconds: 3600",
            "timeoutSecond: 3600",
            "call-handler.yaml: Service/call-handler",
            "spec.template.spec.timeoutSecond",
            "correct its name",
        ),
        (
            "platform/call-handler.yaml",
            "name: alloresto-keys",
            "name: alloresto-key",
            "call-handler.yaml: Service/call-handler",
            "secretKeyRef",
            "alloresto-keys",
        ),
        (
            "platform/call-logger.yaml",
            "com.alloresto.call.ended",
            "com.alloresto.call.incoming",
            "call-logger.yaml: Trigger/call-logger-ended",
            "spec.filter",
            "name the type",
        ),
        (
            "platform/call-logger.yaml",
            "kind: Service\n      name: call-logger",
            "kind: Service\n      name: nobody",
            "call-logger.yaml: Trigger/call-logger-ended",
            "spec.subscriber.ref.name",
            "name one that is there",
        ),
        (
            "edge/edge-bridge.yaml",
            "apiVersion: serving.knative.dev/v1\n      kind: Service\n      name: call-handler",
            "apiVersion: eventing.knative.dev/v1\n      kind: Broker\n      name: default",
            "edge-bridge.yaml: SinkBinding/edge-bridge",
            "spec.sink",
            "call-handler",
        ),
    ],
)
async def test_a_bad_overlay_is_refused_before_anything_starts(
    tmp_path: Path, file: str, old: str, new: str, where: str, field: str, fix: str
) -> None:
    error, told = await refusal(tmp_path, file, old, new)
    named = [one for one in error.problems if one.where.endswith(where) and one.field.endswith(field)]
    assert named, error
    assert fix in named[0].fix
    assert told == []
    assert not (tmp_path / "state" / "postgres").exists()


async def test_a_refusal_tells_what_was_measured(tmp_path: Path) -> None:
    error, _ = await refusal(
        tmp_path, "platform/call-handler.yaml", 'target-burst-capacity: "-1"', 'target-burst-capacity: "0"'
    )
    [problem] = error.problems
    assert "calls queue behind a pod that is in a call" in str(problem)


def test_the_overlay_of_a_laptop_loses_no_calls() -> None:
    assert lost_calls(render(MANIFESTS)) == []
