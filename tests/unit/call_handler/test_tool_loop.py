"""Tool calls of the model: performed in order, and never without an answer."""

import asyncio
import itertools
import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.agreement import NOTHING_READ, Agreement
from domain.errors import Refused
from domain.order import CartLine, ConfirmedOrder, Fulfilment
from domain.placed import PlacedOrder
from domain.placed_tools import Wanted
from domain.reservations import Book, DiningTable, Hold
from domain.tools import BookTable, EndCall, ReadBack, Transfer
from functions.call_handler.engines.base import ToolCall
from functions.call_handler.remembering.orders import OrderRefusedError, Receipt
from functions.call_handler.remembering.placed_orders import NotChangedError, TooLateError
from functions.call_handler.remembering.reservations import NotReservedError, TableGoneError
from functions.call_handler.talking.playback import Playback
from functions.call_handler.talking.present import WAIT_S, Present, PresentWatch
from functions.call_handler.talking.read_back import ReadBackWatch
from functions.call_handler.talking.tool_loop import ToolLoop
from tests.unit.call_handler.scene import order_state

pytestmark = pytest.mark.unit

Used = list[tuple[str, dict[str, Any], bool]]


class Desk:
    """Takes orders, promises them, or refuses them."""

    def __init__(self, answer: Receipt | Exception | None) -> None:
        self.orders: list[ConfirmedOrder] = []
        self.now_on_sale: Present | None = None
        self.changes: bytes | None = b"0"
        self.looks = 0
        self._answer = answer

    def watch(self) -> PresentWatch:
        """Of a call that began with what is there now; it looks as often as it is asked to."""
        return PresentWatch(self.generation, self.present, self.changes, clock=itertools.count().__next__)

    async def generation(self) -> bytes | None:
        return self.changes

    async def present(self) -> Present | None:
        self.looks += 1
        return self.now_on_sale

    async def confirm(self, order: ConfirmedOrder) -> Receipt | None:
        self.orders.append(order)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class Agreeing(ReadBackWatch):
    """A caller who hears everything that is read out at once and says yes."""

    def __init__(self) -> None:
        super().__init__(Playback(0.0), "en")
        self._read_out: ReadBack | None = None

    def due(self, wanted: ReadBack) -> None:
        self._read_out = wanted

    def agreement(self, now: float) -> Agreement:
        if self._read_out is None:
            return NOTHING_READ
        return Agreement(self._read_out.cart.version, heard=True, answered=True, answer="Yes.")


class Tables:
    """One table for four, and who books it. ``refusals`` are raised first, one a try; ``later`` is the book after."""

    def __init__(self, *refusals: Exception, later: Book | None = None) -> None:
        self.book: Book | None = Book(tables=(TABLE,))
        self.booked: list[BookTable] = []
        self._refusals = list(refusals)
        self._later = later

    async def look_up(self, around: datetime) -> Book | None:
        return self.book

    async def reserve(self, booking: BookTable) -> None:
        if self._refusals:
            self.book = self._later or self.book
            raise self._refusals.pop()
        self.booked.append(booking)


class Placed:
    """The orders that Postgres has; ``asked`` is what was wanted of them. ``failure`` meets whoever changes one."""

    def __init__(self, *orders: PlacedOrder, failure: Exception | None = None) -> None:
        self.orders = orders
        self.failure = failure
        self.changed: list[tuple[ConfirmedOrder, PlacedOrder]] = []
        self.cancelled: list[PlacedOrder] = []
        self.asked: list[Wanted] = []
        self.missed_for: list[Wanted] = []

    async def missed(self, wanted: Wanted) -> None:
        self.missed_for.append(wanted)

    async def find(self, wanted: Wanted) -> tuple[PlacedOrder, ...] | None:
        self.asked.append(wanted)
        return self.orders

    async def change(self, order: ConfirmedOrder, before: PlacedOrder) -> Receipt:
        if self.failure is not None:
            raise self.failure
        self.changed.append((order, before))
        return RECEIPT

    async def cancel(self, before: PlacedOrder) -> None:
        if self.failure is not None:
            raise self.failure
        self.cancelled.append(before)


TABLE = DiningTable("t", "Main", "1", 4)
WISH = {"date": "tomorrow", "time": "19:30", "covers": 3, "name": "Ada"}
RECEIPT = Receipt("11111111-1111-1111-1111-111111111111", 7)


def loop_with(
    answer: Receipt | Exception | None = RECEIPT, tables: Tables | None = None, placed: Placed | None = None
) -> tuple[ToolLoop, Desk, Used]:
    desk, used = Desk(answer), Used()

    def on_tool(call: ToolCall, arguments: dict[str, Any], ok: bool, ms: float) -> None:
        used.append((call.name, arguments, ok))

    loop = ToolLoop(
        order_state(), Agreeing(), desk.watch(), desk.confirm, tables or Tables(), placed or Placed(), on_tool
    )
    return loop, desk, used


