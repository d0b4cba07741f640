"""The dashboards, described in a few lines a panel and made into Grafana's JSON.

``python -m ops.monitoring`` writes them into ``dashboards.yaml``, a ConfigMap that Grafana's sidecar takes up by its
label. The data source is a variable, so any Prometheus serves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from ops.monitoring.rules import FOLDER

FILE = FOLDER / "dashboards.yaml"
INTERVAL = "$__rate_interval"
RESTAURANT = "$restaurant"
WIDTH = 24
HEIGHT = 8
SCHEMA_VERSION = 39  # Grafana 10.4 and later

_HEAD = "# Made of ops/monitoring/dashboards.py by `python -m ops.monitoring`; `alloresto monitoring check` compares.\n"
_SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """``queries`` are expressions by their legend; ``unit`` is Grafana's name of it; ``width`` is in 24ths."""

    title: str
    queries: dict[str, str]
    unit: str = "short"
    kind: Literal["timeseries", "stat", "bargauge"] = "timeseries"
    width: int = 8


@dataclass(frozen=True, slots=True)
class Dashboard:
    uid: str
    title: str
    panels: Sequence[Panel]
    variables: dict[str, str] = field(default_factory=dict)  # the query of each, by its name
    hours: int = 6


_UNSERVED = 'reason=~"no_handler|handler_lost|ai_down|bridge_lost|node_full"'
_P95 = "histogram_quantile(0.95, sum by (le) (rate({}_bucket[$__rate_interval])))"
_P50 = "histogram_quantile(0.5, sum by (le) (rate({}_bucket[$__rate_interval])))"

OVERVIEW = Dashboard(
    "alloresto-overview",
    "AlloResto: overview",
    (
        Panel("On the phone", {"calls": "sum(sip_gate_dialogs)"}, kind="stat", width=4),
        Panel("With a handler", {"calls": "sum(ai_worker_calls_active)"}, kind="stat", width=4),
        Panel("Waiting", {"calls": "sum(queue_incoming_calls_length)"}, kind="stat", width=4),
        Panel("Bridges", {"{{status}}": "max by (status) (bridge_nodes)"}, kind="stat", width=4),
        Panel("Lines", {"{{state}}": "max by (state) (phone_lines)"}, kind="stat", width=8),
        Panel(
            "Calls a minute, by how they end",
            {"{{outcome}}": f"60 * sum by (outcome) (rate(calls_ended_total[{INTERVAL}]))"},
            width=12,
        ),
        Panel(
            "Not served, a minute, by why",
            {"{{reason}}": f'60 * sum by (reason) (rate(calls_ended_total{{reason!=""}}[{INTERVAL}]))'},
            width=12,
        ),
        Panel(
            "From INVITE to handler",
            {"p50": _P50.format("queue_wait_time_seconds"), "p95": _P95.format("queue_wait_time_seconds")},
            "s",
        ),
        Panel(
            "From the caller's last word to the answer",
            {
                "p50": _P50.format("ai_worker_openai_latency_seconds"),
                "p95": _P95.format("ai_worker_openai_latency_seconds"),
            },
            "s",
        ),
        Panel(
            "Step under overload (0 normal, 1 shorter, 2 cheaper, 3 messages, 4 forwarding)",
            {"{{bridge_id}}": "max by (bridge_id) (overload_step)"},
            width=12,
        ),
        Panel(
            "Callers without a handler for that, a minute, by step",
            {"{{step}}": f"60 * sum by (step) (rate(overload_diverted_total[{INTERVAL}]))"},
            width=12,
        ),
        Panel("Longest call", {"seconds": "max(call_longest_seconds)"}, "s"),
        Panel("Orders a minute", {"orders": f"60 * sum(rate(orders_confirmed_total[{INTERVAL}]))"}),
        Panel(
            "Waits for Postgres", {"orders": "max(orders_pending)", "records of calls": "max(calls_pending)"}, width=8
        ),
        Panel("Dead letters", {"open": "max(dead_letters_open)"}, width=8),
    ),
)

