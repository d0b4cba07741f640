"""A line of the cart from what was said: one item, two halves of one, or a combo with its parts.

Money of halves and combos is divided to the cent over the parts, so that each bears its own VAT and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from domain.choices import choose_size, item_of_line, orderable
from domain.errors import Refused
from domain.menu import HalvesRule, ItemSize, Menu, MenuItem
from domain.modifiers import Choice, choices_of, choose_modifiers
from domain.names import fold
from domain.order import CartLine, ChosenModifier, LinePart
from domain.shares import divided

MAX_QUANTITY = 50

Wanted = Sequence[str | Choice]


def item_line(
    menu: Menu,
    number: int,
    item: MenuItem,
    size_name: str,
    wanted: Wanted,
    quantity: int,
    note: str,
    field: str = "modifiers",
) -> CartLine:
    """A line of ``item``; of a combo, ``wanted`` also names what fills its parts, and choices of those.

    Raises Refused: see ``domain.choices``, ``domain.modifiers`` and ``bad_quantity``.
    """
    size = choose_size(item, size_name)
    if item.combo:
        return _combo_line(menu, number, item, size, wanted, quantity, note, field)
    modifiers = choose_modifiers(item, wanted, field, menu.language)
    return CartLine(
        number=number,
        item_id=item.id,
        item_name=item.name,
        size_id=size.id,
        size_name=size.name,
        quantity=checked_quantity(quantity),
        unit_cents=size.price_cents + sum(modifier.price_cents for modifier in modifiers),
        vat=item.vat,
        modifiers=modifiers,
        note=note,
    )


def halves_line(
    menu: Menu,
    number: int,
    items: tuple[MenuItem, MenuItem],
    size_name: str,
    wanted: Wanted,
    wanted_on: tuple[Wanted, Wanted],
    quantity: int,
    note: str,
) -> CartLine:
    """One thing of two halves: ``wanted`` is on all of it, ``wanted_on`` on either half.

    Each half is priced as if all of it were so, and the category's rule makes one price of the two. Raises Refused
    ``halves_not_offered`` and those of ``item_line``.
    """
    rule = _halves_rule(menu, items)
    sizes = [choose_size(item, size_name) for item in items]
    whole = [choose_modifiers(item, list(wanted), language=menu.language) for item in items]
    chosen = [
        choose_modifiers(item, [*wanted, *own], language=menu.language)
        for item, own in zip(items, wanted_on, strict=True)
    ]
    fulls = [
        size.price_cents + sum(modifier.price_cents for modifier in modifiers)
        for size, modifiers in zip(sizes, chosen, strict=True)
    ]
    unit = halves_cents(rule, fulls[0], fulls[1])
    parts = tuple(
        LinePart("", item.id, item.name, size.id, size.name, cents, item.vat, modifiers)
        for item, size, modifiers, cents in zip(items, sizes, chosen, divided(unit, fulls), strict=True)
    )
    shown = list(whole[0])
    for part, all_over in zip(parts, whole, strict=True):
        there = {(one.option_id, one.amount) for one in all_over}
        shown += [
            replace(one, name=_on_half(one.name, part.item_name, menu.language), option_name=one.plain_name)
            for one in part.modifiers
            if (one.option_id, one.amount) not in there
        ]
    first = items[0]
    return CartLine(
        number=number,
        item_id=first.id,
        item_name=_half_and_half(items[0].name, items[1].name, menu.language),
        size_id=sizes[0].id,
        size_name=sizes[0].name,
        quantity=checked_quantity(quantity),
        unit_cents=unit,
        vat=_dearest(parts).vat,
        modifiers=tuple(shown),
        note=note,
        parts=parts,
    )


def halves_cents(rule: HalvesRule, first: int, second: int) -> int:
    """What two halves cost whose whole would be ``first`` and ``second`` cents; an average is rounded half up."""
    if rule == "dearer":
        return max(first, second)
    if rule == "average":
        return (first + second + 1) // 2
    return (first + 1) // 2 + (second + 1) // 2


def rebuilt(menu: Menu, line: CartLine) -> CartLine:
    """The line as the menu has it now, with the same choices. Raises Refused for what is gone or sold out."""
    if line.parts and not line.parts[0].part_id:
        halves = tuple(_item(menu, part) for part in line.parts)
        wanted = (choices_of(line.parts[0].modifiers), choices_of(line.parts[1].modifiers))
        named = line.parts[0].size_name
        now = halves_line(menu, line.number, (halves[0], halves[1]), named, (), wanted, line.quantity, line.note)
        return replace(now, modifiers=line.modifiers if _same_words(now, line) else now.modifiers)
    item = item_of_line(menu, line)
    if not line.parts:
        choices = choices_of(line.modifiers)
        return item_line(menu, line.number, item, line.size_name, choices, line.quantity, line.note)
    filled = {part.part_id: (_item(menu, part), choices_of(part.modifiers)) for part in line.parts}
    own = choices_of([one for one in line.modifiers if one.group_id not in filled and not _of_parts(line, one)])
    size = choose_size(item, line.size_name)
    return _filled_combo(menu, line.number, item, size, filled, own, line.quantity, line.note)


def checked_quantity(quantity: int) -> int:
    if isinstance(quantity, bool) or not 1 <= quantity <= MAX_QUANTITY:
        message = f"quantity must be from 1 to {MAX_QUANTITY}; use remove_item to take a line away."
        raise Refused("bad_quantity", message, (f"1 to {MAX_QUANTITY}",), "quantity")
    return quantity


Filled = dict[str, tuple[MenuItem, list[Choice]]]


def _combo_line(
    menu: Menu, number: int, item: MenuItem, size: ItemSize, wanted: Wanted, quantity: int, note: str, field: str
) -> CartLine:
    """Names of items fill the parts, first come; a part with one item is filled by it. What else is said belongs to
    the first of them that has it, or to the combo itself."""
    by_id = {one.id: one for one in menu.items}
    filled: Filled = {}
    rest: list[Choice] = []
    for one in wanted:
        choice = one if isinstance(one, Choice) else Choice(one)
        part = next(
            (
                (part.id, by_id[c.item_id])
                for part in item.combo
                for c in part.choices
                if part.id not in filled and c.item_id in by_id and _goes_by(by_id[c.item_id], choice.name)
            ),
            None,
        )
        if part and choice.amount == "regular" and not choice.within:
            filled[part[0]] = (_on_sale(menu, part[1], field), [])
        else:
            rest.append(choice)
    for part_ in item.combo:
        if part_.id not in filled:
            choices = [by_id[c.item_id] for c in part_.choices if c.item_id in by_id]
            if len(part_.choices) == 1 and choices:
                filled[part_.id] = (_on_sale(menu, choices[0], field), [])
            else:
                allowed = tuple(one.name for one in choices if orderable(one))
                message = f"{part_.name} of {item.name}: choose one of these."
                raise Refused("modifier_needed", message, allowed, field, subject=part_.name)
    own = _dealt_out(menu, item, filled, rest)
    return _filled_combo(menu, number, item, size, filled, own, quantity, note, field)


def _dealt_out(menu: Menu, item: MenuItem, filled: Filled, rest: Sequence[Choice]) -> list[Choice]:
    """Give each choice to the part that takes it; returns those that are the combo's own."""
    own = []
    for choice in rest:
        for part in item.combo:
            one, choices = filled[part.id]
            if _takes(one, [*choices, choice], menu.language):
                choices.append(choice)
                break
        else:
            own.append(choice)
    return own