async def use(loop: ToolLoop, name: str, arguments: str | dict[str, Any] = "") -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    output = await loop.run(ToolCall(str(uuid.uuid4()), name, text))
    assert output is not None
    result: dict[str, Any] = json.loads(output)
    return result


async def order_up_to_confirmation(loop: ToolLoop) -> None:
    await use(loop, "add_item", {"item": "Regina", "quantity": 2})
    await use(loop, "set_fulfilment", {"kind": "pickup"})
    await use(loop, "set_customer", {"name": "Ada"})
    await use(loop, "read_cart")


async def test_each_call_builds_on_the_one_before_and_is_reported() -> None:
    loop, _, used = loop_with()

    await use(loop, "add_item", {"item": "Regina"})
    second = await use(loop, "change_item", {"line": 1, "quantity": 3})

    assert second["cart"]["lines"][0]["quantity"] == 3
    assert used == [("add_item", {"item": "Regina"}, True), ("change_item", {"line": 1, "quantity": 3}, True)]


@pytest.mark.parametrize("arguments", ["{", "[1]", '"text"', "\x00"])
async def test_arguments_that_are_no_json_object_change_nothing_and_say_so(arguments: str) -> None:
    loop, _, used = loop_with()
    before = loop.state

    result = await use(loop, "add_item", arguments)

    assert result["error"]["code"] == "bad_arguments"
    assert result["say"] == "I'm sorry, that did not work. Could you say it once more?"
    assert loop.last_sentence == result["say"]  # for a model that only ever uses tools
    assert loop.state == before
    assert used == [("add_item", {}, False)]


async def test_a_model_that_repeats_a_refused_call_is_told_why_and_then_that_it_is_enough() -> None:
    loop, _, _ = loop_with()

    codes = [(await use(loop, "add_item", {"item": "sushi"}))["error"] for _ in range(3)]

    assert [one["code"] for one in codes] == ["unknown_item", "unknown_item", "repeated_call"]
    assert "refused before" in codes[1]["message"]


async def test_a_written_order_tells_its_ticket_number() -> None:
    loop, desk, _ = loop_with()
    await order_up_to_confirmation(loop)

    result = await use(loop, "confirm_order")

    assert result["ok"]
    assert result["order"] == {"number": 7}
    assert desk.orders[0].total_cents == 2600


async def test_an_order_that_is_still_to_be_written_is_promised() -> None:
    loop, _, _ = loop_with(None)
    await order_up_to_confirmation(loop)

    result = await use(loop, "confirm_order")

    assert result["ok"]
    assert result["order"] == {"pending": True}


async def test_an_order_that_the_database_refuses_is_not_promised() -> None:
    loop, _, used = loop_with(OrderRefusedError())
    await order_up_to_confirmation(loop)

    result = await use(loop, "confirm_order")

    assert not result["ok"]
    assert result["error"]["code"] == "not_saved"
    assert used[-1][2] is False
    assert "did not reach the kitchen" in result["say"]
    assert loop.state.confirmed is None  # a change is possible, and nobody is told that it is with the kitchen
    assert (await use(loop, "add_item", {"item": "Regina"}))["ok"]


async def test_what_is_sold_is_what_is_on_the_menu_at_the_moment_of_the_yes() -> None:
    loop, desk, _ = loop_with()
    await order_up_to_confirmation(loop)
    sold_out = tuple(replace(item, available=False) for item in loop.state.menu.items)
    desk.now_on_sale = Present(loop.state.restaurant, replace(loop.state.menu, items=sold_out), 0)

    result = await use(loop, "confirm_order")

    assert result["error"]["code"] == "menu_changed"
    assert desk.orders == []


def sold_out(loop: ToolLoop, name: str = "Regina") -> Present:
    """Everything has run out, under another name by now."""
    items = tuple(replace(item, name=name, available=False) for item in loop.state.menu.items)
    return Present(loop.state.restaurant, replace(loop.state.menu, items=items), 0)


async def test_what_has_run_out_since_the_call_began_is_refused_when_it_is_asked_for() -> None:
    loop, desk, _ = loop_with()
    assert (await use(loop, "add_item", {"item": "Regina"}))["ok"]
    assert desk.looks == 0  # nothing has changed: nothing is read

    desk.now_on_sale, desk.changes = sold_out(loop, "Queen"), b"1"
    for tool, arguments in (("add_item", {"item": "Regina"}), ("change_item", {"line": 1, "quantity": 2})):
        assert (await use(loop, tool, arguments))["error"]["code"] == "unavailable_item"
    assert (await use(loop, "add_item", {"item": "Queen"}))["error"]["code"] == "unavailable_item"
    assert desk.looks == 1
    assert [line.quantity for line in loop.state.cart.lines] == [1]


