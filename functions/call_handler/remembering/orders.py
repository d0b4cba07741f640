"""Writes confirmed orders: durable before anything is said, in one transaction with their event, exactly once.

An order is noted in Redis first (``stores.pending``) and then written to Postgres; so a handler that dies anywhere
after the caller's yes loses nothing: the reconciler finds the note and writes the order, within seconds of Postgres'
return. The caller is kept waiting ``order_wait_s`` at most; after that the order is promised and written behind them.
Writing twice is harmless: an order is one by its id.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from domain.order import ConfirmedOrder
from functions.call_handler.remembering.backends import Backends
from process import logs
from process.telemetry import spans

log = logs.get(__name__)

NOTE_WITHIN_S = 0.7  # a Redis that is slower than that is as good as away
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
WRITE_S = 5.0


class OrderRefusedError(Exception):
    """The database will never take this order; trying again is useless."""


class Receipt(msgspec.Struct, frozen=True, rename="camel"):
    """A written order: its id and the ticket number that the caller may be told, 0 where there is no ticket."""

    order_id: str
    number: int


OnWritten = Callable[[ConfirmedOrder, Receipt], None]


class OrderDesk:
    """One per process: its writing tasks outlive the calls that began them."""

    def __init__(self, backends: Backends, wait_s: float, retry_s: float) -> None:
        self._backends = backends
        self._wait_s = wait_s
        self._retry_s = retry_s
        self._writing: dict[str, asyncio.Task[Receipt]] = {}

    async def confirm(self, order: ConfirmedOrder, caller: str, on_written: OnWritten) -> Receipt | None:
        """The receipt, or None when that takes longer than ``wait_s``; ``on_written`` is called once either way.

        Raises OrderRefusedError for what the database will never take, or takes in nobody's time while Redis can't
        keep it either: then there is no order.
        """
        noted = await self._note(order, caller)
        task = self._writing.get(order.id)
        if task is None:
            task = self._writing[order.id] = asyncio.create_task(self._write_until_done(order, caller))
            task.add_done_callback(lambda _: self._writing.pop(order.id, None))
            task.add_done_callback(_report)
        task.add_done_callback(lambda done: _tell(done, order, on_written))
        done, _ = await asyncio.wait({task}, timeout=self._wait_s)
        if done:
            return task.result()
        if not noted and not await self._note(order, caller):
            task.cancel()
            log.error("order neither written nor noted: refused", call_id=order.call_id)
            raise OrderRefusedError
        return None

    async def settle(self, timeout_s: float) -> None:
        """Give unwritten orders ``timeout_s`` more; what is then left stays noted in Redis."""
        if self._writing:
            await asyncio.wait(set(self._writing.values()), timeout=timeout_s)
        for task in self._writing.values():
            task.cancel()

    async def _note(self, order: ConfirmedOrder, caller: str) -> bool:
        from stores import pending

        note = pending.PendingOrder(order, caller, datetime.now(UTC), spans.current())
        try:
            async with asyncio.timeout(NOTE_WITHIN_S):
                await pending.note_order(self._backends.redis, self._backends.pii, note)
        except OSError as error:
            log.warning("order not noted", call_id=order.call_id, why=type(error).__name__)
            return False
        return True

    async def _forget(self, order: ConfirmedOrder) -> None:
        from stores import pending

        try:
            async with asyncio.timeout(NOTE_WITHIN_S):
                await pending.forget_order(self._backends.redis, order)
        except OSError:
            log.warning("written order still noted: the reconciler finds it written", call_id=order.call_id)

    async def _write_until_done(self, order: ConfirmedOrder, caller: str) -> Receipt:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._retry_s
        pause = FIRST_PAUSE_S
        while True:
            try:
                receipt = await self._write(order, caller)
                break
            except OrderRefusedError:
                await self._forget(order)
                raise
            except Exception as error:  # away, restarting, out of connections: all of it may pass
                log.warning("order not written yet", call_id=order.call_id, why=type(error).__name__)
                if loop.time() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        await self._forget(order)
        return receipt

    async def _write(self, order: ConfirmedOrder, caller: str) -> Receipt:
        """One try. Raises OrderRefusedError, or whatever a database that is away raises."""
        from eventing.ordering import UNWRITABLE, write_order

        postgres = await self._backends.postgres()
        pii = self._backends.pii
        try:
            with spans.span("order.write", attributes={"alloresto.order.id": order.id}):
                async with asyncio.timeout(WRITE_S), postgres.tenant(order.restaurant_id) as connection:
                    stored = await write_order(connection, order, pii, caller=caller)
        except UNWRITABLE as error:
            log.error("order refused by the database", call_id=order.call_id, why=type(error).__name__)
            raise OrderRefusedError from None
        return Receipt(stored.id, stored.number)


def _report(task: asyncio.Task[Receipt]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("order not written", why=type(task.exception()).__name__)


def _tell(task: asyncio.Task[Receipt], order: ConfirmedOrder, on_written: OnWritten) -> None:
    if not task.cancelled() and task.exception() is None:
        on_written(order, task.result())
