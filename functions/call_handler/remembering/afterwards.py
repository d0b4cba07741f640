"""What is written when a call is over, while the next one may already be here: its log and its figures.

The record is noted in Redis before Postgres is asked, as an order is: when Postgres is away at the end of a call, the
reconciler writes it later, with the caller's number, the transcript and the cost.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from datetime import UTC, datetime
from types import ModuleType
from typing import TYPE_CHECKING

from functions.call_handler.figures import Figures
from functions.call_handler.remembering.backends import Backends
from process import logs
from process.telemetry import spans
from stores import live

if TYPE_CHECKING:
    from stores.calls import ConversationRecord

log = logs.get(__name__)

NOTE_WITHIN_S = 2.0
TRIES = 3
FIRST_PAUSE_S = 0.5


class Afterwards:
    """One per process; ``settle`` before it ends."""

    def __init__(self, backends: Backends, figures: Figures) -> None:
        self._backends = backends
        self._figures = figures
        self._tasks: set[asyncio.Task[None]] = set()

    def record(self, record: "ConversationRecord", seconds: float) -> None:
        """``seconds`` the conversation lasted."""

        def count(metrics: ModuleType) -> None:
            metrics.ai_worker_calls_total.labels(outcome=record.outcome).inc()
            metrics.ai_worker_call_duration_seconds.observe(seconds)
            metrics.ai_worker_openai_cost_dollars.inc(record.cost_dollars)

        self._figures.add(count)
        self._start(self._record(record))

    async def settle(self, timeout_s: float) -> None:
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=timeout_s)
            for task in left:
                task.cancel()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _record(self, record: "ConversationRecord") -> None:
        from eventing.calling import write_conversation
        from stores import pending

        noted = await self._note(record)
        pause = FIRST_PAUSE_S
        for _ in range(TRIES):
            try:
                postgres = await self._backends.postgres()
                with spans.span("call.write"):
                    async with postgres.tenant(record.restaurant_id) as connection:
                        await write_conversation(connection, record, self._backends.pii)
                if noted:
                    await pending.forget_call(self._backends.redis, record)
                await self._tell_of_cart(record)
                return
            except Exception as error:  # whatever it is, the note is kept, and the reconciler tries again
                log.warning("call not logged yet", call_id=record.call_id, why=type(error).__name__)
            await asyncio.sleep(pause)
            pause *= 2
        log.error("call not logged", call_id=record.call_id, noted=noted)

    async def _tell_of_cart(self, record: "ConversationRecord") -> None:
        if record.unconfirmed is not None:
            with contextlib.suppress(OSError):  # the open pages are drawn anew with the next event
                left = live.CartLeft(call_id=record.call_id)
                await live.publish(self._backends.redis, record.restaurant_id, left)

    async def _note(self, record: "ConversationRecord") -> bool:
        from stores import pending

        try:
            async with asyncio.timeout(NOTE_WITHIN_S):
                note = pending.PendingCall(record, datetime.now(UTC), spans.current())
                await pending.note_call(self._backends.redis, self._backends.pii, note)
        except OSError as error:
            log.warning("call not noted", call_id=record.call_id, why=type(error).__name__)
            return False
        return True
