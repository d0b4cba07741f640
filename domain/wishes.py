"""Dishes that were asked for and that the menu does not have: no order goes on before the caller settled each.

A wish is open from the moment it was refused, or the model told of it, until the caller lets go of it or takes another
dish in its place. It is kept with the call, not in an engine: the next engine, or the next handler, still has to ask.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.choices import find_item, sellable
from domain.errors import Refused
from domain.menu import Menu
from domain.names import closest_owners, fold, repeatable
from domain.order import Cart
from domain.tool_outcomes import OpenWish, OrderState, ToolAnswer, open_cart, words_of
from domain.tool_parameters import ADD_HALVES, Arguments

MAX_OPEN = 10  # more than that is no order; the oldest stay
_MISSPELT = 0.85  # how alike two names are that differ by a letter or a plural
_ORDERING = ("add_item", ADD_HALVES, "change_item")


def open_names(state: OrderState) -> tuple[str, ...]:
    return tuple(wish.dish for wish in state.open_wishes)


def refused(state: OrderState, tool: object, reason: Refused) -> OrderState:
    """The state after ``tool`` was refused: what it should have put on the order is an open wish, if there is none."""
    if reason.code != "unknown_item" or tool not in _ORDERING or state.confirmed or not reason.subject:
        return state
    return _noted(state, reason.subject)


def ordered(before: OrderState, after: OrderState) -> OrderState:
    """The state after lines were added or changed: a wish that one of them is a better spelling of is settled, and in
    a later turn of the caller's one that it looks like."""
    if not after.open_wishes or before.cart.lines == after.cart.lines:
        return after
    new = [line.item_name for line in after.cart.lines if line not in before.cart.lines]
    left = tuple(wish for wish in after.open_wishes if not _is_met(wish, new, after))
    return after if left == after.open_wishes else replace(after, open_wishes=left)


def require_settled(state: OrderState) -> None:
    """Raises Refused ``dish_open`` while a wish is open."""
    if state.open_wishes:
        raise still_open(state)


def still_open(state: OrderState) -> Refused:
    words = words_of(state)
    names = open_names(state)
    said = [name for name in names if repeatable(name)]
    message = "Not on the menu, and not settled: ask what instead, or nothing; then call missing_dish with the answer."
    return Refused("dish_open", message, names, "dish", subject=words.listing(said, words.last_and))


def missing_dish(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    """The tool: a dish was asked for that there is none of, or the caller said what is to become of it."""
    open_cart(state)
    dish, caller = arguments.text("dish"), arguments.text("caller")
    if caller == "asked":
        _require_unknown(state.menu, dish)
        noted = _noted(state, dish)
        return ToolAnswer(noted, words_of(state).refusal(still_open(noted)))
    wish = next((one for one in state.open_wishes if fold(one.dish) == fold(dish)), None)
    if wish is None:
        raise Refused("nothing_to_change", "No such dish is waited for.", open_names(state), "dish")
    if wish.turn >= state.turn:
        raise Refused("not_asked", "The caller has not answered yet: ask, and listen.", (), "caller", subject=wish.dish)
    left = tuple(one for one in state.open_wishes if one is not wish)
    return ToolAnswer(replace(state, open_wishes=left), "")


def _noted(state: OrderState, dish: str) -> OrderState:
    """With the wish; what was read back before it was said is agreed to no longer."""
    if fold(dish) in map(fold, open_names(state)) or len(state.open_wishes) >= MAX_OPEN:
        return state
    cart: Cart = replace(state.cart, version=state.cart.version + 1)
    return replace(state, cart=cart, open_wishes=(*state.open_wishes, OpenWish(dish, state.turn)))


def _require_unknown(menu: Menu, dish: str) -> None:
    try:
        item = find_item(menu, dish)
    except Refused as reason:
        if reason.code == "unknown_item":
            return
        raise
    raise Refused("ambiguous_item", "The menu has this: call add_item.", (item.name,), "dish")


def _is_met(wish: OpenWish, names: Sequence[str], state: OrderState) -> bool:
    known = [(item.name, item.aliases) for item in state.menu.items if sellable(state.menu, item)]
    called = [one for name, aliases in known if name in names for one in (name, *aliases)]
    wanted = fold(wish.dish)
    if any(difflib.SequenceMatcher(None, wanted, fold(one)).ratio() >= _MISSPELT for one in called):
        return True
    return wish.turn < state.turn and not set(names).isdisjoint(closest_owners(wish.dish, known))
