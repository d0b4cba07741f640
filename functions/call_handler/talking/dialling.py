"""Opens both sockets of a call as soon as the code for that is loaded, while the rest still is.

Whose turn it is among the engines is known only with the restaurant, a few milliseconds later; so the operator's first
one is dialled ahead, which is the right one for nearly every call, and hung up where it was not.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from functools import partial

from eventing.catalogue import CallIncoming
from functions.call_handler.engines.base import Engine, EngineDownError, EngineEvent
from functions.call_handler.engines.making import make_engine
from functions.call_handler.settings import Endpoint, EngineSettings, Settings
from functions.call_handler.talking.media import MediaSocket
from process import logs
from protocols.media import StartBody

log = logs.get(__name__)

PAUSES_S = (0.25, 0.75, 1.5)  # a busy engine (429, 503) answers within seconds; the caller hears the greeting
# While another engine is left to try: that one has to be heard within three seconds.
CONNECT_WITHIN_S = 1.5

OnEngineEvent = Callable[[Engine, EngineEvent], None]
OnFailure = Callable[[str, str], None]


def _unheard(engine: Engine, event: EngineEvent) -> None:
    """Nothing that an engine says before it is configured matters; that it is gone is seen by ``alive``."""


async def connect_first(
    endpoints: Sequence[Endpoint],
    settings: EngineSettings,
    on_event: OnEngineEvent,
    on_failure: OnFailure,
    pauses_s: Sequence[float] = PAUSES_S,
    most_s: float = math.inf,
) -> Engine:
    """The first engine, in this order, that can be had: all are tried once, then again where that may help.

    ``on_failure`` is told the name of each that could not, and why. Raises EngineDownError, the last one's.
    """
    left = list(endpoints)
    problem = EngineDownError("no engine is configured")
    for pause_s in (0.0, *pauses_s):
        await asyncio.sleep(pause_s)
        for endpoint in tuple(left):
            engine = await make_engine(endpoint, settings)
            within_s = min(settings.engine_connect_s, most_s if len(left) == 1 else CONNECT_WITHIN_S)
            try:
                await engine.connect(partial(on_event, engine), within_s)
                return engine
            except EngineDownError as error:
                log.warning("engine not connected", engine=endpoint.name, why=error.reason)
                on_failure(endpoint.name, error.reason)
                problem = error
                if not error.passing:
                    left.remove(endpoint)
        if not left:
            break
    raise problem


class Dialling:
    """``start`` is the outcome of the media socket's ``dial``; ``engine()`` that of the engines'."""

    def __init__(self, incoming: CallIncoming, settings: Settings) -> None:
        self.media = MediaSocket()
        self.on_event: OnEngineEvent = _unheard
        self._settings = settings
        endpoints = settings.endpoints()
        if incoming.economy > 1:
            endpoints = settings.cheaper_first(endpoints)
        self._ahead = endpoints[0]
        self._is_only = len(endpoints) == 1
        self.start: asyncio.Task[StartBody] = asyncio.create_task(
            self.media.dial(incoming.audio_stream_url, incoming.audio_stream_token, settings.media_connect_s)
        )
        self._connecting = asyncio.create_task(self._connect_ahead())

    async def engine(self, endpoints: Sequence[Endpoint], on_failure: OnFailure) -> Engine:
        """The first of ``endpoints`` that can be had, connected. Raises EngineDownError."""
        if endpoints[0] == self._ahead:
            try:
                return await self._connecting
            except EngineDownError as error:
                on_failure(self._ahead.name, error.reason)
                if self._is_only:
                    raise
                again = (self._ahead,) if error.passing or len(endpoints) == 1 else ()
                endpoints = (*endpoints[1:], *again)
        await self._hang_up()
        connecting = connect_first(endpoints, self._settings, self._hand_on, on_failure)
        self._connecting = asyncio.create_task(connecting)
        return await self._connecting

    async def close(self) -> None:
        """Stop dialling and close what is open; safe to call again."""
        self.start.cancel()
        await asyncio.gather(self.start, self._hang_up(), return_exceptions=True)
        self.media.close()

    async def _connect_ahead(self) -> Engine:
        pauses_s, most_s = (PAUSES_S, math.inf) if self._is_only else ((), CONNECT_WITHIN_S)
        return await connect_first(
            (self._ahead,), self._settings, self._hand_on, lambda name, why: None, pauses_s, most_s
        )

    async def _hang_up(self) -> None:
        self._connecting.cancel()
        await asyncio.wait({self._connecting})
        if not self._connecting.cancelled() and self._connecting.exception() is None:
            self._connecting.result().close()

    def _hand_on(self, engine: Engine, event: EngineEvent) -> None:
        self.on_event(engine, event)
