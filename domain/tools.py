"""What the model may do in a call: it proposes by calling a tool, the domain decides.

``apply`` is pure and total. Any name and any JSON value give a ``ToolOutcome``; what has an effect on the
world is returned as an ``Effect`` for the handler to perform. Nothing may go wrong halfway: a refusal leaves
the state as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from domain import (
    allergies,
    allergy_tools,
    carts,
    choices,
    deposits,
    faqs,
    hours,
    house_tools,
    line_tools,
    menu_tools,
    message_tools,
    money,
    next_steps,
    placed_tools,
    reservations,
    spoken_time,
    wishes,
)
from domain.agreement import Agreement
from domain.errors import Refused
from domain.menu import Menu
from domain.money import decimal_text
from domain.names import person_name
from domain.notes import claims, place_without_claims, without_claims
from domain.order import Address, Fulfilment, Offer, portions_of
from domain.promises import promised_at
from domain.reservations import Answer, Book, Rules
from domain.restaurant import FaqEntry, Restaurant
from domain.serving import menu_at, not_served_now
from domain.tool_outcomes import (
    BookTable,
    CancelPlaced,
    ChangeOrder,
    ConfirmOrder,
    Effect,
    EndCall,
    KeepMessage,
    OrderState,
    ReadBack,
    SwitchHouse,
    ToolAnswer,
    ToolOutcome,
    Transfer,
    open_cart,
    words_of,
)
from domain.tool_parameters import (
    ADD_HALVES,
    AS_SOON_AS_POSSIBLE,
    CANCEL_ORDER,
    CHANGE_ORDER,
    CHOOSE_HOUSE,
    FIND_ORDER,
    LEAVE_MESSAGE,
    MISSING_DISH,
    OFFER_EXTRA,
    SEARCH_MENU,
    TOOL_ENDINGS,
    Arguments,
    read_arguments,
    tool_schemas,
)

__all__ = [
    "BookTable",
    "CancelPlaced",
    "ChangeOrder",
    "ConfirmOrder",
    "Effect",
    "EndCall",
    "KeepMessage",
    "OrderState",
    "ReadBack",
    "SwitchHouse",
    "ToolOutcome",
    "Transfer",
    "apply",
    "arrived",
    "sisters_with_table",
    "table_time",
    "tool_schemas",
]


def apply(state: OrderState, name: object, arguments: object, now: datetime) -> ToolOutcome:
    """Do what the model asked for, or say why not. ``now`` must be aware; ``arguments`` is decoded JSON."""
    menu = menu_at(state.menu, state.restaurant, now)
    try:
        read = read_arguments(name, arguments)
        house_tools.require_house(state, name)
        answer = _TOOLS[str(name)](state if menu is state.menu else replace(state, menu=menu), read, now)
        if menu is not state.menu:  # what is off at this hour may be had at the next tool's
            answer = answer._replace(state=replace(answer.state, menu=state.menu))
    except Refused as refused:
        reason = not_served_now(state.menu, state.restaurant, refused, now) if menu is not state.menu else refused
        answer = ToolAnswer(
            wishes.refused(state, name, arguments, reason), words_of(state).refusal(reason), refused=reason
        )
    answer = answer._replace(state=wishes.ordered(state, answer.state))
    answer = house_tools.with_offer(state, name, answer, now)
    result: dict[str, Any] = {"ok": answer.refused is None}
    if answer.refused is not None:
        result["error"] = _told(answer.refused)
    if answer.not_possible:
        result["not_possible"] = [_told(one) for one in answer.not_possible]
    result |= {"say": answer.say, **(answer.extra or {}), **_view(answer.state)}
    result["next"] = next_steps.after(answer.state, name, result["missing"], answer.refused)
    return ToolOutcome(answer.state, result, answer.effect)


def _told(refused: Refused) -> dict[str, Any]:
    return {
        "code": refused.code,
        "field": refused.field,
        "message": refused.message,
        "allowed": list(refused.allowed),
    }


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
        | ({"note": line.note} if line.note else {})
        for line in cart.lines
    ]
    view: dict[str, Any] = {
        "lines": lines,
        "total": decimal_text(cart.total_cents),
        "currency": cart.currency,
        "version": cart.version,
        "fulfilment": cart.fulfilment.kind if cart.fulfilment else None,
    }
    if cart.allergies:
        found = allergies.findings(cart, state.menu)
        view["allergies"] = list(cart.allergies)
        view["contains"] = [{"line": one.line, "allergens": list(one.contains)} for one in found if one.contains]
    missing = [] if state.confirmed else list(carts.missing(cart, state.restaurant, state.agreement))
    if state.open_wishes:
        missing = ["dishes", *missing] if wishes.are_waited_for(state) else missing
        return {"cart": view, "missing": missing, "not_found": list(wishes.open_names(state))}
    return {"cart": view, "missing": missing}


def _set_fulfilment(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    street, city = (place_without_claims(arguments.text(name)) for name in ("street", "city"))
    said = Address(street, arguments.text("postcode"), city)
    cart = carts.set_fulfilment(open_cart(state), state.restaurant, arguments.text("kind"), said)
    words = words_of(state)
    said_as = placed_tools.unsaid(state, cart.fulfilment) if cart.fulfilment else None
    say = words.noted.format(what=words.fulfilment_text(said_as)) if said_as else ""
    if cart.lines and carts.below_minimum(cart, state.restaurant):
        minimum = words.money(carts.minimum_cents(cart, state.restaurant), cart.currency)
        say += " " + words.minimum.format(minimum=minimum)
    return ToolAnswer(replace(state, cart=cart), say)


def _set_time(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    cart = open_cart(state)
    restaurant, words = state.restaurant, words_of(state)
    if arguments.text("time") == AS_SOON_AS_POSSIBLE:
        return ToolAnswer(replace(state, cart=carts.set_wanted_time(cart, None)), words.as_soon_as_possible)
    today = hours.local_time(restaurant, now).date()
    day = _day(arguments.text("day"), today, "day") if arguments.text("day") else today
    wanted = datetime.combine(day, _time(arguments.text("time")), ZoneInfo(restaurant.zone))
    # Whether that can be kept is said at once, as far as it is known how the caller gets the food.
    promised_at(restaurant, now, state.load_minutes, cart.fulfilment or Fulfilment("pickup"), wanted, state.called_at)
    when = spoken_time.moment(wanted, today, restaurant.language)
    return ToolAnswer(replace(state, cart=carts.set_wanted_time(cart, wanted)), words.noted.format(what=when))


def _set_customer(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    if claims(arguments.text("name")):
        raise Refused("bad_argument", "name must be the caller's name, and nothing else.", ("a name",), "name")
    cart = carts.set_customer(open_cart(state), arguments.text("name"))
    return ToolAnswer(replace(state, cart=cart), words_of(state).customer.format(name=cart.customer_name))


def _read_cart(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    cart = state.cart
    if not cart.lines:
        raise Refused("empty_cart", "The cart is empty: add an item first.", (), "items")
    agreement = Agreement(version=cart.version)
    below = carts.below_minimum(cart, state.restaurant)
    is_open = wishes.are_waited_for(state)
    say = words_of(state).read_cart(
        replace(cart, fulfilment=placed_tools.unsaid(state, cart.fulfilment)) if cart.fulfilment else cart,
        short_of=carts.minimum_cents(cart, state.restaurant) if below else 0,
        complete=not (is_open or state.confirmed or carts.missing(cart, state.restaurant, agreement)),
        wanted=_wanted(state, now),
        findings=allergies.findings(cart, state.menu),
    )
    if is_open:  # nobody can agree to it yet
        return ToolAnswer(state, say)
    state = replace(state, offered_house=None, asked_number="")
    say = f"{wishes.without_them(state)} {say}".strip()
    ordered = {line.item_id for line in cart.lines}
    others = tuple(item.name for item in state.menu.items if item.id not in ordered)
    return ToolAnswer(replace(state, agreement=agreement, cancelling=False), say, ReadBack(cart, say, others))


def _wanted(state: OrderState, now: datetime) -> str:
    """The time that the caller wished for, as it is said; "" for as soon as possible."""
    if state.cart.wanted_at is None:
        return ""
    local = hours.local_time(state.restaurant, state.cart.wanted_at)
    return spoken_time.moment(local, hours.local_time(state.restaurant, now).date(), state.restaurant.language)


def _confirm_order(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    words = words_of(state)
    if state.confirmed is None:
        wishes.require_settled(state)
        if state.offered_house is not None or state.asked_number:  # a yes to that question is none to the order
            raise Refused("not_read_back", "Call read_cart first, and let the caller agree to it.", ("read_cart",), "")
        kept = placed_tools.require_change(state)
        cart, gone, repriced = carts.refreshed(state.cart, state.menu, kept)
        if cart != state.cart:
            say = words.menu_changed(gone, repriced)
            message = "The menu changed meanwhile: tell the caller, then read the cart again."
            refused = Refused("menu_changed", message, ("read_cart",), "items")
            return ToolAnswer(replace(state, cart=cart), say, refused=refused)
    order = state.confirmed or carts.confirm(
        state.cart,
        state.restaurant,
        state.agreement,
        state.call_id,
        now,
        state.load_minutes,
        state.called_at,
        allergies=words.kitchen_allergies(state.cart, allergies.findings(state.cart, state.menu)),
    )
    order = placed_tools.promised_no_sooner(state, order)
    local = hours.local_time(state.restaurant, order.promised_at)
    total = words.money(order.total_cents, order.currency)
    say = words.promise(order.fulfilment.kind, local, hours.local_time(state.restaurant, now).date(), total)
    extra = {"promised_at": local.isoformat(timespec="minutes")}
    confirmed = replace(state, confirmed=order, changing=None, cancelling=False, found=None)
    effect = ChangeOrder(order, state.changing) if state.changing else ConfirmOrder(order)
    return ToolAnswer(confirmed, say, effect, extra)


def _describe_item(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    item = choices.find_item(state.menu, arguments.text("item"))
    sizes = [size for size in item.sizes if size.available]
    words = words_of(state)
    say = words.describe_item(item.name, [(size.name, size.price_cents) for size in sizes], state.menu.currency)
    facts = {
        "prices": [{"size": size.name, "price": decimal_text(size.price_cents)} for size in sizes],
        "description": item.description,
        "allergens": list(item.allergens),
    }
    told = [say, words.allergens_of(item.allergens)]
    if state.cart.allergies:
        found = allergies.of_item(item, state.cart.allergies)
        told += words.allergy_warnings([found])
        unlisted = [one for one in state.cart.allergies if one not in (*found.contains, *found.unknown)]
        if unlisted:
            told.append(words.allergy_unlisted.format(allergens=words.listing(unlisted, words.last_and)))
    return ToolAnswer(state, " ".join(told), None, facts)


def _offer_extra(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    cart = open_cart(state)
    if state.offered is not None or cart.allergies:
        note = "Nothing more is to be offered in this call: go on with the order."
        return ToolAnswer(state, "", None, {"note": note})
    item = choices.find_item(state.menu, arguments.text("item"))
    sizes = [(size.name, size.price_cents) for size in item.sizes if size.available]
    say = words_of(state).describe_item(item.name, sizes, state.menu.currency)
    return ToolAnswer(replace(state, offered=Offer(item.id, portions_of(cart, item.id))), say)


def _look_up_faq(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    found = faqs.look_up(state.faq, arguments.text("question"))
    answers = [{"question": entry.question, "answer": entry.answer} for entry in found]
    return ToolAnswer(state, found[0].answer, None, {"faq": answers})


def _opening_hours(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    restaurant = state.restaurant
    today = hours.local_time(restaurant, now).date()
    said = arguments.text("day")
    day = _day(said, today, "day") if said else today
    say = hours.spoken_hours(restaurant, day)
    closing, opening = hours.closes_at(restaurant, now), hours.next_opening(restaurant, now)
    words = words_of(state)
    if day == today and closing is not None:
        until = hours.spoken_closing(restaurant, now)
        say = f"{words.open_now.format(time=until) if until else words.open_always} {say}"
    elif day == today and opening is not None:
        local = hours.local_time(restaurant, opening)
        say = f"{words.closed_now.format(time=spoken_time.moment(local, today, words.language))} {say}"
    return ToolAnswer(state, say, None, {"open_now": closing is not None})


def table_time(state: OrderState, name: object, arguments: object, now: datetime) -> datetime | None:
    """The time around which the tables have to be known before ``apply``; None for a tool that asks for none."""
    if name not in ("check_table", "book_table"):
        return None
    try:
        return _table_wish(state, read_arguments(name, arguments), now)[0]
    except Refused:
        return None


def sisters_with_table(
    state: OrderState, name: object, arguments: object, now: datetime, books: Mapping[str, Book]
) -> dict[str, Book]:
    """Those of the sisters' ``books`` (by their ids) that have the table that ``check_table`` or ``book_table`` is
    asked for."""
    if state.chain is None:
        return {}
    try:
        local, covers = _table_wish(state, read_arguments(name, arguments), now)
    except Refused:
        return {}
    houses = {house.id: house for house in state.chain.serving}
    return {
        one: book
        for one, book in books.items()
        if one in houses and house_tools.has_table(houses[one], book, now, local, covers)
    }


def arrived(
    state: OrderState, restaurant: Restaurant, menu: Menu, faq: tuple[FaqEntry, ...]
) -> tuple[OrderState, dict[str, Any]]:
    """The state in another house, and what the model is told of the cart there."""
    there, say = house_tools.moved(state, restaurant, menu, faq)
    told: dict[str, Any] = {"ok": True, "say": say, **_view(there)}
    return there, told | {"next": next_steps.after(there, CHOOSE_HOUSE, told["missing"], None)}


def _table_wish(state: OrderState, arguments: Arguments, now: datetime) -> tuple[datetime, int]:
    """When, in the restaurant's zone, and for how many."""
    day = _day(arguments.text("date"), hours.local_time(state.restaurant, now).date(), "date")
    local = datetime.combine(day, _time(arguments.text("time")), ZoneInfo(state.restaurant.zone))
    return local, arguments.whole("covers") or 0


