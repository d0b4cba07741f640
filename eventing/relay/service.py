"""The relay's tasks: some workers, one listener that wakes them, and their orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable

import asyncpg

from eventing.cloudevents import BadEvent
from eventing.outbox import CHANNEL
from eventing.relay import claims
from eventing.relay.claims import Claim
from eventing.relay.publishing import NotPublishedError, Publisher, SinkAwayError
from eventing.serving import open_when_there
from process import logs
from process.health import Health
from stores.postgres import Connection, Postgres, connect

POLL_S = 2.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
LISTENER_CHECK_S = 15.0
MEASURE_EVERY_S = 5.0
STOP_GRACE_S = 5.0

log = logs.get(__name__)


class Relay:
    """Publishes the outbox until stopped. ``workers`` events at a time, each in a transaction of its own.

    A notification wakes one worker; a worker that sees more than it can take wakes the next before it publishes.
    So an event is under way 2 ms after its commit, and a slow subscriber holds up one worker and one restaurant.
    ``on_failure`` is called when its tasks died of something unforeseen: it must not go on looking alive.
    """

    def __init__(
        self, url: str, publisher: Publisher, health: Health, *, workers: int, on_failure: Callable[[], None]
    ) -> None:
        self._url = url
        # A worker holds its connection while it publishes; one more is for those who only look.
        self._postgres = Postgres(url, min_size=1, max_size=workers + 1)
        self._publisher = publisher
        self._health = health
        self._workers = workers
        self._on_failure = on_failure
        self._calls: asyncio.Queue[None] = asyncio.Queue(maxsize=1)
        self._stopping = asyncio.Event()
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
        if self._task is not None:
            await asyncio.wait([self._task], timeout=STOP_GRACE_S)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
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
            helpers |= {asyncio.create_task(task()) for task in (self._listen, self._poll, self._measure)}
            workers = [asyncio.create_task(self._work()) for _ in range(self._workers)]
            helpers |= set(workers)
            ended, _ = await asyncio.wait(helpers - {opening}, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()  # only stopping ends by itself: anything else has failed
            self._call()
            await asyncio.gather(*workers)
        finally:
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _check(self) -> None:
        async with self._postgres.platform() as connection:
            await connection.execute("select 1 from outbox limit 1")

    def _call(self) -> None:
        """Wake one worker; nothing to do when a call is waiting already."""
        with contextlib.suppress(asyncio.QueueFull):
            self._calls.put_nowait(None)

    async def _poll(self) -> None:
        while True:
            self._call()
            await asyncio.sleep(POLL_S)

    async def _measure(self) -> None:
        while True:
            try:
                async with self._postgres.platform() as connection:
                    await claims.measure_backlog(connection)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):  # readiness says why
                claims.backlog_unknown()
            await asyncio.sleep(MEASURE_EVERY_S)

    async def _listen(self) -> None:
        """Keep one LISTEN connection; while there is none the poll goes on."""
        while True:
            connection = None
            try:
                connection = await connect(self._url, timeout_s=LISTENER_CHECK_S)
                lost = asyncio.Event()
                connection.add_termination_listener(lambda _, lost=lost: lost.set())
                await connection.add_listener(CHANNEL, lambda *_: self._call())
                self._call()
                while not lost.is_set():
                    try:
                        await asyncio.wait_for(lost.wait(), LISTENER_CHECK_S)
                    except TimeoutError:  # a connection that died silently says nothing: ask it
                        await connection.execute("select 1", timeout=LISTENER_CHECK_S)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("listening again", failure=type(error).__name__)
            finally:
                if connection is not None and not connection.is_closed():
                    connection.terminate()
            await asyncio.sleep(FIRST_PAUSE_S)

    async def _work(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            try:
                if not await self._publish_next():
                    await self._calls.get()
                pause_s = FIRST_PAUSE_S
                continue
            except SinkAwayError as error:
                self._health.waiting_for("sink", str(error))
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("the outbox can't be read, trying again", failure=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        self._call()  # so that the next worker sees the end, too

    async def _publish_next(self) -> bool:
        """Publish and settle one event; False when none is due. Raises SinkAwayError, with the event given back."""
        async with self._postgres.platform() as connection:
            claim = await claims.next_claim(connection)
            if claim is None:
                return False
            if claim.more:
                self._call()
            try:
                await self._publisher.publish(claim.event())
            except NotPublishedError as error:
                self._health.arrived("sink")
                claims.failed_total.inc()
                await self._put_off(connection, claim, str(error))
            except BadEvent as error:
                log.error("an outbox row is no event", row=claim.row_id, reason=error.reason)
                claims.buried_total.inc()
                await claims.bury(connection, claim, error.reason)
            else:
                self._health.arrived("sink")
                claims.published_total.inc()
                await claims.delivered(connection, claim)
        return True

    async def _put_off(self, connection: Connection, claim: Claim, reason: str) -> None:
        due_in_s = await claims.failed(connection, claim, reason)
        if due_in_s is None:
            claims.buried_total.inc()
            log.error("event is a dead letter", row=claim.row_id, attempts=claim.attempts + 1, reason=reason)
            return
        log.warning("event not published", row=claim.row_id, attempts=claim.attempts + 1, reason=reason)
        if due_in_s < POLL_S:
            asyncio.get_running_loop().call_later(due_in_s + 0.01, self._call)