async def test_nobody_waits_for_a_menu_that_does_not_come_and_the_next_tool_has_it() -> None:
    loop, desk, _ = loop_with()
    desk.now_on_sale, comes = sold_out(loop), asyncio.Event()

    class Slow(Desk):
        async def present(self) -> Present | None:
            await comes.wait()
            return desk.now_on_sale

    slow = Slow(RECEIPT)
    loop = ToolLoop(loop.state, Agreeing(), slow.watch(), slow.confirm, Tables(), Placed(), lambda *_: None)
    slow.changes = b"1"
    loop.caller_turn()
    async with asyncio.timeout(WAIT_S * 10):
        assert (await use(loop, "add_item", {"item": "Regina"}))["ok"]
    comes.set()
    assert (await use(loop, "add_item", {"item": "Regina"}))["error"]["code"] == "unavailable_item"


async def test_while_nobody_can_tell_of_changes_the_menu_stays_and_is_looked_at_again() -> None:
    loop, desk, _ = loop_with()
    desk.changes = None
    assert (await use(loop, "add_item", {"item": "Regina"}))["ok"]
    desk.changes = b"1"  # Postgres is away
    assert (await use(loop, "add_item", {"item": "Regina"}))["ok"]
    desk.now_on_sale = sold_out(loop)
    assert not (await use(loop, "add_item", {"item": "Regina"}))["ok"]


async def test_the_present_is_looked_up_while_the_callers_words_are_waited_for() -> None:
    looked_up = asyncio.Event()

    class LateCaption(Agreeing):
        async def words_known(self) -> None:
            async with asyncio.timeout(2.0):
                await looked_up.wait()

    class Watched(Desk):
        async def present(self) -> Present | None:
            looked_up.set()
            return None

    desk = Watched(RECEIPT)
    loop = ToolLoop(order_state(), LateCaption(), desk.watch(), desk.confirm, Tables(), Placed(), lambda *_: None)
    await order_up_to_confirmation(loop)

    result = await use(loop, "confirm_order")

    assert result["ok"]
    assert len(desk.orders) == 1


async def test_an_error_of_our_own_is_answered_too() -> None:
    loop, _, _ = loop_with(RuntimeError("broken"))
    await order_up_to_confirmation(loop)

    result = await use(loop, "confirm_order")

    assert result["error"]["code"] == "internal"
    assert "once more" in result["say"]
    assert "broken" not in json.dumps(result)


async def test_the_wish_to_end_or_transfer_is_kept_for_when_it_was_said() -> None:
    ending, transferring = loop_with()[0], loop_with()[0]

    await use(ending, "end_call")
    await use(transferring, "transfer_to_human", {"reason": "asks for the chef"})

    assert isinstance(ending.closing, EndCall)
    assert transferring.closing == Transfer("+331", "asks for the chef")


def takes_bookings(loop: ToolLoop) -> None:
    loop.state = replace(loop.state, restaurant=replace(loop.state.restaurant, dine_in=True))


async def test_a_table_is_said_to_be_booked_once_it_is_written() -> None:
    tables = Tables()
    loop, _, _ = loop_with(tables=tables)
    takes_bookings(loop)

    result = await use(loop, "book_table", WISH)

    assert (result["ok"], result["booked"], loop.state.reserved) == (True, True, True)
    assert [(one.covers, one.name) for one in tables.booked] == [(3, "Ada")]


async def test_a_caller_who_was_a_moment_too_late_hears_when_else_there_is_a_table() -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    full = Hold("theirs", "t", tomorrow - timedelta(hours=36), tomorrow + timedelta(hours=36))
    loop, _, _ = loop_with(tables=Tables(TableGoneError(), later=Book(tables=(TABLE,), holds=(full,))))
    takes_bookings(loop)

    result = await use(loop, "book_table", WISH)

    assert (result["ok"], result["booked"], loop.state.reserved) == (False, False, False)
    assert result["error"]["code"] == "no_table_free"
    assert len(result["free_at"]) == 3


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (NotReservedError(), "not_booked"),
        (TableGoneError(), "not_booked"),  # and free again by now: the model may try once more
        (Refused("no_tables", "They take none any more."), "no_tables"),
    ],
)
async def test_a_table_that_could_not_be_booked_is_never_said_to_be(refusal: Exception, code: str) -> None:
    loop, _, _ = loop_with(tables=Tables(refusal))
    takes_bookings(loop)

    result = await use(loop, "book_table", WISH)

    assert (result["ok"], result["error"]["code"], loop.state.reserved) == (False, code, False)
    assert "booked" not in result
    assert result["say"]


