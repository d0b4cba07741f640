"""The forge's workflow: what it may, what it runs, and that nothing in it can be changed from outside."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from ops.images.report import TARGETS

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
FILE = ROOT / ".github" / "workflows" / "release.yaml"
# SchemaStore's github-workflow.json as check-jsonschema 0.39.0 has it, Apache-2.0, without its white space.
SCHEMA = json.loads(Path(__file__).with_name("github-workflow.json").read_text())
TEXT = FILE.read_text()
# YAML 1.1 reads the key "on" as true.
WORKFLOW: dict[str, Any] = {("on" if key is True else key): value for key, value in yaml.safe_load(TEXT).items()}
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]


def steps() -> Iterator[dict[str, Any]]:
    return (step for job in JOBS.values() for step in job["steps"])


def scripts(job: str) -> str:
    return "\n".join(step.get("run", "") for step in JOBS[job]["steps"])


def test_it_is_what_the_forge_understands() -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(WORKFLOW)


def test_every_action_is_pinned_by_its_commit_and_says_its_release() -> None:
    used = re.findall(r"uses: (\S+)(.*)", TEXT)

    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action), action
        assert re.match(r" # v\d+\.\d+\.\d+", comment), action


def test_a_job_may_only_what_it_does() -> None:
    assert WORKFLOW["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "test": {"contents": "read"},
        "images": {"contents": "read", "id-token": "write"},
        "release": {"contents": "write"},
    }
    for step in steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}
    assert "pull_request_target" not in WORKFLOW["on"]


def test_the_tests_get_no_secret_and_are_the_readmes_command() -> None:
    assert "secrets." not in yaml.safe_dump(JOBS["test"])
    assert JOBS["test"]["steps"][-1]["run"] == "make test"
    assert re.search(r"^make test\b", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert JOBS["images"]["needs"] == "test"
    assert JOBS["release"]["needs"] == "images"
    assert JOBS["images"]["if"] == "github.ref_type == 'tag'"


def test_every_image_is_built_signed_and_released_by_its_digest() -> None:
    assert set(WORKFLOW["env"]["TARGETS"].split()) == set(TARGETS)
    build = scripts("images")
    assert build.index("trivy image") < build.index("cosign sign")
    for word in ("--sbom=true", "--provenance=mode=max", "containerimage.digest", "BASE_IMAGE", "@sha256:"):
        assert word in build
    assert scripts("release").index("cosign verify") < scripts("release").index("/releases")
    assert '"$image@$digest"' in scripts("release")


def test_nobody_names_a_registry_and_no_expression_becomes_a_command() -> None:
    assert {JOBS[job]["env"]["REGISTRY"] for job in ("images", "release")} == {"${{ vars.IMAGE_REGISTRY }}"}
    assert not re.search(r"ghcr\.io|docker\.io|quay\.io|gcr\.io", TEXT)
    for step in steps():
        assert "${{" not in step.get("run", ""), step["run"]


@pytest.mark.parametrize("job", JOBS)
def test_its_scripts_are_ones_that_a_shell_understands_and_end_at_the_first_failure(job: str) -> None:
    checked = subprocess.run(["bash", "-n"], input=scripts(job), capture_output=True, text=True, check=False)
    assert (checked.stderr, checked.returncode) == ("", 0)
    assert "|| true" not in scripts(job)


def test_without_its_variables_it_says_which_to_set() -> None:
    [script] = [one["run"] for one in JOBS["images"]["steps"] if one.get("name") == "What has to be set"]

    def said(registry: str, base: str) -> tuple[int, str]:
        environment = {"REGISTRY": registry, "BASE": base, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            ["bash", "-e"], input=script, env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout

    assert said("", "") == (1, "error: set the variable IMAGE_REGISTRY, such as registry.example.com/alloresto\n")
    assert said("registry.example.com/a", "debian:12")[0] == 1
    assert said("registry.example.com/a", "debian@sha256:00") == (0, "")
