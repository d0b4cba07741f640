"""One call from claim to final line: dial both sides, load the restaurant, converse, wind up.

Media, engine and profile are fetched in parallel. ``connected`` is said when all three are there and the
engine is configured: from then on the caller can be heard and answered. An engine that fails before that, or
twice during the call, ends the call as ``failed``, so that the bridge plays the restaurant's fallback. A media
socket that is lost without a ``stop`` ends it without any final line: the bridge then asks another handler,
which resumes from the checkpoint.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from domain import carts
from domain.calls import Outcome
from domain.order import ConfirmedOrder
from domain.tools import OrderState
from eventing.catalogue import CallIncoming
from functions.call_handler.engines.base import Engine, EngineDownError, EngineEvent, Line, Speaker, ToolCall
from functions.call_handler.engines.realtime import RealtimeEngine
from functions.call_handler.figures import Figures
from functions.call_handler.phrases import phrases_for
from functions.call_handler.remembering import resume
from functions.call_handler.remembering.afterwards import Afterwards, Conversed
from functions.call_handler.remembering.backends import Backends
from functions.call_handler.remembering.checkpointer import Checkpointer
from functions.call_handler.remembering.live_feed import LiveFeed
from functions.call_handler.remembering.orders import OrderDesk, Receipt
from functions.call_handler.remembering.transcript import Transcript
from functions.call_handler.settings import Settings
from functions.call_handler.talking.conversation import Conversation, Over
from functions.call_handler.talking.dialling import Dialling
from functions.call_handler.talking.media import MediaDownError, SupersededError
from functions.call_handler.talking.patience import Patience
from functions.call_handler.talking.playback import Playback
from functions.call_handler.talking.profile import NoProfileError, Profile, load_minutes, load_profile
from functions.call_handler.talking.tool_loop import ToolLoop
from process import logs
from protocols.call_lane import EndedLine
from protocols.media import StartBody

log = logs.get(__name__)

TICK_S = 0.25
WIND_UP_S = 1.0
RECONNECTS = 1


class CallLostError(Exception):
    """This handler lost the call; another one may still save it."""


class Call:
    """``run`` once. Also the conversation's ``Observer``."""

    def __init__(
        self,
        incoming: CallIncoming,
        dialling: Dialling,
        settings: Settings,
        backends: Backends,
        desk: OrderDesk,
        afterwards: Afterwards,
        figures: Figures,
    ) -> None:
        self._incoming = incoming
        self._dialling = dialling
        self._media = dialling.media
        self._settings = settings
        self._backends = backends
        self._desk = desk
        self._afterwards = afterwards
        self._figures = figures
        self._feed = LiveFeed(backends, incoming.restaurant_id, incoming.call_id)
        self._checkpointer = Checkpointer(backends, incoming.call_id)
        self._conversation: Conversation | None = None
        self._tools: ToolLoop | None = None
        self._profile: Profile | None = None
        self._transcript = Transcript()
        self._order_id: str | None = None
        self._joined_at: float | None = None
        self._why_failed = ""
        self._reconnects_left = RECONNECTS
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, on_connected: Callable[[], None]) -> EndedLine:
        """The final line. Raises CallLostError; when cancelled (the client is gone) everything is closed first."""
        ended: EndedLine | None = None
        try:
            start, profile = await self._fetch()
            self._begin(start, profile)
            on_connected()
            ended = await self._converse()
        except SupersededError:
            ended = EndedLine("superseded")
        except (MediaDownError, EngineDownError, NoProfileError) as error:
            log.error("call not joined", call_id=self._incoming.call_id, why=error.reason)
            ended = EndedLine("failed", reason=error.reason)
        finally:
            await self._wind_up(ended)
        return ended

    # --- Joining ------------------------------------------------------------------------------------------

    async def _fetch(self) -> tuple[StartBody, Profile]:
        loading = asyncio.create_task(
            load_profile(
                self._backends, self._incoming.restaurant_id, self._resumed_call(), self._settings.profile_wait_s
            )
        )
        try:
            start, _, profile = await asyncio.gather(self._dialling.start, self._dialling.connected, loading)
        finally:
            loading.cancel()
            await asyncio.wait({loading})
        return start, profile

    def _resumed_call(self) -> str | None:
        return self._incoming.call_id if self._incoming.attempt > 1 else None

    def _begin(self, start: StartBody, profile: Profile) -> None:
        saved = profile.checkpoint
        state = OrderState(
            profile.restaurant, profile.menu, profile.faq, carts.new_cart(profile.menu), self._incoming.call_id
        )
        if saved is not None:
            state = resume.restored_state(state, saved)
            self._transcript = resume.restored_transcript(saved)
            self._order_id = saved.order_id
        self._profile = profile
        self._tools = ToolLoop(state, self, self._used)
        greeting_ms = start.custom_parameters.greeting_remaining_ms
        phrases = phrases_for(profile.restaurant.language)
        conversation = self._conversation = Conversation(
            self._media,
            Playback(time.monotonic(), greeting_ms),
            self._tools,
            self._transcript,
            self,
            Patience(self._settings.idle_ask_s, self._settings.idle_end_s, phrases),
            phrases,
        )
        if saved is not None:
            conversation.usage.add(resume.restored_usage(saved))
        engine = self._dialling.engine
        self._dialling.on_event = self._heed(engine)
        self._introduce(engine, start.custom_parameters.greeting_text)
        self._media.attach(conversation)
        self._joined_at = time.monotonic()
        self._figures.add(lambda metrics: metrics.ai_worker_calls_active.inc())

    def _introduce(self, engine: Engine, greeting: str) -> None:
        """Tell a new engine who it is and what was said; it hears the caller's early audio after that."""
        assert self._profile is not None and self._tools is not None and self._conversation is not None
        engine.configure(self._profile.setup)
        if self._transcript.lines():
            for line in resume.recollection(self._tools.state, self._transcript):
                engine.remember(line)
            self._conversation.join(engine)
            self._conversation.speak()
            return
        spoken = greeting or self._incoming.greeting
        if spoken:
            engine.remember(Line("assistant", spoken))
            self._transcript.greeting(spoken)
            self.said("assistant", spoken)
        self._conversation.join(engine)

    # --- During -------------------------------------------------------------------------------------------

    async def _converse(self) -> EndedLine:
        conversation = self._conversation
        assert conversation is not None
        self._spawn(self._feed.run())
        self._spawn(self._learn_load())
        try:
            async with asyncio.timeout(self._settings.max_call_s):
                over = await self._until_over(conversation)
        except TimeoutError:
            log.warning("call at its limit", call_id=self._incoming.call_id, limit_s=self._settings.max_call_s)
            assert self._profile is not None
            conversation.leave(phrases_for(self._profile.restaurant.language).time_is_up)
            over = await self._until_over(conversation)
        await conversation.settle_tools()
        if over is Over.MEDIA_LOST:
            raise CallLostError("media socket lost")
        return EndedLine(self._outcome(over), self._order_id, self._why_failed if over is Over.ENGINE_FAILED else "")

    async def _until_over(self, conversation: Conversation) -> Over:
        while not conversation.over.done():
            conversation.tick()
            await asyncio.wait({conversation.over}, timeout=TICK_S)
        return conversation.over.result()

    def _outcome(self, over: Over) -> Outcome:
        assert self._tools is not None
        if over is Over.SUPERSEDED:
            return "superseded"
        if over is Over.ENGINE_FAILED:
            return "failed"
        if self._tools.state.confirmed is not None:
            return "order_confirmed"
        if over is Over.TRANSFERRED:
            return "transferred"
        return "answered" if self._transcript.caller_spoke() else "abandoned"

    async def _learn_load(self) -> None:
        """The kitchen's load makes promises honest; a call does not wait for it."""
        minutes = await load_minutes(self._backends, self._incoming.restaurant_id)
        if self._tools is not None:
            self._tools.state = replace(self._tools.state, load_minutes=minutes)

    def _heed(self, engine: Engine) -> Callable[[EngineEvent], None]:
        def heed(event: EngineEvent) -> None:
            if self._conversation is not None:
                self._conversation.on_engine(engine, event)

        return heed

    async def _redial(self, reason: str) -> None:
        """Once in a call: a second engine, told what was said and agreed. The caller's audio is kept meanwhile."""
        conversation = self._conversation
        assert conversation is not None
        log.warning("engine lost, dialling again", call_id=self._incoming.call_id, why=reason)
        engine = RealtimeEngine(self._settings)
        try:
            await conversation.settle_tools()
            await engine.connect(self._heed(engine))
            self._introduce(engine, "")
        except EngineDownError as error:
            self._fail(error.reason)
        except Exception:  # the caller hears silence until this ends one way or the other
            log.exception("engine not joined again", call_id=self._incoming.call_id)
            self._fail("the engine could not be joined again")
        finally:
            if not conversation.joined_by(engine):
                engine.close()

    def _fail(self, reason: str) -> None:
        log.error("engine lost", call_id=self._incoming.call_id, why=reason)
        self._why_failed = reason
        if self._conversation is not None:
            self._conversation.finish(Over.ENGINE_FAILED)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- Orders (of ToolLoop) -----------------------------------------------------------------------------

    async def confirm(self, order: ConfirmedOrder) -> Receipt | None:
        self.turn_ended()
        return await self._desk.confirm(order, self._incoming.caller, self._written)

    def _written(self, order: ConfirmedOrder, receipt: Receipt) -> None:
        if self._order_id == receipt.order_id:
            return  # the model confirmed it again, or an earlier handler wrote it
        self._order_id = receipt.order_id
        self._feed.order(order, receipt)
        self._figures.add(
            lambda metrics: metrics.orders_confirmed_total.labels(restaurant_id=order.restaurant_id).inc()
        )
        self.turn_ended()

    def _used(self, call: ToolCall, arguments: dict[str, Any], ok: bool, ms: float) -> None:
        self._feed.tool(call.name, arguments, ok, ms)

    # --- Observer -----------------------------------------------------------------------------------------

    def said(self, who: Speaker, text: str) -> None:
        self._feed.said(who, text)

    def turn_ended(self) -> None:
        self._checkpointer.wanted(self._checkpoint)

    def barged_in(self, ms: float) -> None:
        self._feed.barged_in(ms)

    def first_audio(self, seconds: float) -> None:
        self._figures.add(lambda metrics: metrics.ai_worker_openai_latency_seconds.observe(seconds))

    def engine_lost(self, reason: str) -> None:
        if self._reconnects_left > 0:
            self._reconnects_left -= 1
            self._spawn(self._redial(reason))
        else:
            self._fail(reason)

    # --- Ending -------------------------------------------------------------------------------------------

    async def _wind_up(self, ended: EndedLine | None) -> None:
        """Without a proper end the checkpoint stays, for the handler that goes on.

        The bridge gives the final line 1.5 s from the end of the media socket, so that is closed last; but at
        once when nobody listens to our lane any more.
        """
        if ended is None:
            await self._dialling.close()
        conversation = self._conversation
        if conversation is not None:
            conversation.close()
            if ended is None:
                self._checkpointer.wanted(self._checkpoint)
            await asyncio.gather(self._checkpointer.settle(WIND_UP_S), self._feed.drain(WIND_UP_S))
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._figures.add(lambda metrics: metrics.ai_worker_calls_active.dec())
            if ended is not None and ended.outcome != "superseded":
                self._afterwards.record(self._conversed(ended), self._checkpointer)
        await self._dialling.close()

    def _conversed(self, ended: EndedLine) -> Conversed:
        assert self._conversation is not None and self._joined_at is not None
        return Conversed(
            call_id=self._incoming.call_id,
            restaurant_id=self._incoming.restaurant_id,
            started_at=self._incoming.received_at,
            caller=self._incoming.caller,
            outcome=ended.outcome,
            order_id=self._order_id,
            seconds=time.monotonic() - self._joined_at,
            transcript=resume.saved_lines(self._transcript),
            usage=self._conversation.usage,
        )

    def _checkpoint(self) -> Any:
        assert self._tools is not None and self._conversation is not None
        return resume.checkpoint(
            self._tools.state,
            self._transcript,
            self._conversation.usage,
            attempt=self._incoming.attempt,
            started_at=self._incoming.received_at,
            order_id=self._order_id,
        )