def _takes(item: MenuItem, choices: Sequence[Choice], language: str) -> bool:
    """Whether the item has what the last choice names; what else is missing is said when the line is made."""
    said = [one.name if one.amount == "regular" and not one.within else one for one in choices]
    try:
        choose_modifiers(item, said, language=language)
    except Refused as refused:
        return refused.code not in ("unknown_modifier", "too_many_modifiers", "duplicate_modifier")
    return True


def _filled_combo(
    menu: Menu,
    number: int,
    item: MenuItem,
    size: ItemSize,
    filled: Filled,
    own: Wanted,
    quantity: int,
    note: str,
    field: str = "modifiers",
) -> CartLine:
    """The combo's price and its own modifiers are divided by what the parts cost alone; extras stay with their part."""
    spoken = [one.name if isinstance(one, Choice) and one == Choice(one.name) else one for one in own]
    modifiers = choose_modifiers(item, spoken, field, menu.language)
    drafts: list[tuple[LinePart, int, ChosenModifier]] = []
    for part in item.combo:
        one, said = filled[part.id]
        extra = next((c.extra_cents for c in part.choices if c.item_id == one.id), None)
        if extra is None:
            raise Refused("unavailable_item", "The combo has it no more.", (), field, subject=one.name)
        its_size = _cascaded(one, size)
        chosen = choose_modifiers(one, [c.name if c == Choice(c.name) else c for c in said], field, menu.language)
        cents = extra + sum(modifier.price_cents for modifier in chosen)
        draft = LinePart(part.id, one.id, one.name, its_size.id, its_size.name, cents, one.vat, chosen)
        drafts.append((draft, its_size.price_cents, ChosenModifier(one.id, part.id, one.name, extra)))
    base = size.price_cents + sum(modifier.price_cents for modifier in modifiers)
    shares = divided(base, [alone for _, alone, _ in drafts])
    parts = tuple(
        draft._replace(cents=draft.cents + share) for (draft, _, _), share in zip(drafts, shares, strict=True)
    )
    shown = [modifier for (part, _, filling) in drafts for modifier in (filling, *part.modifiers)]
    return CartLine(
        number=number,
        item_id=item.id,
        item_name=item.name,
        size_id=size.id,
        size_name=size.name,
        quantity=checked_quantity(quantity),
        unit_cents=sum(part.cents for part in parts),
        vat=_dearest(parts).vat,
        modifiers=(*shown, *modifiers),
        note=note,
        parts=parts,
    )


