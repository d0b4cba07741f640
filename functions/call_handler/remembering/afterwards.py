"""What is written when a call is over, while the next one may already be here: its log and its figures."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from functions.call_handler.engines.costs import Usage, dollars
from functions.call_handler.figures import Figures
from functions.call_handler.remembering.backends import Backends
from functions.call_handler.remembering.checkpointer import Checkpointer
from functions.call_handler.settings import Settings
from process import logs

if TYPE_CHECKING:
    from domain.calls import Outcome
    from stores.checkpoints import Utterance

log = logs.get(__name__)

TRIES = 6
FIRST_PAUSE_S = 0.5


class Conversed(msgspec.Struct, frozen=True):
    """A call that had a conversation. ``caller`` and ``transcript`` are personal data."""

    call_id: str
    restaurant_id: str
    started_at: datetime
    caller: str
    outcome: "Outcome"
    order_id: str | None
    seconds: float
    transcript: "list[Utterance]"
    usage: Usage


class Afterwards:
    """One per process; ``settle`` before it ends."""

    def __init__(self, backends: Backends, settings: Settings, figures: Figures) -> None:
        self._backends = backends
        self._settings = settings
        self._figures = figures
        self._tasks: set[asyncio.Task[None]] = set()

    def record(self, call: Conversed, checkpointer: Checkpointer) -> None:
        """``checkpointer``'s checkpoint is no longer needed."""
        self._start(self._record(call))
        self._start(checkpointer.drop())

    async def settle(self, timeout_s: float) -> None:
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=timeout_s)
            for task in left:
                task.cancel()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _record(self, call: Conversed) -> None:
        cost = dollars(call.usage, self._settings.openai_realtime_model, self._settings.openai_transcription_model)
        self._count(call, cost)
        pause = FIRST_PAUSE_S
        for _ in range(TRIES):
            try:
                await self._write(call, cost)
                return
            except Exception as error:  # the log of a call is worth a few tries, not more
                log.warning("call not logged yet", call_id=call.call_id, why=type(error).__name__)
            await asyncio.sleep(pause)
            pause *= 2
        log.error("call not logged", call_id=call.call_id)

    async def _write(self, call: Conversed, cost: float) -> None:
        from stores import calls

        postgres = await self._backends.postgres()
        async with postgres.tenant(call.restaurant_id) as connection:
            await calls.record_conversation(
                connection,
                call.call_id,
                call.started_at,
                call.restaurant_id,
                call.transcript,
                msgspec.to_builtins(call.usage),
                cost,
                call.order_id,
                call.outcome,
                caller=call.caller,
                pii=self._backends.pii,
            )

    def _count(self, call: Conversed, cost: float) -> None:
        def record(metrics: ModuleType) -> None:
            metrics.ai_worker_calls_total.labels(outcome=call.outcome).inc()
            metrics.ai_worker_call_duration_seconds.observe(call.seconds)
            metrics.ai_worker_openai_cost_dollars.inc(cost)

        self._figures.add(record)