async def test_nothing_is_booked_while_nobody_can_tell_of_the_tables() -> None:
    tables = Tables()
    tables.book = None
    loop, _, _ = loop_with(tables=tables)
    takes_bookings(loop)

    result = await use(loop, "book_table", WISH)

    assert (result["error"]["code"], tables.booked) == ("no_answer", [])


async def test_a_dish_that_was_not_found_is_settled_by_the_caller_and_not_by_the_model() -> None:
    loop, desk, _ = loop_with()
    await order_up_to_confirmation(loop)
    await use(loop, "add_item", {"item": "Sushi"})
    let_go = {"dish": "Sushi", "caller": "let_go"}

    too_soon = await use(loop, "missing_dish", let_go)
    refused = await use(loop, "confirm_order")
    loop.caller_turn()
    settled = await use(loop, "missing_dish", let_go)
    await use(loop, "read_cart")
    confirmed = await use(loop, "confirm_order")

    assert (too_soon["error"]["code"], refused["error"]["code"]) == ("not_asked", "dish_open")
    assert settled["ok"] and confirmed["ok"]
    assert len(desk.orders) == 1


def placed_order(loop: ToolLoop) -> PlacedOrder:
    """An order of two, as Postgres has it: from the number that calls."""
    item = loop.state.menu.items[0]
    line = CartLine(1, item.id, item.name, item.sizes[0].id, "", 2, 1300, item.vat)
    now = datetime.now(UTC)
    return PlacedOrder(
        id=str(uuid.uuid4()),
        number=6,
        status="confirmed",
        fulfilment=Fulfilment("pickup"),
        total_cents=2600,
        currency="EUR",
        customer_name="Ada",
        confirmed_at=now,
        promised_at=now + timedelta(minutes=20),
        lines=(line,),
        own=True,
    )


async def changing(failure: Exception | None = None) -> tuple[ToolLoop, Placed]:
    """Up to the caller's yes to one more of it."""
    placed = Placed(failure=failure)
    loop, _, _ = loop_with(placed=placed)
    placed.orders = (placed_order(loop),)
    assert (await use(loop, "find_order", {"name": "Ada"}))["order"]["number"] == 6
    await use(loop, "change_order")
    await use(loop, "change_item", {"line": 1, "quantity": 3})
    await use(loop, "read_cart")
    return loop, placed


async def test_what_was_asked_for_in_vain_is_counted_beyond_the_call() -> None:
    placed = Placed()
    loop, _, _ = loop_with(placed=placed)
    placed.orders = (placed_order(loop),)

    await use(loop, "find_order", {"name": "Boris"})
    await use(loop, "find_order", {"name": "Boris", "total": "26 euros"})
    await use(loop, "find_order", {"name": "Ada"})

    assert placed.missed_for == [Wanted(()), Wanted((2600,))]


async def test_a_change_that_was_agreed_to_is_written_in_the_place_of_the_order() -> None:
    loop, placed = await changing()

    result = await use(loop, "confirm_order")

    assert result["ok"] and result["order"] == {"number": RECEIPT.number}
    assert [(order.total_cents, before.number) for order, before in placed.changed] == [(3900, 6)]
    assert loop.state.confirmed == placed.changed[0][0] and loop.state.changing is None


async def test_whoever_comes_second_is_told_so_and_has_changed_nothing() -> None:
    loop, _ = await changing(TooLateError())

    result = await use(loop, "confirm_order")

    assert result["error"]["code"] == "too_late" and "can no longer be changed" in result["say"]
    assert loop.state.confirmed is None and loop.state.found is None and not loop.state.cart.lines


async def test_a_change_that_could_not_be_saved_is_no_change() -> None:
    loop, placed = await changing(NotChangedError())

    result = await use(loop, "confirm_order")
    assert result["error"]["code"] == "not_saved" and "is as it was" in result["say"]
    assert loop.state.confirmed is None

    placed.failure = None
    assert (await use(loop, "confirm_order"))["ok"]


async def test_a_cancellation_is_written_before_it_is_said() -> None:
    placed = Placed()
    loop, _, _ = loop_with(placed=placed)
    placed.orders = (placed_order(loop),)
    await use(loop, "find_order", {"name": "Ada"})

    asked = await use(loop, "cancel_order")
    assert "Shall I cancel" in asked["say"] and not placed.cancelled

    placed.failure = TooLateError()
    assert (await use(loop, "cancel_order"))["error"]["code"] == "too_late"

    placed.failure = None
    await use(loop, "find_order", {"name": "Ada"})
    await use(loop, "cancel_order")
    assert (await use(loop, "cancel_order"))["ok"]
    assert placed.cancelled == list(placed.orders)
