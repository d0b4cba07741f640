"""What `alloresto monitoring check` finds, and what it must not let pass."""

import re
import shutil
from pathlib import Path

import pytest
import typer.main
import yaml

from cli import app
from cluster.rules import Finding
from ops.monitoring import check, dashboards, proofs, rules, series
from ops.monitoring.dashboards import Dashboard, Panel
from tests.unit.manifests.rendered import container_of, is_knative, objects, of_kind, pod_labels, selects, workloads

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
RUNBOOKS = ROOT / "docs" / "operators" / "runbooks"
PRODUCT = ("process", "eventing", "functions", "edge_bridge", "web", "stores", "protocols")
ENDING = ("Job", "CronJob")  # what they did is told by the reconciler


@pytest.fixture
def found() -> dict[str, Finding]:
    """Without the programs, which `make check` has look at the same files."""
    return {one.what: one for one in check.findings()}


@pytest.fixture(autouse=True)
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)


def test_what_is_written_holds(found: dict[str, Finding]) -> None:
    assert [one.detail for one in found.values() if one.examined and not one.ok] == []


def test_a_program_that_is_not_here_is_said_to_be_skipped_and_is_no_success(found: dict[str, Finding]) -> None:
    skipped = [one for one in found.values() if not one.examined]
    assert [one.detail for one in skipped] == ["skipped: promtool is not installed", "skipped: amtool is not installed"]
    assert check.run() == 3


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("rate(nobody_tells_this_total[5m])", "nobody tells nobody_tells_this_total"),
        ('calls_ended_total{outcomes="lost"}', "calls_ended_total has no label outcomes"),
        ("sum by (bridge) (calls_ended_total)", "none of its series has the label bridge"),
        ("increase(ai_worker_openai_cost_dollars[1d])", "nobody tells ai_worker_openai_cost_dollars"),
    ],
)
def test_a_panel_that_asks_for_what_nobody_tells_fails(
    expression: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Dashboard("wrong", "Wrong", (Panel("Panel", {"": expression}),))
    monkeypatch.setattr(dashboards, "DASHBOARDS", (wrong,))
    [told] = [one for one in check.findings() if one.what == "series"]
    assert not told.ok
    assert told.detail == f"Wrong, Panel: {fault}"


def test_an_alert_lacks_nothing_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = {"alert": "New", "expr": "up == 0", "labels": {"severity": "bad"}}
    monkeypatch.setattr(rules, "rules", lambda: iter([bare]))
    told = [*rules.faults(), *proofs.faults()]
    for lack in ("severity is none of", "no summary", "no description", "does not end with #new", "in which it fires"):
        assert any(fault.startswith("New: ") and lack in fault for fault in told), lack
    assert "BridgeDown: it is tested, and there is no such alert" in told


def test_a_case_that_is_silent_for_want_of_the_alerts_series_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (rules.RULE_TESTS / "data.yaml").read_text()
    (tmp_path / "data.yaml").write_text(text.replace("outbox_oldest_seconds", "outbox_backlog"))
    monkeypatch.setattr(rules, "RULE_TESTS", tmp_path)
    told = list(proofs.faults())
    assert 'RelayLag: "RelayLag: is quiet" has none of the series that it asks for' in told
    assert not [fault for fault in told if fault.startswith("DeadLetters: ")]


@pytest.mark.parametrize("test", ["tests/e2e/gone.py::test_a", "tests/e2e/test_monitoring.py::test_gone"])
def test_a_fault_that_no_test_brings_about_proves_nothing(test: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(proofs.FAULTS, "RelayLag", test)
    assert list(proofs.faults()) == [f"RelayLag: {test} does not name it"]


def test_every_alert_has_a_line_in_the_operators_table() -> None:
    lines = [line for line in proofs.TABLE.read_text().splitlines() if line.startswith("| [")]
    assert len(lines) == len(rules.alerts())
    for rule, line in zip(rules.alerts(), lines, strict=True):
        name, _, _, fires, silent, _ = (cell.strip() for cell in line.strip("|").split(" | "))
        assert name.startswith(f"[{rule['alert']}](runbooks/")
        assert fires not in ("", "–")
        assert silent not in ("", "–") or rule["alert"] in proofs.ALWAYS


def test_a_generated_file_that_was_edited_by_hand_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    edited = rules.ROOT / "manifests" / "edited.yaml"
    monkeypatch.setattr(rules, "OPERATOR_RULES", edited)
    told = {one.what: one for one in check.findings()}
    assert not told["manifests/edited.yaml"].ok


def test_every_module_that_makes_a_metric_is_in_the_inventory() -> None:
    made = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for folder in PRODUCT
        for file in (ROOT / folder).rglob("*.py")
        if re.search(r"^from prometheus_client import .*\b(Counter|Gauge|Histogram)\b", file.read_text(), re.MULTILINE)
        or re.search(r"^from prometheus_client import \($", file.read_text(), re.MULTILINE)
    }
    assert made == set(series.MODULES)


def test_every_command_of_a_runbook_exists() -> None:
    command = typer.main.get_command(app)
    seen = set()
    for page in RUNBOOKS.glob("*.md"):
        for line in re.findall(r"\./alloresto ([^`\n;|]+)", page.read_text()):
            word, *rest = line.split()
            assert word in command.commands, f"{page.name}: alloresto {word}"  # type: ignore[attr-defined]
            below = getattr(command.commands[word], "commands", {})  # type: ignore[attr-defined]
            if rest and below and rest[0].islower() and rest[0].isalpha():
                assert rest[0] in below, f"{page.name}: alloresto {word} {rest[0]}"
            seen.add(word)
    assert {"lines", "calls", "letters", "doctor"} <= seen


def test_every_link_of_a_runbook_leads_to_a_section() -> None:
    for page in RUNBOOKS.glob("*.md"):
        for address in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            name, _, section = address.partition("#")
            target = (page.parent / name).resolve() if name else page
            assert target.is_file(), f"{page.name}: {address}"
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            known = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
            assert not section or section in known, f"{page.name}: {address}"


def test_every_pod_that_is_ours_is_scraped_once_at_a_port_that_it_has() -> None:
    monitors = [one for one in objects("monitoring") if one["kind"] == "PodMonitor"]
    for workload in (one for one in workloads("monitoring") if one["kind"] not in ENDING):
        name, labels = workload["metadata"]["name"], pod_labels(workload)
        if name in ("postgres", "redis"):
            continue  # their exporters', where there are any
        [monitor] = [one for one in monitors if selects(one["spec"]["selector"], labels)]
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        probe = container_of(workload)["readinessProbe"]["httpGet"]  # where its probes are, its metrics are
        # Knative names its container's one port so.
        assert endpoint["port"] == ("user-port" if is_knative(workload) else probe["port"]), name
        assert labels["app"], name


def test_the_policies_let_prometheus_reach_every_port_that_it_scrapes() -> None:
    numbers = {"api": 8080, "user-port": 8080, "http": 8080, "web-metrics": 9090}
    monitors = [one for one in objects("monitoring") if one["kind"] == "PodMonitor"]
    for workload in (one for one in workloads("monitoring") if one["kind"] not in ENDING):
        labels = pod_labels(workload)
        for monitor in (one for one in monitors if selects(one["spec"]["selector"], labels)):
            port = numbers[monitor["spec"]["podMetricsEndpoints"][0]["port"]]
            assert port in admitted_from_monitoring(labels), workload["metadata"]["name"]


def admitted_from_monitoring(labels: dict[str, str]) -> set[int]:
    return {
        port["port"]
        for policy in of_kind("monitoring", "NetworkPolicy")
        if selects(policy["spec"]["podSelector"], labels)
        for rule in policy["spec"].get("ingress", [])
        if any("monitoring" in str(peer.get("namespaceSelector", "")) for peer in rule.get("from", []))
        for port in rule["ports"]
    }


def test_the_jobs_of_the_rules_are_pods_that_are_scraped() -> None:
    text = "".join(file.read_text() for file in rules.RULES.glob("*.yaml"))
    jobs = set(re.findall(r'job="([\w-]+)"', text)) - {"asterisk"}
    assert jobs <= {pod_labels(one)["app"] for one in workloads("monitoring")}
    [asterisk] = [one for one in objects("monitoring/asterisk") if one["kind"] == "ServiceMonitor"]
    assert asterisk["spec"]["jobLabel"] == "app"


def test_nobody_is_named_a_receiver_that_alertmanager_does_not_have() -> None:
    config = yaml.safe_load((rules.ALERTMANAGER / "alertmanager.yaml").read_text())
    assert {one["name"] for one in config["receivers"]} == set(check.ROUTES.values())
    alerts = {rule["alert"] for rule in rules.alerts()}
    for inhibited in config["inhibit_rules"]:
        for matcher in (*inhibited["source_matchers"], *inhibited["target_matchers"]):
            assert set(re.findall(r"\w+", matcher.partition("=")[2])) <= alerts, matcher
