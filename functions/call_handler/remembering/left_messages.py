"""A caller's message for the team: written before it is said to be left. While Postgres is away none is taken."""

import asyncio

from domain.left_messages import LeftMessage
from eventing.catalogue import CallIncoming
from functions.call_handler.remembering.backends import Backends
from process import logs

log = logs.get(__name__)

WRITE_WITHIN_S = 2.5
TRIES = 2


class NotLeftError(Exception):
    """Nothing was written: the database is away, or does not take it."""


class MessageDesk:
    """One per call. What is left stands in the log of the restaurant that was called, wherever the call went on."""

    def __init__(self, backends: Backends, incoming: CallIncoming) -> None:
        self._backends = backends
        self._incoming = incoming

    async def leave(self, left: LeftMessage) -> tuple[LeftMessage, ...]:
        """All that the call has left. Raises NotLeftError."""
        for _ in range(TRIES):
            try:
                async with asyncio.timeout(WRITE_WITHIN_S):
                    return await self._write(left)
            except Exception as error:  # away, restarting, out of connections: all of it may pass
                log.warning("message not written", call_id=self._incoming.call_id, why=type(error).__name__)
        raise NotLeftError

    async def _write(self, left: LeftMessage) -> tuple[LeftMessage, ...]:
        postgres = await self._backends.postgres()
        from stores import left_messages

        incoming, pii = self._incoming, self._backends.pii
        async with postgres.tenant(incoming.restaurant_id) as connection:
            return await left_messages.leave(
                connection, incoming.restaurant_id, incoming.call_id, incoming.received_at, left, pii
            )
