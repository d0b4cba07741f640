"""``alloresto monitoring check``: whether every rule, route and panel holds, by promtool, amtool and our own metrics.

What needs a program that is not here is told as not examined, and the exit status is 3, never 0.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from cluster.rules import Finding
from domain import objectives
from ops import doctor_report
from ops.monitoring import dashboards, promql, proofs, rules, series
from ops.monitoring.series import TARGET_LABELS, Series

ROUTES = {"critical": "pager", "warning": "chat", "info": "mail", "none": "heartbeat", "": "mail"}
"""The receiver that each severity has to reach; "" stands for an alert of somebody else's without one."""

PROGRAM_TIMEOUT_S = 120.0
WRITE = "python -m ops.monitoring"
# Alertmanager 0.26 reads these two from files; Debian's amtool is older and is shown a value in their place.
_NEWER_THAN_AMTOOL = (
    (re.compile(r"bot_token_file: \S+"), "bot_token: placeholder"),
    (re.compile(r"url_file: \S+"), "url: http://placeholder.example.com"),
)


def run(json_file: Path | None = None) -> int:
    """Print what was found; the exit status."""
    return doctor_report.report("monitoring", list(findings()), json_file)


def findings() -> Iterator[Finding]:
    known = (
        series.own()
        | series.foreign(rules.FOLDER / "foreign-metrics.yaml")
        | dict.fromkeys(rules.recorded(), frozenset[str]())
    )
    lacks = [*rules.faults(), *proofs.faults()]
    yield _all_well("alerts", lacks, f"{len(rules.alerts())}, each with its page and its cases")
    unknown = [fault for where, expression in _expressions() for fault in _unknown(where, expression, known)]
    yield _all_well(
        "series", unknown, f"all that {sum(1 for _ in _expressions())} expressions name are told by somebody"
    )
    yield _same(rules.OPERATOR_RULES, rules.operator_object())
    yield _same(dashboards.FILE, dashboards.config_map())
    yield _same(proofs.TABLE, proofs.table())
    yield from _by_promtool()
    yield from _by_amtool()


def _expressions() -> Iterator[tuple[str, str]]:
    for rule in rules.rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for dashboard in dashboards.DASHBOARDS:
        for panel, expression in dashboards.queries(dashboard):
            yield f"{dashboard.title}, {panel}", expression
    for objective in objectives.OBJECTIVES:
        yield f"objective {objective.name}", objectives.over(objective, "30d")


def _unknown(where: str, expression: str, known: Series) -> Iterator[str]:
    """Series that nobody tells, and labels that they do not have."""
    found = promql.named(expression)
    has = set(TARGET_LABELS)
    for selector in found.selectors:
        if selector.name not in known:
            yield f"{where}: nobody tells {selector.name}"
            continue
        has |= known[selector.name]
        for label in sorted(selector.labels - known[selector.name] - TARGET_LABELS):
            yield f"{where}: {selector.name} has no label {label}"
    for label in sorted(found.grouped - has):
        yield f"{where}: none of its series has the label {label}"


def _all_well(what: str, faults: Sequence[str], good: str) -> Finding:
    fix = "correct them; docs/operators/monitoring.md says what belongs together"
    return Finding(what, not faults, "\n      ".join(faults) or good, fix)


def _same(file: Path, made: str) -> Finding:
    name = str(file.relative_to(rules.ROOT))
    return Finding(name, file.exists() and file.read_text() == made, "as it is made", f"run: {WRITE}")


def _by_promtool() -> Iterator[Finding]:
    program = shutil.which("promtool")
    if program is None:
        yield _missing("rules and their cases", "promtool", "prometheus")
        return
    files = [str(file) for file in sorted(rules.RULES.glob("*.yaml"))]
    yield _asked("promtool check rules", [program, "check", "rules", "--lint=all", "--lint-fatal", *files])
    cases = [str(file) for file in sorted(rules.RULE_TESTS.glob("*.yaml"))]
    yield _asked("promtool test rules", [program, "test", "rules", *cases])
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as panels:  # promtool reads expressions in rule files only
        panels.write(_panels_as_rules())
        panels.flush()
        yield _asked("promtool, the panels' queries", [program, "check", "rules", panels.name])


def _panels_as_rules() -> str:
    lines = ["groups:", "- name: panels", "  rules:"]
    for number, (_, expression) in enumerate(
        one for dashboard in dashboards.DASHBOARDS for one in dashboards.queries(dashboard)
    ):
        lines += [f"  - record: panel:{number}", f"    expr: {json.dumps(expression)}"]
    for objective in objectives.OBJECTIVES:
        expression = objectives.over(objective, "30d")
        lines += [f"  - record: objective:{objective.name}", f"    expr: {json.dumps(expression)}"]
    return "\n".join(lines) + "\n"


def _by_amtool() -> Iterator[Finding]:
    program = shutil.which("amtool")
    if program is None:
        yield _missing("routes", "amtool", "prometheus-alertmanager")
        return
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(rules.ALERTMANAGER, name, dirs_exist_ok=True)
        config = Path(name, "alertmanager.yaml")
        found = _asked("amtool check-config", [program, "check-config", str(config)])
        if not found.ok and "_file not found in type" in found.detail:
            text = config.read_text()
            for newer, older in _NEWER_THAN_AMTOOL:
                text = newer.sub(older, text)
            config.write_text(text)
            found = _asked("amtool check-config", [program, "check-config", str(config)])
        yield found
        for severity, receiver in ROUTES.items():
            test = [program, "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receiver}"]
            yield _asked(f"route of {severity or 'no severity'}", [*test, f"severity={severity}"], receiver)


def _asked(what: str, command: Sequence[str], good: str = "") -> Finding:
    answer = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_TIMEOUT_S, check=False)
    said = (answer.stdout + answer.stderr).strip()
    ok = answer.returncode == 0
    return Finding(what, ok, (good or said.splitlines()[-1].strip() if said else "good") if ok else said, "correct it")


def _missing(what: str, program: str, package: str) -> Finding:
    detail = f"skipped: {program} is not installed"
    return Finding(what, False, detail, f"install Debian's {package}; its service is not needed", examined=False)
