"""What was asked for and cannot be had: no order goes on before the caller settled each.

A dish that the menu does not have or that is sold out or not served now, or an option that was refused while its dish
was added. A wish is open from the moment it was refused, or the model told of it, until the caller lets go of it or
takes something else in its place. It is kept with the call, not in an engine: the next engine, or the next handler,
still has to ask.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from domain.amounts import taken_apart
from domain.choices import find_item, sellable
from domain.errors import Code, Refused
from domain.menu import Menu, MenuItem
from domain.modifiers import names_in
from domain.names import closest_owners, fold, repeatable
from domain.order import Cart, CartLine
from domain.tool_outcomes import OpenWish, OrderState, ToolAnswer, open_cart, words_of
from domain.tool_parameters import ADD_HALVES, MAX_TEXT, Arguments

MAX_OPEN = 10  # more than that is no order; the oldest stay
MOST_TURNS = 6
"""After so many turns of the caller a wish holds up nothing more: the read-back says that the order is without it, and
a yes to that is the caller's word, too. A model that never settles it must not keep a caller from ordering."""
_MISSPELT = 0.85  # how alike two names are that differ by a letter or a plural
_ORDERING = ("add_item", ADD_HALVES, "change_item")
# What is refused and may be missed. An option that is on the line already is there; what never comes with the dish and
# was to be left out is not there.
_MISSED: frozenset[Code] = frozenset(
    (
        "unknown_modifier",
        "ambiguous_modifier",
        "unavailable_modifier",
        "too_many_modifiers",
        "amount_not_offered",
        "ingredient_stays",
    )
)

# What is refused as a whole: nothing of it is on the order.
_NOT_HAD: frozenset[Code] = frozenset(("unknown_item", "unavailable_item", "unavailable_size", "not_served_now"))

Named = tuple[str, tuple[str, ...]]  # a name of the menu, and its aliases


def open_names(state: OrderState) -> tuple[str, ...]:
    return tuple({fold(wish.dish): wish.dish for wish in reversed(state.open_wishes)}.values())[::-1]


def refused(state: OrderState, tool: object, arguments: object, reason: Refused) -> OrderState:
    """The state after ``tool`` was refused: what it should have put on the order is an open wish, if there is none."""
    if tool not in _ORDERING or state.confirmed:
        return state
    if reason.code in _MISSED and reason.wish:
        line = arguments.get("line") if isinstance(arguments, dict) else None
        return _noted(state, reason.wish, line if isinstance(line, int) else 0)
    if reason.code not in _NOT_HAD or not reason.subject:
        return state
    if tool == "change_item" and reason.code == "unavailable_item" and not _names_item(arguments):
        return state  # what ran out is on the order already: the confirmation takes it off, and says so
    return _noted(state, reason.subject)


def _names_item(arguments: object) -> bool:
    return isinstance(arguments, dict) and bool(arguments.get("item"))


def not_possible(state: OrderState, line: int, reasons: Sequence[Refused]) -> OrderState:
    """The state after ``line`` was added or changed without the options that ``reasons`` refused."""
    for reason in reasons:
        if reason.code in _MISSED and reason.wish:
            state = _noted(state, reason.wish, line)
    return state


def ordered(before: OrderState, after: OrderState) -> OrderState:
    """The state after lines were added, changed or removed: a wish from before that something new on them is a better
    spelling of is settled, and in a later turn of the caller's one that it looks like; an option's goes with its line.
    """
    if not after.open_wishes or before.cart.lines == after.cart.lines:
        return after
    new = [line for line in after.cart.lines if line not in before.cart.lines]
    numbers = {0, *(line.number for line in after.cart.lines)}
    old = {line.number: line for line in before.cart.lines}
    left = tuple(
        wish
        for wish in after.open_wishes
        if wish not in before.open_wishes
        or (
            wish.line in numbers
            and not _is_met(wish, [line.item_name for line in new], after)
            and not any(_is_chosen(wish, line, old.get(line.number), after) for line in new)
        )
    )
    return after if left == after.open_wishes else replace(after, open_wishes=left)


def are_waited_for(state: OrderState) -> bool:
    """Whether nothing can be read back and agreed to before the caller has said more."""
    return any(state.turn - wish.turn < MOST_TURNS for wish in state.open_wishes)


def without_them(state: OrderState) -> str:
    """What is said before a read-back of an order without what is open still; "" where nothing is."""
    words = words_of(state)
    said = [name for name in open_names(state) if repeatable(name)]
    return words.without_wishes.format(names=words.listing(said, words.last_and)) if said else ""


