import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest
import yaml

from eventing import asyncapi, catalogue
from eventing.catalogue import MenuChanged

pytestmark = pytest.mark.unit


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_type_is_in_one_channel_and_every_reference_leads_somewhere() -> None:
    document = yaml.safe_load(asyncapi.render())

    channels = [set(channel["messages"]) for channel in document["channels"].values()]
    assert sorted(name for names in channels for name in names) == sorted(catalogue.BY_TYPE)
    for reference in references(document):
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_a_payload_keeps_to_the_documented_schema() -> None:
    schema = asyncapi.document()["components"]["messages"]["com.alloresto.menu.changed"]["payload"]
    payload = MenuChanged(restaurant_id="0b6e8a1e-7b1c-4c0e-9a53-4a40d9a3f001")

    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(json.loads(msgspec.json.encode(payload)))
    assert not validator.is_valid({"itemIds": []})


def test_the_command_writes_the_file(tmp_path: Path) -> None:
    assert asyncapi.main([str(tmp_path / "a.yaml")]) == 0
    assert (tmp_path / "a.yaml").read_text(encoding="utf-8") == asyncapi.render()
    assert asyncapi.main(["one", "two"]) == 2
