"""The metric names of the specification, made once, and nothing else.

Import this module lazily on a cold-start path: prometheus-client costs 55 ms.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

CALL_SECONDS = (5, 15, 30, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1800)
LATENCY_SECONDS = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
RECOGNITION_SECONDS = (0.05, 0.1, 0.15, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 5.0)
WAIT_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.5, 4.0, 8.0, 16.0, 30.0)

sip_registrations_total = Counter("sip_registrations_total", "REGISTER requests accepted.", ["bridge_id"])
sip_registrations_active = Gauge("sip_registrations_active", "Lines registered now.", ["bridge_id"])
sip_registration_errors_total = Counter(
    "sip_registration_errors_total", "REGISTER requests refused or unanswered.", ["bridge_id"]
)
sip_calls_received_total = Counter("sip_calls_received_total", "INVITEs for a known line.", ["bridge_id"])
calls_ended_total = Counter(
    "calls_ended_total",
    "Calls that are over, by outcome, and by why no handler served them to their end ('' where one did).",
    ["bridge_id", "outcome", "reason"],
)
unexplained_silences_total = Counter(
    "unexplained_silences_total", "Times that a caller with a handler heard nothing for 20 s.", ["bridge_id"]
)
handler_trial_calls_total = Counter(
    "handler_trial_calls_total",
    "Calls while a release of the call handler is on trial, by version and by how it failed them ('': it did not).",
    ["bridge_id", "version", "failure"],
)
handler_candidate_share_percent = Gauge(
    "handler_candidate_share_percent", "Of the restaurants, whose calls go to the release on trial.", ["bridge_id"]
)
handler_candidate_returned = Gauge(
    "handler_candidate_returned", "1 from when a candidate was taken back until it is withdrawn.", ["bridge_id"]
)
ai_worker_calls_active = Gauge("ai_worker_calls_active", "Calls with a handler joined now.")
ai_worker_calls_total = Counter("ai_worker_calls_total", "Calls taken by a handler.", ["outcome"])
ai_worker_call_duration_seconds = Histogram(
    "ai_worker_call_duration_seconds", "From handler joined to its final line.", buckets=CALL_SECONDS
)
ai_worker_openai_latency_seconds = Histogram(
    "ai_worker_openai_latency_seconds", "End of caller's speech to the engine's first audio.", buckets=LATENCY_SECONDS
)
ai_worker_recognition_seconds = Histogram(
    "ai_worker_recognition_seconds",
    "From the end of a caller's turn to its words, where the engine tells both.",
    ["engine"],
    buckets=RECOGNITION_SECONDS,
)
ai_worker_openai_cost_dollars = Counter("ai_worker_openai_cost_dollars", "Model cost by the price list in force.")
ai_worker_engine_failures_total = Counter(
    "ai_worker_engine_failures_total", "Engines that could not be had, or were lost by their own fault.", ["engine"]
)
ai_worker_engine_failovers_total = Counter(
    "ai_worker_engine_failovers_total", "Calls that went on after their engine was lost.", ["lost", "engine"]
)
ai_worker_engine_failover_seconds = Histogram(
    "ai_worker_engine_failover_seconds", "From an engine lost to the next one's first sound.", buckets=LATENCY_SECONDS
)
ai_worker_engine_breaker_opened_total = Counter(
    "ai_worker_engine_breaker_opened_total", "How often an engine was left alone for a while.", ["engine"]
)
ai_worker_unpriced_calls_total = Counter(
    "ai_worker_unpriced_calls_total", "Calls whose cost lacks that of a model on no price list.", ["model"]
)
ai_worker_captions_failed_total = Counter(
    "ai_worker_captions_failed_total", "Turns of a caller's that the engine heard and could not write down."
)
queue_incoming_calls_length = Gauge("queue_incoming_calls_length", "Calls that wait for a handler now.")
queue_wait_time_seconds = Histogram("queue_wait_time_seconds", "From INVITE to handler joined.", buckets=WAIT_SECONDS)
overload_step = Gauge(
    "overload_step", "0 normal, 1 shorter prompts, 2 cheaper models, 3 messages, 4 forwarding.", ["bridge_id"]
)
overload_diverted_total = Counter(
    "overload_diverted_total", "Callers for whom no handler was asked any more, by the step.", ["bridge_id", "step"]
)
calls_per_restaurant = Counter("calls_per_restaurant", "Calls by restaurant.", ["restaurant_id"])
orders_confirmed_total = Counter("orders_confirmed_total", "Orders confirmed by restaurant.", ["restaurant_id"])


class _Telemetry(Collector):
    """What ``process.telemetry`` sent and dropped. It counts for itself: a call handler sends before it has metrics."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        from process.telemetry.sending import SENDERS

        sent = CounterMetricFamily("telemetry_sent", "Spans, errors and events taken.", labels=["destination"])
        dropped = CounterMetricFamily("telemetry_dropped", "Those given up.", labels=["destination"])
        for sender in SENDERS:
            sent.add_metric([sender.name], sender.sent)
            dropped.add_metric([sender.name], sender.dropped)
        yield from (sent, dropped)


REGISTRY.register(_Telemetry())


def render() -> tuple[str, bytes]:
    """``(content type, text)`` of every metric of this process."""
    return CONTENT_TYPE_LATEST, generate_latest(REGISTRY)
