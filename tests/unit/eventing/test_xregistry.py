import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventing import asyncapi, catalogue, integrators, xregistry

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]


def test_what_lies_in_docs_is_what_the_catalogue_says() -> None:
    for module in (asyncapi, xregistry):
        assert (ROOT / module.DEFAULT_FILE).read_text() == module.render(), f"run: python -m {module.__name__}"


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (node[name] for name in ("dataschemauri", "dataschemaxid") if name in node)
        for value in node.values():
            yield from references(value)


def test_every_event_is_a_message_with_its_schema_and_webhooks_bring_what_integrators_are_told() -> None:
    document = json.loads(xregistry.render())
    groups = {name: set(group["messages"]) for name, group in document["messagegroups"].items()}

    assert groups[xregistry.GROUP] == set(catalogue.BY_TYPE) - {"com.alloresto.call.incoming"}
    assert groups[xregistry.FOR_INTEGRATORS] == set(integrators.TYPES)
    for endpoint in document["endpoints"].values():
        for group in endpoint["messagegroups"]:
            assert group.removeprefix("/messagegroups/") in groups
    for reference in references(document["messagegroups"]):
        node = document
        for step in reference.lstrip("#/").split("/"):
            node = node[step]


def test_the_command_writes_the_file(tmp_path: Path) -> None:
    assert xregistry.main([str(tmp_path / "a.json")]) == 0
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == xregistry.render()
    assert xregistry.main(["one", "two"]) == 2
