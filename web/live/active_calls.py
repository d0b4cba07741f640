"""The calls that are going on in one restaurant: from their leases in Redis, and the last words from the live feed.

The leases are asked at each drawing, so a page that is opened in mid-call shows the call, and one whose bridge is gone
disappears with its lease. Not guaranteed: the words, which only those know who listened when they were said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from stores import live
from stores.ciphers import PiiCipher, RowReader
from web.database import Database, UnavailableError

# A page is drawn without its live calls rather than waiting for a silent Redis.
ASK_WITHIN_S = 1.0
# A call whose end was missed would leave its words behind.
MOST_CALLS_WITH_WORDS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveCall:
    """``state`` is None when it is not known; ``who`` said ``words`` last, when anything was heard yet."""

    call_id: str
    since: datetime
    state: live.CallState | None
    caller: str
    unreadable: frozenset[str]
    who: str = ""
    words: str = ""


class LastWords:
    """By call id. Filled on the background loop, read by the pages' threads: every change replaces the dict."""

    def __init__(self) -> None:
        self._spoken: dict[str, live.Spoke] = {}

    def now(self) -> Mapping[str, live.Spoke]:
        return self._spoken

    def apply(self, event: live.LiveEvent) -> None:
        if isinstance(event, live.CallChanged) and event.state == "ended":
            self._spoken = {call_id: spoke for call_id, spoke in self._spoken.items() if call_id != event.call_id}
        elif isinstance(event, live.Spoke):
            others = [spoke for spoke in self._spoken.values() if spoke.call_id != event.call_id]
            kept = [*others, event][-MOST_CALLS_WITH_WORDS:]
            self._spoken = {spoke.call_id: spoke for spoke in kept}


def going_on(
    database: Database, pii: PiiCipher, restaurant_id: str, words: Mapping[str, live.Spoke]
) -> tuple[ActiveCall, ...] | None:
    """The longest first. None when nobody knows: Redis is away, or holds calls in another release's shape."""
    try:
        calls = database.redis(
            lambda redis: live.on_the_phone(redis, restaurant_id, datetime.now(UTC)), within_s=ASK_WITHIN_S
        )
    except (UnavailableError, msgspec.DecodeError):
        return None
    return tuple(_active(call, state, pii, words.get(call.call_id)) for call, state in calls)


def _active(call: live.LiveCall, state: live.CallState | None, pii: PiiCipher, spoke: live.Spoke | None) -> ActiveCall:
    reader = RowReader(pii, call.restaurant_id)
    caller = reader.text("caller", call.caller_sealed)
    return ActiveCall(
        call_id=call.call_id,
        since=call.started_at,
        state=state,
        caller=caller,
        unreadable=reader.unreadable,
        who=spoke.who if spoke else "",
        words=spoke.text if spoke else "",
    )
