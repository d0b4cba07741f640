"""The tool for an order that was placed before: where it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from domain import hours, spoken_time
from domain.errors import Refused
from domain.names import person_name
from domain.phrases.placed import placed_wording
from domain.placed import MAX_MISSES, PlacedOrder, identified, said_totals
from domain.tool_outcomes import OrderState, ToolAnswer, words_of
from domain.tool_parameters import FIND_ORDER, Arguments, read_arguments

MAX_NAME = 80


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
    name = person_name(arguments.text("name"), MAX_NAME)
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
