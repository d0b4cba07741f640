"""What the staff sees live: a bounded queue to Redis that a call never waits for."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from domain.order import ConfirmedOrder
from functions.call_handler.engines.base import Speaker
from functions.call_handler.remembering.backends import Backends
from functions.call_handler.remembering.orders import Receipt
from process import logs
from stores import live

log = logs.get(__name__)

MAX_WAITING = 200


class HandlerFeed:
    """One per call. When Redis is slow the newest events are dropped, and counted."""

    def __init__(self, backends: Backends, restaurant_id: str, call_id: str) -> None:
        self._backends = backends
        self._restaurant_id = restaurant_id
        self._call_id = call_id
        self._queue: asyncio.Queue[live.LiveEvent] = asyncio.Queue(MAX_WAITING)
        self._dropped = 0

    def said(self, who: Speaker, text: str) -> None:
        self._publish(live.Spoke(call_id=self._call_id, who=who, text=text, at=datetime.now(UTC)))

    def tool(self, name: str, arguments: dict[str, Any], ok: bool, ms: float) -> None:
        self._publish(live.ToolUsed(call_id=self._call_id, name=name, arguments=arguments, ok=ok, ms=round(ms, 1)))

    def barged_in(self, ms: float) -> None:
        self._publish(live.BargedIn(call_id=self._call_id, ms=round(ms, 1)))

    def order(self, order: ConfirmedOrder, receipt: Receipt) -> None:
        lines = tuple(
            live.TakenLine(
                name=line.item_name,
                quantity=line.quantity,
                total_cents=line.total_cents,
                size=line.size_name,
                modifiers=tuple(modifier.name for modifier in line.modifiers),
            )
            for line in order.lines
        )
        self._publish(
            live.OrderTaken(
                call_id=self._call_id,
                order_id=receipt.order_id,
                number=receipt.number,
                total_cents=order.total_cents,
                currency=order.currency,
                lines=lines,
            )
        )

    def moved(self, order_id: str) -> None:
        self._publish(live.OrderMoved(order_id=order_id))

    def reservation(self, reservation_id: str) -> None:
        self._publish(live.ReservationChanged(reservation_id=reservation_id))

    def _publish(self, event: live.LiveEvent) -> None:
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._dropped += 1

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await live.publish(self._backends.redis, self._restaurant_id, event)
            except OSError:
                self._dropped += 1
            finally:
                self._queue.task_done()

    async def drain(self, timeout_s: float) -> None:
        try:
            await asyncio.wait_for(self._queue.join(), timeout_s)
        except TimeoutError:
            self._dropped += self._queue.qsize()
        if self._dropped:
            log.warning("live events dropped", events=self._dropped)
