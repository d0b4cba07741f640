"""Events of finished calls on their way into the outbox.

Postgres may be away while calls go on: events wait here, bounded, and are written when it is back. What is lost
when the worker dies in that time is the log entry of a call, never an order (the handler writes those).
"""

import asyncio
import uuid
from collections import deque
from dataclasses import dataclass

from eventing import outbox
from eventing.catalogue import Payload
from eventing.cloudevents import BadEvent
from process import logs
from stores.postgres import Postgres

log = logs.get(__name__)

QUEUED = 2000
WRITE_WITHIN_S = 5.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
FLUSH_WITHIN_S = 3.0

CALL_EVENTS = uuid.UUID("5c1f6a52-6a0e-4f4f-9f0e-3c6a53a9b1d7")


@dataclass(frozen=True, slots=True)
class CallEvents:
    """The events of one call, written in one transaction."""

    call_id: str
    payloads: tuple[Payload, ...]


class Emissions:
    """A bounded queue and the task that empties it."""

    def __init__(self, postgres: Postgres, source: str) -> None:
        self._postgres = postgres
        self._source = source
        self._waiting: deque[CallEvents] = deque()
        self._something = asyncio.Event()

    def put(self, events: CallEvents) -> None:
        """Never waits. Over QUEUED calls, the oldest one's events are given up."""
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
            log.error("events of ended calls are lost: Postgres is away", calls=len(self._waiting))

    async def _write_all(self) -> None:
        pause = FIRST_PAUSE_S
        while self._waiting:
            events = self._waiting[0]
            try:
                async with asyncio.timeout(WRITE_WITHIN_S), self._postgres.platform() as connection:
                    for payload in events.payloads:
                        # A write that may have committed is tried again: the same event has the same id.
                        event_id = str(uuid.uuid5(CALL_EVENTS, f"{events.call_id}/{payload.TYPE}"))
                        await outbox.emit(connection, payload, source=self._source, subject=events.call_id, id=event_id)
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
