"""The orders of before that a caller may mean, as the kitchen has them now."""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from domain.kitchen import OrderStatus, may_be_changed
from domain.order import CartLine, ConfirmedOrder, Fulfilment
from domain.placed import LOOKED_BACK, PlacedOrder
from domain.placed_tools import Wanted
from domain.vat import same_rate
from eventing.catalogue import CallIncoming
from functions.call_handler.remembering.backends import Backends
from functions.call_handler.remembering.live_feed import HandlerFeed
from functions.call_handler.remembering.orders import OnWritten, Receipt
from process import logs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stores.kitchen import Move
    from stores.orders import Order, StoredOrder
    from stores.postgres import Connection

log = logs.get(__name__)

_Done = TypeVar("_Done")

WRITE_WITHIN_S = 2.5
TRIES = 2
LOOK_WITHIN_S = 1.0  # a caller waits for the answer
COUNT_WITHIN_S = 0.3
MOST = 30  # of one number, or of one total
VOUCHED_FOR = ("", "A")  # of SHAKEN: the network says nothing, or that the number is the caller's


class TooLateError(Exception):
    """Somebody else was faster: the kitchen has it, or it was changed or cancelled meanwhile."""


class NotChangedError(Exception):
    """Nothing was written: the database is away, or does not take it."""


