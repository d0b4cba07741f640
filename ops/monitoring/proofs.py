"""What proves each alert: a series of ``rule-tests/`` that makes it fire, one that does not, and faults on the stack.

``table`` is the operators' page of it, ``docs/operators/alerts.md``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ops.monitoring import promql, rules

TABLE = rules.ROOT / "docs" / "operators" / "alerts.md"
WORDLESS = {"fires", "is quiet"}
ALWAYS = {"Watchdog"}
"""Alerts that never fall silent."""

_DEAD_SILENT_UNWRITTEN = (
    "tests/e2e/test_monitoring.py::test_a_dead_letter_a_silent_bridge_and_an_unwritten_order_each_wake_whom_they_should"
)
FAULTS = {
    "BridgeDown": _DEAD_SILENT_UNWRITTEN,
    "DeadLetters": _DEAD_SILENT_UNWRITTEN,
    "OrdersUnwritten": _DEAD_SILENT_UNWRITTEN,
    "Watchdog": _DEAD_SILENT_UNWRITTEN,
}
"""The test that brings the alert's fault about on the embedded stack, with the real Prometheus beside it."""

_COUNTED = re.compile(r'^count\(ALERTS\{alertname="(\w+)", alertstate="firing"\}\) or vector\(0\)$')
_HEAD = """\
# Every alert and what proves it

Made of the rules by `python -m ops.monitoring`; `./alloresto monitoring check` fails where an alert has no case, no
page or no line here. Cases are run by `promtool test rules`, faults by `make test`. A case without words of its own is
told by its series, in promtool's notation. How alerts are made, and who is told: [monitoring](monitoring.md).

| alert | told as | rule | fires in the case | does not in the case | fault on the embedded stack |
|---|---|---|---|---|---|
"""


@dataclass(slots=True)
class Proof:
    """The names of an alert's cases."""

    fires: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Case:
    """One question of one case: whether ``alert`` fires, by ``series`` (their names), which are ``given`` so."""

    name: str
    alert: str
    fires: bool
    series: frozenset[str]
    given: str


def faults() -> Iterator[str]:
    """What the proofs lack, in words."""
    cases, wrong = _cases()
    yield from wrong
    names = {rule["alert"] for rule in rules.alerts()}
    proofs = _by_alert(cases)
    for name in sorted(names):
        if not proofs[name].fires:
            yield f"{name}: no case of rule-tests/ in which it fires"
        if not proofs[name].silent and name not in ALWAYS:
            yield f"{name}: no case of rule-tests/ in which it does not"
    for name in sorted(proofs.keys() - names):
        yield f"{name}: it is tested, and there is no such alert"
    yield from _idle(cases)
    for name, test in FAULTS.items():
        yield from _faults_of_the_test(name, test, names)


def table() -> str:
    """The page, as Markdown."""
    cases, _ = _cases()
    proofs = _by_alert(cases)
    lines = [
        _line(rule, file, proofs[rule["alert"]])
        for file in sorted(rules.RULES.glob("*.yaml"))
        for rule in rules.of_file(file)
        if "alert" in rule
    ]
    return _HEAD + "".join(lines)


def _line(rule: rules.Rule, file: Path, proof: Proof) -> str:
    name = rule["alert"]
    page = rule["annotations"]["runbook_url"].removeprefix("docs/operators/")
    held = f", for {rule['for']}" if "for" in rule else ""
    place = f"../../{file.relative_to(rules.ROOT)}"
    fault = "–"
    if name in FAULTS:
        fault = f"[{FAULTS[name].partition('::')[0].rpartition('/')[2]}](../../{FAULTS[name].partition('::')[0]})"
    cells = (
        f"[{name}]({page})",
        rule["labels"]["severity"],
        f"[{file.name}]({place}){held}",
        "; ".join(proof.fires),
        "; ".join(proof.silent) or "–",
        fault,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _cases() -> tuple[list[Case], list[str]]:
    """All, and what of them is not of the one form that can be read."""
    found, wrong = [], []
    for file in sorted(rules.RULE_TESTS.glob("*.yaml")):
        for case in yaml.load(file.read_text(), yaml.CSafeLoader)["tests"]:
            series = case.get("input_series", ())
            names = frozenset(promql.named(one["series"]).selectors[0].name for one in series)
            given = ", ".join(f"`{one['series']}` {one['values']}" for one in series)
            for asked in case["promql_expr_test"]:
                counted = _COUNTED.match(asked["expr"])
                if counted is None:
                    wrong.append(f"{file.name}: {case['name']}: it does not count one alert as the others do")
                    continue
                fires = bool(asked["exp_samples"][0]["value"])
                found.append(Case(case["name"], counted[1], fires, names, given))
    return found, wrong


def _by_alert(cases: Sequence[Case]) -> Mapping[str, Proof]:
    proofs: defaultdict[str, Proof] = defaultdict(Proof)
    for case in cases:
        proof = proofs[case.alert]
        told = case.name.removeprefix(f"{case.alert}: ")
        (proof.fires if case.fires else proof.silent).append(case.given if told in WORDLESS else told)
    return proofs


def _idle(cases: Sequence[Case]) -> Iterator[str]:
    """Cases in which an alert is silent since there is nothing to look at, which shows nothing."""
    recorded = {rule["record"]: rule["expr"] for rule in rules.rules() if "record" in rule}
    asks = {rule["alert"]: _asked(rule["expr"], recorded) for rule in rules.alerts()}
    for case in cases:
        if not case.fires and case.alert in asks and not asks[case.alert] & case.series:
            yield f'{case.alert}: "{case.name}" has none of the series that it asks for'


def _asked(expression: str, recorded: Mapping[str, str]) -> set[str]:
    """The series behind an expression, through those that are ``recorded``, by what."""
    found: set[str] = set()
    for selector in promql.named(expression).selectors:
        found |= _asked(recorded[selector.name], recorded) if selector.name in recorded else {selector.name}
    return found


def _faults_of_the_test(name: str, test: str, alerts: set[str]) -> Iterator[str]:
    file, _, function = test.partition("::")
    path = rules.ROOT / file
    _, _, body = (path.read_text() if path.is_file() else "").partition(f"def {function}(")
    if name not in alerts:
        yield f"{name}: a fault is told to prove it, and there is no such alert"
    elif f'"{name}"' not in re.split(r"^(?:async )?def ", body, maxsplit=1, flags=re.MULTILINE)[0]:
        yield f"{name}: {test} does not name it"