RESTAURANTS = Dashboard(
    "alloresto-restaurant",
    "AlloResto: one restaurant",
    (
        Panel(
            "Calls today",
            {"calls": f'max(restaurant_calls_today{{restaurant_id="{RESTAURANT}"}})'},
            kind="stat",
            width=6,
        ),
        Panel(
            "Minutes today",
            {"time": f'max(restaurant_call_seconds_today{{restaurant_id="{RESTAURANT}"}})'},
            "s",
            "stat",
            6,
        ),
        Panel(
            "Model cost today",
            {"cost": f'max(restaurant_model_cost_dollars_today{{restaurant_id="{RESTAURANT}"}})'},
            "currencyUSD",
            "stat",
            6,
        ),
        Panel(
            "A call lasts",
            {
                "mean": f'max(restaurant_call_seconds_today{{restaurant_id="{RESTAURANT}"}})'
                f' / max(restaurant_calls_today{{restaurant_id="{RESTAURANT}"}})'
            },
            "s",
            "stat",
            6,
        ),
        Panel(
            "Calls an hour",
            {"rung": f'3600 * sum(rate(calls_per_restaurant_total{{restaurant_id="{RESTAURANT}"}}[{INTERVAL}]))'},
            width=12,
        ),
        Panel(
            "Orders an hour",
            {"confirmed": f'3600 * sum(rate(orders_confirmed_total{{restaurant_id="{RESTAURANT}"}}[{INTERVAL}]))'},
            width=12,
        ),
        Panel(
            "Calls a day",
            {"calls": f'max(max_over_time(restaurant_calls_today{{restaurant_id="{RESTAURANT}"}}[1d]))'},
            width=12,
        ),
        Panel(
            "Model cost a day",
            {"cost": f'max(max_over_time(restaurant_model_cost_dollars_today{{restaurant_id="{RESTAURANT}"}}[1d]))'},
            "currencyUSD",
            width=12,
        ),
    ),
    {"restaurant": "label_values(restaurant_calls_today, restaurant_id)"},
    hours=168,
)

_HANDLER = '{kn_service_name="call-handler"}'
INFRASTRUCTURE = Dashboard(
    "alloresto-infrastructure",
    "AlloResto: infrastructure",
    (
        Panel(
            "Call handler's pods",
            {
                "there": f"sum(kn_revision_pods_count{_HANDLER})",
                "asked for": f"sum(kn_revision_pods_requested{_HANDLER})",
                "wanted": f"sum(kn_revision_pods_desired{_HANDLER})",
                "not ready": f"sum(kn_revision_pods_not_ready_count{_HANDLER})",
            },
            width=12,
        ),
        Panel("Pods of each function", {"{{kn_service_name}}": "sum by (kn_service_name) (kn_revision_pods_count)"}),
        Panel("Panic", {"{{kn_service_name}}": "max by (kn_service_name) (kn_revision_panic_mode)"}, width=4),
        Panel("Answers its scrape", {"{{job}} {{pod}}": "min by (job, pod) (up)"}, width=12),
        Panel("Registered lines", {"{{bridge_id}}": "max by (bridge_id) (sip_registrations_active)"}, width=6),
        Panel(
            "REGISTERs that fail, a minute",
            {"{{bridge_id}}": f"60 * sum by (bridge_id) (rate(sip_registration_errors_total[{INTERVAL}]))"},
            width=6,
        ),
        Panel(
            "SIP from strangers and too much of it, a second",
            {
                "refused {{reason}}": f"sum by (reason) (rate(sip_gate_refused_total[{INTERVAL}]))",
                "dropped {{reason}}": f"sum by (reason) (rate(sip_gate_dropped_total[{INTERVAL}]))",
            },
            width=12,
        ),
        Panel("Events that wait", {"events": "max(outbox_backlog)"}, width=6),
        Panel("The oldest of them", {"age": "max(outbox_oldest_seconds)"}, "s", width=6),
        Panel("Admin: p95 of a page", {"p95": _P95.format("web_request_duration_seconds")}, "s", width=8),
        Panel(
            "Admin: answers a second",
            {"{{status}}": f"sum by (status) (rate(web_requests_total[{INTERVAL}]))"},
            width=8,
        ),
        Panel("Admin: live pages", {"open": "sum(web_streams_open)"}, width=8),
        Panel(
            "Nodes: processor",
            {"{{instance}}": f'1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle"}}[{INTERVAL}]))'},
            "percentunit",
            width=8,
        ),
        Panel(
            "Nodes: memory",
            {"{{instance}}": "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"},
            "percentunit",
            width=8,
        ),
        Panel(
            "Nodes: disk",
            {
                "{{instance}} {{mountpoint}}": '1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay"}'
                ' / node_filesystem_size_bytes{fstype!~"tmpfs|overlay"}'
            },
            "percentunit",
            width=8,
        ),
        Panel(
            "Restarts",
            {
                "{{pod}}": 'increase(kube_pod_container_status_restarts_total{namespace=~"alloresto.*"}[1h]) > 0',
            },
            width=8,
        ),
        Panel("Postgres: connections", {"{{state}}": "sum by (state) (pg_stat_activity_count)"}, width=8),
        Panel("Redis: memory", {"used": "redis_memory_used_bytes"}, "bytes", width=8),
    ),
)

