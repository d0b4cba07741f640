"""What the model may do in a call: it proposes by calling a tool, the domain decides.

``apply`` is pure and total. Any name and any JSON value give a ``ToolOutcome``; what has an effect on the
world is returned as an ``Effect`` for the handler to perform. Nothing may go wrong halfway: a refusal leaves
the state as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from domain import carts, choices, faqs, hours, reservations, spoken_time
from domain.agreement import NOTHING_READ, Agreement
from domain.errors import Refused
from domain.menu import Menu
from domain.money import decimal_text
from domain.order import Address, Cart, ConfirmedOrder, Fulfilment, Offer, Upsell, portions_of, upsell_of
from domain.phrases import Wording, wording_for
from domain.promises import promised_at
from domain.reservations import Answer, Book, Rules
from domain.restaurant import FaqEntry, Restaurant
from domain.serving import menu_at
from domain.tool_parameters import AS_SOON_AS_POSSIBLE, OFFER_EXTRA, Arguments, read_arguments, tool_schemas

__all__ = [
    "BookTable",
    "ConfirmOrder",
    "Effect",
    "EndCall",
    "OrderState",
    "ReadBack",
    "ToolOutcome",
    "Transfer",
    "apply",
    "table_time",
    "tool_schemas",
]


@dataclass(frozen=True, slots=True)
class OrderState:
    """One call's state. ``confirmed`` is set by the first confirm_order: from then on the cart is closed.

    The handler keeps ``agreement`` true, and ``restaurant``, ``menu`` and ``load_minutes`` as they are at present when
    confirm_order is applied. It sets ``confirmed`` again when it resumes a call, and to None when the database refuses
    the order for good. Before a table is asked for it sets ``book`` to what is known of the tables around that time
    (``table_time``), None when nobody can tell; ``reserved`` once the call has made its reservation.
    """

    restaurant: Restaurant
    menu: Menu
    faq: tuple[FaqEntry, ...]
    cart: Cart
    call_id: str
    load_minutes: int = 0
    confirmed: ConfirmedOrder | None = None
    agreement: Agreement = NOTHING_READ
    called_at: datetime | None = None
    book: Book | None = None
    reserved: bool = False
    offered: Offer | None = None

    @property
    def upsell(self) -> Upsell:
        return upsell_of(self.offered, self.cart)


@dataclass(frozen=True, slots=True)
class ConfirmOrder:
    """Write this order, once for its id; the same order comes again if the model repeats."""

    order: ConfirmedOrder


@dataclass(frozen=True, slots=True)
class ReadBack:
    """The caller is to hear ``cart`` read out: ``sentence``, or as much in other words (``agreement.misread``).

    ``others`` are the names of the menu's items that are not in it.
    """

    cart: Cart
    sentence: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BookTable:
    """Write the call's reservation, or change it to this. Somebody else may have the last table by now."""

    starts_at: datetime
    covers: int
    name: str
    note: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Forward the call to ``number`` (personal: never logged in clear)."""

    number: str
    reason: str


@dataclass(frozen=True, slots=True)
class EndCall:
    """Hang up once the goodbye was played."""


Effect = ConfirmOrder | ReadBack | BookTable | Transfer | EndCall


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """``result`` is JSON for the model: ``ok``, ``say``, ``cart``, ``missing``, and ``error`` when not ok."""

    state: OrderState
    result: dict[str, Any]
    effect: Effect | None = None


class _Answer(NamedTuple):
    state: OrderState
    say: str
    effect: Effect | None = None
    extra: dict[str, Any] | None = None
    refused: Refused | None = None  # the state changed all the same: the cart is as the menu has it now


def apply(state: OrderState, name: object, arguments: object, now: datetime) -> ToolOutcome:
    """Do what the model asked for, or say why not. ``now`` must be aware; ``arguments`` is decoded JSON."""
    try:
        read = read_arguments(name, arguments)
        menu = menu_at(state.menu, state.restaurant, now)
        answer = _TOOLS[str(name)](state if menu is state.menu else replace(state, menu=menu), read, now)
        if menu is not state.menu:  # what is off at this hour may be had at the next tool's
            answer = answer._replace(state=replace(answer.state, menu=state.menu))
    except Refused as refused:
        answer = _Answer(state, _words(state).refusal(refused), refused=refused)
    result: dict[str, Any] = {"ok": answer.refused is None}
    if answer.refused is not None:
        result["error"] = {
            "code": answer.refused.code,
            "field": answer.refused.field,
            "message": answer.refused.message,
            "allowed": list(answer.refused.allowed),
        }
    result |= {"say": answer.say, **(answer.extra or {}), **_view(answer.state)}
    return ToolOutcome(answer.state, result, answer.effect)


def _words(state: OrderState) -> Wording:
    return wording_for(state.restaurant.language)


def _view(state: OrderState) -> dict[str, Any]:
    cart = state.cart
    lines = [
        {
            "line": line.number,
            "item": line.item_name,
            "size": line.size_name,
            "modifiers": [modifier.name for modifier in line.modifiers],
            "quantity": line.quantity,
            "total": decimal_text(line.total_cents),
        }
        for line in cart.lines
    ]
    total = decimal_text(cart.total_cents)
    fulfilment = cart.fulfilment.kind if cart.fulfilment else None
    summary = {"lines": lines, "total": total, "currency": cart.currency, "version": cart.version}
    missing = [] if state.confirmed else list(carts.missing(cart, state.restaurant, state.agreement))
    return {"cart": {**summary, "fulfilment": fulfilment}, "missing": missing}


def _open_cart(state: OrderState) -> Cart:
    if state.confirmed:
        message = "The order is with the kitchen and can no longer be changed: offer transfer_to_human."
        raise Refused("already_confirmed", message, ("transfer_to_human",), "")
    return state.cart


def _add_item(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    quantity = arguments.whole("quantity")
    cart = carts.add(
        _open_cart(state),
        state.menu,
        arguments.text("item"),
        arguments.text("size"),
        arguments.texts("modifiers"),
        1 if quantity is None else quantity,
        arguments.text("note"),
        limits=state.restaurant,
    )
    words = _words(state)
    return _Answer(replace(state, cart=cart), words.added.format(line=words.describe(cart.lines[-1])))


def _change_item(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    number = arguments.whole("line") or 0
    cart = carts.change(
        _open_cart(state),
        state.menu,
        number,
        quantity=arguments.whole("quantity"),
        size_name=arguments.text("size") or None,
        add_modifiers=arguments.texts("add_modifiers"),
        remove_modifiers=arguments.texts("remove_modifiers"),
        item_name=arguments.text("item") or None,
        limits=state.restaurant,
    )
    words = _words(state)
    line = carts.line_by_number(cart, number)
    return _Answer(replace(state, cart=cart), words.changed.format(line=words.describe(line)))


def _remove_item(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    number = arguments.whole("line") or 0
    before = _open_cart(state)
    cart = carts.remove(before, number)
    words = _words(state)
    say = words.removed.format(line=words.describe(carts.line_by_number(before, number)))
    return _Answer(replace(state, cart=cart), say if cart.lines else f"{say} {words.cart_empty}")


def _set_fulfilment(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    said = Address(arguments.text("street"), arguments.text("postcode"), arguments.text("city"))
    cart = carts.set_fulfilment(_open_cart(state), state.restaurant, arguments.text("kind"), said)
    words = _words(state)
    say = words.noted.format(what=words.fulfilment_text(cart.fulfilment)) if cart.fulfilment else ""
    if cart.lines and carts.below_minimum(cart, state.restaurant):
        minimum = words.money(carts.minimum_cents(cart, state.restaurant), cart.currency)
        say += " " + words.minimum.format(minimum=minimum)
    return _Answer(replace(state, cart=cart), say)


def _set_time(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    cart = _open_cart(state)
    restaurant, words = state.restaurant, _words(state)
    if arguments.text("time") == AS_SOON_AS_POSSIBLE:
        return _Answer(replace(state, cart=carts.set_wanted_time(cart, None)), words.as_soon_as_possible)
    today = hours.local_time(restaurant, now).date()
    day = _day(arguments.text("day"), today, "day") if arguments.text("day") else today
    wanted = datetime.combine(day, _time(arguments.text("time")), ZoneInfo(restaurant.zone))
    # Whether that can be kept is said at once, as far as it is known how the caller gets the food.
    promised_at(restaurant, now, state.load_minutes, cart.fulfilment or Fulfilment("pickup"), wanted, state.called_at)
    when = spoken_time.moment(wanted, today, restaurant.language)
    return _Answer(replace(state, cart=carts.set_wanted_time(cart, wanted)), words.noted.format(what=when))


def _set_customer(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    cart = carts.set_customer(_open_cart(state), arguments.text("name"))
    return _Answer(replace(state, cart=cart), _words(state).customer.format(name=cart.customer_name))


def _read_cart(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    cart = state.cart
    if not cart.lines:
        raise Refused("empty_cart", "The cart is empty: add an item first.", (), "items")
    agreement = Agreement(version=cart.version)
    below = carts.below_minimum(cart, state.restaurant)
    say = _words(state).read_cart(
        cart,
        short_of=carts.minimum_cents(cart, state.restaurant) if below else 0,
        complete=not state.confirmed and not carts.missing(cart, state.restaurant, agreement),
        wanted=_wanted(state, now),
    )
    ordered = {line.item_id for line in cart.lines}
    others = tuple(item.name for item in state.menu.items if item.id not in ordered)
    return _Answer(replace(state, agreement=agreement), say, ReadBack(cart, say, others))


def _wanted(state: OrderState, now: datetime) -> str:
    """The time that the caller wished for, as it is said; "" for as soon as possible."""
    if state.cart.wanted_at is None:
        return ""
    local = hours.local_time(state.restaurant, state.cart.wanted_at)
    return spoken_time.moment(local, hours.local_time(state.restaurant, now).date(), state.restaurant.language)


def _confirm_order(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    words = _words(state)
    if state.confirmed is None:
        cart, gone, repriced = carts.refreshed(state.cart, state.menu)
        if cart != state.cart:
            say = words.menu_changed(gone, repriced)
            message = "The menu changed meanwhile: tell the caller, then read the cart again."
            refused = Refused("menu_changed", message, ("read_cart",), "items")
            return _Answer(replace(state, cart=cart), say, refused=refused)
    order = state.confirmed or carts.confirm(
        state.cart, state.restaurant, state.agreement, state.call_id, now, state.load_minutes, state.called_at
    )
    local = hours.local_time(state.restaurant, order.promised_at)
    total = words.money(order.total_cents, order.currency)
    say = words.promise(order.fulfilment.kind, local, hours.local_time(state.restaurant, now).date(), total)
    extra = {"promised_at": local.isoformat(timespec="minutes")}
    return _Answer(replace(state, confirmed=order), say, ConfirmOrder(order), extra)


def _describe_item(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    item = choices.find_item(state.menu, arguments.text("item"))
    sizes = [size for size in item.sizes if size.available]
    words = _words(state)
    say = words.describe_item(item.name, [(size.name, size.price_cents) for size in sizes], state.menu.currency)
    facts = {
        "prices": [{"size": size.name, "price": decimal_text(size.price_cents)} for size in sizes],
        "description": item.description,
        "allergens": list(item.allergens),
    }
    return _Answer(state, f"{say} {words.allergens_of(item.allergens)}", None, facts)


def _offer_extra(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    cart = _open_cart(state)
    if state.offered is not None:
        note = "One thing more was offered before: go on with the order, and offer nothing else."
        return _Answer(state, "", None, {"note": note})
    item = choices.find_item(state.menu, arguments.text("item"))
    sizes = [(size.name, size.price_cents) for size in item.sizes if size.available]
    say = _words(state).describe_item(item.name, sizes, state.menu.currency)
    return _Answer(replace(state, offered=Offer(item.id, portions_of(cart, item.id))), say)


def _look_up_faq(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    found = faqs.look_up(state.faq, arguments.text("question"))
    answers = [{"question": entry.question, "answer": entry.answer} for entry in found]
    return _Answer(state, found[0].answer, None, {"faq": answers})


def _opening_hours(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    restaurant = state.restaurant
    today = hours.local_time(restaurant, now).date()
    said = arguments.text("day")
    day = _day(said, today, "day") if said else today
    say = hours.spoken_hours(restaurant, day)
    closing, opening = hours.closes_at(restaurant, now), hours.next_opening(restaurant, now)
    words = _words(state)
    if day == today and closing is not None:
        until = hours.spoken_closing(restaurant, now)
        say = f"{words.open_now.format(time=until) if until else words.open_always} {say}"
    elif day == today and opening is not None:
        local = hours.local_time(restaurant, opening)
        say = f"{words.closed_now.format(time=spoken_time.moment(local, today, words.language))} {say}"
    return _Answer(state, say, None, {"open_now": closing is not None})


def table_time(state: OrderState, name: object, arguments: object, now: datetime) -> datetime | None:
    """The time around which the tables have to be known before ``apply``; None for a tool that asks for none."""
    if name not in ("check_table", "book_table"):
        return None
    try:
        return _table_wish(state, read_arguments(name, arguments), now)[0]
    except Refused:
        return None


def _table_wish(state: OrderState, arguments: Arguments, now: datetime) -> tuple[datetime, int]:
    """When, in the restaurant's zone, and for how many."""
    day = _day(arguments.text("date"), hours.local_time(state.restaurant, now).date(), "date")
    local = datetime.combine(day, _time(arguments.text("time")), ZoneInfo(state.restaurant.zone))
    return local, arguments.whole("covers") or 0


