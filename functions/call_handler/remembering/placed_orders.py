"""The orders of before that a caller may mean, as the kitchen has them now."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from domain.order import Fulfilment
from domain.placed import LOOKED_BACK, PlacedOrder
from domain.placed_tools import Wanted
from eventing.catalogue import CallIncoming
from functions.call_handler.remembering.backends import Backends
from process import logs

if TYPE_CHECKING:
    from stores.orders import Order

log = logs.get(__name__)

LOOK_WITHIN_S = 1.0  # a caller waits for the answer
MOST = 30  # of one number, or of one total


class PlacedOrders:
    """One per call."""

    def __init__(self, backends: Backends, incoming: CallIncoming) -> None:
        self._backends = backends
        self._incoming = incoming

    async def find(self, wanted: Wanted) -> tuple[PlacedOrder, ...] | None:
        """Those of the calling number, of this call, and of one of the totals; None when Postgres does not tell within
        LOOK_WITHIN_S."""
        try:
            async with asyncio.timeout(LOOK_WITHIN_S):
                return await self._read(wanted)
        except Exception as error:  # the caller is told that nobody knows
            log.warning("the orders are unknown", why=type(error).__name__)
            return None

    async def _read(self, wanted: Wanted) -> tuple[PlacedOrder, ...]:
        postgres = await self._backends.postgres()
        from stores import customers, orders
        from stores.orders import OrderFilter

        incoming, pii = self._incoming, self._backends.pii
        since = datetime.now(UTC) - LOOKED_BACK
        found: dict[str, tuple[Order, bool]] = {}
        async with postgres.reading(incoming.restaurant_id) as connection:
            own = list(await orders.of_call(connection, incoming.call_id, pii=pii))
            if customers.is_somebodys(incoming.caller):
                hashes = pii.phone_hashes(incoming.restaurant_id, incoming.caller)
                theirs = OrderFilter(since=since, customer_hashes=hashes)
                own += await orders.recent(connection, MOST, wanted=theirs, pii=pii)
            found |= {one.id: (one, True) for one in own}
            if wanted.totals:
                of_total = OrderFilter(since=since, totals=wanted.totals)
                for one in await orders.recent(connection, MOST, wanted=of_total, pii=pii):
                    found.setdefault(one.id, (one, False))
        return tuple(_placed(order, own=is_own) for order, is_own in found.values())


def _placed(order: "Order", *, own: bool) -> PlacedOrder:
    return PlacedOrder(
        id=order.id,
        number=order.number,
        status=order.status,
        fulfilment=Fulfilment(order.fulfilment, order.address, order.fee_cents),
        total_cents=order.total_cents,
        currency=order.currency,
        customer_name=order.customer_name,
        confirmed_at=order.confirmed_at,
        promised_at=order.promised_at,
        own=own,
        unseen=order.till_state == "refused",
    )