def _check_table(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    local, covers = _table_wish(state, arguments, now)
    extra = {"starts_at": local.isoformat(timespec="minutes"), "booked": False}
    if state.book is None:  # nobody can tell of the tables: what the policy says is all that is known
        reservations.check_request(state.restaurant, Rules(), now, local, covers)
        say = words_of(state).table_possible.format(covers=covers, time=_spoken(state, local, now))
        return ToolAnswer(state, say, None, extra)
    found = _table_answer(state, state.book, now, local, covers)
    if not found.possible:
        return _none_free(state, found, now)
    words = words_of(state)
    is_sure = bool(found.seating) and not found.unsure
    said = words.table_free if is_sure else words.table_possible
    say = said.format(covers=covers, time=_spoken(state, local, now))
    if amount := _deposit(state, state.book, found, covers):
        say = f"{say} {words.deposit_asked.format(amount=amount)}"
    return ToolAnswer(state, say, None, extra | {"table_free": is_sure})


def _book_table(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    local, covers = _table_wish(state, arguments, now)
    name = person_name(arguments.text("name"), carts.MAX_NAME)
    if state.book is None:
        message = "The tables can't be looked at now: nothing is booked. Say so, and offer to put the caller through."
        raise Refused("no_answer", message, ("transfer_to_human",), "time")
    found = _table_answer(state, state.book, now, local, covers)
    if not found.possible:
        return _none_free(state, found, now)
    words, amount = words_of(state), _deposit(state, state.book, found, covers)
    is_sure = bool(found.seating) and not found.unsure
    said = words.table_booked if is_sure else words.table_requested
    if amount:
        said = words.table_held if state.book.takes_deposits else words.table_requested
    minutes = deposits.minutes_for(state.book.rules.deposit_minutes, now, local)
    facts = {"amount": amount, "minutes": minutes}
    say = said.format(covers=covers, time=_spoken(state, local, now), name=name, **facts)
    extra: dict[str, Any] = {"starts_at": local.isoformat(timespec="minutes"), "booked": is_sure}
    if amount:
        extra |= {"booked": False, "held_for_deposit": state.book.takes_deposits}
    return ToolAnswer(state, say, BookTable(local, covers, name, without_claims(arguments.text("note"))[0]), extra)


def _deposit(state: OrderState, book: Book, found: Answer, covers: int) -> str:
    """What is asked for beforehand, as it is said; "" for nothing."""
    cents = book.rules.deposit(covers) if found.seating else 0
    return money.spoken(cents, state.restaurant.currency, words_of(state).language) if cents else ""


def _table_answer(state: OrderState, book: Book, now: datetime, local: datetime, covers: int) -> Answer:
    own = reservations.held_by_call(state.call_id, book.holds)
    return reservations.answer(state.restaurant, book, now, local, covers, changing=own)


def _none_free(state: OrderState, found: Answer, now: datetime) -> ToolAnswer:
    """Nothing free, with the times that are the nearest: as they are said, and in ``free_at``."""
    free_at = [hours.local_time(state.restaurant, time) for time in found.others]
    refused = Refused(
        "no_table_free",
        "No table is free then: offer the times in free_at, if there are any, and check the one that is chosen.",
        tuple(_spoken(state, time, now) for time in free_at),
        "time",
    )
    extra = {"free_at": [time.isoformat(timespec="minutes") for time in free_at], "booked": False}
    return ToolAnswer(state, words_of(state).refusal(refused), None, extra, refused)


def _spoken(state: OrderState, local: datetime, now: datetime) -> str:
    return spoken_time.moment(local, hours.local_time(state.restaurant, now).date(), state.restaurant.language)


def _transfer_to_human(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    number = state.restaurant.fallback_number
    if not number:
        message = "The restaurant gave no number to forward to: apologise and offer what else you can do."
        raise Refused("no_transfer", message, (), "")
    return ToolAnswer(state, words_of(state).transfer, Transfer(number, arguments.text("reason")))


def _end_call(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    said = arguments.text("because")
    ending = EndCall(next((one for one in TOOL_ENDINGS if one == said), "done"))
    words = words_of(state)
    if not ending.firm:
        return ToolAnswer(state, words.goodbye, ending)
    if not state.warned:
        message = "Nobody is hung up on without a warning: say it, and listen. If it goes on, call end_call again."
        refused = Refused("warn_first", message)
        return ToolAnswer(replace(state, warned=True), words.refusal(refused), refused=refused)
    return ToolAnswer(state, words.goodbye_firm, ending)


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


_TOOLS: dict[str, Callable[[OrderState, Arguments, datetime], ToolAnswer]] = {
    "add_item": line_tools.add_item,
    ADD_HALVES: line_tools.add_halves,
    "change_item": line_tools.change_item,
    "remove_item": line_tools.remove_item,
    "set_allergies": allergy_tools.set_allergies,
    MISSING_DISH: wishes.missing_dish,
    SEARCH_MENU: menu_tools.search_menu,
    "set_fulfilment": _set_fulfilment,
    "set_time": _set_time,
    "set_customer": _set_customer,
    "read_cart": _read_cart,
    "confirm_order": _confirm_order,
    "describe_item": _describe_item,
    OFFER_EXTRA: _offer_extra,
    "look_up_faq": _look_up_faq,
    "opening_hours": _opening_hours,
    FIND_ORDER: placed_tools.find_order,
    CHANGE_ORDER: placed_tools.change_order,
    CANCEL_ORDER: placed_tools.cancel_order,
    CHOOSE_HOUSE: house_tools.choose_house,
    LEAVE_MESSAGE: message_tools.leave_message,
    "check_table": _check_table,
    "book_table": _book_table,
    "transfer_to_human": _transfer_to_human,
    "end_call": _end_call,
}
