"""The tools that change the cart's lines.

An option that is not possible does not cost the caller the dish: the line is as far as it can be, and the result says
what was left out and what there is instead. The order waits for the caller's word on it (``domain.wishes``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from domain import allergies, carts, wishes
from domain.amounts import taken_apart, worded
from domain.choices import find_item, item_of_line
from domain.errors import Code, Refused
from domain.menu import Menu, MenuItem
from domain.modifiers import Choice, has_ingredient, has_option
from domain.notes import wishes_in, without_claims
from domain.order import Cart, CartLine
from domain.tool_outcomes import OrderState, ToolAnswer, open_cart, words_of
from domain.tool_parameters import NO_NOTE, Arguments

# What is wrong with one choice, and not with the line.
_OF_ONE_CHOICE: frozenset[Code] = frozenset(
    (
        "unknown_modifier",
        "ambiguous_modifier",
        "unavailable_modifier",
        "duplicate_modifier",
        "too_many_modifiers",
        "amount_not_offered",
        "ingredient_stays",
        "not_in_dish",
    )
)
_CLAIMED = "A note holds no prices, no discounts and nobody's leave: that was left out, and nothing changes a price."

Wanted = TypeVar("Wanted")


def add_item(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    before, menu = open_cart(state), state.menu
    item = find_item(menu, arguments.text("item"))
    note, claimed = _note(arguments)
    note, of_dish = wishes_in(item, note, menu.language)
    wanted, note = _or_noted(menu, (item,), _wanted(arguments, "modifiers"), note)

    def made(choices: Sequence[str | Choice]) -> Cart:
        quantity = arguments.whole("quantity")
        size, count = arguments.text("size"), 1 if quantity is None else quantity
        return carts.add(before, menu, item.name, size, choices, count, note, limits=state.restaurant)

    cart, refused = as_far_as_possible(made, [*wanted, *of_dish], lambda one: _called(one, menu.language))
    return _line_answer(state, cart, cart.lines[-1], words_of(state).added, (*refused, *claimed))


def add_halves(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    before, menu = open_cart(state), state.menu
    halves = (arguments.half("first"), arguments.half("second"))
    items = (find_item(menu, halves[0].item), find_item(menu, halves[1].item))
    note, claimed = _note(arguments)
    whole: list[str | Choice] = list(arguments.choices("modifiers"))
    own: list[list[str | Choice]] = [list(half.wanted) for half in halves]
    for name in arguments.texts("without"):  # of what has it: both, or one
        having = [at for at, item in enumerate(items) if has_ingredient(item, name)]
        for at in having:
            own[at].append(Choice(name, "without"))
        if not having:
            whole.append(Choice(name, "without"))
    whole, note = _or_noted(menu, items, whole, note)
    for at in (0, 1):
        own[at], note = _or_noted(menu, items[at : at + 1], own[at], note)

    def made(placed: Sequence[tuple[int, str | Choice]]) -> Cart:
        on: list[list[str | Choice]] = [[choice for at, choice in placed if at == place] for place in (0, 1, 2)]
        quantity = arguments.whole("quantity")
        names, size, count = (items[0].name, items[1].name), arguments.text("size"), 1 if quantity is None else quantity
        return carts.add_halves(before, menu, names, size, on[2], (on[0], on[1]), count, note, limits=state.restaurant)

    placed = [(at, choice) for at, choices in enumerate((*own, whole)) for choice in choices]
    cart, refused = as_far_as_possible(made, placed, lambda one: _called(one[1], menu.language))
    return _line_answer(state, cart, cart.lines[-1], words_of(state).added, (*refused, *claimed))


def change_item(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    number = arguments.whole("line") or 0
    before, menu = open_cart(state), state.menu
    old = carts.line_by_number(before, number)
    name = arguments.text("item")
    said, claimed = _note(arguments)
    note = "" if said == NO_NOTE else said
    added = _wanted(arguments, "add_modifiers")
    if not old.parts or name:
        item = find_item(menu, name) if name else item_of_line(menu, old)
        note, of_dish = wishes_in(item, note, menu.language)
        added, note = _or_noted(menu, (item,), [*added, *of_dish], note or ("" if said else old.note))
    is_noted = bool(said) or note != old.note

    def made(choices: Sequence[str | Choice]) -> Cart:
        return carts.change(
            before,
            menu,
            number,
            quantity=arguments.whole("quantity"),
            size_name=arguments.text("size") or None,
            add_modifiers=choices,
            remove_modifiers=arguments.texts("remove_modifiers"),
            item_name=name or None,
            note=note if is_noted else None,
            limits=state.restaurant,
        )

    try:
        cart, refused = as_far_as_possible(made, added, lambda one: _called(one, menu.language))
    except Refused as nothing:
        raise claimed[0] if claimed and nothing.code == "nothing_to_change" else nothing from None
    line = carts.line_by_number(cart, number)
    return _line_answer(state, cart, line, words_of(state).changed, (*refused, *claimed))


def remove_item(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    number = arguments.whole("line") or 0
    before = open_cart(state)
    cart = carts.remove(before, number)
    words = words_of(state)
    say = words.removed.format(line=words.describe(carts.line_by_number(before, number)))
    return ToolAnswer(replace(state, cart=cart), say if cart.lines else f"{say} {words.cart_empty}")


def as_far_as_possible(
    made: Callable[[Sequence[Wanted]], Cart], wanted: Sequence[Wanted], called: Callable[[Wanted], str]
) -> tuple[Cart, tuple[Refused, ...]]:
    """The cart with all that is wanted but what is not possible, and why that is not; ``called`` says a wish in words.

    Raises Refused for what is wrong with more than one choice.
    """
    left, refused = list(wanted), list[Refused]()
    while True:
        try:
            return made(left), tuple(refused)
        except Refused as refusal:
            if refusal.code == "nothing_to_change" and refused:
                raise refused[0] from None
            at = _cause(made, left, refusal) if refusal.code in _OF_ONE_CHOICE else None
            if at is None:
                raise
            refusal.wish = called(left.pop(at))
            refused.append(refusal)


def _cause(made: Callable[[Sequence[Wanted]], Cart], wanted: Sequence[Wanted], refusal: Refused) -> int | None:
    """Which of the choices it is: without it, or with none after it, the refusal is another or the same."""

    def is_refused(choices: Sequence[Wanted]) -> bool:
        try:
            made(choices)
        except Refused as other:
            return (other.code, other.subject) == (refusal.code, refusal.subject)
        return False

    for at in reversed(range(len(wanted))):
        if not is_refused([*wanted[:at], *wanted[at + 1 :]]):
            return at
    return next((at for at in range(len(wanted)) if is_refused(wanted[: at + 1])), None)


def _line_answer(
    state: OrderState, cart: Cart, line: CartLine, template: str, not_possible: tuple[Refused, ...]
) -> ToolAnswer:
    words = words_of(state)
    said = [template.format(line=words.describe(line)), *(words.refusal(one) for one in not_possible)]
    said += words.allergy_warnings(allergies.findings(replace(cart, lines=(line,)), state.menu))
    after = wishes.not_possible(replace(state, cart=cart), line.number, not_possible)
    return ToolAnswer(after, " ".join(said), not_possible=not_possible)


def _note(arguments: Arguments) -> tuple[str, tuple[Refused, ...]]:
    note, claimed = without_claims(arguments.text("note"))
    return note, (Refused("note_claims", _CLAIMED, (), "note"),) if claimed else ()


def _called(one: str | Choice, language: str) -> str:
    return one if isinstance(one, str) else worded(one.amount, one.name, language)


def _wanted(arguments: Arguments, name: str) -> list[str | Choice]:
    return [*arguments.choices(name), *(Choice(one, "without") for one in arguments.texts("without"))]


def _or_noted(
    menu: Menu, items: Sequence[MenuItem], wanted: Sequence[str | Choice], note: str
) -> tuple[list[str | Choice], str]:
    """Where the menu does not say what a dish comes with, to leave something out is a wish for the kitchen."""
    by_id = {item.id: item for item in menu.items}
    fillings = [by_id[c.item_id] for item in items for part in item.combo for c in part.choices if c.item_id in by_id]
    is_said = any(one.ingredients for one in (*items, *fillings))
    kept, notes = list[str | Choice](), [note] if note else []
    for one in wanted:
        left_out = _left_out(one, menu.language)
        names = (left_out, one) if isinstance(one, str) else (left_out,)
        if not left_out or any(has_option(item, name) for item in (*items, *fillings) for name in names):
            kept.append(one)
        elif is_said:
            kept.append(Choice(left_out, "without"))
        else:
            notes.append(worded("without", left_out, menu.language))
    return kept, ", ".join(notes)


def _left_out(one: str | Choice, language: str) -> str:
    """What a choice would leave out, "" for any other."""
    if isinstance(one, Choice):
        return one.name if one.amount == "without" else ""
    amount, name = taken_apart(one, language) or ("regular", "")
    return name if amount == "without" else ""
