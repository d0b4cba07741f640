"""What a call tells the outside while it goes on: the live feed, the queue, the counters, the metrics."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from edge_bridge.arrivals import Arrival
from edge_bridge.live_feed import CallFeed
from process import metrics
from stores import live
from stores.live import CallChanged, QueuedCall

State = Literal["ringing", "answered", "greeting", "waiting", "joined", "lost", "resumed", "ended"]


@dataclass(frozen=True, slots=True)
class NewsDesk:
    """Shared by all calls of a worker. Everything goes through the feed's queue: nothing here waits."""

    feed: CallFeed
    node_id: str

    def ringing(self, arrival: Arrival) -> None:
        now = datetime.now(UTC)
        self.feed.put(lambda redis: live.call_started(redis, arrival.call_id, now))
        self.changed(arrival, "ringing", 1)

    def gave_up(self, arrival: Arrival) -> None:
        """The caller was gone before the call was up."""
        self.ended(arrival, 1)

    def ended(self, arrival: Arrival, attempt: int) -> None:
        now = datetime.now(UTC)
        self.feed.put(lambda redis: live.call_ended(redis, arrival.call_id, now))
        self.changed(arrival, "ended", attempt)

    def changed(self, arrival: Arrival, state: State, attempt: int) -> None:
        event = CallChanged(call_id=arrival.call_id, state=state, attempt=attempt, at=datetime.now(UTC))
        self.feed.put(lambda redis: live.publish(redis, arrival.line.restaurant.id, event))


class CallNews:
    """One call's."""

    def __init__(self, desk: NewsDesk, arrival: Arrival) -> None:
        self._desk = desk
        self._arrival = arrival
        self._waiting_since = time.monotonic()
        self._queued: QueuedCall | None = None
        self._attempt = 1
        self._lost = False

    def answered(self) -> None:
        self._desk.changed(self._arrival, "answered", 1)
        if self._arrival.over_limit is None:
            self._desk.changed(self._arrival, "greeting", 1)

    def waiting(self, attempt: int, audio_stream_url: str) -> None:
        """A handler is being asked for."""
        self._attempt = attempt
        if self._queued is not None:
            return
        self._waiting_since = time.monotonic()
        call = self._queued = QueuedCall(
            restaurant_id=self._arrival.line.restaurant.id,
            phone_line_id=self._arrival.line.id,
            call_id=self._arrival.call_id,
            bridge_node_id=self._desk.node_id,
            audio_stream_url=audio_stream_url,
            timestamp=time.time_ns() // 1_000_000,
        )
        metrics.queue_incoming_calls_length.inc()
        self._desk.feed.put(lambda redis: live.queued(redis, call))
        self._desk.changed(self._arrival, "waiting", attempt)

    def joined(self, attempt: int) -> None:
        if self._leave_queue():
            metrics.queue_wait_time_seconds.observe(time.monotonic() - self._waiting_since)
        self._desk.changed(self._arrival, "resumed" if self._lost else "joined", attempt)
        self._lost = False

    def lost(self) -> None:
        """The handler is gone and the caller is not."""
        self._lost = True
        self._desk.changed(self._arrival, "lost", self._attempt)

    def ended(self) -> None:
        self._leave_queue()
        self._desk.ended(self._arrival, self._attempt)

    def _leave_queue(self) -> bool:
        call, self._queued = self._queued, None
        if call is None:
            return False
        metrics.queue_incoming_calls_length.dec()
        self._desk.feed.put(lambda redis: live.unqueued(redis, call))
        return True
