"""The relay's tasks: one session that is woken and claims, a task for each claimed lane, and their orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping

import asyncpg

from eventing.cloudevents import BadEvent
from eventing.outbox import CHANNEL
from eventing.relay import claims
from eventing.relay.claims import Lane, Waiting
from eventing.relay.publishing import NotPublishedError, Publisher, SinkAwayError
from eventing.relay.settling import Settler
from eventing.serving import open_when_there
from process import logs
from process.health import Health
from process.telemetry import spans
from stores.postgres import AWAY, Connection, Postgres, connect

POLL_S = 2.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
PARTS = 4  # how much of its workers one restaurant may have: a part
SLICE_S = 1.0  # how long a lane keeps its place before others get their turn
SESSION_CHECK_S = 15.0
MEASURE_EVERY_S = 5.0
STOP_GRACE_S = 5.0

TRACED = f"ce-{spans.TRACEPARENT}"  # where the event was made; the hop of this sending is in HTTP's own header

log = logs.get(__name__)


def _described(headers: Mapping[str, str]) -> dict[str, str]:
    """A span's attributes, of an event in binary mode."""
    return {
        "messaging.operation.type": "send",
        "cloudevents.event_type": headers.get("ce-type", ""),
        "cloudevents.event_id": headers.get("ce-id", ""),
        "alloresto.restaurant.id": headers.get("ce-restaurantid", ""),
    }


