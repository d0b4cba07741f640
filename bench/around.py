"""``alloresto bench around``: what happens around the order, as one run, faults included.

On the whole stack with the stand-ins that speak the providers' interfaces: how soon a confirmed order is at the till,
the printer and the message service; everything twice; an hour without any service, with calls meanwhile
(``outage``); what runs out at the till (``snoozed``). Then ``sagas``: bookings whose runner is killed, and 10,000
notices. Every part has its time; one that does not come to its end is a figure that is missed, and the others go on.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

import aiohttp

from bench import outage, sagas, snoozed, whole
from bench.report import Figure, percentile
from bench.whole import Whole
from devstack.stand_ins.store import Store
from devstack.stand_ins.twilio import Twilio
from domain.menu import Menu
from domain.order import CartLine, ConfirmedOrder, Fulfilment, VatShare
from eventing import ordering
from eventing.catalogue import OrderConfirmed
from eventing.cloudevents import Event, to_binary
from stores import menus
from stores.kitchen import Move

WARM_UP = 5
ORDERS = 100
EVERY_S = 0.25
DOUBLED_ORDERS = 60
ALL_WITHIN_S = 120.0
POLL_S = 0.01
LOSES_EVERY = 12  # events: more, and the breaker takes it for an outage
TICK_S = 5.0  # as manifests/base/platform/errand-runner.yaml has it
CONNECTED = ("store_api", "escpos", "twilio")
MOST_S = 720.0
PART_MOST_S = {"the order": 150.0, "an hour": 330.0, "86": 240.0, "sagas": 480.0}
CONDITIONS = {"till": "the store API's stand-in", "outage": outage.HOW, **sagas.CONDITIONS}


class Around:
    """One restaurant with everything connected, on the whole stack."""

    def __init__(self, base: Whole, menu: Menu) -> None:
        self.base, self.postgres, self.menu, self.pii = base, base.postgres, menu, base.stack.pii_cipher
        self.street = street = base.stack.neighbourhood
        store, twilio = street.neighbours["store_api"].server, street.neighbours["twilio"].server
        assert isinstance(store, Store)
        assert isinstance(twilio, Twilio)
        self.store, self.twilio = store, twilio
        self._orders = 0

    async def order(self) -> OrderConfirmed:
        """As the call handler writes it when a caller has agreed, by a caller of its own; with its event."""
        self._orders += 1
        item, now = next(one for one in self.menu.items if len(one.sizes) == 1), datetime.now(UTC)
        size = item.sizes[0]
        line = CartLine(1, item.id, item.name, size.id, size.name, 1, size.price_cents, item.vat, ())
        rate = item.vat.take_away_bp
        order = ConfirmedOrder(
            id=str(uuid.uuid4()),
            call_id=str(uuid.uuid4()),
            restaurant_id=self.menu.restaurant_id,
            currency=self.menu.currency,
            lines=(line,),
            fulfilment=Fulfilment("pickup"),
            customer_name=f"Caller {self._orders}",
            total_cents=size.price_cents,
            vat=(VatShare(rate, size.price_cents, round(size.price_cents * rate / (10_000 + rate))),),
            confirmed_at=now,
            promised_at=now + timedelta(minutes=25),
        )
        async with self.postgres.platform() as connection:
            caller = f"+336{self._orders:08}"
            stored = await ordering.write_order(connection, order, self.pii, caller=caller)
        return ordering.confirmed_event(order, stored.number)

    def counts(self) -> tuple[int, int, int]:
        """Orders at the till, tickets, texts."""
        return len(self.store.orders), len(self.street.printer.tickets), len(self.twilio.messages)

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(ALL_WITHIN_S):
            while not wanted():
                await asyncio.sleep(POLL_S)

    async def arrivals(self) -> list[Figure]:
        """From the transaction that confirms an order until each has it, one order after the other."""
        took: dict[str, list[float]] = {"till": [], "printer": [], "message service": []}
        for number in range(WARM_UP + ORDERS):
            before, began = self.counts(), time.monotonic()
            await self.order()
            waiting = dict(zip(took, before, strict=True))
            async with asyncio.timeout(ALL_WITHIN_S):
                while waiting:
                    for name, now in zip(took, self.counts(), strict=True):
                        if name in waiting and now > waiting[name]:
                            if number >= WARM_UP:
                                took[name].append((time.monotonic() - began) * 1000)
                            del waiting[name]
                    await asyncio.sleep(POLL_S)
            await asyncio.sleep(EVERY_S)
        return [
            Figure(f"order confirmed → at the {name}, p95", percentile(ms, 95), "ms", "≤ 1000")
            for name, ms in took.items()
        ]

    async def twice(self) -> list[Figure]:
        """Each order's event twice more by the Broker, in any order, a cancellation of each second one, and answers
        that get lost."""
        before, ordered = self.counts(), [await self.order() for _ in range(DOUBLED_ORDERS)]
        shuffled = [Event.of(one, source="/bench") for one in ordered] * 2
        random.Random(1).shuffle(shuffled)
        broker = self.base.stack.runtime.broker_url()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
            for number, event in enumerate(shuffled):
                if number % LOSES_EVERY == 0:
                    self.store.faults["lost_answer"] = 1
                headers, body = to_binary(event)
                async with http.post(broker, data=body, headers=headers) as answer:
                    if answer.status >= 300:
                        raise RuntimeError(f"the Broker answers {answer.status}")
        cancelled = [one.order_id for one in ordered[::2]]
        for order_id in cancelled:
            async with self.postgres.platform() as connection:
                move = Move(order_id, "confirmed", "cancelled", "bench", "customer")
                await ordering.move_order(connection, move, source="/bench")
        await self.until(lambda: self._settled(ordered, cancelled))
        await asyncio.sleep(TICK_S)
        placed, tickets, texts = (now - then for now, then in zip(self.counts(), before, strict=True))
        wanted = (DOUBLED_ORDERS, DOUBLED_ORDERS + len(cancelled), DOUBLED_ORDERS + len(cancelled))
        off = sum(abs(one - want) for one, want in zip((placed, tickets, texts), wanted, strict=True))
        name = f"{3 * DOUBLED_ORDERS} events of {DOUBLED_ORDERS} orders"
        return [Figure(f"{name}: too much or too little", off, "", "= 0")]

    def _settled(self, ordered: Iterable[OrderConfirmed], cancelled: Iterable[str]) -> bool:
        states, off = {order_id: one["state"] for order_id, one in self.store.orders.items()}, set(cancelled)
        return all(states.get(one.order_id) == ("cancelled" if one.order_id in off else "placed") for one in ordered)


async def _part(name: str, figures: Awaitable[list[Figure]]) -> list[Figure]:
    """What it found; that it did not come to its end is a figure, too."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(PART_MOST_S[name]):
            found = await figures
    except Exception as error:  # the boundary: a part that fails must not keep the others from being measured
        traceback.print_exc(file=sys.stderr)
        found = [Figure(f"{name}: came to its end ({type(error).__name__})", 0, "", "= 1")]
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    for one in found:  # a run that is broken off has told this much
        print(f"  {one.figure}: {one.value:.4g} {one.unit}", file=sys.stderr, flush=True)
    return found


async def _on_the_stack() -> list[Figure]:
    async with whole.opened() as base:
        async with base.postgres.platform() as connection:
            bench = Around(base, await menus.load(connection, base.line.restaurant_id))
        await base.connect(CONNECTED)

        async def of_an_order() -> list[Figure]:
            return [*await bench.arrivals(), *await bench.twice()]

        return [*await _part("the order", of_an_order()), *await _part("an hour", outage.figures(bench))]


async def run(_: int) -> list[Figure]:
    """All figures; about twelve minutes."""
    began = time.monotonic()
    found = [*await _on_the_stack(), *await _part("86", snoozed.figures()), *await _part("sagas", sagas.run(0))]
    return [*found, Figure("bench around took", time.monotonic() - began, "s", f"≤ {MOST_S:g}")]
