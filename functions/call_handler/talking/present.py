"""What the restaurant sells now, while a call goes on with the menu that it began with.

What runs out in mid-call is refused to a caller who asks for it, and not at their yes. Any change counts up the
restaurant's generation in Redis (``stores.cache``): one small question, asked behind the conversation whenever the
caller has said something, and by each tool that reads the menu. Only where it is another one is the menu read, and no
caller waits longer for it than WAIT_S: what is not there by then is there for the next tool. While Redis or Postgres is
away the menu stays as it is; before an order is confirmed it is read in any case.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from domain.menu import Menu
from domain.restaurant import Restaurant

WAIT_S = 0.15  # within the pause that a caller takes for thinking
LOOK_AGAIN_S = 0.5  # a tool is no reason to ask again what was asked just now


class Present(msgspec.Struct, frozen=True):
    """The restaurant as it is now; ``load_minutes`` is how far its kitchen is behind."""

    restaurant: Restaurant
    menu: Menu
    load_minutes: int


# None when nobody can tell within a second: then what the call began with counts.
LookUp = Callable[[], Awaitable[Present | None]]
# None when nobody can tell.
Generation = Callable[[], Awaitable[bytes | None]]


class PresentWatch:
    """``known`` is the generation that the call's menu is of. Neither function raises."""

    def __init__(
        self,
        generation: Generation,
        look_up: LookUp,
        known: bytes | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.now = look_up
        self._generation = generation
        self._known = known
        self._clock = clock
        self._found: Menu | None = None
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = float("-inf")

    def look(self) -> None:
        """Begin to, unless that is under way."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())

    async def newest(self) -> Menu | None:
        """The menu, if it was changed since this was last asked and that is known by now."""
        if self._clock() - self._looked_at >= LOOK_AGAIN_S:
            self.look()
        if self._looking is not None:
            await asyncio.wait({self._looking}, timeout=WAIT_S)
        found, self._found = self._found, None
        return found

    def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self) -> None:
        generation = await self._generation()
        if generation is not None and generation != self._known:
            present = await self.now()
            if present is not None:
                self._found, self._known = present.menu, generation
        self._looked_at = self._clock()
