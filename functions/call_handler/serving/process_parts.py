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
from process import logs

log = logs.get(__name__)

RESUME_PAUSE_S = 30.0


class ProcessParts:
    def __init__(self, settings: Settings, warmup: Warmup, figures: Figures) -> None:
        self._settings = settings
        self._warmup = warmup
        self.backends = Backends(settings, warmup)
        self._figures = figures
        self._desk = OrderDesk(self.backends, settings.order_wait_s, settings.order_retry_s)
        self._afterwards = Afterwards(self.backends, settings, self._figures)

    def call(self, incoming: CallIncoming, dialling: Dialling) -> Call:
        return Call(incoming, dialling, self._settings, self.backends, self._desk, self._afterwards, self._figures)

    async def run(self) -> None:
        """What goes on beside the calls, until cancelled."""
        await self._warmup.reached("write", hurry=False)
        await asyncio.gather(self.backends.watch(), self._write_noted_orders())

    async def stop(self, timeout_s: float) -> None:
        await asyncio.gather(self._desk.settle(timeout_s), self._afterwards.settle(timeout_s))
        await self.backends.close()

    async def _write_noted_orders(self) -> None:
        """Once, when Redis is there: orders that an earlier handler promised and could not write."""
        while True:
            try:
                found = await self._desk.resume()
            except OSError:
                await asyncio.sleep(RESUME_PAUSE_S)
                continue
            if found:
                log.warning("orders of earlier handlers found unwritten", orders=found)
            return