COST = Dashboard(
    "alloresto-cost",
    "AlloResto: model cost",
    (
        Panel("Today", {"all models": "sum(model_cost_dollars_today)"}, "currencyUSD", "stat", 6),
        Panel(
            "A call",
            {"mean": "sum(model_cost_dollars_today) / sum(restaurant_calls_today)"},
            "currencyUSD",
            "stat",
            6,
        ),
        Panel("A restaurant", {"mean": "avg(restaurant_model_cost_dollars_today)"}, "currencyUSD", "stat", 6),
        Panel(
            "A model stops in",
            {"{{model}}": "min by (model) (model_stops_timestamp_seconds) - time()"},
            "s",
            "stat",
            6,
        ),
        Panel("By model, today", {"{{model}}": "max by (model) (model_cost_dollars_today)"}, "currencyUSD", width=12),
        Panel(
            "By model, a day",
            {"{{model}}": "max by (model) (max_over_time(model_cost_dollars_today[1d]))"},
            "currencyUSD",
            width=12,
        ),
        Panel(
            "The dearest restaurants, today",
            {"{{restaurant_id}}": "topk(20, max by (restaurant_id) (restaurant_model_cost_dollars_today))"},
            "currencyUSD",
            "bargauge",
            12,
        ),
        Panel(
            "Models without a price",
            {"{{model}}": "sum by (model) (max_over_time(ai_worker_unpriced_calls_total[1h]))"},
            width=6,
        ),
        Panel(
            "Engines that failed, a minute",
            {"{{engine}}": f"60 * sum by (engine) (rate(ai_worker_engine_failures_total[{INTERVAL}]))"},
            width=6,
        ),
    ),
    hours=48,
)

