"""The calls that are going on in one restaurant, as far as the live feed tells.

The feed keeps nothing, so a listener begins by asking the workers' own entries what they are serving.
Not guaranteed: a call whose end was missed stays in the list until FORGET_AFTER.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec
from redis.asyncio import Redis

from stores import keys, live

FORGET_AFTER = timedelta(hours=1)
MOST_WORKERS = 1000


@dataclass(frozen=True, slots=True)
class ActiveCall:
    """``who`` said ``words`` last, when anything was said yet."""

    call_id: str
    state: str
    since: datetime
    who: str = ""
    words: str = ""


class ActiveCalls:
    """By call id. Filled on the background loop, read by the pages' threads: every change replaces the dict."""

    def __init__(self) -> None:
        self._calls: dict[str, ActiveCall] = {}

    def now(self) -> tuple[ActiveCall, ...]:
        """The longest first."""
        oldest = datetime.now(UTC) - FORGET_AFTER
        return tuple(sorted((c for c in self._calls.values() if c.since > oldest), key=lambda call: call.since))

    def apply(self, event: live.LiveEvent) -> None:
        if isinstance(event, live.CallChanged) and event.state == "ended":
            self._calls = {call_id: call for call_id, call in self._calls.items() if call_id != event.call_id}
        elif isinstance(event, live.CallChanged):
            known = self._calls.get(event.call_id, ActiveCall(event.call_id, event.state, event.at))
            self._calls = {**self._calls, event.call_id: replace(known, state=event.state)}
        elif isinstance(event, live.Spoke) and event.call_id in self._calls:
            known = self._calls[event.call_id]
            self._calls = {**self._calls, event.call_id: replace(known, who=event.who, words=event.text)}

    async def ask_workers(self, redis: Redis, restaurant_id: str) -> None:
        """Start from what the workers say they are serving. Raises RedisError."""
        names = [name async for name in redis.scan_iter(match=keys.worker_call("*"), count=MOST_WORKERS)]
        entries = await redis.mget(names[:MOST_WORKERS]) if names else []
        serving = [call for entry in entries if (call := _decoded(entry)) is not None]
        self._calls = {
            call.call_id: ActiveCall(call.call_id, "joined", call.started_at)
            for call in serving
            if call.restaurant_id == restaurant_id
        }


def _decoded(entry: bytes | str | None) -> live.WorkerCall | None:
    """None also for an entry that another release wrote in a shape of its own."""
    try:
        return None if entry is None else msgspec.json.decode(entry, type=live.WorkerCall)
    except msgspec.DecodeError:
        return None
