"""Opens both sockets of a call as soon as the code for that is loaded, while the rest still is."""

import asyncio

from eventing.catalogue import CallIncoming
from functions.call_handler.engines.base import Engine, EngineDownError, EngineEvent, OnEvent
from functions.call_handler.engines.realtime import RealtimeEngine
from functions.call_handler.settings import Settings
from functions.call_handler.talking.media import MediaSocket
from protocols.media import StartBody

PAUSES_S = (0.25, 0.75, 1.5)  # a busy engine (429, 503) answers within seconds; the caller hears the greeting


async def connect_patiently(engine: Engine, on_event: OnEvent) -> None:
    """Connect, and try again where that may help. Raises EngineDownError."""
    for pause_s in PAUSES_S:
        try:
            await engine.connect(on_event)
            return
        except EngineDownError as error:
            if not error.passing:
                raise
        await asyncio.sleep(pause_s)
    await engine.connect(on_event)


class Dialling:
    """``start`` and ``connected`` are the two outcomes to wait for: see ``MediaSocket.dial``, ``Engine.connect``."""

    def __init__(self, incoming: CallIncoming, settings: Settings) -> None:
        self.media = MediaSocket()
        self.engine: Engine = RealtimeEngine(settings)
        self.on_event: OnEvent = _ignore
        self.start: asyncio.Task[StartBody] = asyncio.create_task(
            self.media.dial(incoming.audio_stream_url, incoming.audio_stream_token, settings.media_connect_s)
        )
        self.connected: asyncio.Task[None] = asyncio.create_task(connect_patiently(self.engine, self._hand_on))

    async def close(self) -> None:
        """Stop dialling and close what is open; safe to call again."""
        for task in (self.start, self.connected):
            task.cancel()
        await asyncio.gather(self.start, self.connected, return_exceptions=True)
        self.media.close()
        self.engine.close()

    def _hand_on(self, event: EngineEvent) -> None:
        self.on_event(event)


def _ignore(event: EngineEvent) -> None:
    """Nothing that an engine says before it is configured matters; that it is gone is seen by ``alive``."""
