"""The alerts: plain Prometheus rule files, the Operator's object that is made from them, and what each has to have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "manifests" / "components" / "monitoring"
RULES = FOLDER / "rules"
RULE_TESTS = FOLDER / "rule-tests"
ALERTMANAGER = FOLDER / "alertmanager"
OPERATOR_RULES = FOLDER / "prometheus-rules.yaml"
SEVERITIES = ("critical", "warning", "info", "none")

_HEAD = "# Made of rules/ by `python -m ops.monitoring`; `alloresto monitoring check` says when it is out of date.\n"

Rule = dict[str, Any]


def groups() -> Iterator[dict[str, Any]]:
    for file in sorted(RULES.glob("*.yaml")):
        yield from _groups_of(file)


def rules() -> Iterator[Rule]:
    for group in groups():
        yield from group["rules"]


def of_file(file: Path) -> Iterator[Rule]:
    for group in _groups_of(file):
        yield from group["rules"]


def _groups_of(file: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.load(file.read_text(), yaml.CSafeLoader)["groups"]


def alerts() -> list[Rule]:
    return [rule for rule in rules() if "alert" in rule]


def recorded() -> frozenset[str]:
    return frozenset(rule["record"] for rule in rules() if "record" in rule)


def operator_object() -> str:
    """The PrometheusRule with every group, as YAML."""
    body = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "alloresto"},
        "spec": {"groups": list(groups())},
    }
    return _HEAD + yaml.safe_dump(body, sort_keys=False, width=120, allow_unicode=True)


def faults() -> Iterator[str]:
    """What an alert lacks, in words."""
    seen: set[str] = set()
    for rule in alerts():
        name = rule["alert"]
        if name in seen:
            yield f"{name}: there are two of this name"
        seen.add(name)
        if rule.get("labels", {}).get("severity") not in SEVERITIES:
            yield f"{name}: its severity is none of {', '.join(SEVERITIES)}"
        annotations = rule.get("annotations", {})
        for needed in ("summary", "description"):
            if not annotations.get(needed):
                yield f"{name}: no {needed}"
        yield from _faults_of_the_page(name, annotations.get("runbook_url", ""))


def _faults_of_the_page(name: str, address: str) -> Iterator[str]:
    page, _, section = address.partition("#")
    if section != name.lower():
        yield f"{name}: runbook_url does not end with #{name.lower()}"
    elif not (ROOT / page).is_file():
        yield f"{name}: there is no {page}"
    elif f"\n## {name}\n" not in (ROOT / page).read_text():
        yield f"{name}: {page} has no section of its name"
