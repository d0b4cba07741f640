"""A call's reservation: the tables as they are now, and the one that the caller gets, written before it is said.

Unlike an order it is not promised while Postgres is away: somebody else may have the table. Written twice it is the
same reservation, for a call makes one.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from domain.errors import Refused
from domain.reservations import Book
from domain.tools import BookTable
from eventing.catalogue import CallIncoming
from functions.call_handler.remembering.backends import Backends
from functions.call_handler.remembering.live_feed import HandlerFeed
from process import logs

log = logs.get(__name__)

LOOK_WITHIN_S = 1.0  # a caller waits for the answer
WRITE_WITHIN_S = 2.5
TRIES = 2


class NotReservedError(Exception):
    """Nothing was written: the database is away, or does not take it."""


class TableGoneError(Exception):
    """Somebody else was faster: no table is left for so many at that time."""


class ReservationDesk:
    """One per call."""

    def __init__(self, backends: Backends, incoming: CallIncoming, feed: HandlerFeed) -> None:
        self._backends = backends
        self._incoming = incoming
        self._feed = feed

    async def look_up(self, around: datetime) -> Book | None:
        """The tables around then; None when Postgres does not tell within LOOK_WITHIN_S."""
        try:
            async with asyncio.timeout(LOOK_WITHIN_S):
                postgres = await self._backends.postgres()
                from eventing import depositing
                from stores import dining

                restaurant_id, caller = self._incoming.restaurant_id, self._incoming.caller
                async with postgres.reading(restaurant_id) as connection:
                    book = await dining.book(connection, restaurant_id, around)
                    if not book.rules.deposit_cents:
                        return book
                    paid_at = await depositing.payable_at(connection, restaurant_id, caller, self._backends.pii)
                    return replace(book, takes_deposits=bool(paid_at))
        except Exception as error:  # the caller is told that nobody knows
            log.warning("the tables are unknown", why=type(error).__name__)
            return None

    async def reserve(self, booking: BookTable) -> None:
        """Write it. Raises TableGoneError, NotReservedError, and Refused when the restaurant's rules are others now."""
        for _ in range(TRIES):
            try:
                async with asyncio.timeout(WRITE_WITHIN_S):
                    return await self._write(booking)
            except (Refused, TableGoneError):
                raise
            except Exception as error:  # away, restarting, out of connections: all of it may pass
                log.warning("reservation not written", call_id=self._incoming.call_id, why=type(error).__name__)
        raise NotReservedError

    async def _write(self, booking: BookTable) -> None:
        postgres = await self._backends.postgres()
        from eventing.calling import HANDLER
        from eventing.reserving import Asked, NoTableFreeError, reserve
        from stores import restaurants

        incoming = self._incoming
        asked = Asked(
            starts_at=booking.starts_at,
            covers=booking.covers,
            name=booking.name,
            phone=incoming.caller,
            note=booking.note,
            call_id=incoming.call_id,
        )
        try:
            async with postgres.tenant(incoming.restaurant_id) as connection:
                restaurant = await restaurants.get(connection, incoming.restaurant_id)
                made = await reserve(
                    connection, restaurant, asked, datetime.now(UTC), self._backends.pii, source=HANDLER
                )
        except NoTableFreeError:
            raise TableGoneError from None
        self._feed.reservation(made.id)
