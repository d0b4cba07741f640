"""Keeps an engine on the line: tells it who it is and what was said, and dials another one when it is lost."""

import asyncio

from functions.call_handler.engines.base import Engine, EngineDownError, EngineEvent, Line, OnEvent, Setup
from functions.call_handler.engines.realtime import RealtimeEngine
from functions.call_handler.phrases import phrases_for
from functions.call_handler.remembering import resume
from functions.call_handler.remembering.call_memory import CallMemory
from functions.call_handler.settings import Settings
from functions.call_handler.talking.conversation import Conversation, Over
from functions.call_handler.talking.dialling import connect_patiently
from functions.call_handler.talking.tool_loop import ToolLoop
from process import logs

log = logs.get(__name__)

RECONNECTS = 3  # in a call; each with the tries of ``connect_patiently``


class EngineLine:
    """One a call. ``why_failed`` is set when no engine can be had any more, and the conversation is over then."""

    def __init__(
        self, settings: Settings, setup: Setup, conversation: Conversation, tools: ToolLoop, memory: CallMemory
    ) -> None:
        self.why_failed = ""
        self._settings = settings
        self._setup = setup
        self._conversation = conversation
        self._tools = tools
        self._memory = memory
        self._reconnects_left = RECONNECTS
        self._redialling: asyncio.Task[None] | None = None

    def events_of(self, engine: Engine) -> OnEvent:
        def hand_on(event: EngineEvent) -> None:
            self._conversation.on_engine(engine, event)

        return hand_on

    def introduce(self, engine: Engine, greeting: str, resumed: bool = False) -> None:
        """The engine hears the caller's early audio after that. ``greeting`` is what the caller hears already.

        With something to go on from it speaks first, and likewise when ``resumed``: the caller was asked to wait.
        """
        engine.configure(self._setup)
        transcript = self._memory.transcript
        goes_on = resumed or bool(transcript.lines())
        if greeting and not transcript.lines():
            transcript.greeting(greeting)
            self._memory.said("assistant", greeting)
            if not goes_on:
                engine.remember(Line("assistant", greeting))
        if goes_on:
            for line in resume.recollection(self._tools.state, transcript, phrases_for(self._setup.language)):
                engine.remember(line)
        self._conversation.join(engine)
        if goes_on:
            self._conversation.speak()

    def lost(self, reason: str) -> None:
        """The conversation's engine is gone: dial another one, unless that was done often enough."""
        if self._reconnects_left <= 0:
            self._fail(reason)
            return
        self._reconnects_left -= 1
        log.warning("engine lost, dialling again", why=reason)
        self._redialling = asyncio.create_task(self._redial())

    async def close(self) -> None:
        if self._redialling is not None:
            self._redialling.cancel()
            await asyncio.wait({self._redialling})

    async def _redial(self) -> None:
        """A second engine, told what was said and agreed. The caller's audio is kept meanwhile."""
        engine = RealtimeEngine(self._settings)
        try:
            await self._conversation.settle_tools()
            await connect_patiently(engine, self.events_of(engine))
            self.introduce(engine, "")
        except EngineDownError as error:
            self._fail(error.reason)
        except Exception:  # the caller hears silence until this ends one way or the other
            log.exception("engine not joined again")
            self._fail("the engine could not be joined again")
        finally:
            if not self._conversation.joined_by(engine):
                engine.close()

    def _fail(self, reason: str) -> None:
        log.error("engine lost", why=reason)
        self.why_failed = reason
        self._conversation.finish(Over.ENGINE_FAILED)
