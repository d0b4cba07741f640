"""What a caller can't eat, held against every line of the cart by rule: what the menu lists, and nothing beyond it.

Nothing here ever says that a dish is safe. An allergen that is listed for it is a warning; where nothing is listed, or
an option is on it (options list none), nobody knows; and one that is not among those listed is no promise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from domain.allergens import code_of, codes_in, word
from domain.errors import Refused
from domain.menu import Menu, MenuItem
from domain.names import fold, plain_text
from domain.order import Cart, CartLine

MAX_ALLERGIES = 10
MAX_ALLERGEN = 60


class Finding(NamedTuple):
    """What is known of one line: which of the caller's allergens it contains, and of which nobody can tell."""

    line: int
    item_name: str
    contains: tuple[str, ...]
    unknown: tuple[str, ...]


def recorded(said: Sequence[str], language: str) -> tuple[str, ...]:
    """In the words of ``language``, each once: those of the fourteen as menus have them, another as it was said.

    Raises Refused ``bad_argument``.
    """
    if len(said) > MAX_ALLERGIES:
        raise Refused("bad_argument", f"At most {MAX_ALLERGIES} allergens.", (), "allergens")
    found: list[str] = []
    for one in said:
        clean = plain_text(one, MAX_ALLERGEN, "allergens")
        if not fold(clean):
            raise Refused("bad_argument", "Name what the caller can't eat.", ("a word",), "allergens")
        found += [word(code, language) for code in codes_in(clean)] or [clean]
    return tuple(dict.fromkeys(found))


def findings(cart: Cart, menu: Menu) -> tuple[Finding, ...]:
    """Of the lines that need a word, in their order."""
    if not cart.allergies:
        return ()
    by_id = {item.id: item for item in menu.items}
    found = (_finding(line, cart.allergies, by_id) for line in cart.lines)
    return tuple(one for one in found if one.contains or one.unknown)


def of_item(item: MenuItem, allergies: tuple[str, ...]) -> Finding:
    """Of a dish that is only asked about, without options."""
    return _held_against(allergies, 0, item.name, [item], [])


def _finding(line: CartLine, allergies: tuple[str, ...], by_id: dict[str, MenuItem]) -> Finding:
    ids = [part.item_id for part in line.parts] or [line.item_id]
    return _held_against(
        allergies, line.number, line.item_name, [by_id.get(item_id) for item_id in ids], list(_put_on(line))
    )


def _held_against(
    allergies: tuple[str, ...], number: int, name: str, items: Sequence[MenuItem | None], put_on: Sequence[str]
) -> Finding:
    listed = [fold(one) for item in items if item for one in item.allergens]
    codes = {code_of(one) for one in listed} - {None}
    codes |= {code for option in put_on for code in codes_in(option)}
    contains = tuple(one for one in allergies if (code_of(one) or "-") in codes or fold(one) in listed)
    is_known = all(item and item.allergens for item in items) and not put_on
    # Menus list the fourteen: of another word, perhaps a misheard one, they tell nothing by not having it.
    unknown = tuple(one for one in allergies if one not in contains and not (is_known and code_of(one)))
    return Finding(number, name, contains, unknown)


def _put_on(line: CartLine) -> Iterator[str]:
    """Options, and more of what comes with it: the menu lists no allergens of those but in their names."""
    fillings = {part.item_id for part in line.parts}
    for modifier in line.modifiers:
        if modifier.amount != "without" and modifier.group_id and modifier.option_id not in fillings:
            yield modifier.plain_name
