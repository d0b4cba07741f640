"""What the sink has taken leaves the outbox: whatever came together by one statement."""

from __future__ import annotations

import asyncio

from eventing.relay import claims
from process import logs
from stores.postgres import AWAY, Postgres

# Short at first: another relay claims the lanes of a session that was cut with the connection within 50 ms.
FIRST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 1.0

log = logs.get(__name__)


class Settler:
    """Deletes published rows, as many at once as have come while the last deletion ran.

    While Postgres is away it tries again: a row that is forgotten here would be published twice.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._something = asyncio.Event()

    def published(self, row_id: int) -> asyncio.Future[None]:
        """Have the row deleted; done when it is."""
        settled = asyncio.get_running_loop().create_future()
        self._waiting[row_id] = settled
        self._something.set()
        return settled

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            taken, self._waiting = self._waiting, {}
            pause_s = FIRST_PAUSE_S
            while not await self._deleted(taken):
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            for settled in taken.values():
                if not settled.done():
                    settled.set_result(None)

    async def _deleted(self, taken: dict[int, asyncio.Future[None]]) -> bool:
        try:
            async with self._postgres.platform() as connection:
                await claims.delivered(connection, taken.keys())
        except AWAY as error:
            log.warning("published events can't be deleted, trying again", failure=type(error).__name__)
            return False
        return True
