"""Writes confirmed orders: in one transaction with their event, exactly once, sooner or later.

The caller is kept waiting ``order_wait_s`` at most. After that the order is promised, lies in a Redis hash
(UNWRITTEN), and is tried again for ``order_retry_s``, also when the caller has hung up. If this process dies
first, the next call handler that starts finds it there. Writing twice is harmless: ``insert_confirmed`` is
idempotent on the call and its cart version, and the event is emitted only by the one that made the row.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from domain.order import ConfirmedOrder
from eventing.catalogue import OrderConfirmed, OrderedLine
from functions.call_handler.remembering.backends import Backends
from process import logs

if TYPE_CHECKING:
    from stores.ciphers import PiiCipher
    from stores.postgres import Connection

log = logs.get(__name__)

UNWRITTEN = "orders:unwritten"
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
WRITE_S = 5.0
NOTED_S = 24 * 60 * 60
SOURCE = "/call-handler"


class OrderRefusedError(Exception):
    """The database will never take this order; trying again is useless."""


class Receipt(msgspec.Struct, frozen=True, rename="camel"):
    """A written order: its id and the ticket number that the caller may be told."""

    order_id: str
    number: int
    cart_version: int


OnWritten = Callable[[ConfirmedOrder, Receipt], None]


class _Note(msgspec.Struct, frozen=True):
    order: ConfirmedOrder
    caller: str


class OrderDesk:
    """One per process: its writing tasks outlive the calls that began them."""

    def __init__(self, backends: Backends, wait_s: float, retry_s: float) -> None:
        self._backends = backends
        self._wait_s = wait_s
        self._retry_s = retry_s
        self._writing: dict[str, asyncio.Task[Receipt]] = {}
        self._noted: set[str] = set()

    async def confirm(self, order: ConfirmedOrder, caller: str, on_written: OnWritten) -> Receipt | None:
        """The receipt, or None when that takes longer than ``wait_s``; ``on_written`` is called once either way.

        Raises OrderRefusedError for what the database will never take.
        """
        task = self._task(order, caller)
        task.add_done_callback(lambda done: _tell(done, order, on_written))
        done, _ = await asyncio.wait({task}, timeout=self._wait_s)
        if done:
            return task.result()
        await self._note(order, caller)
        return None

    async def resume(self) -> int:
        """Write what other handlers promised and could not write; how many there were. Raises OSError."""
        noted = await self._backends.lean_redis.hgetall(UNWRITTEN)
        for field, stored in noted.items():
            key = field.decode()
            try:
                sealed_for = key.partition(":")[0]
                note = msgspec.json.decode(self._backends.pii.decrypt(sealed_for, stored), type=_Note)
            except (ValueError, msgspec.DecodeError) as error:  # of another MASTER_KEY, or another release's shape
                log.error("a noted order can't be read", note=key, why=type(error).__name__)
                continue
            self._noted.add(key)
            self._task(note.order, note.caller)
        return len(noted)

    async def settle(self, timeout_s: float) -> None:
        """Give unwritten orders ``timeout_s`` more; what is then left stays noted in Redis."""
        if self._writing:
            await asyncio.wait(set(self._writing.values()), timeout=timeout_s)
        for task in self._writing.values():
            task.cancel()

    def _task(self, order: ConfirmedOrder, caller: str) -> asyncio.Task[Receipt]:
        key = _key(order)
        task = self._writing.get(key)
        if task is None:
            task = self._writing[key] = asyncio.create_task(self._write_until_done(order, caller))
            task.add_done_callback(lambda _: self._writing.pop(key, None))
            task.add_done_callback(_report)
        return task

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
        import asyncpg

        postgres = await self._backends.postgres()
        try:
            async with asyncio.timeout(WRITE_S), postgres.tenant(order.restaurant_id) as connection:
                return await _write_with_event(connection, order, self._backends.pii, caller)
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
            log.error("order refused by the database", call_id=order.call_id, why=type(error).__name__)
            raise OrderRefusedError from None

    async def _note(self, order: ConfirmedOrder, caller: str) -> None:
        key = _key(order)
        self._noted.add(key)
        try:
            note = msgspec.json.encode(_Note(order, caller)).decode()
            sealed = self._backends.pii.encrypt(order.restaurant_id, note)
            await self._backends.lean_redis.hset(UNWRITTEN, key, sealed)
            await self._backends.lean_redis.expire(UNWRITTEN, NOTED_S)
        except OSError as error:
            log.error("order neither written nor noted yet", call_id=order.call_id, why=type(error).__name__)
        if key not in self._writing:
            await self._forget(order)

    async def _forget(self, order: ConfirmedOrder) -> None:
        key = _key(order)
        if key in self._noted:
            self._noted.discard(key)
            try:
                await self._backends.lean_redis.hdel(UNWRITTEN, key)
            except OSError:
                log.warning("written order still noted in Redis: the next handler removes it", call_id=order.call_id)


async def _write_with_event(connection: "Connection", order: ConfirmedOrder, pii: "PiiCipher", caller: str) -> Receipt:
    from eventing import outbox
    from stores import orders

    stored = await orders.insert_confirmed(connection, order, pii, caller=caller)
    if stored.created:
        event = confirmed_event(order, stored.id, stored.number)
        await outbox.emit(connection, event, source=SOURCE, subject=f"order/{stored.id}")
    return Receipt(stored.id, stored.number, order.cart_version)


def confirmed_event(order: ConfirmedOrder, order_id: str, number: int) -> OrderConfirmed:
    """The event that tells the house; without what is personal."""
    return OrderConfirmed(
        restaurant_id=order.restaurant_id,
        order_id=order_id,
        call_id=order.call_id,
        number=number,
        fulfilment=order.fulfilment.kind,
        total_cents=order.total_cents,
        currency=order.currency,
        lines=tuple(
            OrderedLine(
                item_id=line.item_id,
                name=line.item_name,
                size=line.size_name,
                quantity=line.quantity,
                unit_cents=line.unit_cents,
                total_cents=line.total_cents,
                modifiers=tuple(modifier.name for modifier in line.modifiers),
            )
            for line in order.lines
        ),
        promised_at=order.promised_at,
        confirmed_at=order.confirmed_at,
    )


def _key(order: ConfirmedOrder) -> str:
    return f"{order.restaurant_id}:{order.call_id}:{order.cart_version}"


def _report(task: asyncio.Task[Receipt]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("order not written", why=type(task.exception()).__name__)


def _tell(task: asyncio.Task[Receipt], order: ConfirmedOrder, on_written: OnWritten) -> None:
    if not task.cancelled() and task.exception() is None:
        on_written(order, task.result())
