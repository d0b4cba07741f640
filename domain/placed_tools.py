"""The tools for an order that was placed before: where it stands, to change it, to cancel it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid5

from domain import carts, hours, spoken_time
from domain.agreement import NOTHING_READ, Agreement, require_agreement
from domain.errors import Refused
from domain.kitchen import AHEAD_AFTER, may_be_changed
from domain.names import person_name
from domain.order import Cart, CartLine, ConfirmedOrder, Fulfilment
from domain.phrases.placed import placed_wording
from domain.placed import MAX_MISSES, PlacedOrder, identified, said_totals
from domain.tool_outcomes import CancelPlaced, OrderState, ReadBack, ToolAnswer, words_of
from domain.tool_parameters import FIND_ORDER, Arguments, read_arguments

_CANCEL = re.compile(
    r"\b(?:cancel(?: it| that| the order| my order)?|annul\w*(?:[- ](?:la|le|les|tout))?(?: (?:la|ma) commande)?)\b",
    re.IGNORECASE,
)


class Wanted(NamedTuple):
    """``totals`` (cents) are what the caller says that the order came to."""

    totals: tuple[int, ...]


def wanted(state: OrderState, name: object, arguments: object) -> Wanted | None:
    """Which orders have to be known before ``apply``; None for a tool that asks for none, or asks in vain."""
    if name != FIND_ORDER or state.order_misses >= MAX_MISSES:
        return None
    try:
        return Wanted(said_totals(read_arguments(name, arguments).text("total"), state.restaurant.language))
    except Refused:
        return None


def find_order(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    if state.order_misses >= MAX_MISSES:
        raise _nobody()
    name = person_name(arguments.text("name"), carts.MAX_NAME)
    totals = said_totals(arguments.text("total"), state.restaurant.language)
    if state.placed is None:
        message = "The orders can't be looked at now. Say so, and offer to put the caller through."
        raise Refused("no_answer", message, ("transfer_to_human",), "name")
    found = identified(state.placed, name, totals, arguments.whole("number") or 0, now)
    if not found:
        return _not_found(state, bool(arguments.text("total")))
    order = found[0]
    local = hours.local_time(state.restaurant, order.promised_at)
    say = _standing(state, order, now)
    extra = {"order": {"number": order.number, "status": order.status, "due": local.isoformat(timespec="minutes")}}
    return ToolAnswer(replace(state, found=order), say, None, extra)


def change_order(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    """The order's lines are the cart from now on; the order itself stands until what is confirmed replaces it."""
    taken = _taken(state, _changeable(state, now), now)
    words = placed_wording(state.restaurant.language)
    return ToolAnswer(replace(taken, cancelling=False), _with_lines(taken, words.change))


