"""The model proposes, the domain decides, this performs: one tool call after the other, in the model's order.

A call is performed once, however often the engine tells of it: in one response, in the next, in a repeated
``response.done``. Before a tool that reads the menu the domain is given what is known of its changes; before
``confirm_order`` the whole present: the menu, the hours and the load as they are now, and what the caller answered to
the read-back.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from domain.card_numbers import without_card_numbers
from domain.chains import House
from domain.emergencies import EMERGENCY, is_emergency, told_in_danger
from domain.errors import Refused
from domain.left_messages import LeftMessage
from domain.menu import Menu
from domain.menu_edits import still_called
from domain.order import ConfirmedOrder
from domain.phrases import wording_for
from domain.placed import PlacedOrder
from domain.placed_tools import Wanted, let_go, too_late, wanted
from domain.repeats import Repeats
from domain.reservations import Book
from domain.restaurant import FaqEntry, Restaurant
from domain.tool_parameters import MENU_TOOLS, TOOL_NAMES
from domain.tools import (
    BookTable,
    CancelPlaced,
    ChangeOrder,
    ConfirmOrder,
    EndCall,
    KeepMessage,
    OrderState,
    ReadBack,
    SwitchHouse,
    ToolOutcome,
    Transfer,
    apply,
    arrived,
    sisters_with_table,
    table_time,
)
from functions.call_handler.engines.base import ToolCall
from functions.call_handler.phrases import Phrases, phrases_for
from functions.call_handler.remembering.left_messages import NotLeftError
from functions.call_handler.remembering.orders import OrderRefusedError, Receipt
from functions.call_handler.remembering.placed_orders import NotChangedError, TooLateError
from functions.call_handler.remembering.reservations import NotReservedError, TableGoneError
from functions.call_handler.talking.present import PresentWatch
from functions.call_handler.talking.read_back import ReadBackWatch
from process import logs
from process.telemetry import spans

log = logs.get(__name__)

REMEMBERED_CALLS = 1000
MOST_NESTED = 200  # lists and objects in a tool's arguments; Python reads no more than some hundred within each other


def _refusal(code: str, message: str, say: str = "") -> dict[str, Any]:
    error = {"code": code, "field": "", "message": message, "allowed": []}
    return {"ok": False, "error": error} | ({"say": say} if say else {})


NO_CARD_NUMBERS = _refusal(
    "card_number", "Nothing was done: a card number is not kept, in whatever words. Call it again without."
)
INTERRUPTED = msgspec.json.encode(
    _refusal("interrupted", "Not done: the caller spoke first. Listen, then call it again if it is still wanted.")
).decode()


# The receipt, or None when it will be written later. Raises OrderRefusedError.
Confirm = Callable[[ConfirmedOrder], Awaitable[Receipt | None]]


class Tables(Protocol):
    """``remembering.reservations.ReservationDesk``."""

    async def look_up(self, around: datetime) -> Book | None: ...
    async def reserve(self, booking: BookTable) -> None: ...


class Placed(Protocol):
    """``remembering.placed_orders.PlacedOrders``."""

    async def find(self, wanted: Wanted) -> tuple[PlacedOrder, ...] | None: ...
    async def change(self, order: ConfirmedOrder, before: PlacedOrder) -> Receipt: ...
    async def cancel(self, before: PlacedOrder) -> None: ...
    async def missed(self, wanted: Wanted) -> None: ...


class Messages(Protocol):
    """``remembering.left_messages.MessageDesk``."""

    async def leave(self, left: LeftMessage) -> tuple[LeftMessage, ...]: ...


class Sisters(Protocol):
    """``remembering.houses.Houses``."""

    async def books(self, sisters: Sequence[House], around: datetime) -> dict[str, Book]: ...


class Arrived(NamedTuple):
    """All of the house in which the call goes on."""

    restaurant: Restaurant
    menu: Menu
    faq: tuple[FaqEntry, ...]
    present: PresentWatch
    tables: Tables
    placed: Placed


async def _stays(effect: SwitchHouse) -> Arrived | None:
    """A call that has nobody to open another house for it."""
    return None


OnTool = Callable[[ToolCall, dict[str, Any], bool, float], None]


class ToolLoop:
    """Holds what is agreed so far (``state``) and how the call shall end, once the model asked for it (``closing``)."""

    def __init__(
        self,
        state: OrderState,
        read_back: ReadBackWatch,
        present: PresentWatch,
        confirm: Confirm,
        tables: Tables,
        placed: Placed,
        on_tool: OnTool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = state
        self.closing: Transfer | EndCall | None = None
        self.last_sentence = ""  # what the last tool would have the caller hear
        self.on_switch: Callable[[SwitchHouse], Awaitable[Arrived | None]] = _stays  # None: it can't be entered now
        self.sisters: Sisters | None = None  # of a restaurant in a chain
        self.messages: Messages | None = None
        self.turn: Callable[[], str] = spans.current  # the traceparent of what a tool is used for
        self._read_back = read_back
        self._present = present
        self._confirm_order = confirm
        self._tables = tables
        self._placed = placed
        self._on_tool = on_tool
        self._clock = clock
        self._performed: set[str] = set()
        self._repeats = Repeats()
        self._is_emergency = False

    def emergency(self, said: str) -> str:
        """What to say, once, when the caller speaks of somebody in danger, and "" else; then the team is rung."""
        if self._is_emergency or not is_emergency(said):
            return ""
        self._is_emergency = True
        restaurant = self.state.restaurant
        log.warning("the caller speaks of an emergency")
        if restaurant.fallback_number:
            self.closing = Transfer(restaurant.fallback_number, EMERGENCY)
        return told_in_danger(restaurant)

    def caller_turn(self) -> None:
        """The caller said something, in words or by keys."""
        self.state = replace(self.state, turn=self.state.turn + 1)
        self._present.look()

    async def run(self, call: ToolCall) -> str | None:
        """Perform ``call`` and give the JSON for the model, or None when that was done before.

        Never raises for what the model asked.
        """
        if call.call_id in self._performed or len(self._performed) >= REMEMBERED_CALLS:
            log.warning("the engine repeats a tool call", tool=_known(call.name))
            return None
        self._performed.add(call.call_id)
        name = _known(call.name)
        described = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.type": "function", "gen_ai.tool.name": name}
        with spans.span(f"execute_tool {name}", parent=self.turn(), attributes=described) as span:
            span.conversation = True
            result = await self._use(call)
            span.set({"alloresto.tool.ok": bool(result.get("ok"))})
            output = msgspec.json.encode(result).decode()
            if spans.has_words():
                kept = "" if result is NO_CARD_NUMBERS else call.arguments
                span.words = {"gen_ai.tool.call.arguments": kept, "gen_ai.tool.call.result": output}
        return output

    async def _use(self, call: ToolCall) -> dict[str, Any]:
        started = self._clock()
        arguments = _arguments(call.arguments)
        if arguments is None:
            log.warning("a tool's arguments are no JSON object", tool=_known(call.name))
            message = "The arguments have to be a JSON object. Call it again with one, or ask the caller again."
            result = _refusal("bad_arguments", message, self._phrases().not_done)
        elif _holds_card_number(arguments, self.state.restaurant.language):
            arguments, result = None, NO_CARD_NUMBERS
        else:
            result = self._repeats.judged(call.name, arguments, await self._apply(call.name, arguments))
        elapsed_ms = (self._clock() - started) * 1000
        ok = bool(result.get("ok"))
        self.last_sentence = str(result.get("say") or self.last_sentence)
        refused = {} if ok else {"code": result["error"]["code"]}
        log.info("tool", tool=_known(call.name), ok=ok, ms=round(elapsed_ms, 1), **refused)
        self._on_tool(call, arguments or {}, ok, elapsed_ms)
        return result

    async def _apply(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            if name == "confirm_order" and self.state.confirmed is None:
                await self._look_at_the_present()
            elif name in MENU_TOOLS:
                await self._look_at_the_menu()
            self.state = replace(self.state, agreement=self._read_back.agreement(self._clock()))
            await self._look_at_the_tables(name, arguments)
            asked = await self._look_at_the_orders(name, arguments)
            outcome = apply(self.state, name, arguments, datetime.now(UTC))
            if await self._look_at_sisters(name, arguments, outcome):
                outcome = apply(self.state, name, arguments, datetime.now(UTC))
            if asked is not None and outcome.state.order_misses > self.state.order_misses:
                await self._placed.missed(asked)
            if isinstance(outcome.effect, ChangeOrder | CancelPlaced):
                return await self._change(outcome.effect, outcome)
            self.state = outcome.state
            if isinstance(outcome.effect, SwitchHouse):
                return await self._switch(outcome.effect, outcome.result)
            if isinstance(outcome.effect, BookTable):
                return await self._reserve(outcome.effect, outcome.result, arguments)
            if isinstance(outcome.effect, KeepMessage):
                return await self._leave(outcome.effect.message, outcome.result)
            return await self._perform(outcome)
        except Exception:  # an error of ours must not leave the caller in silence: the model can say so
            log.exception("tool failed", tool=_known(name))
            message = "This did not work. Say so, and offer to put the caller through."
            return _refusal("internal", message, self._phrases().not_done)

    async def _look_at_the_present(self) -> None:
        _, now = await asyncio.gather(self._read_back.words_known(), self._present.now())
        if now is not None:
            self.state = replace(self.state, restaurant=now.restaurant, menu=now.menu, load_minutes=now.load_minutes)

    async def _look_at_the_menu(self) -> None:
        """The model goes on with the names that it was given; what is in the cart is looked at before the order is."""
        menu = await self._present.newest()
        if menu is not None:
            self.state = replace(self.state, menu=still_called(menu, self.state.menu))

    async def _look_at_the_tables(self, name: str, arguments: dict[str, Any]) -> None:
        around = table_time(self.state, name, arguments, datetime.now(UTC))
        if around is not None:
            self.state = replace(self.state, book=await self._tables.look_up(around))

    async def _look_at_sisters(self, name: str, arguments: dict[str, Any], outcome: ToolOutcome) -> bool:
        """Whether a sister has the table that there is none of here; ``state`` knows then."""
        around = table_time(self.state, name, arguments, datetime.now(UTC))
        chain, error = self.state.chain, outcome.result.get("error")
        if self.sisters is None or chain is None or around is None or "full" not in chain.offers:
            return False
        if error is None or error["code"] != "no_table_free":
            return False
        others = [house for house in chain.serving if house.id != self.state.restaurant.id]
        books = await self.sisters.books(others, around)
        found = sisters_with_table(self.state, name, arguments, datetime.now(UTC), books)
        self.state = replace(self.state, sister_books=found)
        return bool(found)

    async def _switch(self, effect: SwitchHouse, result: dict[str, Any]) -> dict[str, Any]:
        """The same call, with another restaurant's menu, hours, prices and tables from here on."""
        there = await self.on_switch(effect)
        if there is None:
            say = wording_for(self.state.restaurant.language).refusal(Refused("house_away", ""))
            message = "That house can't be reached now: the call stays here. Say so, and go on here."
            return _refusal("house_away", message, say)
        self._present.close()
        self._present, self._tables, self._placed = there.present, there.tables, there.placed
        self.state, told = arrived(self.state, there.restaurant, there.menu, there.faq)
        return result | told

    async def _look_at_the_orders(self, name: str, arguments: dict[str, Any]) -> Wanted | None:
        asked = wanted(self.state, name, arguments)
        if asked is not None:
            self.state = replace(self.state, placed=await self._placed.find(asked))
        return asked

    async def _perform(self, outcome: ToolOutcome) -> dict[str, Any]:
        effect = outcome.effect
        if isinstance(effect, ConfirmOrder):
            return await self._confirm(effect.order, outcome.result)
        if isinstance(effect, ReadBack):
            self._read_back.due(effect)
        elif isinstance(effect, Transfer | EndCall):
            self.close(effect)
        return outcome.result

    def leave(self) -> None:
        """The call is over: nobody looks at a menu for it any more."""
        self._present.close()

    def close(self, wish: Transfer | EndCall) -> None:
        """The call shall end so. Who is hung up on whatever they say stays so; a transfer stays one."""
        closing = self.closing
        is_settled = isinstance(closing, Transfer) or (closing is not None and closing.firm)
        if isinstance(wish, Transfer) or not is_settled:
            self.closing = wish

    async def _reserve(self, booking: BookTable, result: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
        words = wording_for(self.state.restaurant.language)
        try:
            await self._tables.reserve(booking)
        except Refused as refused:
            return _refusal(refused.code, refused.message, words.refusal(refused))
        except TableGoneError:
            await self._look_at_the_tables("book_table", arguments)
            again = apply(self.state, "book_table", arguments, datetime.now(UTC))
            if again.effect is None:  # it says when else there is one
                return again.result
        except NotReservedError:
            pass
        else:
            self.state = replace(self.state, reserved=True)
            return result
        message = "The table could not be booked. Say so, and offer to put the caller through."
        return _refusal("not_booked", message, self._phrases().not_booked)

    async def _leave(self, left: LeftMessage, result: dict[str, Any]) -> dict[str, Any]:
        """It is left once it is written: nobody waits for an answer to what nobody will read."""
        try:
            if self.messages is None:
                raise NotLeftError
            kept = await self.messages.leave(left)
        except NotLeftError:
            message = "The message could not be kept: nobody will read it. Say so, and offer to put the caller through."
            return _refusal("not_saved", message, self._phrases().not_left)
        self.state = replace(self.state, messages=kept)
        return result

    async def _change(self, effect: ChangeOrder | CancelPlaced, outcome: ToolOutcome) -> dict[str, Any]:
        """What the caller agreed to is so only once it is written: until then the order of before stands."""
        words = wording_for(self.state.restaurant.language)
        order: dict[str, Any] = {}
        try:
            if isinstance(effect, ChangeOrder):
                order = {"order": {"number": (await self._placed.change(effect.order, effect.before)).number}}
            else:
                await self._placed.cancel(effect.before)
        except TooLateError:
            self.state = let_go(self.state)
            late = too_late()
            return _refusal(late.code, late.message, words.refusal(late))
        except NotChangedError:
            message = "It could not be saved: the order is as it was. Say so, and offer to put the caller through."
            return _refusal("not_saved", message, self._phrases().not_changed)
        self.state = outcome.state
        return outcome.result | order

    async def _confirm(self, order: ConfirmedOrder, result: dict[str, Any]) -> dict[str, Any]:
        try:
            receipt = await self._confirm_order(order)
        except OrderRefusedError:
            self.state = replace(self.state, confirmed=None)  # there is no order: nothing may say that there is
            message = "The order could not be saved. Say so, and offer to put the caller through."
            kept = {key: value for key, value in result.items() if key not in ("say", "promised_at")}
            return kept | _refusal("not_saved", message, self._phrases().not_saved)
        if receipt is None:
            return result | {"order": {"pending": True}}
        return result | {"order": {"number": receipt.number} if receipt.number else {}}

    def _phrases(self) -> Phrases:
        return phrases_for(self.state.restaurant.language)


def _known(name: str) -> str:
    """What else a model calls for is its own text, and may be anything that was said."""
    return name if name in TOOL_NAMES else "other"


def _holds_card_number(arguments: dict[str, Any], language: str) -> bool:
    text = msgspec.json.encode(arguments).decode()  # without the model's escapes
    return without_card_numbers(text, language) != text


def _arguments(text: str) -> dict[str, Any] | None:
    if text.count("[") + text.count("{") > MOST_NESTED:
        return None
    try:
        value = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, UnicodeError):
        return None
    return value if isinstance(value, dict) else None
