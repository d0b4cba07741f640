"""What is written of each call: its row from the INVITE on, and its events, through the outbox.

Postgres may be away while calls go on: what is to be written waits here, bounded, and is written when it is back. A
session that dies in that time leaves the calls' leases behind, which run out: the reconciler then closes their rows.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from edge_bridge.calls.record import Arrival
from eventing.calling import emit_of_call
from eventing.catalogue import Payload
from eventing.cloudevents import BadEvent
from process import logs
from process.telemetry import spans
from stores import calls
from stores.ciphers import PiiCipher
from stores.postgres import Connection, Postgres

log = logs.get(__name__)

QUEUED = 2000
WRITE_WITHIN_S = 5.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
FLUSH_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class CallEvents:
    """Events of one call, written in one transaction; ``written`` is called after that.

    ``begun``: the call's row is made, too; ``also`` writes what else belongs to it. ``traceparent``: the
    call's, if it has one.
    """

    call_id: str
    payloads: tuple[Payload, ...]
    begun: Arrival | None = None
    written: Callable[[], None] | None = None
    also: Callable[[Connection], Awaitable[object]] | None = None
    traceparent: str = ""


class Emissions:
    """A bounded queue and the task that empties it."""

    def __init__(self, postgres: Postgres, pii: PiiCipher, node_id: str) -> None:
        self._postgres = postgres
        self._pii = pii
        self._node_id = node_id
        self._waiting: deque[CallEvents] = deque()
        self._something = asyncio.Event()

    def put(self, events: CallEvents) -> None:
        """Never waits. Over QUEUED, the oldest one's events are given up; its lease runs out instead."""
        if len(self._waiting) >= QUEUED:
            lost = self._waiting.popleft()
            log.error("Postgres is away for too long; a call's events are lost", call_id=lost.call_id)
        self._waiting.append(events)
        self._something.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            await self._write_all()

    async def flush(self) -> None:
        """Write what waits, at most FLUSH_WITHIN_S; says what is left behind."""
        try:
            await asyncio.wait_for(self._write_all(), FLUSH_WITHIN_S)
        except TimeoutError:
            log.error("events of calls are left to the reconciler: Postgres is away", calls=len(self._waiting))

    async def _write_all(self) -> None:
        pause = FIRST_PAUSE_S
        while self._waiting:
            events = self._waiting[0]
            try:
                async with asyncio.timeout(WRITE_WITHIN_S), self._postgres.platform() as connection:
                    if events.begun is not None:
                        await self._begin_row(connection, events.begun)
                    if events.also is not None:
                        await events.also(connection)
                    with spans.within(events.traceparent):
                        await emit_of_call(connection, events.call_id, events.payloads, source=f"/edge/{self._node_id}")
            except BadEvent as error:
                log.error("an event breaks its schema and is dropped", call_id=events.call_id, why=error.reason)
            except Exception as error:  # whatever Postgres, or the way to it, comes up with: later it may work
                log.warning("events of a call wait for Postgres", why=type(error).__name__, calls=len(self._waiting))
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
                continue
            pause = FIRST_PAUSE_S
            # ``put`` may have given it up while it was written.
            if self._waiting and self._waiting[0] is events:
                self._waiting.popleft()
            if events.written is not None:
                events.written()

    async def _begin_row(self, connection: Connection, arrival: Arrival) -> None:
        await calls.record_started(
            connection,
            call_id=arrival.call_id,
            restaurant_id=arrival.line.restaurant.id,
            started_at=arrival.received_at,
            phone_line_id=arrival.line.id,
            bridge_node_id=self._node_id,
            caller=arrival.caller,
            pii=self._pii,
        )
