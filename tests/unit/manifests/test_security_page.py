"""docs/operators/security.md says which process holds which secret, and it is so."""

import re
from pathlib import Path

import pytest

from tests.unit.manifests.rendered import container_of, workloads

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[3] / "docs/operators/security.md").read_text()


def test_each_process_reads_the_secrets_that_the_page_says_and_no_others() -> None:
    table = PAGE.partition("| process | reads |")[2].partition("\n\n")[0]
    said = {
        name: set(re.findall(r"`(\w+)`", keys)) for name, keys in re.findall(r"^\| `([\w-]+)` \| (.*) \|$", table, re.M)
    }
    held = {
        workload["metadata"]["name"]: {
            variable["valueFrom"]["secretKeyRef"]["key"]
            for variable in container_of(workload).get("env", [])
            if "secretKeyRef" in variable.get("valueFrom", {})
        }
        for workload in workloads("production")
    }

    assert said == held


def test_every_component_of_network_policies_is_on_the_page() -> None:
    folder = Path(__file__).parents[3] / "manifests/components/network-policies"
    components = {path.name for path in folder.iterdir() if path.is_dir()}
    table = PAGE.partition("| component | for |")[2].partition("\n\n")[0]

    assert set(re.findall(r"`([\w-]+)`", table)) == components
