"""One call from claim to final line: dial both sides, load the restaurant, converse, wind up.

Media, engine and profile are fetched in parallel. ``connected`` is said when all three are there and the
engine is configured: from then on the caller can be heard and answered. An engine that cannot be had ends the call
as ``failed``, so that the bridge plays the restaurant's fallback. A media socket that is lost without a ``stop`` ends
it without any final line: the bridge then asks another handler, which resumes from the checkpoint. The checkpoint
stays until the bridge has seen the call end, however this handler ended.

This is the composition root of a call: it makes the parts and wires them; each part's work is its own.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import msgspec

from domain import carts
from domain.calls import LeftBecause, Outcome
from domain.chains import House, WentTo
from domain.order import ConfirmedOrder
from domain.prompts import version_of
from domain.tools import OrderState, SwitchHouse
from eventing.catalogue import CallIncoming
from functions.call_handler.engines.base import Engine, EngineDownError
from functions.call_handler.figures import Figures
from functions.call_handler.phrases import phrases_for
from functions.call_handler.remembering import resume
from functions.call_handler.remembering.afterwards import Afterwards
from functions.call_handler.remembering.backends import Backends
from functions.call_handler.remembering.breakers import Breakers, wished_order
from functions.call_handler.remembering.call_memory import CallMemory
from functions.call_handler.remembering.houses import Houses
from functions.call_handler.remembering.left_messages import MessageDesk
from functions.call_handler.remembering.orders import OrderDesk, OrderRefusedError
from functions.call_handler.remembering.placed_orders import PlacedOrders
from functions.call_handler.remembering.reservations import ReservationDesk
from functions.call_handler.settings import Endpoint, Settings
from functions.call_handler.talking.conversation import Conversation
from functions.call_handler.talking.dialling import Dialling
from functions.call_handler.talking.engine_line import EngineLine
from functions.call_handler.talking.farewell import Over
from functions.call_handler.talking.media import MediaDownError, SupersededError
from functions.call_handler.talking.patience import Patience
from functions.call_handler.talking.playback import Playback
from functions.call_handler.talking.present import PresentWatch
from functions.call_handler.talking.profile import (
    NoProfileError,
    Profile,
    load_generation,
    load_minutes,
    load_present,
    load_profile,
)
from functions.call_handler.talking.read_back import ReadBackWatch
from functions.call_handler.talking.tool_loop import Arrived, ToolLoop
from functions.call_handler.talking.turns import Turns
from process import logs
from process.telemetry import spans
from protocols.call_lane import EndedLine
from protocols.media import StartBody

log = logs.get(__name__)

TICK_S = 0.25
WIND_UP_S = 1.0
FINISH_TURN_S = 4.0  # after a hang-up; the bridge waits longer for the final line

_LEFT_BECAUSE: dict[Over, LeftBecause] = {Over.TRANSFERRED: "transferred", Over.ENGINE_FAILED: "engine_failed"}


class CallLostError(Exception):
    """This handler lost the call; another one may still save it."""


class Call:
    """``run`` once."""

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
        self._settings = settings
        self._backends = backends
        self._figures = figures
        self._memory = CallMemory(incoming, backends, desk, afterwards, figures)
        self._breakers = Breakers(backends, figures)
        self._houses = Houses(backends, incoming.restaurant_id)
        self._talk: _Talk | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, on_connected: Callable[[], None], on_answer: Callable[[float], None]) -> EndedLine:
        """The final line. ``on_answer`` is told how late each of the model's answers came. Raises CallLostError; when
        cancelled (the client is gone) everything is closed first."""
        ended: EndedLine | None = None
        over = Over.HUNG_UP
        self._memory.on_answer = on_answer
        try:
            with spans.span("join"):
                start, (profile, endpoints, engine) = await self._fetch()
            talk = self._talk = self._begin(start, profile, endpoints, engine)
            on_connected()
            over = await self._converse(talk)
            ended = self._ended(talk, over)
        except SupersededError:
            ended = EndedLine("superseded")
        except (MediaDownError, EngineDownError, NoProfileError) as error:
            log.error("call not joined", call_id=self._incoming.call_id, why=error.reason)
            ended = EndedLine("failed", reason=error.reason)
        finally:
            await self._wind_up(ended, over)
        return ended

    # --- Joining ------------------------------------------------------------------------------------------

    async def _fetch(self) -> tuple[StartBody, tuple[Profile, tuple[Endpoint, ...], Engine]]:
        loading = asyncio.create_task(self._load())
        try:
            return await asyncio.gather(self._dialling.start, loading)
        finally:
            loading.cancel()
            await asyncio.wait({loading})

    async def _load(self) -> tuple[Profile, tuple[Endpoint, ...], Engine]:
        """The restaurant, the engines that it may have, and the first of those that can be had."""
        resumed_call = self._incoming.call_id if self._incoming.attempt > 1 else None
        economy = self._incoming.economy
        profile = await load_profile(
            self._backends, self._incoming.restaurant_id, resumed_call, self._settings.profile_wait_s, brief=economy > 0
        )
        endpoints = wished_order(self._settings.endpoints(), profile.restaurant.engines)
        profile = await self._where_it_was(profile)
        if economy > 1:
            endpoints = self._settings.cheaper_first(endpoints)
        order = await self._breakers.order(endpoints)
        return profile, endpoints, await self._dialling.engine(order, self._breakers.failed)

    async def _where_it_was(self, profile: Profile) -> Profile:
        """The house in which an earlier handler went on, in the called one's voice, if it is still a sister; else the
        called one, with nothing of the other one's cart. What was agreed to there stays there."""
        saved = profile.checkpoint
        if saved is None or saved.went_to is None:
            return profile
        house = await self._still_sister(saved.went_to.restaurant_id)
        there = None if house is None else await self._open(house, profile)
        if there is not None:
            self._memory.enter(saved.went_to)
            setup = msgspec.structs.replace(there.setup, voice=profile.setup.voice)
            return msgspec.structs.replace(there, setup=setup, checkpoint=saved)
        log.warning("the house that the call was in can't be entered", call_id=self._incoming.call_id)
        if saved.confirmed is not None or saved.reserved:
            self._memory.enter(saved.went_to)
            return profile
        called, brief = self._incoming.restaurant_id, self._incoming.economy > 0
        fresh = await load_profile(self._backends, called, None, self._settings.profile_wait_s, brief=brief)
        return msgspec.structs.replace(fresh, checkpoint=resume.begun_anew(saved, called, fresh.menu))

    async def _still_sister(self, restaurant_id: str) -> House | None:
        chain = await self._houses.chain()
        return chain.by_id(restaurant_id) if chain is not None else None

    async def _open(self, house: House, called: Profile) -> Profile | None:
        """All of another house, from its own rows; None when nobody can tell it now."""
        brief, wait_s = self._incoming.economy > 0, self._settings.profile_wait_s
        try:
            there = await load_profile(self._backends, house.id, None, wait_s, brief=brief, chain=called.chain)
        except NoProfileError as error:
            log.warning("a sister house can't be read", why=error.reason)
            return None
        alike = (there.restaurant.language, there.restaurant.currency)
        return there if alike == (called.restaurant.language, called.restaurant.currency) else None

    async def _switch(self, effect: SwitchHouse, called: Profile, line: EngineLine) -> Arrived | None:
        """Go on in a sister of the called restaurant, whatever the model or Redis says of sisters."""
        house = await self._still_sister(effect.house.id)
        there = None if house is None or not house.serves else await self._open(house, called)
        if house is None or there is None:
            return None
        log.info("the call goes on in another house", call_id=self._incoming.call_id, house=house.id)
        feed = self._memory.enter(WentTo(house.id, house.name, effect.because))
        if feed is not self._memory.feed:
            self._spawn(feed.run())
        if self._talk is not None:
            self._spawn(self._learn_load(self._talk.tools, house.id))
        line.become(there.setup)
        present, tables, placed = self._desks(there)
        return Arrived(there.restaurant, there.menu, there.faq, present, tables, placed)

    def _desks(self, profile: Profile) -> tuple[PresentWatch, ReservationDesk, PlacedOrders]:
        """What a call may ask of the restaurant that it goes on in."""
        memory, restaurant_id = self._memory, profile.restaurant.id
        present = PresentWatch(
            partial(load_generation, self._backends, restaurant_id),
            partial(load_present, self._backends, restaurant_id),
            profile.generation,
        )
        there = msgspec.structs.replace(self._incoming, restaurant_id=restaurant_id)
        tables = ReservationDesk(self._backends, there, memory.house_feed)
        return present, tables, PlacedOrders(self._backends, there, memory.house_feed, memory.written)

    def _begin(self, start: StartBody, profile: Profile, endpoints: tuple[Endpoint, ...], engine: Engine) -> "_Talk":
        saved, incoming, memory = profile.checkpoint, self._incoming, self._memory
        cart = carts.new_cart(profile.menu, str(uuid.uuid4()))
        state = OrderState(
            profile.restaurant,
            profile.menu,
            profile.faq,
            cart,
            incoming.call_id,
            called_at=incoming.received_at,
            chain=profile.chain,
            caller_known=bool(incoming.caller),
        )
        if saved is not None:
            state = resume.restored_state(state, saved)
            memory.restore(saved)
        prompt = version_of(profile.restaurant, profile.setup.instructions, profile.setup.tools)
        log.info("the call begins", call_id=incoming.call_id, prompt=prompt)
        parameters = start.custom_parameters
        playback = Playback(time.monotonic(), parameters.greeting_remaining_ms)
        read_back = ReadBackWatch(playback, profile.restaurant.language)
        present, tables, placed = self._desks(profile)
        tools = ToolLoop(state, read_back, present, memory.confirm, tables, placed, memory.tool_used)
        phrases = phrases_for(profile.restaurant.language)
        patience = Patience(self._settings.idle_ask_s, self._settings.idle_end_s, phrases)
        media = self._dialling.media
        conversation = Conversation(media, playback, tools, read_back, memory, patience, phrases)
        line = EngineLine(
            self._settings,
            profile.setup,
            endpoints,
            conversation,
            patience,
            tools,
            memory,
            self._breakers,
            self._figures,
        )
        tools.sisters = self._houses
        tools.messages = MessageDesk(self._backends, incoming)
        tools.on_switch = lambda effect: self._switch(effect, profile, line)
        conversation.on_engine_lost = line.lost
        conversation.on_engine_heard = line.heard
        conversation.on_session_ending = line.session_ending
        conversation.farewell.attended = parameters.transfers == "attended"
        turns = Turns(incoming.call_id) if spans.is_recorded() else None
        if turns is not None:
            conversation.observer, conversation.on_said, tools.turn = turns.heard, turns.said, turns.current
        self._dialling.on_event = conversation.on_engine
        memory.begin(lambda: tools.state)
        if saved is None:
            greeting = parameters.greeting_text or incoming.greeting
            memory.marks.greeted(greeting, parameters.greeting_remaining_ms, state, time.monotonic())
        line.introduce(engine, parameters.greeting_text or incoming.greeting, parameters.resumed)
        media.attach(conversation)
        return _Talk(conversation, tools, line, turns)

    # --- During -------------------------------------------------------------------------------------------

    async def _converse(self, talk: "_Talk") -> Over:
        conversation = talk.conversation
        for feed in {self._memory.feed, self._memory.house_feed}:
            self._spawn(feed.run())
        self._spawn(self._learn_load(talk.tools, talk.tools.state.restaurant.id))
        confirmed = talk.tools.state.confirmed
        if confirmed is not None and self._memory.order_id is None:
            self._spawn(self._write_again(talk.tools, confirmed))
        try:
            async with asyncio.timeout(self._settings.max_call_s):
                over = await self._until_over(conversation)
        except TimeoutError:
            log.warning("call at its limit", call_id=self._incoming.call_id, limit_s=self._settings.max_call_s)
            conversation.leave(phrases_for(talk.tools.state.restaurant.language).time_is_up, "time_limit")
            over = await self._until_over(conversation)
        if over is Over.HUNG_UP:
            await conversation.finish_turn(FINISH_TURN_S)
        await conversation.settle_tools()
        if over is Over.MEDIA_LOST:
            raise CallLostError("media socket lost")
        return over

    async def _until_over(self, conversation: Conversation) -> Over:
        while not conversation.over.done():
            conversation.tick()
            await asyncio.wait({conversation.over}, timeout=TICK_S)
        return conversation.over.result()

    async def _learn_load(self, tools: ToolLoop, restaurant_id: str) -> None:
        """The kitchen's load makes promises honest; a call does not wait for it."""
        minutes = await load_minutes(self._backends, restaurant_id)
        if tools.state.restaurant.id == restaurant_id:
            tools.state = replace(tools.state, load_minutes=minutes)

    async def _write_again(self, tools: ToolLoop, order: ConfirmedOrder) -> None:
        """An earlier handler promised this order and died before it knew that it was written."""
        try:
            await self._memory.confirm(order)
        except OrderRefusedError:
            tools.state = replace(tools.state, confirmed=None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- Ending -------------------------------------------------------------------------------------------

    def _ended(self, talk: "_Talk", over: Over) -> EndedLine:
        why_failed = talk.line.why_failed if over is Over.ENGINE_FAILED else ""
        return EndedLine(self._outcome(talk, over), self._memory.own_order_id, why_failed)

    def _outcome(self, talk: "_Talk", over: Over) -> Outcome:
        if over is Over.SUPERSEDED:
            return "superseded"
        if over is Over.ENGINE_FAILED:
            return "failed"
        state = talk.tools.state
        if state.confirmed is not None or (state.changing is not None and self._memory.order_id is not None):
            return "order_confirmed"
        if state.reserved:
            return "reservation_made"
        if over is Over.TRANSFERRED:
            return "transferred"
        if state.messages:
            return "message_taken"
        return "answered" if self._memory.transcript.caller_spoke() else "abandoned"

    async def _wind_up(self, ended: EndedLine | None, over: Over) -> None:
        """The bridge gives the final line 1.5 s from the end of the media socket, so that is closed last; but at
        once when nobody listens to our lane any more.
        """
        if ended is None:
            await self._dialling.close()
        if self._talk is not None:
            await self._talk.line.close()
            self._talk.conversation.close()
            self._talk.tools.leave()
            if self._talk.turns is not None:
                self._talk.turns.close()
            await asyncio.gather(
                self._memory.settle(WIND_UP_S, ended_well=ended is not None), self._breakers.settle(WIND_UP_S)
            )
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if ended is not None and ended.outcome != "superseded":
                because = _LEFT_BECAUSE.get(over, "caller_hung_up")
                self._memory.record(ended.outcome, because, self._talk.conversation.farewell.why(over))
        await self._dialling.close()


class _Talk(NamedTuple):
    """The parts of a conversation that has begun."""

    conversation: Conversation
    tools: ToolLoop
    line: EngineLine
    turns: Turns | None
