"""setup/before-deploy.sh and setup/after-deploy.sh, with a kubectl that answers from a table and keeps what it gets.

A real cluster is not to be had in a test; the scripts are the real ones, and only what they say to kubectl is judged.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

SETUP = Path(__file__).parents[3] / "setup"
TIMEOUT_S = 30

KUBECTL = """#!/bin/sh
printf '%s\\n' "$*" >>"$ASKED"
while read -r status pattern; do
    IFS= read -r answer
    case "$*" in
        *$pattern*)
            [ "$status" = 0 ] && printf '%s' "$answer" || printf '%s' "$answer" >&2
            exit "$status" ;;
    esac
done <"$ANSWERS"
"""


@dataclass(frozen=True)
class Deployment:
    folder: Path

    def answer(self, pattern: str, answer: str = "", status: int = 0) -> None:
        """What kubectl says to a command that holds ``pattern``. The first that fits counts."""
        with (self.folder / "answers").open("a") as file:
            file.write(f"{status} {pattern.replace(' ', '?')}\n{answer}\n")

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "ASKED": str(self.folder / "asked"),
            "ANSWERS": str(self.folder / "answers"),
        }
        command = [str(SETUP / script), "kind-alloresto", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)

    @property
    def asked(self) -> list[str]:
        lines = (self.folder / "asked").read_text().splitlines()
        assert all(line.startswith("--context kind-alloresto ") for line in lines)
        return [line.removeprefix("--context kind-alloresto ") for line in lines]

    def position(self, words: str) -> int:
        return next(number for number, line in enumerate(self.asked) if words in line)


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    (tmp_path / "answers").touch()
    return Deployment(tmp_path)


def test_a_namespace_that_is_not_there_is_made_before_its_secrets_are_looked_for(deployment: Deployment) -> None:
    deployment.answer("get namespace alloresto-edge", "not found", status=1)

    done = deployment.run("before-deploy.sh", "alloresto:keys", "alloresto-edge:keys")

    assert done.returncode == 0, done.stderr
    assert deployment.position("create namespace alloresto-edge") < deployment.position(
        "--namespace alloresto-edge get secret keys"
    )
    assert not any(line.startswith("create namespace alloresto ") for line in deployment.asked)


def test_every_missing_secret_is_named_with_its_namespace_and_the_last_release_is_left_alone(
    deployment: Deployment,
) -> None:
    deployment.answer("--namespace alloresto-edge get secret", "not found", status=1)

    done = deployment.run("before-deploy.sh", "alloresto:database,keys", "alloresto-edge:database,keys")

    assert done.returncode == 1
    assert "alloresto-edge/database alloresto-edge/keys\n" in done.stderr
    assert " alloresto/" not in done.stderr
    assert not any(" delete " in line for line in deployment.asked)


def test_the_finished_migration_of_the_last_release_is_removed(deployment: Deployment) -> None:
    assert deployment.run("before-deploy.sh", "alloresto:keys", "alloresto-edge:keys").returncode == 0

    assert deployment.asked[-1] == "--namespace alloresto delete job migrate --ignore-not-found --timeout=60s"


def test_the_migration_is_seen_to_succeed_before_anything_is_waited_for_that_calls_can_hold_up(
    deployment: Deployment,
) -> None:
    deployment.answer('type=="Complete"', "True")
    deployment.answer("get services.serving.knative.dev", "service/call-handler")
    deployment.answer("alloresto-edge get deployments", "statefulset/edge-bridge")
    deployment.answer("alloresto get deployments", "deployment/web")

    done = deployment.run("after-deploy.sh", "7200", "alloresto", "alloresto-edge")

    assert done.returncode == 0, done.stderr
    migrated = deployment.position("--namespace alloresto get job migrate")
    ready = deployment.position("--namespace alloresto wait services.serving.knative.dev --all")
    web = deployment.position("--namespace alloresto rollout status deployment/web")
    bridge = deployment.position("--namespace alloresto-edge rollout status statefulset/edge-bridge")
    assert migrated < ready < web < bridge
    waits = [line for line in deployment.asked if " wait " in line or " rollout status " in line]
    assert all(re.search(r"--timeout=\d+s", line) for line in waits)


def test_a_migration_that_failed_is_told_with_its_log_at_once(deployment: Deployment) -> None:
    deployment.answer('type=="Failed"', "True")

    done = deployment.run("after-deploy.sh", "7200", "alloresto")

    assert done.returncode == 1
    assert "migration in alloresto has not succeeded" in done.stderr
    assert any("logs job/migrate" in line for line in deployment.asked)
    assert not any("rollout" in line for line in deployment.asked)


def test_a_bridge_whose_image_is_not_there_is_told_before_the_hours_that_its_calls_may_take(
    deployment: Deployment,
) -> None:
    deployment.answer('type=="Complete"', "True")
    deployment.answer("get deployments", "statefulset/edge-bridge")
    deployment.answer("rollout status", "error: timed out waiting for the condition", status=1)
    deployment.answer("get pods", "edge-bridge-1 ImagePullBackOff")

    done = deployment.run("after-deploy.sh", "7200", "alloresto")

    assert done.returncode == 1
    assert "a pod can't start: edge-bridge-1 ImagePullBackOff" in done.stderr


def test_a_rollout_that_takes_longer_than_it_may_is_a_failed_release(deployment: Deployment) -> None:
    deployment.answer('type=="Complete"', "True")
    deployment.answer("get deployments", "statefulset/edge-bridge")
    deployment.answer("rollout status", "error: timed out waiting for the condition", status=1)
    deployment.answer("get pods", "edge-bridge-1 ")

    done = deployment.run("after-deploy.sh", "40", "alloresto")

    assert done.returncode == 1
    assert "statefulset/edge-bridge in alloresto is not ready in time" in done.stderr
    assert sum("rollout status" in line for line in deployment.asked) == 3
