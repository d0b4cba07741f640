"""Keeps an engine on the line: tells it who it is and what was said, and has another one take over when it is lost.

The engine behind the lost one in the restaurant's order is dialled next, the lost one last. It is told the
conversation and the cart, hears what nobody has understood yet, and goes on; the caller hears "one moment" meanwhile.
"""

import asyncio
import time
from collections.abc import Sequence
from types import ModuleType

import msgspec

from functions.call_handler.engines.base import Engine, EngineDownError, EngineGone, Line, Setup
from functions.call_handler.figures import Figures
from functions.call_handler.phrases import phrases_for
from functions.call_handler.remembering import resume
from functions.call_handler.remembering.breakers import Breakers, from_next
from functions.call_handler.remembering.call_memory import CallMemory
from functions.call_handler.settings import Endpoint, Settings
from functions.call_handler.talking.conversation import Conversation
from functions.call_handler.talking.dialling import connect_first
from functions.call_handler.talking.farewell import Over
from functions.call_handler.talking.patience import Patience
from functions.call_handler.talking.tool_loop import ToolLoop
from process import logs

log = logs.get(__name__)

QUIET_EVERY_S = 0.1  # how often a quiet moment is looked for
RECONNECTS = 3  # in a call, and one more for each further engine; each with the tries of ``connect_first``


class EngineLine:
    """One a call. ``why_failed`` is set when no engine can be had any more, and the conversation is over then."""

    def __init__(
        self,
        settings: Settings,
        setup: Setup,
        endpoints: Sequence[Endpoint],
        conversation: Conversation,
        patience: Patience,
        tools: ToolLoop,
        memory: CallMemory,
        breakers: Breakers,
        figures: Figures,
    ) -> None:
        self.why_failed = ""
        self._settings = settings
        self._setup = setup
        self._endpoints = tuple(endpoints)
        self._conversation = conversation
        self._tools = tools
        self._memory = memory
        self._breakers = breakers
        self._figures = figures
        self._engine = ""
        self._lost_engine = ""
        self._lost_at: float | None = None
        self._reconnects_left = RECONNECTS + len(self._endpoints) - 1
        self._redialling: asyncio.Task[None] | None = None
        patience.has_another = len(self._endpoints) > 1

    def introduce(self, engine: Engine, greeting: str, resumed: bool = False) -> None:
        """The engine hears the caller's early audio after that. ``greeting`` is what the caller hears already.

        With something to go on from it speaks first, and likewise when ``resumed``: the caller was asked to wait.
        Not so when the caller has just said something that it is given to hear: its reply to that is enough.
        """
        self._engine = engine.name
        self._memory.engine_joined(engine.model)
        engine.configure(self._setup)
        transcript = self._memory.transcript
        goes_on = resumed or bool(transcript.lines())
        if greeting and not transcript.lines():
            transcript.greeting(greeting)
            self._memory.said("assistant", greeting)
            if not goes_on:
                engine.remember(Line("assistant", greeting))
        if goes_on:
            for line in self._recollection():
                engine.remember(line)
        has_a_turn = self._conversation.join(engine)
        if goes_on and not has_a_turn:
            self._conversation.speak()

    def become(self, setup: Setup) -> None:
        """Another restaurant's from now on, in the voice that the caller has heard."""
        self._setup = msgspec.structs.replace(setup, voice=self._setup.voice)
        self._conversation.reconfigure(self._setup)

    def _recollection(self, told: str = "") -> list[Line]:
        phrases = phrases_for(self._setup.language)
        return resume.recollection(self._tools.state, self._memory.transcript, phrases, told)

    def lost(self, gone: EngineGone) -> None:
        """The conversation's engine is gone: have another one, unless that was done often enough."""
        if gone.at_fault:
            self._breakers.failed(self._engine, gone.reason)
        if self._reconnects_left <= 0:
            self._fail(gone.reason)
            return
        self._reconnects_left -= 1
        log.warning("engine lost, dialling again", engine=self._engine, why=gone.reason)
        if self._lost_at is None:
            self._lost_engine, self._lost_at = self._engine, time.monotonic()
        self._redialling = asyncio.create_task(self._redial())

    def session_ending(self) -> None:
        """The engine will end the session by itself: begin another one with it, before that and unnoticed."""
        self._redialling = asyncio.create_task(self._renew())

    def heard(self) -> None:
        """The engine that is on the line has made its first sound."""
        self._breakers.heard(self._engine)
        if self._lost_at is None:
            return
        seconds, names = time.monotonic() - self._lost_at, (self._lost_engine, self._engine)
        self._lost_at = None
        log.info("another engine goes on", engine=names[1], lost=names[0], seconds=round(seconds, 2))

        def count(metrics: ModuleType) -> None:
            metrics.ai_worker_engine_failovers_total.labels(lost=names[0], engine=names[1]).inc()
            metrics.ai_worker_engine_failover_seconds.observe(seconds)

        self._figures.add(count)

    async def close(self) -> None:
        if self._redialling is not None:
            self._redialling.cancel()
            await asyncio.wait({self._redialling})

    async def _redial(self) -> None:
        """The next engine, told what was said and agreed. The caller's audio is kept meanwhile."""
        engine: Engine | None = None
        try:
            await self._conversation.settle_tools()
            order = await self._breakers.order(from_next(self._endpoints, self._engine))
            engine = await connect_first(order, self._settings, self._conversation.on_engine, self._breakers.failed)
            self.introduce(engine, "")
        except EngineDownError as error:
            self._fail(error.reason)
        except Exception:  # the caller hears silence until this ends one way or the other
            log.exception("engine not joined again")
            self._fail("the engine could not be joined again")
        finally:
            if engine is not None and not self._conversation.joined_by(engine):
                engine.close()

    async def _renew(self) -> None:
        """A change that nothing forces yet: when it fails, the session's end is a loss like any other."""
        engine: Engine | None = None
        try:
            same = [one for one in self._endpoints if one.name == self._engine]
            engine = await connect_first(same, self._settings, self._conversation.on_engine, self._breakers.failed)
            while not self._conversation.may_change_engine():
                await asyncio.sleep(QUIET_EVERY_S)
            engine.configure(self._setup)
            for line in self._recollection(phrases_for(self._setup.language).renewed):
                engine.remember(line)
            self._conversation.join(engine)
            log.info("the engine's session was renewed", engine=engine.name)
        except EngineDownError as error:
            log.warning("the engine's session is not renewed", why=error.reason)
        finally:
            if engine is not None and not self._conversation.joined_by(engine):
                engine.close()

    def _fail(self, reason: str) -> None:
        log.error("engine lost", why=reason)
        self.why_failed = reason
        self._conversation.finish(Over.ENGINE_FAILED)