class PlacedOrders:
    """One per call. ``on_written`` is told of an order that stands in the place of another one."""

    def __init__(self, backends: Backends, incoming: CallIncoming, feed: HandlerFeed, on_written: OnWritten) -> None:
        self._backends = backends
        self._incoming = incoming
        self._feed = feed
        self._on_written = on_written

    async def find(self, wanted: Wanted) -> tuple[PlacedOrder, ...] | None:
        """Those of the calling number, of this call, and of one of the totals; None when Postgres does not tell within
        LOOK_WITHIN_S. None of them any more for who has asked in vain too often, in whatever calls."""
        from stores import order_misses

        if await self._asked_too_often(self._hashed()):
            return ()
        if wanted.totals and await self._asked_too_often(order_misses.TOTALS):
            wanted = Wanted(())
        try:
            async with asyncio.timeout(LOOK_WITHIN_S):
                return await self._read(wanted)
        except Exception as error:  # the caller is told that nobody knows
            log.warning("the orders are unknown", why=type(error).__name__)
            return None

    async def change(self, order: ConfirmedOrder, before: PlacedOrder) -> Receipt:
        """Both in one transaction, and not while Postgres is away: the kitchen may begin meanwhile.

        Raises TooLateError, NotChangedError.
        """
        from eventing.ordering import change_order

        async def work(connection: "Connection", move: "Move") -> "StoredOrder":
            caller = self._incoming.caller
            stored = await change_order(connection, order, move, self._backends.pii, caller=caller)
            if stored.created:
                await self._audit(connection, move, "order.changed", {"number": stored.number})
            return stored

        stored = await self._written(before, work)
        receipt = Receipt(stored.id, stored.number)
        self._feed.moved(before.id)
        self._on_written(order, receipt)
        return receipt

    async def cancel(self, before: PlacedOrder) -> None:
        """Nothing is left to do where it is cancelled already: the answer of a first try may have been lost, or this
        call's handler. Raises as ``change``."""
        from eventing.calling import HANDLER
        from eventing.ordering import move_order
        from stores.kitchen import StatusChangedError

        async def work(connection: "Connection", move: "Move") -> None:
            try:
                moved = await move_order(connection, move, source=HANDLER)
            except StatusChangedError as late:
                if late.present.status == "cancelled" and not late.present.replaced_by_number:
                    return
                raise
            after = {"number": moved.number, "status": "cancelled", "reason": "customer"}
            await self._audit(connection, move, "order.cancelled", after)

        await self._written(before, work)
        self._feed.moved(before.id)

    async def missed(self, wanted: Wanted) -> None:
        """The caller asked for an order in vain."""
        from stores import order_misses

        for whose in (self._hashed(), order_misses.TOTALS if wanted.totals else ""):
            if whose:
                with contextlib.suppress(OSError):  # without Redis a call counts its own
                    async with asyncio.timeout(COUNT_WITHIN_S):
                        await order_misses.count(self._backends.redis, self._incoming.restaurant_id, whose)

    async def _asked_too_often(self, whose: str) -> bool:
        """In vain; ``whose`` is as in ``order_misses``, "" for nobody's."""
        from stores import order_misses

        if whose:
            with contextlib.suppress(OSError):
                async with asyncio.timeout(COUNT_WITHIN_S):
                    return await order_misses.are_too_many(self._backends.redis, self._incoming.restaurant_id, whose)
        return False

    def _hashed(self) -> str:
        """The calling number, where it is somebody's."""
        from stores import customers

        caller = self._incoming.caller
        if not customers.is_somebodys(caller):
            return ""
        return self._backends.pii.phone_hash(self._incoming.restaurant_id, caller).hex()

    async def _audit(self, connection: "Connection", move: "Move", action: str, after: dict[str, object]) -> None:
        from stores import audit

        who, before = audit.Actor(audit.GUEST), {"status": move.seen}
        restaurant_id = self._incoming.restaurant_id
        await audit.record(connection, restaurant_id, who, action, subject=move.order_id, before=before, after=after)

    async def _written(self, before: PlacedOrder, work: "Callable[[Connection, Move], Awaitable[_Done]]") -> _Done:
        seen = before.status
        for _ in range(TRIES):
            try:
                async with asyncio.timeout(WRITE_WITHIN_S):
                    postgres = await self._backends.postgres()
                    from stores.audit import GUEST
                    from stores.kitchen import Move, StatusChangedError
                    from stores.orders import OrderConflictError

                    try:
                        async with postgres.tenant(self._incoming.restaurant_id) as connection:
                            return await work(connection, Move(before.id, seen, "cancelled", GUEST, "customer"))
                    except StatusChangedError as late:
                        seen = await self._may_still(late.present)
                    except OrderConflictError:  # this call has changed it already, before its handler died
                        raise TooLateError from None
            except TooLateError:
                raise
            except Exception as error:  # away, restarting, out of connections: all of it may pass
                log.warning("order not changed", call_id=self._incoming.call_id, why=type(error).__name__)
        raise NotChangedError

    async def _may_still(self, present: "Order") -> OrderStatus:
        """In which status it is now, where it may be changed in that, too. Raises TooLateError."""
        from stores import restaurants

        postgres = await self._backends.postgres()
        async with postgres.reading(self._incoming.restaurant_id) as connection:
            until = (await restaurants.get(connection, self._incoming.restaurant_id)).changes_until
        if not may_be_changed(until, present.status, present.promised_at, datetime.now(UTC)):
            raise TooLateError
        return present.status

    async def _read(self, wanted: Wanted) -> tuple[PlacedOrder, ...]:
        postgres = await self._backends.postgres()
        from stores import customers, orders
        from stores.orders import OrderFilter

        incoming, pii = self._incoming, self._backends.pii
        since = datetime.now(UTC) - LOOKED_BACK
        found: dict[str, tuple[Order, bool]] = {}
        async with postgres.reading(incoming.restaurant_id) as connection:
            own = list(await orders.of_call(connection, incoming.call_id, pii=pii))
            if customers.is_somebodys(incoming.caller) and incoming.attestation in VOUCHED_FOR:
                hashes = pii.phone_hashes(incoming.restaurant_id, incoming.caller)
                theirs = OrderFilter(since=since, customer_hashes=hashes)
                own += await orders.recent(connection, MOST, wanted=theirs, pii=pii)
            found |= {one.id: (one, True) for one in own}
            if wanted.totals:
                of_total = OrderFilter(since=since, totals=wanted.totals)
                for one in await orders.recent(connection, MOST, wanted=of_total, pii=pii):
                    found.setdefault(one.id, (one, False))
        return tuple(_placed(order, own=is_own) for order, is_own in found.values())


def _allergies(noted: str) -> tuple[str, ...]:
    """What the ticket says of them begins with the allergens (``Wording.kitchen_allergies``)."""
    return tuple(one for one in noted.partition("; ")[0].split(", ") if one)


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
        lines=tuple(
            CartLine(
                number=line.line,
                item_id=line.item_id,
                item_name=line.name,
                size_id=line.size_id,
                size_name=line.size_name,
                quantity=line.quantity,
                unit_cents=line.unit_cents,
                vat=same_rate(line.vat_rate_bp),
                modifiers=line.modifiers,
                note=line.note,
                parts=line.parts,
            )
            for line in order.lines
        ),
        allergies=_allergies(order.allergies),
        own=own,
        unseen=order.till_state == "refused",
    )
