"""PingSources: an event at each time of a cron schedule."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import aiohttp

from local.knative.envelopes import Envelope
from local.knative.plan import Destination, PingPlan
from local.knative.schedules import next_run
from local.knative.states import EventKind

EVENT_TYPE = "dev.knative.sources.ping"
_ANSWER_WITHIN_S = 300.0


async def run_ping(
    plan: PingPlan,
    namespace: str,
    session: aiohttp.ClientSession,
    locate: Callable[[Destination], str],
    report: Callable[[EventKind, str, str, str], None],
) -> None:
    """Until cancelled. Schedules are wall-clock time, whatever the runtime's clock says."""
    after = datetime.now(UTC)
    while True:
        due = next_run(plan.schedule, plan.timezone, after)
        await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
        after = max(due, datetime.now(UTC))
        event = _event(plan, namespace)
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                async with session.post(locate(plan.sink), data=event.body, headers=event.headers()) as answer:
                    report("ping", plan.name, "", f"{event.id} {answer.status}")
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            report("delivery_failed", plan.name, "", f"{EVENT_TYPE} {event.id} {type(error).__name__}")


def _event(plan: PingPlan, namespace: str) -> Envelope:
    attributes = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "type": EVENT_TYPE,
        "source": f"/apis/v1/namespaces/{namespace}/pingsources/{plan.name}",
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    return Envelope(attributes | dict(plan.extensions), plan.content_type, plan.data)