def cancel_order(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    """Asks first; the second time, after a yes to just that question, it is done."""
    order = _changeable(state, now)
    words = placed_wording(state.restaurant.language)
    if not (state.cancelling and state.agreement.version == state.cart.version):
        is_changing = state.changing is not None and state.changing.id == order.id
        taken = _taken(replace(let_go(state), found=order) if is_changing else state, order, now)  # as it was ordered
        say = _with_lines(taken, words.cancel)
        asked = replace(taken, cancelling=True, agreement=Agreement(version=taken.cart.version))
        return ToolAnswer(asked, say, ReadBack(taken.cart, say))
    answer = _CANCEL.sub(" ", state.agreement.answer)  # in the answer to this question it is no "but"
    require_agreement(replace(state.agreement, answer=answer.strip(" ,.!")), state.cart)
    return ToolAnswer(let_go(state), words.cancelled, CancelPlaced(order))


def let_go(state: OrderState) -> OrderState:
    """Of the order of before, with an empty cart."""
    cart = replace(state.cart, version=state.cart.version + 1, lines=(), fulfilment=None, wanted_at=None, allergies=())
    return replace(state, cart=cart, changing=None, cancelling=False, found=None, agreement=NOTHING_READ)


def too_late() -> Refused:
    message = "The order can no longer be changed by phone: say so, and offer to put the caller through."
    return Refused("too_late", message, ("transfer_to_human",))


def require_change(state: OrderState) -> tuple[CartLine, ...]:
    """The lines that are as they were ordered, which the caller has at that price. Raises Refused
    ``nothing_to_change`` for an order that is as it was."""
    before = state.changing
    if before is None:
        return ()
    cart = state.cart
    same = (cart.fulfilment, cart.customer_name, cart.allergies) == (
        before.fulfilment,
        before.customer_name,
        before.allergies,
    )
    kept = _lines_of(state, before)
    if same and cart.wanted_at in (None, before.promised_at) and cart.lines == kept:
        raise Refused("nothing_to_change", "The order is as it was: nothing is to be confirmed.", (), "items")
    return kept


def promised_no_sooner(state: OrderState, order: ConfirmedOrder) -> ConfirmedOrder:
    """A change makes no order earlier than it was promised, unless its caller asks for a time."""
    before = state.changing
    if before is None or state.cart.wanted_at is not None:
        return order
    return replace(order, promised_at=max(order.promised_at, before.promised_at))


def unsaid(state: OrderState, fulfilment: Fulfilment) -> Fulfilment:
    """``fulfilment`` as it is said aloud: without the address that came with an order of before. Whoever knows a name
    and shows a number is not told where somebody lives."""
    before = state.changing.fulfilment.address if state.changing else None
    is_theirs = before is not None and fulfilment.address is not None and fulfilment.address.street == before.street
    return replace(fulfilment, address=None) if is_theirs else fulfilment


def _changeable(state: OrderState, now: datetime) -> PlacedOrder:
    order = state.found
    if order is None:
        raise Refused("find_first", "Find the order first: ask for its name, then call find_order.", ("find_order",))
    if not may_be_changed(state.restaurant.changes_until, order.status, order.promised_at, now):
        raise too_late()
    return order


def _taken(state: OrderState, order: PlacedOrder, now: datetime) -> OrderState:
    """With the order in the cart, under the id that it would be written by: one for a call, however often."""
    if state.changing is not None and state.changing.id == order.id:
        return replace(state, changing=order)
    if state.cart.lines and state.confirmed is None:
        raise Refused("cart_open", "There is another order in the cart: finish it, or take its lines out first.")
    lines = _lines_of(state, order)
    cart = Cart(
        currency=order.currency,
        order_id=str(uuid5(UUID(order.id), state.call_id)),
        version=state.cart.version + 1,
        next_number=max((line.number for line in lines), default=0) + 1,
        lines=lines,
        fulfilment=order.fulfilment,
        customer_name=order.customer_name,
        allergies=order.allergies,
        wanted_at=order.promised_at if order.promised_at - now > AHEAD_AFTER else None,
    )
    return replace(state, cart=cart, changing=order, confirmed=None, agreement=NOTHING_READ, open_wishes=())


def _lines_of(state: OrderState, order: PlacedOrder) -> tuple[CartLine, ...]:
    """As they were ordered, with the menu's VAT where the item is still on it: the order may be had another way now."""
    vat = {item.id: item.vat for item in state.menu.items}
    return tuple(replace(line, vat=vat.get(line.item_id, line.vat)) for line in order.lines)


def _with_lines(state: OrderState, template: str) -> str:
    words, cart = words_of(state), state.cart
    lines = words.listing([words.describe(line) for line in cart.lines], words.last_and)
    return template.format(lines=lines, total=words.money(cart.total_cents, cart.currency))


def _standing(state: OrderState, order: PlacedOrder, now: datetime) -> str:
    """Where it stands, by the kitchen's board, and no more than that: nobody knows a new time for what is late."""
    language = state.restaurant.language
    words = placed_wording(language)
    local, today = hours.local_time(state.restaurant, order.promised_at), hours.local_time(state.restaurant, now).date()
    say = words.told(order.status, order.fulfilment.kind, order.number, spoken_time.moment(local, today, language))
    waited_for = order.status in ("confirmed", "preparing") or (order.status, order.fulfilment.kind) == (
        "ready",
        "delivery",
    )
    if waited_for and order.promised_at < now:
        say += f" {words.late}"
    if order.unseen and order.status == "confirmed":
        say += f" {words.unseen}"
    return say[:1].upper() + say[1:]


def _not_found(state: OrderState, has_total: bool) -> ToolAnswer:
    """Whatever was wrong, it sounds the same: whether there is an order in that name is nobody's business."""
    missed = replace(state, order_misses=state.order_misses + 1)
    refused = _nobody()
    if missed.order_misses < MAX_MISSES:
        message = "No order fits. Ask for the order's total and the name it is in, then call find_order with both."
        refused = Refused("order_not_found" if has_total else "total_needed", message, (), "total")
    return ToolAnswer(missed, words_of(state).refusal(refused), refused=refused)


def _nobody() -> Refused:
    message = "Nothing can be told of an order without knowing whose it is: offer to put the caller through."
    return Refused("not_identified", message, ("transfer_to_human",), "name")