def _check_table(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    local, covers = _table_wish(state, arguments, now)
    extra = {"starts_at": local.isoformat(timespec="minutes"), "booked": False}
    if state.book is None:  # nobody can tell of the tables: what the policy says is all that is known
        reservations.check_request(state.restaurant, Rules(), now, local, covers)
        say = _words(state).table_possible.format(covers=covers, time=_spoken(state, local, now))
        return _Answer(state, say, None, extra)
    found = _table_answer(state, state.book, now, local, covers)
    if not found.possible:
        return _none_free(state, found, now)
    words = _words(state)
    said = words.table_free if found.seating else words.table_possible
    say = said.format(covers=covers, time=_spoken(state, local, now))
    return _Answer(state, say, None, extra | {"table_free": bool(found.seating)})


def _book_table(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    local, covers = _table_wish(state, arguments, now)
    name = arguments.text("name")
    if state.book is None:
        message = "The tables can't be looked at now: nothing is booked. Say so, and offer to put the caller through."
        raise Refused("no_answer", message, ("transfer_to_human",), "time")
    found = _table_answer(state, state.book, now, local, covers)
    if not found.possible:
        return _none_free(state, found, now)
    words = _words(state)
    said = words.table_booked if found.seating else words.table_requested
    say = said.format(covers=covers, time=_spoken(state, local, now), name=name)
    extra = {"starts_at": local.isoformat(timespec="minutes"), "booked": bool(found.seating)}
    return _Answer(state, say, BookTable(local, covers, name, arguments.text("note")), extra)


def _table_answer(state: OrderState, book: Book, now: datetime, local: datetime, covers: int) -> Answer:
    own = reservations.held_by_call(state.call_id, book.holds)
    return reservations.answer(state.restaurant, book, now, local, covers, changing=own)


def _none_free(state: OrderState, found: Answer, now: datetime) -> _Answer:
    """Nothing free, with the times that are the nearest: as they are said, and in ``free_at``."""
    free_at = [hours.local_time(state.restaurant, time) for time in found.others]
    refused = Refused(
        "no_table_free",
        "No table is free then: offer the times in free_at, if there are any, and check the one that is chosen.",
        tuple(_spoken(state, time, now) for time in free_at),
        "time",
    )
    extra = {"free_at": [time.isoformat(timespec="minutes") for time in free_at], "booked": False}
    return _Answer(state, _words(state).refusal(refused), None, extra, refused)


def _spoken(state: OrderState, local: datetime, now: datetime) -> str:
    return spoken_time.moment(local, hours.local_time(state.restaurant, now).date(), state.restaurant.language)


def _transfer_to_human(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    number = state.restaurant.fallback_number
    if not number:
        message = "The restaurant gave no number to forward to: apologise and offer what else you can do."
        raise Refused("no_transfer", message, (), "")
    return _Answer(state, _words(state).transfer, Transfer(number, arguments.text("reason")))


def _end_call(state: OrderState, arguments: Arguments, now: datetime) -> _Answer:
    return _Answer(state, _words(state).goodbye, EndCall())


def _day(said: str, today: date, field: str) -> date:
    day = spoken_time.parse_day(said, today)
    if day is None:
        allowed = ("YYYY-MM-DD", "today", "tomorrow", "a weekday")
        raise Refused("bad_argument", f"{field} is not a day.", allowed, field)
    return day


def _time(said: str) -> time:
    try:
        return datetime.strptime(said, "%H:%M").time()
    except ValueError:
        raise Refused("bad_argument", "time must be HH:MM, 24 hours.", ("HH:MM",), "time") from None


_TOOLS: dict[str, Callable[[OrderState, Arguments, datetime], _Answer]] = {
    "add_item": _add_item,
    "change_item": _change_item,
    "remove_item": _remove_item,
    "set_fulfilment": _set_fulfilment,
    "set_time": _set_time,
    "set_customer": _set_customer,
    "read_cart": _read_cart,
    "confirm_order": _confirm_order,
    "describe_item": _describe_item,
    OFFER_EXTRA: _offer_extra,
    "look_up_faq": _look_up_faq,
    "opening_hours": _opening_hours,
    "check_table": _check_table,
    "book_table": _book_table,
    "transfer_to_human": _transfer_to_human,
    "end_call": _end_call,
}
