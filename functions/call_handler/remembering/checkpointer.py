"""Saves the call's checkpoint after each turn: in the background, the latest wins, one save at a time."""

import asyncio
from collections.abc import Callable

from functions.call_handler.remembering.backends import Backends
from process import logs
from stores import checkpoints
from stores.checkpoints import Checkpoint

log = logs.get(__name__)


class Checkpointer:
    """``wanted`` any number of times; what is saved is made when its turn to be saved comes."""

    def __init__(self, backends: Backends, call_id: str) -> None:
        self._backends = backends
        self._call_id = call_id
        self._make: Callable[[], Checkpoint] | None = None
        self._saving: asyncio.Task[None] | None = None

    def wanted(self, make: Callable[[], Checkpoint]) -> None:
        self._make = make
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(self._save())

    async def settle(self, timeout_s: float) -> None:
        """Wait for the save in progress, if any."""
        if self._saving is not None:
            await asyncio.wait({self._saving}, timeout=timeout_s)

    async def _save(self) -> None:
        while self._make is not None:
            make, self._make = self._make, None
            try:
                await checkpoints.save(self._backends.redis, self._call_id, make())
            except OSError as error:
                log.warning("checkpoint not saved", call_id=self._call_id, why=type(error).__name__)