class Relay:
    """Publishes the outbox until stopped: ``workers`` lanes at a time, each in order, with the sink's ``extensions``.

    A slow subscriber holds up one lane: a restaurant's events of one subject. ``on_failure`` is called when its tasks
    died of something unforeseen: it must not go on looking alive.
    """

    def __init__(
        self,
        url: str,
        publisher: Publisher,
        health: Health,
        *,
        workers: int,
        on_failure: Callable[[], None],
        extensions: Mapping[str, str] | None = None,
    ) -> None:
        self._url = url
        self._postgres = Postgres(url, min_size=1, max_size=4)
        self._publisher = publisher
        self._extensions = dict(extensions or {})
        self._health = health
        self._workers = workers
        self._share = max(1, workers // PARTS)
        self._on_failure = on_failure
        self._settler = Settler(self._postgres)
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._under_way: dict[Lane, asyncio.Task[None]] = {}
        self._after = claims.FIRST
        self._sink_pause_s = FIRST_PAUSE_S
        self._sink_again_at = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._publisher.open()
        self._health.waiting_for("postgres", "not connected yet")
        self._task = asyncio.create_task(self._run(), name="relay")
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Take no new event; give what is under way STOP_GRACE_S, then leave it to the next relay."""
        self._health.draining = True
        self._stopping.set()
        self._woken.set()
        try:
            if self._task is not None:
                await asyncio.wait([self._task], timeout=STOP_GRACE_S)
                self._task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._task
        finally:
            await self._publisher.close()
            await self._postgres.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("the relay failed", failure=type(task.exception()).__name__)
            self._on_failure()

    async def _run(self) -> None:
        opening = asyncio.create_task(open_when_there(self._postgres, self._health))
        stopping = asyncio.create_task(self._stopping.wait())
        helpers = {opening, stopping}
        try:
            await asyncio.wait(helpers, return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():
                return
            self._health.add("postgres", self._check)
            tasks = (self._claim_always, self._measure, self._settler.run)
            helpers |= {asyncio.create_task(task()) for task in tasks}
            ended, _ = await asyncio.wait(helpers - {opening}, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()  # only stopping ends by itself: anything else has failed
            if self._under_way:
                await asyncio.wait(self._under_way.values())
        finally:
            helpers |= set(self._under_way.values())
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _check(self) -> None:
        async with self._postgres.platform() as connection:
            await connection.execute("select 1 from outbox limit 1")

    async def _measure(self) -> None:
        while True:
            try:
                async with self._postgres.platform() as connection:
                    await claims.measure_backlog(connection)
            except AWAY:  # readiness says why
                claims.backlog_unknown()
            await asyncio.sleep(MEASURE_EVERY_S)

    async def _claim_always(self) -> None:
        """One session after the other, until the relay stops: it hears of new events and holds the lanes' locks."""
        while not self._stopping.is_set():
            connection = None
            try:
                connection = await connect(self._url, timeout_s=SESSION_CHECK_S)
                connection.add_termination_listener(lambda _: self._woken.set())
                await connection.add_listener(CHANNEL, lambda *_: self._woken.set())
                await self._claim_in(connection)
            except (*AWAY, asyncpg.InternalClientError) as error:  # the last: cut between two steps of the protocol
                log.warning("claiming in a new session", failure=type(error).__name__)
                await asyncio.sleep(FIRST_PAUSE_S * random.uniform(0.5, 1.0))
            finally:
                if connection is not None and not connection.is_closed():
                    connection.terminate()

    async def _claim_in(self, connection: Connection) -> None:
        """Start what is due, as long as the session lives. A lane that has ended makes room and wakes this."""
        held: dict[Lane, asyncio.Task[None]] = {}
        while not self._stopping.is_set():
            self._woken.clear()
            if ended := [lane for lane, task in held.items() if task.done()]:
                await claims.release(connection, ended)
                for lane in ended:
                    del held[lane]
            free = self._workers - len(self._under_way)
            if free > 0 and time.monotonic() >= self._sink_again_at:
                lanes, self._after = await claims.claim_in_turn(
                    connection, self._after, self._under_way, limit=free, share=self._share
                )
                for lane, waiting in (await claims.due(connection, lanes)).items() if lanes else ():
                    task = asyncio.create_task(self._publish_lane(connection, lane, waiting), name=f"lane {lane.key}")
                    held[lane] = self._under_way[lane] = task
            # A lane that has ended is seen at once; a session that died silently, at the next claim's timeout.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), POLL_S)
        if self._under_way:  # the session's locks keep other relays from them until then
            await asyncio.wait(self._under_way.values())

    async def _publish_lane(self, session: Connection, lane: Lane, events: list[Waiting]) -> None:
        """Publish a lane's events one after the other, and return when they are settled.

        Without its session it ends early: the lane may be another relay's by now.
        """
        began = time.monotonic()
        settled: list[asyncio.Future[None]] = []
        try:
            for waiting in events:
                if self._stopping.is_set() or session.is_closed() or time.monotonic() - began > SLICE_S:
                    break
                if await self._publish(waiting):
                    settled.append(self._settler.published(waiting.row_id))
        except SinkAwayError as error:
            self._sink_away(str(error))
        except AWAY as error:
            log.warning("an event can't be put off, trying again", failure=type(error).__name__)
        finally:
            try:
                if settled:
                    await asyncio.wait(settled)
            finally:
                del self._under_way[lane]
                asyncio.get_running_loop().call_soon(self._woken.set)  # once the task is done

    async def _publish(self, waiting: Waiting) -> bool:
        """True when the sink has taken it; else it is put off or buried. Raises SinkAwayError: it stays as it is."""
        try:
            headers, body = waiting.message(self._extensions)
            made, described = headers.get(TRACED, ""), _described(headers)
            with spans.span("publish", "producer", parent=made, attributes=described) as span:
                hop = {spans.TRACEPARENT: span.traceparent} if span.traceparent else {}
                await self._publisher.publish(headers | hop, body)
        except NotPublishedError as error:
            self._sink_answers()
            claims.failed_total.inc()
            await self._put_off(waiting, str(error))
            return False
        except BadEvent as error:
            log.error("an outbox row is no event", row=waiting.row_id, reason=error.reason)
            claims.buried_total.inc()
            async with self._postgres.platform() as connection:
                await claims.bury(connection, waiting, error.reason)
            return False
        self._sink_answers()
        claims.published_total.inc()
        return True

    async def _put_off(self, waiting: Waiting, reason: str) -> None:
        async with self._postgres.platform() as connection:
            due_in_s = await claims.failed(connection, waiting, reason)
        if due_in_s is None:
            claims.buried_total.inc()
            log.error("event is a dead letter", row=waiting.row_id, attempts=waiting.attempts + 1, reason=reason)
            return
        log.warning("event not published", row=waiting.row_id, attempts=waiting.attempts + 1, reason=reason)
        if due_in_s < POLL_S:
            asyncio.get_running_loop().call_later(due_in_s + 0.01, self._woken.set)

    def _sink_answers(self) -> None:
        self._health.arrived("sink")
        self._sink_pause_s = FIRST_PAUSE_S

    def _sink_away(self, why: str) -> None:
        """Claim nothing for a while, longer each time."""
        self._health.waiting_for("sink", why)
        if time.monotonic() < self._sink_again_at:  # another lane has just found out
            return
        pause_s = self._sink_pause_s * random.uniform(0.5, 1.0)
        self._sink_again_at = time.monotonic() + pause_s
        self._sink_pause_s = min(self._sink_pause_s * 2, LONGEST_PAUSE_S)
        asyncio.get_running_loop().call_later(pause_s + 0.01, self._woken.set)
