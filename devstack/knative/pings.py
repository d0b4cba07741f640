"""PingSources: an event at each time of a cron schedule, tried again a few times, then lost.

A schedule has five fields, or six with seconds first; ``@every`` is refused as Knative does.
"""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import aiohttp
from croniter import croniter  # type: ignore[import-untyped]

from devstack.knative.clock import Clock
from devstack.knative.envelopes import Envelope
from devstack.knative.plan import Destination, PingPlan
from devstack.knative.states import Report


def _iterator(schedule: str, after: datetime) -> croniter:
    return croniter(schedule, after, second_at_beginning=True)


def check_schedule(schedule: str, timezone: str) -> str | None:
    """What is wrong with it, or None."""
    if schedule.startswith("@every"):
        return "@every is not taken by Knative"
    try:
        zone = ZoneInfo(timezone)
        _iterator(schedule, datetime.now(zone))
    except (ValueError, KeyError, OSError) as error:
        return f"{schedule!r} in {timezone!r}: {error}"
    return None


def next_run(schedule: str, timezone: str, after: datetime) -> datetime:
    """The next time after ``after`` (aware), in the schedule's zone."""
    following: datetime = _iterator(schedule, after.astimezone(ZoneInfo(timezone))).get_next(datetime)
    return following


EVENT_TYPE = "dev.knative.sources.ping"
RETRIES = 5
_FIRST_WAIT_S = 0.1
"""Doubled at each retry, 3.1 s in all: Knative's 50 ms times two to the power of the try (its code)."""
_RETRIED = frozenset({404, 413, 425, 429, 502, 503, 504})
"""The CloudEvents SDK's; a 500 is not among them."""
_ANSWER_WITHIN_S = 300.0


async def run_ping(
    plan: PingPlan,
    namespace: str,
    session: aiohttp.ClientSession,
    locate: Callable[[Destination], str],
    clock: Clock,
    report: Report,
) -> None:
    """Until cancelled. Schedules are wall-clock time, whatever the runtime's clock says; a time that passes while the
    last ping is still being delivered is left out.
    """
    after = datetime.now(UTC)
    while True:
        due = next_run(plan.schedule, plan.timezone, after)
        await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
        after = max(due, datetime.now(UTC))
        await _send(plan.name, locate(plan.sink), _event(plan, namespace), session, clock, report)


async def _send(
    name: str, url: str, event: Envelope, session: aiohttp.ClientSession, clock: Clock, report: Report
) -> None:
    for attempt in range(RETRIES + 1):
        if attempt:
            await clock.sleep(_FIRST_WAIT_S * 2 ** (attempt - 1))
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                async with session.post(url, data=event.body, headers=event.headers()) as answer:
                    status = answer.status
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            report("delivery_failed", name, "", f"{EVENT_TYPE} {event.id} {type(error).__name__}")
            continue
        if 200 <= status < 300:
            report("ping", name, "", f"{event.id} {status}")
            return
        report("delivery_failed", name, "", f"{EVENT_TYPE} {event.id} {status}")
        if status not in _RETRIED:
            break
    report("event_dropped", name, "", f"{EVENT_TYPE} {event.id}: a PingSource has no dead-letter sink")


def _event(plan: PingPlan, namespace: str) -> Envelope:
    attributes = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "type": EVENT_TYPE,
        "source": f"/apis/v1/namespaces/{namespace}/pingsources/{plan.name}",
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    return Envelope(attributes | dict(plan.extensions), plan.content_type, plan.data)
