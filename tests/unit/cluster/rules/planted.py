"""A good cluster to plant faults in."""

import copy
from pathlib import Path
from typing import Any

import yaml

from cluster.rules import Access, ClusterObject, ClusterObjects, Finding, Rule, Unread, Verdict, examine
from cluster.rules.examination import RULES

OBJECTS = tuple(yaml.load_all((Path(__file__).parent / "good_cluster.yaml").read_text(), yaml.CSafeLoader))


class Planted:
    """The good cluster's objects, to be changed."""

    def __init__(self) -> None:
        self.objects: list[dict[str, Any]] = copy.deepcopy(list(OBJECTS))
        self.files: dict[str, str] = {}
        self.unread: list[Unread] = []
        self.not_installed: set[str] = set()
        self.reviews: dict[Access, bool] = {}

    def one(self, kind_and_name: str, namespace: str = "") -> dict[str, Any]:
        """The first of that kind and name; of Services the Knative one."""
        kind, _, name = kind_and_name.partition("/")
        return next(
            one
            for one in self.objects
            if (one["kind"], one["metadata"]["name"]) == (kind, name)
            and namespace in ("", one["metadata"].get("namespace"))
        )

    def set(self, kind_and_name: str, path: str, value: Any) -> None:
        """``path``: keys and indexes with ``/`` between; an ellipsis as value deletes. ``~`` stands for ``/``."""
        node: Any = self.one(kind_and_name)
        *steps, last = (int(step) if step.isdigit() else step.replace("~", "/") for step in path.split("/"))
        for step in steps:
            node = node[step] if isinstance(step, int) else node.setdefault(step, {})
        if value is ...:
            del node[last]
        else:
            node[last] = value

    def remove(self, kind_and_name: str, namespace: str = "") -> None:
        self.objects.remove(self.one(kind_and_name, namespace))

    def add(self, text: str) -> None:
        self.objects += list(yaml.load_all(text, yaml.CSafeLoader))

    def environment(self, kind_and_name: str, name: str, value: str | None) -> None:
        """Set a variable of the first container; None removes it."""
        variables = self.one(kind_and_name)["spec"]["template"]["spec"]["containers"][0]["env"]
        variables[:] = [one for one in variables if one["name"] != name]
        if value is not None:
            variables.append({"name": name, "value": value})

    def read(self) -> ClusterObjects:
        return ClusterObjects(
            [
                ClusterObject(one, self.files.get(f"{one['kind']}/{one['metadata']['name']}", ""))
                for one in self.objects
            ],
            unread=self.unread,
            not_installed=self.not_installed,
            reviews=self.reviews,
        )

    def findings(self, rules: tuple[Rule, ...] = RULES) -> list[Finding]:
        """What is not good."""
        return [one for one in examine(self.read(), rules) if one.verdict is not Verdict.GOOD]
