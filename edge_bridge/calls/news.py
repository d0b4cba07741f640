"""What a call tells the outside while it goes on: its row and lease, the live feed, the queue, the metrics.

All of it goes through Redis and is sent by one task, never by a call. The queue is bounded and drops its oldest: a
Redis that is away or slow costs news, not audio.
"""

import asyncio
import contextlib
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, get_args

from domain.calls import Outcome
from domain.traces import AudioFigures
from edge_bridge.calls import call_span
from edge_bridge.calls.course import Course, in_words
from edge_bridge.calls.emissions import CallEvents, Emissions
from edge_bridge.calls.progress import KeptCall, Progress, encode
from edge_bridge.calls.record import Arrival, CallSummary, started
from edge_bridge.calls.retries import Result
from edge_bridge.calls.ways import Way
from edge_bridge.entrances.sip.gate import ipc
from edge_bridge.lines.directory import LineEntry
from edge_bridge.media.rtp.ports import PortPair
from eventing.catalogue import CallMissed, MissedReason
from process import logs, metrics
from stores import live, platform_figures, traces
from stores.ciphers import PiiCipher
from stores.live import CallChanged, CallState, LiveCall, QueuedCall
from stores.postgres import Connection
from stores.redis import Redis

log = logs.get(__name__)

QUEUED = 500
SEND_WITHIN_S = 2.0
REST_S = 1.0  # after a failure

Send = Callable[[Redis], Awaitable[object]]


