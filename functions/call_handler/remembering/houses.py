"""The houses of a call's chain: whether one is still in it, and the sisters' tables.

A call may go on in a house that the called restaurant's own row names as a sister at that moment; Redis and the model
have no say in that.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from domain.chains import Chain, House
from domain.reservations import Book
from functions.call_handler.remembering.backends import Backends
from process import logs

log = logs.get(__name__)

LOOK_WITHIN_S = 1.0  # a caller waits for the answer
CHAIN_WITHIN_S = 3.0  # without it nothing goes on there; a handler that has just started connects first
MOST_LOOKED_AT = 3  # sisters whose tables are looked at


class Houses:
    """One a call; ``called_id`` is the restaurant that was called."""

    def __init__(self, backends: Backends, called_id: str) -> None:
        self._backends = backends
        self._called_id = called_id

    async def chain(self) -> Chain | None:
        """As it is now; None when Postgres does not tell within CHAIN_WITHIN_S, too."""
        try:
            async with asyncio.timeout(CHAIN_WITHIN_S):
                postgres = await self._backends.postgres()
                from stores import chains

                async with postgres.tenant(self._called_id) as connection:
                    return await chains.of_restaurant(connection, self._called_id)
        except Exception as error:  # then the call stays where it is
            log.warning("the chain is unknown", why=type(error).__name__)
            return None

    async def books(self, sisters: Sequence[House], around: datetime) -> dict[str, Book]:
        """The tables of the first sisters around then, by their ids; of none that does not tell in time."""
        found: dict[str, Book] = {}
        try:
            async with asyncio.timeout(LOOK_WITHIN_S):
                postgres = await self._backends.postgres()
                from stores import dining

                for sister in sisters[:MOST_LOOKED_AT]:
                    async with postgres.reading(sister.id) as connection:
                        found[sister.id] = await dining.book(connection, sister.id, around)
        except Exception as error:  # no sister is offered then
            log.warning("the sisters' tables are unknown", why=type(error).__name__)
        return found