def require_settled(state: OrderState) -> None:
    """Raises Refused ``dish_open`` while a wish is waited for."""
    if are_waited_for(state):
        raise still_open(state)


def still_open(state: OrderState) -> Refused:
    words = words_of(state)
    names = open_names(state)
    said = [name for name in names if repeatable(name)]
    message = "Not to be had, and not settled: ask what instead, or nothing; then call missing_dish with the answer."
    return Refused("dish_open", message, names, "dish", subject=words.listing(said, words.last_and))


def missing_dish(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    """The tool: something was asked for that there is none of, or the caller said what is to become of it."""
    open_cart(state)
    dish, caller = arguments.text("dish"), arguments.text("caller")
    if caller == "asked":
        _require_unknown(state.menu, dish)
        noted = _noted(state, dish)
        return ToolAnswer(noted, words_of(state).refusal(still_open(noted)))
    wanted = [one for one in state.open_wishes if fold(one.dish) == fold(dish)]
    if not wanted:
        raise Refused("nothing_to_change", "Nothing of that name is waited for.", open_names(state), "dish")
    if any(one.turn >= state.turn for one in wanted):
        subject = wanted[0].dish
        raise Refused("not_asked", "The caller has not answered yet: ask, and listen.", (), "caller", subject=subject)
    left = tuple(one for one in state.open_wishes if one not in wanted)
    return ToolAnswer(replace(state, open_wishes=left), "")


def _noted(state: OrderState, dish: str, line: int = 0) -> OrderState:
    """With the wish; what was read back before it was said is agreed to no longer."""
    dish = dish[:MAX_TEXT]  # as much as the tool takes back
    known = {(fold(wish.dish), wish.line) for wish in state.open_wishes}
    if (fold(dish), line) in known or len(state.open_wishes) >= MAX_OPEN:
        return state
    cart: Cart = replace(state.cart, version=state.cart.version + 1)
    return replace(state, cart=cart, open_wishes=(*state.open_wishes, OpenWish(dish, state.turn, line)))


def _require_unknown(menu: Menu, dish: str) -> None:
    try:
        item = find_item(menu, dish)
    except Refused as reason:
        if reason.code in _NOT_HAD:
            return
        raise
    raise Refused("ambiguous_item", "The menu has this: call add_item.", (item.name,), "dish")


def _is_met(wish: OpenWish, names: Sequence[str], state: OrderState) -> bool:
    """Whether one of the dishes ``names`` is what was wished for."""
    known = [(item.name, item.aliases) for item in state.menu.items if sellable(state.menu, item)]
    if _is_spelled(wish.dish, names, known):
        return True
    return wish.turn < state.turn and not set(names).isdisjoint(closest_owners(wish.dish, known))


def _is_chosen(wish: OpenWish, line: CartLine, before: CartLine | None, state: OrderState) -> bool:
    """Whether ``line`` has by now, as an option or told to the kitchen, what was wished for."""
    if wish.line not in (0, line.number):
        return False
    amount, wanted = taken_apart(wish.dish, state.menu.language) or ("regular", fold(wish.dish))
    noted = before.note if before is not None else ""
    if line.note != noted and {*wanted.split()} <= {*fold(line.note).split()}:
        return True
    new = _chosen(line) - (_chosen(before) if before is not None else set())
    known = list(_options_of(line, state.menu))
    alike = closest_owners(wanted, known)
    if wish.turn < state.turn:
        return _is_spelled(wanted, new, known) or not new.isdisjoint(alike)
    only = len(alike) == 1 and {*wanted.split()} <= {*fold(alike[0]).split()}
    return amount == "regular" and (_is_spelled(wanted, new, known) or (only and not new.isdisjoint(alike)))


def _is_spelled(wish: str, names: Iterable[str], known: Sequence[Named]) -> bool:
    called = {one for name, aliases in known if name in names for one in (name, *aliases)}
    wanted = fold(wish)
    return any(difflib.SequenceMatcher(None, wanted, fold(one)).ratio() >= _MISSPELT for one in called)


def _chosen(line: CartLine) -> set[str]:
    own = {modifier.plain_name for modifier in line.modifiers}
    return own.union(*({part.item_name, *(one.plain_name for one in part.modifiers)} for part in line.parts))


def _options_of(line: CartLine, menu: Menu) -> Iterator[Named]:
    by_id: dict[str, MenuItem] = {item.id: item for item in menu.items}
    ids = (line.item_id, *(part.item_id for part in line.parts))
    for item in (by_id[one] for one in ids if one in by_id):
        yield item.name, item.aliases
        yield from names_in(item)
