"""Erases the recordings that are to go: of callers who asked for it, and those that are older than they are kept.

Postgres says which (``stores.erasures``). A row stays until its file is gone, so what fails is tried again a minute
later, by this process or the next one.
"""

import asyncio
from pathlib import Path

import asyncpg

from domain.recordings import recording_file
from process import logs
from stores import erasures
from stores.erasures import UnwantedRecording
from stores.postgres import Postgres, PostgresUnavailableError

EVERY_S = 60.0
AT_ONCE = 500
OPEN_WITHIN_S = 4.0

log = logs.get(__name__)


class RecordingsEraser:
    """``root`` is RECORDINGS_DIR."""

    def __init__(self, root: Path, node_id: str, postgres: Postgres) -> None:
        self._root = root
        self._node_id = node_id
        self._postgres = postgres

    async def run(self) -> None:
        while True:
            try:
                while await self.erase() == AT_ONCE:
                    pass
            except (PostgresUnavailableError, asyncpg.PostgresError, OSError) as error:
                log.warning("recordings were not erased", failure=type(error).__name__, again_in_s=EVERY_S)
            await asyncio.sleep(EVERY_S)

    async def erase(self) -> int:
        """Erase up to AT_ONCE of those that there are; how many. Raises what Postgres raises."""
        await self._postgres.open(timeout_s=OPEN_WITHIN_S)
        async with self._postgres.platform() as connection:
            unwanted = await erasures.unwanted_recordings(connection, self._node_id, AT_ONCE)
        if not unwanted:
            return 0
        gone = await asyncio.to_thread(self._unlink, unwanted)
        async with self._postgres.platform() as connection:
            await erasures.recordings_gone(connection, gone)
        log.info("recordings erased", count=len(gone))
        return len(gone)

    def _unlink(self, unwanted: tuple[UnwantedRecording, ...]) -> list[UnwantedRecording]:
        gone = []
        for one in unwanted:
            try:
                file = recording_file(self._root, one.restaurant_id, one.call_id)
                if file is not None:
                    file.unlink(missing_ok=True)
            except OSError as error:
                log.error("a recording can't be erased; see RECORDINGS_DIR", why=error.strerror)
                continue
            gone.append(one)
        return gone