SLO = Dashboard(
    "alloresto-slo",
    "AlloResto: objectives",
    (
        Panel(
            "Calls served, 30 days (99.95 %)",
            {
                "served": f"1 - sum(increase(calls_ended_total{{{_UNSERVED}}}[30d]))"
                " / sum(increase(calls_ended_total[30d]))"
            },
            "percentunit",
            "stat",
            6,
        ),
        Panel("Budget that is left", {"left": "slo:calls_budget:left30d"}, "percentunit", "stat", 6),
        Panel("Answer within 500 ms", {"replies": "slo:response_fast:ratio_rate1h"}, "percentunit", "stat", 6),
        Panel(
            "Turns that could not be written down (5 %)",
            {"failed": "slo:captions_failed:ratio_rate1h"},
            "percentunit",
            "stat",
            6,
        ),
        Panel(
            "Calls not served",
            {
                "5 minutes": "slo:calls_unserved:ratio_rate5m",
                "1 hour": "slo:calls_unserved:ratio_rate1h",
                "6 hours": "slo:calls_unserved:ratio_rate6h",
                "1 day": "slo:calls_unserved:ratio_rate1d",
                "3 days": "slo:calls_unserved:ratio_rate3d",
            },
            "percentunit",
            width=12,
        ),
        Panel(
            "How fast the budget burns (1 lasts 30 days)",
            {
                "1 hour": "slo:calls_unserved:ratio_rate1h / 0.0005",
                "6 hours": "slo:calls_unserved:ratio_rate6h / 0.0005",
                "3 days": "slo:calls_unserved:ratio_rate3d / 0.0005",
            },
            width=12,
        ),
        Panel("From the caller's last word to the answer", {"p95 of an hour": "slo:response:p95_1h"}, "s", width=12),
        Panel(
            "From the end of a turn to its words (200 ms)",
            {"p95 of an hour": "slo:recognition:p95_1h"},
            "s",
            width=6,
        ),
        Panel(
            "The last synthetic call",
            {"{{part}}": "max by (part) (synthetic_call_seconds)"},
            "s",
            width=12,
        ),
        Panel(
            "Synthetic calls that failed in a row",
            {"calls": "max(synthetic_calls_failed_in_a_row)", "at {{step}}": "max by (step) (synthetic_call_failed)"},
            width=12,
        ),
        Panel("Words within 200 ms", {"turns": "slo:recognition_fast:ratio_rate1h"}, "percentunit", "stat", 6),
        Panel(
            "Processor, of the request (70 %)",
            {
                "{{pod}}": "sum by (pod) (rate(container_cpu_usage_seconds_total"
                f'{{namespace=~"alloresto.*", image!=""}}[{INTERVAL}]))'
                ' / sum by (pod) (kube_pod_container_resource_requests{namespace=~"alloresto.*", resource="cpu"})',
            },
            "percentunit",
            width=6,
        ),
        Panel(
            "Memory of each pod",
            {
                "{{pod}}": 'sum by (pod) (container_memory_working_set_bytes{namespace=~"alloresto.*", image!=""})',
            },
            "bytes",
            width=6,
        ),
    ),
    hours=720,
)

DASHBOARDS = (OVERVIEW, RESTAURANTS, INFRASTRUCTURE, COST, SLO)


def queries(dashboard: Dashboard) -> Iterator[tuple[str, str]]:
    """``(panel, expression)`` with every variable in the place of which a value is put."""
    for panel in dashboard.panels:
        for expression in panel.queries.values():
            yield panel.title, with_values(expression)
    for name, query in dashboard.variables.items():
        yield f"${name}", query.removeprefix("label_values(").partition(",")[0]


def with_values(expression: str, restaurant: str = "none") -> str:
    return expression.replace(INTERVAL, "5m").replace(RESTAURANT, restaurant)


def as_json(dashboard: Dashboard) -> str:
    """As Grafana imports it."""
    variables: list[dict[str, Any]] = [
        {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}
    ]
    for name, query in dashboard.variables.items():
        variables.append(
            {"name": name, "type": "query", "datasource": _SOURCE, "query": query, "refresh": 2, "sort": 1}
        )
    body = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["alloresto"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "refresh": "30s",
        "time": {"from": f"now-{dashboard.hours}h", "to": "now"},
        "templating": {"list": variables},
        "panels": list(_placed(dashboard.panels)),
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def _placed(panels: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    """From left to right, and on when a row is full."""
    x = y = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > WIDTH:
            x, y = 0, y + HEIGHT
        targets = [
            {"refId": chr(ord("A") + at), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
            for at, (legend, expression) in enumerate(panel.queries.items())
        ]
        yield {
            "id": number,
            "type": panel.kind,
            "title": panel.title,
            "datasource": _SOURCE,
            "gridPos": {"x": x, "y": y, "w": panel.width, "h": HEIGHT},
            "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
            "targets": targets,
        }
        x += panel.width


def config_map() -> str:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "alloresto-dashboards", "labels": {"grafana_dashboard": "1"}},
        "data": {f"{dashboard.uid}.json": _Block(as_json(dashboard)) for dashboard in DASHBOARDS},
    }
    return _HEAD + yaml.dump(body, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)


class _Block(str):
    """Written as a block, line by line."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"))
