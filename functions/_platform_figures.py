"""The figures of the whole platform that no single process knows, told by one: gauges for the alerts.

No function of its own: the reconciler, which is always there once, is asked for them by a third timer. Each look sets
every gauge; while a store is away those that come from it say NaN, which no alert takes for a good value or a bad one,
or are not there, and the alerts about the stores themselves speak up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time

from prometheus_client import Gauge

from domain import model_retirements
from eventing.refusals import TryAgain
from eventing.serving import TRANSIENT
from stores import platform_figures
from stores.platform_figures import PlatformFigures
from stores.postgres import Postgres
from stores.redis import Redis, RedisError
from stores.rehearsals import SyntheticCall

LINE_STATES = ("registered", "unregistered", "error", "unassigned")

dead_letters_open = Gauge("dead_letters_open", "Dead letters that are not delivered; 1000 means at least so many.")
phone_lines = Gauge("phone_lines", "Active lines that a bridge node should register, by state.", ["state"])
calls_open = Gauge("calls_open", "Calls without an end in the call log.")
call_longest_seconds = Gauge("call_longest_seconds", "How long the longest call without an end lasts, 0 without one.")
model_cost_dollars_today = Gauge("model_cost_dollars_today", "What a model cost since midnight UTC.", ["model"])
model_stops_timestamp_seconds = Gauge(
    "model_stops_timestamp_seconds", "When a model that is in use stops, as its maker announced it.", ["model"]
)
restaurant_calls_today = Gauge(
    "restaurant_calls_today", "Calls with a model since midnight UTC, of the 2000 busiest.", ["restaurant_id"]
)
restaurant_call_seconds_today = Gauge("restaurant_call_seconds_today", "How long they lasted.", ["restaurant_id"])
restaurant_model_cost_dollars_today = Gauge(
    "restaurant_model_cost_dollars_today", "What their models cost.", ["restaurant_id"]
)
calls_cut_by_shutdown = Gauge(
    "calls_cut_by_shutdown", "Calls hung up because their bridge had to go, since Redis last lost its data."
)
synthetic_call_last_timestamp_seconds = Gauge(
    "synthetic_call_last_timestamp_seconds", "When the last synthetic call began; 0: there was none in 90 days."
)
synthetic_calls_failed_in_a_row = Gauge(
    "synthetic_calls_failed_in_a_row", "How many of the last synthetic calls, 12 at most, failed one after the other."
)
synthetic_call_failed = Gauge("synthetic_call_failed", "1 at the step where the last one failed.", ["step"])
synthetic_call_seconds = Gauge(
    "synthetic_call_seconds", "Of the last one: to the answer, the greeting, the first reply, and all of it.", ["part"]
)
connections_failing = Gauge("connections_failing", "Restaurants' connections whose breaker is open.", ["provider"])
connection_secrets_old = Gauge("connection_secrets_old", "Restaurants' connections with secrets of over 90 days.")
deposits_stuck = Gauge("deposits_stuck", "Deposits that are open 10 minutes after their time was over.")
refunds_stuck = Gauge("refunds_stuck", "Refunds that have not gone back within an hour.")
errands_overdue_seconds = Gauge(
    "errands_overdue_seconds", "How long the first errand has been due that nobody took, 0 without one."
)

_LABELLED = (
    connections_failing,
    phone_lines,
    model_cost_dollars_today,
    model_stops_timestamp_seconds,
    restaurant_calls_today,
    restaurant_call_seconds_today,
    restaurant_model_cost_dollars_today,
    synthetic_call_failed,
    synthetic_call_seconds,
)


def _clear() -> None:
    """A model or a restaurant of yesterday is in no figure of today's."""
    for gauge in _LABELLED:
        gauge.clear()


class PlatformWatch:
    """``models`` are those that the settings name; those that held calls of late are looked up."""

    def __init__(self, postgres: Postgres, redis: Redis, models: Iterable[str]) -> None:
        self._postgres = postgres
        self._redis = redis
        self._models = frozenset(name for entry in models for name in map(str.strip, entry.split(",")) if name)

    async def look(self) -> None:
        """Raises TryAgain while a store is away."""
        away = [why for why in (await self._from_postgres(), await self._from_redis()) if why]
        if away:
            raise TryAgain(f"a store is away ({', '.join(away)})")

    async def _from_postgres(self) -> str:
        try:
            async with self._postgres.platform() as connection:
                found = await platform_figures.look(connection)
        except TRANSIENT as error:
            for gauge in (
                *(dead_letters_open, calls_open, call_longest_seconds),
                *(synthetic_calls_failed_in_a_row, synthetic_call_last_timestamp_seconds, errands_overdue_seconds),
                *(connection_secrets_old, deposits_stuck, refunds_stuck),
            ):
                gauge.set(math.nan)
            _clear()
            return type(error).__name__
        _clear()
        self._tell(found)
        return ""

    def _tell(self, found: PlatformFigures) -> None:
        dead_letters_open.set(found.letters)
        calls_open.set(found.open_calls)
        call_longest_seconds.set(found.longest_call_s)
        for state in LINE_STATES:
            phone_lines.labels(state).set(found.lines.get(state, 0))
        for model, dollars in found.costs_today.items():
            model_cost_dollars_today.labels(model).set(dollars)
        for day in found.restaurants:
            restaurant_calls_today.labels(day.restaurant_id).set(day.calls)
            restaurant_call_seconds_today.labels(day.restaurant_id).set(day.seconds)
            restaurant_model_cost_dollars_today.labels(day.restaurant_id).set(day.dollars)
        for name in found.models | self._models:
            announced = model_retirements.of_model(name)
            if announced is not None:
                stops = datetime.combine(announced.stops, time(), UTC)
                model_stops_timestamp_seconds.labels(name).set(stops.timestamp())
        for provider, failing in found.failing.items():
            connections_failing.labels(provider).set(failing)
        errands_overdue_seconds.set(found.errands_overdue_s)
        connection_secrets_old.set(found.old_secrets)
        deposits_stuck.set(found.stuck_deposits)
        refunds_stuck.set(found.stuck_refunds)
        _tell_synthetic(found.synthetic)

    async def _from_redis(self) -> str:
        try:
            calls_cut_by_shutdown.set(await platform_figures.cut_calls(self._redis))
        except (RedisError, OSError) as error:
            calls_cut_by_shutdown.set(math.nan)
            return type(error).__name__
        return ""


def _tell_synthetic(calls: Sequence[SyntheticCall]) -> None:
    """The newest first."""
    synthetic_calls_failed_in_a_row.set(sum(1 for _ in itertools.takewhile(lambda call: call.failed_at, calls)))
    synthetic_call_last_timestamp_seconds.set(calls[0].started_at.timestamp() if calls else 0)
    if not calls:
        return
    last = calls[0]
    if last.failed_at:
        synthetic_call_failed.labels(last.failed_at).set(1)
    for part, ms in (("answer", last.answer_ms), ("greeting", last.greeting_ms), ("reply", last.reply_ms)):
        if ms is not None:
            synthetic_call_seconds.labels(part).set(ms / 1000)
    synthetic_call_seconds.labels("whole").set(last.seconds)
