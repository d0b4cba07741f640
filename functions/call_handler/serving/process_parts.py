"""What lives as long as the process and is shared by its calls, one after the other."""

import asyncio

from eventing.catalogue import CallIncoming
from functions.call_handler.call import Call
from functions.call_handler.figures import Figures
from functions.call_handler.remembering.afterwards import Afterwards
from functions.call_handler.remembering.backends import Backends
from functions.call_handler.remembering.orders import OrderDesk
from functions.call_handler.settings import Settings
from functions.call_handler.talking.dialling import Dialling
from functions.call_handler.warmup import Warmup


class ProcessParts:
    def __init__(self, settings: Settings, warmup: Warmup, figures: Figures) -> None:
        self._settings = settings
        self.backends = Backends(settings, warmup)
        self._figures = figures
        self._desk = OrderDesk(self.backends, settings.order_wait_s, settings.order_retry_s)
        self._afterwards = Afterwards(self.backends, self._figures)

    def call(self, incoming: CallIncoming, dialling: Dialling) -> Call:
        return Call(incoming, dialling, self._settings, self.backends, self._desk, self._afterwards, self._figures)

    async def run(self) -> None:
        """What goes on beside the calls, until cancelled."""
        await self.backends.watch()

    async def stop(self, timeout_s: float) -> None:
        await asyncio.gather(self._desk.settle(timeout_s), self._afterwards.settle(timeout_s))
        await self.backends.close()
