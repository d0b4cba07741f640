"""uvicorn's server without its ten wakeups a second, which were a tenth of what a call handler costs in a call, and all
that one costs between calls. What they do, a date in each answer and a limit of requests, no process of ours wants.
"""

import asyncio

from uvicorn.config import Config
from uvicorn.server import Server


class QuietServer(Server):
    """Waits to be told to exit, by ``should_exit`` as by a signal."""

    def __init__(self, config: Config) -> None:
        self._told = False
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        super().__init__(config)

    @property
    def should_exit(self) -> bool:
        return self._told

    @should_exit.setter
    def should_exit(self, told: bool) -> None:
        """Signal handlers set it, too: between any two steps of the loop, or while it sleeps."""
        self._told = told
        if told and self._waiting is not None:
            loop, exits = self._waiting
            loop.call_soon_threadsafe(exits.set)

    async def main_loop(self) -> None:
        exits = asyncio.Event()
        self._waiting = asyncio.get_running_loop(), exits
        if not await self.on_tick(0):
            await exits.wait()