def _cascaded(item: MenuItem, size: ItemSize) -> ItemSize:
    """The combo's size where the item has one of that name; else its first."""
    named = next((one for one in item.sizes if size.name and fold(one.name) == fold(size.name)), None)
    chosen = named or next((one for one in item.sizes if one.available), item.sizes[0])
    if not chosen.available:
        subject = f"{item.name} {chosen.name}".strip()
        raise Refused("unavailable_size", f"{subject} is sold out.", (), "size", subject=subject)
    return chosen


def _halves_rule(menu: Menu, items: tuple[MenuItem, MenuItem]) -> HalvesRule:
    first, second = items
    category = next((one for one in menu.categories if one.id == first.category_id), None)
    possible = category and category.halves and second.category_id == category.id and first.id != second.id
    if not possible or first.combo or second.combo or category is None or category.halves is None:
        others = tuple(
            one.name
            for one in menu.items
            if category and category.halves and one.category_id == category.id and one.id != first.id and orderable(one)
        )
        name = first.name if first.id == second.id else f"{first.name} / {second.name}"
        raise Refused("halves_not_offered", "These two are not had as halves of one.", others, "item", subject=name)
    return category.halves


def _item(menu: Menu, part: LinePart) -> MenuItem:
    item = next((one for one in menu.items if one.id == part.item_id), None)
    if item is None:
        raise Refused("unavailable_item", "The item left the menu.", (), "item", subject=part.item_name)
    return _on_sale(menu, item, "item")


def _on_sale(menu: Menu, item: MenuItem, field: str) -> MenuItem:
    if not orderable(item):
        others = tuple(o.name for o in menu.items if o.category_id == item.category_id and orderable(o))
        raise Refused("unavailable_item", f"{item.name} is sold out today.", others[:30], field, subject=item.name)
    return item


def _goes_by(item: MenuItem, name: str) -> bool:
    return fold(name) in (fold(item.name), *map(fold, item.aliases))


def _dearest(parts: Sequence[LinePart]) -> LinePart:
    return max(parts, key=lambda part: part.cents)


def _of_parts(line: CartLine, modifier: ChosenModifier) -> bool:
    return any(modifier in part.modifiers for part in line.parts)


def _same_words(now: CartLine, line: CartLine) -> bool:
    """Whether nothing but the way it was said differs: on all of it, or on each half."""
    return [(p.item_id, p.size_id, p.modifiers) for p in now.parts] == [
        (p.item_id, p.size_id, p.modifiers) for p in line.parts
    ]


def _half_and_half(first: str, second: str, language: str) -> str:
    return f"moitié {first}, moitié {second}" if language.startswith("fr") else f"half {first}, half {second}"


def _on_half(modifier: str, item: str, language: str) -> str:
    return f"{modifier} sur la moitié {item}" if language.startswith("fr") else f"{modifier} on the {item} half"
