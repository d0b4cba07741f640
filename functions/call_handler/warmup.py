"""Loads what a call needs in a background thread, in the order in which a call needs it.

A handler's cold start is a caller's wait. The process listens after importing uvicorn and msgspec alone; this
then imports the rest, and a call waits for each stage just when it comes to it:

1. ``lane``: to read the event and answer ``accepted``;
2. ``dial``: picows and the engine's protocol, to open both sockets;
3. ``talk``: the domain, the cache and the conversation, while the sockets are being opened;
4. ``write``: asyncpg and what writes an order, not before the call is joined (or IDLE_S has passed),
   so that they do not take the interpreter from it.

The restaurant comes from Redis through the lean client (3 ms with its connection); Postgres is asked only
when the cache misses, and then ``write`` is loaded at once. The interpreter switches threads every 0.5 ms
meanwhile, not 5 ms: each of a handshake's steps would otherwise wait for an import.

CPU on a 2.8 GHz core, with .pyc: to listening 95 ms, then ``lane`` 10, ``dial`` 30, ``talk`` 28, ``write`` 22
(and Redis' own client would be 330).
"""

import asyncio
import gc
import importlib
import sys
import threading
from collections.abc import Sequence
from typing import Literal

Stage = Literal["lane", "dial", "talk", "write"]

STAGES: dict[Stage, tuple[str, ...]] = {
    "lane": ("eventing.cloudevents", "functions.call_handler.serving.lane"),
    "dial": ("functions.call_handler.talking.dialling",),
    "talk": ("functions.call_handler.serving.process_parts",),
    "write": (
        "stores.postgres",
        "stores.orders",
        "stores.calls",
        "stores.pending",
        "stores.reservations",
        "eventing.ordering",
        "eventing.reserving",
        "eventing.calling",
        "domain.answers",
    ),
}
SWITCH_S = 0.0005
IDLE_S = 1.0
HELD_S = 5.0


class Warmup:
    """Made inside the event loop; ``start()`` once the server listens. ``further`` modules are part of ``write``."""

    def __init__(self, further: Sequence[str] = ()) -> None:
        self._further = further
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._loaded: dict[Stage, asyncio.Future[None]] = {stage: loop.create_future() for stage in STAGES}
        self._go_on = threading.Event()
        self._held = False
        self._thread = threading.Thread(target=self._load_all, name="warmup", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def reached(self, stage: Stage, hurry: bool = True) -> None:
        """Wait until ``stage`` is loaded, at once with ``hurry``. Raises ImportError when it cannot be."""
        if hurry and stage == "write":
            self._go_on.set()
        await asyncio.shield(self._loaded[stage])

    def hold(self) -> None:
        """A call is joining: keep the interpreter for it until ``let_go``, if the last stage has not begun."""
        self._held = True

    def let_go(self) -> None:
        """The call is joined: the rest may be loaded now."""
        self._go_on.set()

    def _load_all(self) -> None:
        interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        gc.disable()
        try:
            for stage, modules in STAGES.items():
                if stage == "write":
                    self._go_on.wait(IDLE_S)
                    if self._held:
                        self._go_on.wait(HELD_S)
                for module in (*modules, *(self._further if stage == "write" else ())):
                    importlib.import_module(module)
                self._loop.call_soon_threadsafe(_set, self._loaded[stage])
        except Exception as error:  # told to whoever waits for this stage or a later one
            for loaded in self._loaded.values():
                self._loop.call_soon_threadsafe(_fail, loaded, error)
        finally:
            gc.enable()
            gc.freeze()  # what is loaded stays: no collection during a call looks at it again
            sys.setswitchinterval(interval)


def _set(loaded: asyncio.Future[None]) -> None:
    if not loaded.done():
        loaded.set_result(None)


def _fail(loaded: asyncio.Future[None], error: Exception) -> None:
    if not loaded.done():
        loaded.set_exception(error)
