"""What one call leaves behind: transcript, checkpoint and live feed as it goes on, its order, in the end its record."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from domain.call_marks import CallMarks, Ended
from domain.calls import LeftBecause, Outcome
from domain.chains import WentTo
from domain.order import ConfirmedOrder
from domain.tool_parameters import TOOL_NAMES
from domain.tools import OrderState
from eventing.catalogue import CallIncoming
from functions.call_handler.engines.base import Speaker, ToolCall
from functions.call_handler.engines.costs import Usage
from functions.call_handler.figures import Figures
from functions.call_handler.remembering import resume
from functions.call_handler.remembering.afterwards import Afterwards
from functions.call_handler.remembering.backends import Backends
from functions.call_handler.remembering.checkpointer import Checkpointer
from functions.call_handler.remembering.live_feed import HandlerFeed
from functions.call_handler.remembering.marks import Marks
from functions.call_handler.remembering.orders import OrderDesk, OrderRefusedError, Receipt
from functions.call_handler.remembering.transcript import Transcript
from process import logs
from stores.checkpoints import Checkpoint, ToolUse

if TYPE_CHECKING:
    from stores.calls import UnconfirmedCart

log = logs.get(__name__)


class CallMemory:
    """One a call. ``state`` gives what is agreed so far; it is asked for whenever a checkpoint is made."""

    def __init__(
        self,
        incoming: CallIncoming,
        backends: Backends,
        desk: OrderDesk,
        afterwards: Afterwards,
        figures: Figures,
    ) -> None:
        self.transcript = Transcript()
        self.usage = Usage()
        self.marks = Marks()
        self.order_id: str | None = None
        self.tools: dict[str, ToolUse] = {}
        self.on_answer: Callable[[float], None] | None = None  # told how late each of the model's answers came
        self._model = ""
        self.feed = HandlerFeed(backends, incoming.restaurant_id, incoming.call_id)
        self.house_feed = self.feed  # of the restaurant in which the call goes on: what is its own is told there
        self.went_to: WentTo | None = None
        self._backends = backends
        self._incoming = incoming
        self._desk = desk
        self._afterwards = afterwards
        self._figures = figures
        self._checkpointer = Checkpointer(backends, incoming.call_id)
        self._state: Callable[[], OrderState] | None = None
        self._joined_at = 0.0
        self._refused = False

    def restore(self, saved: Checkpoint) -> None:
        """An earlier handler of the same call left this."""
        self.transcript = resume.restored_transcript(saved)
        self.usage.add(resume.restored_usage(saved))
        self.order_id = saved.order_id
        self.tools = dict(saved.tools)
        self.marks.restore(saved.marks)

    def enter(self, there: WentTo) -> HandlerFeed:
        """The call goes on in another restaurant: orders and tables are that one's, the log stays the called one's.

        Back in the called one it went nowhere."""
        if there.restaurant_id == self._incoming.restaurant_id:
            self.went_to, self.house_feed = None, self.feed
            return self.feed
        self.went_to = there
        self.house_feed = HandlerFeed(self._backends, there.restaurant_id, self._incoming.call_id)
        return self.house_feed

    def begin(self, state: Callable[[], OrderState]) -> None:
        """The call is joined."""
        self._state = state
        self._joined_at = time.monotonic()
        self._figures.add(lambda metrics: metrics.ai_worker_calls_active.inc())

    @property
    def own_order_id(self) -> str | None:
        """None for an order that another house has."""
        return self.order_id if self.went_to is None else None

    @property
    def has_begun(self) -> bool:
        return self._state is not None

    # --- As it goes on (the conversation's Memory) ------------------------------------------------------------

    def said(self, who: Speaker, text: str) -> None:
        self.feed.said(who, text)

    def engine_joined(self, model: str) -> None:
        """An engine with ``model`` goes on with the call from here."""
        self._model = model

    def turn_ended(self) -> None:
        if self.has_begun:
            self._checkpointer.wanted(self._checkpoint)

    def caption_failed(self, code: str) -> None:
        log.warning("a caller's words are not known: the caption failed", code=code)
        self._figures.add(lambda metrics: metrics.ai_worker_captions_failed_total.inc())

    def barged_in(self, ms: float) -> None:
        self.feed.barged_in(ms)

    def first_audio(self, seconds: float) -> None:
        self._figures.add(lambda metrics: metrics.ai_worker_openai_latency_seconds.observe(seconds))
        if self.on_answer is not None:
            self.on_answer(seconds)

    def recognised(self, engine: str, seconds: float) -> None:
        self._figures.add(lambda metrics: metrics.ai_worker_recognition_seconds.labels(engine).observe(seconds))

    def tool_used(self, call: ToolCall, arguments: dict[str, Any], ok: bool, ms: float) -> None:
        self.feed.tool(call.name, arguments, ok, ms)
        # A name that is no tool's is the model's own text.
        name = call.name if call.name in TOOL_NAMES else "other"
        used = self.tools.get(name, ToolUse())
        self.tools[name] = ToolUse(used.done + ok, used.refused + (not ok))

    # --- The order ----------------------------------------------------------------------------------------------

    async def confirm(self, order: ConfirmedOrder) -> Receipt | None:
        """As ``OrderDesk.confirm``. The checkpoint says so beside the note: who resumes the call knows of it."""
        self.turn_ended()
        try:
            return await self._desk.confirm(order, self._incoming.caller, self.written)
        except OrderRefusedError:
            self._refused = True
            raise

    def written(self, order: ConfirmedOrder, receipt: Receipt) -> None:
        if self.order_id == receipt.order_id:
            return  # the model confirmed it again, or an earlier handler wrote it
        self.order_id = receipt.order_id
        self._refused = False
        if receipt.number:  # a synthetic caller's is on nobody's board and in no figure
            self.house_feed.order(order, receipt)
            self._figures.add(
                lambda metrics: metrics.orders_confirmed_total.labels(restaurant_id=order.restaurant_id).inc()
            )
        self.turn_ended()

    # --- The end ------------------------------------------------------------------------------------------------

    async def settle(self, timeout_s: float, ended_well: bool) -> None:
        """The last checkpoint for a handler that goes on, unless the call ended well, and what is still in the feed."""
        if not ended_well:
            self.turn_ended()
        feeds = {self.feed, self.house_feed}
        await asyncio.gather(self._checkpointer.settle(timeout_s), *(feed.drain(timeout_s) for feed in feeds))
        self._figures.add(lambda metrics: metrics.ai_worker_calls_active.dec())

    def record(self, outcome: Outcome, left_because: LeftBecause, ended: Ended) -> None:
        """Write the call's log, with the cart that nobody agreed to, if there is one."""
        from stores.calls import ConversationRecord

        record = ConversationRecord(
            call_id=self._incoming.call_id,
            restaurant_id=self._incoming.restaurant_id,
            started_at=self._incoming.received_at,
            caller=self._incoming.caller,
            outcome=outcome,
            model=self._model,
            order_id=self.own_order_id,
            went_to=self.went_to,
            transcript=tuple(resume.saved_lines(self.transcript)),
            usage=msgspec.to_builtins(self.usage),
            cost_dollars=round(self.usage.dollars, 6),
            unconfirmed=self._unconfirmed("not_saved" if self._refused else left_because),
            tools=self.tools,
            upsell="" if self._state is None else self._state().upsell,
            marks=self._marked(outcome, ended),
        )
        for model in self.usage.unknown:
            log.error("the price of a model is not known: the call's cost lacks it", model=model)
            self._figures.add(partial(_count_unpriced, model))
        self._figures.add(partial(_count_unpriced, self._model, calls=0))  # the model that is in use, from 0 on
        self._afterwards.record(record, time.monotonic() - self._joined_at)

    def _marked(self, outcome: Outcome, ended: Ended) -> CallMarks:
        assert self._state is not None
        used = [name for name, use in self.tools.items() if use.done]
        return self.marks.result(self._state(), self.transcript, outcome, ended, used, time.monotonic())

    def _unconfirmed(self, reason: LeftBecause) -> "UnconfirmedCart | None":
        from stores.calls import UnconfirmedCart

        assert self._state is not None
        state = self._state()
        if state.confirmed is not None or state.changing is not None or not state.cart.lines:
            return None
        return UnconfirmedCart(state.cart, state.cart.total_cents, reason)

    def _checkpoint(self) -> Checkpoint:
        assert self._state is not None
        return resume.checkpoint(
            self._state(),
            self.transcript,
            self.usage,
            attempt=self._incoming.attempt,
            started_at=self._incoming.received_at,
            order_id=self.order_id,
            tools=self.tools,
            marks=self.marks.known,
            went_to=self.went_to,
        )


def _count_unpriced(model: str, metrics: ModuleType, calls: int = 1) -> None:
    metrics.ai_worker_unpriced_calls_total.labels(model=model).inc(calls)
