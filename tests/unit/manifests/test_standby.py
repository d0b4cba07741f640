"""The standby of another region's installation: production's own manifests, apart from this region's."""

from pathlib import Path

import pytest
import yaml

from ops.manifest_doctor import lost_calls
from ops.manifests import render

pytestmark = pytest.mark.unit

STANDBY = render(Path(__file__).parents[3] / "manifests" / "overlays" / "standby")
NAMESPACES = {"alloresto-standby", "alloresto-standby-edge"}


def test_nothing_of_it_is_in_or_leads_to_the_namespaces_of_the_regions_own_installation() -> None:
    assert {one.name for one in STANDBY if one.kind == "Namespace"} == NAMESPACES
    assert {one.body["metadata"]["namespace"] for one in STANDBY if "namespace" in one.body["metadata"]} == NAMESPACES
    for one in STANDBY:
        said = yaml.safe_dump(one.body)
        assert "namespace: alloresto\n" not in said, one.where
        assert "namespace: alloresto-edge\n" not in said, one.where


def test_its_bridges_are_never_taken_for_homes_of_the_same_number() -> None:
    [bridge] = [one for one in STANDBY if one.kind == "StatefulSet"]
    [container] = bridge.body["spec"]["template"]["spec"]["containers"]
    environment = {variable["name"]: variable for variable in container["env"]}

    assert environment["BRIDGE_NODE_ID"]["valueFrom"] == {"fieldRef": {"fieldPath": "spec.nodeName"}}
    assert environment["HANDLER_NAMESPACE"]["value"] == "alloresto-standby"


def test_it_writes_no_schema_and_no_backups_and_loses_no_calls() -> None:
    assert not [one for one in STANDBY if one.kind == "Job"]
    assert {one.body["spec"]["suspend"] for one in STANDBY if one.kind == "CronJob"} == {True}
    assert lost_calls(STANDBY) == []