class CallFeed:
    """Runs small Redis jobs in order, one after another."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: deque[Send] = deque(maxlen=QUEUED)
        self._something = asyncio.Event()
        self.failed = 0

    def put(self, send: Send) -> None:
        """Have ``send`` run soon. Never waits."""
        self._waiting.append(send)
        self._something.set()

    async def run(self) -> None:
        """Until cancelled; then what is queued is sent, at most SEND_WITHIN_S."""
        try:
            while True:
                await self._something.wait()
                self._something.clear()
                await self._send_all()
        except asyncio.CancelledError:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._send_all(), SEND_WITHIN_S)
            raise

    async def _send_all(self) -> None:
        while self._waiting:
            send = self._waiting.popleft()
            try:
                await asyncio.wait_for(send(self._redis), SEND_WITHIN_S)
            except Exception as error:  # whatever it is, it is old news: the next is tried
                self.failed += 1
                if self.failed % 50 == 1:
                    log.warning("live news was not sent", why=type(error).__name__, failed=self.failed)
                await asyncio.sleep(REST_S)


# The reasons that the alerts count.
OUR_FAULTS: tuple[MissedReason, ...] = ("no_handler", "handler_lost", "ai_down", "bridge_lost", "node_full")


class CallKeeper(Protocol):
    """Knows this process's calls, and sees to them when it dies."""

    def held(self, call: LiveCall, rtp_port: int, progress: bytes, descriptors: Sequence[int]) -> None: ...

    def left(self, call_id: str) -> None: ...

    def lost(self, call_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class NewsDesk:
    """Shared by all calls of a session. Everything goes through the feed's queue: nothing here waits."""

    feed: CallFeed
    emissions: Emissions
    pii: PiiCipher
    node_id: str
    keeper: CallKeeper
    _live: dict[str, LiveCall] = field(default_factory=dict)  # whose leases are renewed
    _courses: dict[str, Course] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A series that begins with its first count has no increase, so no alert would hear of the first.
        metrics.unexplained_silences_total.labels(self.node_id)
        for outcome in get_args(Outcome):
            for reason in OUR_FAULTS:
                metrics.calls_ended_total.labels(self.node_id, outcome, reason)

    def arriving(self, arrival: Arrival, pair: PortPair | None, progress: Progress | None) -> KeptCall:
        """Before the caller hears anything. From now on somebody else knows of the call, and of its sockets."""
        owner, caller = arrival.line.restaurant.id, arrival.caller
        call = LiveCall(
            restaurant_id=owner,
            call_id=arrival.call_id,
            phone_line_id=arrival.line.id,
            bridge_node_id=self.node_id,
            started_at=arrival.received_at,
            caller_sealed=self.pii.encrypt(owner, caller) if caller else b"",
        )
        sockets = () if pair is None else (pair.rtp.fileno(), pair.rtcp.fileno())
        port = 0 if pair is None else pair.port
        self.keeper.held(call, port, b"" if progress is None else encode(progress), sockets)
        return self.keeping(call, port, progress)

    def keeping(self, call: LiveCall, port: int, progress: Progress | None) -> KeptCall:
        return KeptCall(call, progress, lambda call, encoded: self.keeper.held(call, port, encoded, ()))

    def ringing(self, arrival: Arrival, call: LiveCall) -> None:
        """The call has a lease and a row from here on: whatever happens to this process, it is accounted for."""
        now = datetime.now(UTC)
        course = self._courses[call.call_id] = Course(arrival)
        course.step("rings")
        self.feed.put(lambda redis: live.call_started(redis, call, now))
        self._written(arrival, call, course)
        self.changed(arrival, "ringing", 1)

    def adopted(self, arrival: Arrival, call: LiveCall) -> None:
        """A call of the session before. That one may have died before it wrote anything."""
        now = datetime.now(UTC)
        course = self.course(arrival)
        course.step("goes on in another session")
        self.feed.put(lambda redis: live.calls_renewed(redis, (call,), now))
        self._written(arrival, call, course)

    def _written(self, arrival: Arrival, call: LiveCall, course: Course) -> None:
        self._live[call.call_id] = call
        trace = course.trace()

        def also(connection: Connection) -> Awaitable[None]:
            return traces.begun(connection, trace)

        payloads = (started(arrival, self.node_id),)
        self.emissions.put(
            CallEvents(arrival.call_id, payloads, begun=arrival, also=also, traceparent=arrival.traceparent)
        )

    async def renew(self) -> None:
        """Keep the leases, until cancelled."""
        while True:
            await asyncio.sleep(live.RENEW_S)
            if self._live:
                self.feed.put(lambda redis: live.calls_renewed(redis, tuple(self._live.values()), datetime.now(UTC)))

    def gave_up(self, arrival: Arrival, outcome: Outcome = "abandoned") -> None:
        """The caller was gone before the call was up."""
        summary = CallSummary(arrival, self.node_id, outcome=outcome, ended_at=datetime.now(UTC))
        if outcome == "lost":
            summary.missed_reason = "bridge_lost"
        self.closed(arrival, summary)
        self.changed(arrival, "ended", 1)

    def closed(self, arrival: Arrival, summary: CallSummary) -> None:
        """The call is over. Its lease is given up when that is written, and not before."""

        def give_up() -> None:
            self._live.pop(arrival.call_id, None)
            self.keeper.left(arrival.call_id)
            now = datetime.now(UTC)
            self.feed.put(lambda redis: live.call_ended(redis, arrival.line.restaurant.id, arrival.call_id, now))

        metrics.calls_ended_total.labels(self.node_id, summary.outcome, summary.missed_reason or "").inc()
        course = self._courses.pop(arrival.call_id, None) or Course(arrival)
        course.step("over", detail=summary.outcome)
        summary.audio, trace = course.audio, course.trace()

        def also(connection: Connection) -> Awaitable[None]:
            return traces.ended(connection, trace)

        call_span.tell(summary, course)
        told = CallEvents(
            arrival.call_id, summary.payloads(), written=give_up, also=also, traceparent=arrival.traceparent
        )
        self.emissions.put(told)

    def course(self, arrival: Arrival) -> Course:
        """Of a call that is not closed yet."""
        return self._courses.setdefault(arrival.call_id, Course(arrival))

    def disconnected(self, arrival: Arrival, audio: AudioFigures | None, by: str) -> None:
        """The caller's connection is over, ended ``by`` one of its sides; how it sounded."""
        course = self.course(arrival)
        course.audio = audio
        course.step("hung up", detail=by)

    def traced(self, told: ipc.Traced) -> None:
        """The SIP messages of a dialog that is over; its call may have been another worker's."""
        began = datetime.fromtimestamp(told.began, UTC)

        def also(connection: Connection) -> Awaitable[bool]:
            return traces.keep_ladder(connection, told.call_id, began, told.ladder)

        self.emissions.put(CallEvents("", (), also=also))

    def turned_away(self, line: LineEntry, caller: str, at: datetime) -> None:
        """A caller found no free place on the node: there was no call, and the restaurant may ring back."""
        metrics.calls_ended_total.labels(self.node_id, "busy", "node_full").inc()
        call_id = str(uuid.uuid4())
        missed = CallMissed(
            call_id=call_id,
            restaurant_id=line.restaurant.id,
            phone_line_id=line.id,
            bridge_node_id=self.node_id,
            reason="node_full",
            caller=caller,
            received_at=at,
            ended_at=at,
        )
        self.emissions.put(CallEvents(call_id, (missed,)))

    def cut(self, calls: int) -> None:
        """Calls that are hung up because the node has to go. Counted in Redis: nobody scrapes this process again."""
        if calls:
            log.error("calls are cut by a shutdown", calls=calls)
            self.feed.put(lambda redis: platform_figures.count_cut_calls(redis, calls))

    def changed(self, arrival: Arrival, state: CallState, attempt: int) -> None:
        event = CallChanged(call_id=arrival.call_id, state=state, attempt=attempt, at=datetime.now(UTC))
        self.feed.put(lambda redis: live.publish(redis, arrival.line.restaurant.id, event))


class CallNews:
    """One call's."""

    def __init__(self, desk: NewsDesk, arrival: Arrival, kept: KeptCall) -> None:
        self._course = desk.course(arrival)
        self._desk = desk
        self._arrival = arrival
        self._kept = kept
        self._waiting_since = time.monotonic()
        self._queued: QueuedCall | None = kept.progress.queued if kept.progress is not None else None
        if self._queued is not None:
            metrics.queue_incoming_calls_length.inc()
        self._attempt = 1
        self._lost = False

    def answered(self, at: datetime) -> None:
        self._kept.changed(answered_at=at, traceparent=self._arrival.traceparent)
        self._course.step("answered")
        self._desk.changed(self._arrival, "answered", 1)
        if self._arrival.unserved is None:
            self._desk.changed(self._arrival, "greeting", 1)

    def waiting(self, attempt: int, audio_stream_url: str, way: Way) -> None:
        """A handler is being asked for, ``way``."""
        self._course.step("asks for a handler", attempt)
        self._attempt = attempt
        self._kept.changed(attempts=attempt, worker="", way=way)
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
        self._kept.changed(queued=call)
        self._desk.feed.put(lambda redis: live.queued(redis, call))
        self._desk.changed(self._arrival, "waiting", attempt)

    def accepted(self, worker: str) -> None:
        """By a handler, which does not have the caller yet."""
        self._kept.changed(worker=worker)
        self._course.step("handler accepts", self._attempt)

    def tried(self, attempt: int, result: Result) -> None:
        """What became of the handler that was asked."""
        self._course.step("handler", attempt, in_words(result))

    def joined(self, attempt: int, first_at: datetime) -> None:
        """``first_at`` is when the call's first handler joined."""
        self._kept.changed(joined_at=first_at)
        self._course.step("handler joins", attempt)
        if self._leave_queue():
            metrics.queue_wait_time_seconds.observe(time.monotonic() - self._waiting_since)
        self._desk.changed(self._arrival, "resumed" if self._lost else "joined", attempt)
        self._lost = False

    def transfer_got(self, how_far: str) -> None:
        self._course.step("transfer", self._attempt, how_far)

    def lost(self) -> None:
        """The handler is gone and the caller is not."""
        self._lost = True
        self._desk.changed(self._arrival, "lost", self._attempt)

    def falls_back(self, reason: MissedReason) -> None:
        self._kept.changed(falls_back=reason)
        self._course.step("fallback", detail=reason)

    def ended(self) -> None:
        self._leave_queue()
        self._desk.changed(self._arrival, "ended", self._attempt)

    def _leave_queue(self) -> bool:
        call, self._queued = self._queued, None
        if call is None:
            return False
        metrics.queue_incoming_calls_length.dec()
        self._kept.changed(queued=None)
        self._desk.feed.put(lambda redis: live.unqueued(redis, call))
        return True
