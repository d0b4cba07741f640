"""From names to menu rows: which item, which size, which modifiers, and whether the menu allows them together.

Every refusal carries the names that would be allowed, so that the model can repair its own call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.errors import Refused
from domain.menu import ItemSize, Menu, MenuItem, ModifierGroup, ModifierOption
from domain.names import closest, fold
from domain.order import CartLine, ChosenModifier

MAX_ALLOWED = 30


def orderable(item: MenuItem) -> bool:
    """True when the item can be sold now: not 86'd, a size left, and every required choice can be made."""
    groups_possible = all(len(_available(group)) >= group.minimum for group in item.modifier_groups)
    return item.available and any(size.available for size in item.sizes) and groups_possible


def find_item(menu: Menu, name: str) -> MenuItem:
    """The orderable item called ``name``: by its own name first, by an alias next.

    Raises Refused ``unknown_item`` (with the closest names), ``ambiguous_item`` or ``unavailable_item``.
    """
    wanted = fold(name)
    named = [item for item in menu.items if wanted and fold(item.name) == wanted]
    found = named or [item for item in menu.items if wanted and wanted in map(fold, item.aliases)]
    on_sale = [item for item in menu.items if orderable(item)]
    if not found:
        allowed = _closest_items(name, on_sale) or tuple(item.name for item in on_sale)[:MAX_ALLOWED]
        raise Refused("unknown_item", "No item of the menu has this name.", allowed, "item", subject=name)
    ready = [item for item in found if orderable(item)]
    if not ready:
        raise _unavailable(menu, found[0])
    if len({fold(item.name) for item in ready}) > 1:
        allowed = tuple(item.name for item in ready)[:MAX_ALLOWED]
        raise Refused("ambiguous_item", "Several items go by this name: ask which.", allowed, "item", subject=name)
    return ready[0]


def item_of_line(menu: Menu, line: CartLine) -> MenuItem:
    """The line's item as the menu has it now; Refused ``unavailable_item`` if it was 86'd since."""
    item = next((item for item in menu.items if item.id == line.item_id), None)
    if item is None:
        raise Refused("unavailable_item", "The item left the menu.", (), "item", subject=line.item_name)
    if not orderable(item):
        raise _unavailable(menu, item)
    return item


def choose_size(item: MenuItem, size_name: str) -> ItemSize:
    """The size called ``size_name``; an item with one size needs no name.

    Raises Refused ``size_needed``, ``unknown_size`` or ``unavailable_size`` with the sizes on sale.
    """
    allowed = tuple(size.name for size in item.sizes if size.available and size.name)
    if not fold(size_name):
        if len(item.sizes) > 1:
            raise Refused("size_needed", f"{item.name} has several sizes.", allowed, "size", subject=item.name)
        size = item.sizes[0]
    else:
        match = next((size for size in item.sizes if fold(size.name) == fold(size_name)), None)
        if match is None:
            hint = "" if allowed else " It comes in one size: leave size out."
            message = f"{item.name} has no such size.{hint}"
            raise Refused("unknown_size", message, allowed, "size", subject=item.name)
        size = match
    if not size.available:
        subject = f"{item.name} {size.name}".strip()
        raise Refused("unavailable_size", f"{subject} is sold out.", allowed, "size", subject=subject)
    return size


def choose_modifiers(item: MenuItem, names: Sequence[str], field: str = "modifiers") -> tuple[ChosenModifier, ...]:
    """The options called ``names``, in the menu's order, within each group's minimum and maximum.

    Raises Refused ``unknown_modifier``, ``unavailable_modifier``, ``duplicate_modifier``,
    ``too_many_modifiers`` or ``modifier_needed``.
    """
    chosen: dict[str, ChosenModifier] = {}
    for name in names:
        group, option = _find_option(item, name, chosen, field)
        chosen[_key(group, option)] = ChosenModifier(option.id, group.id, option.name, option.price_cents)
    for group in item.modifier_groups:
        if _taken(group, chosen) < group.minimum:
            message = f"{group.name} of {item.name} needs at least {group.minimum} of these."
            raise Refused("modifier_needed", message, _available(group), field, subject=group.name)
    ordered = (_key(group, option) for group in item.modifier_groups for option in group.options)
    return tuple(chosen[key] for key in ordered if key in chosen)


def _find_option(
    item: MenuItem, name: str, chosen: dict[str, ChosenModifier], field: str
) -> tuple[ModifierGroup, ModifierOption]:
    """One option may stand in several groups of an item: the first group that has room for it takes it."""
    pairs = [(g, o) for g in item.modifier_groups for o in g.options if fold(o.name) == fold(name)]
    if not pairs:
        options = tuple(dict.fromkeys(name for g in item.modifier_groups for name in _available(g)))
        message = f"{item.name} has no such modifier." + ("" if options else " It takes no modifiers.")
        allowed = closest(name, options) or options[:MAX_ALLOWED]
        raise Refused("unknown_modifier", message, allowed, field, subject=name)
    fresh = [(g, o) for g, o in pairs if _key(g, o) not in chosen]
    if not fresh:
        raise Refused("duplicate_modifier", "Each modifier may be chosen once.", (), field, subject=pairs[0][1].name)
    on_sale = [(g, o) for g, o in fresh if o.available]
    if not on_sale:
        group, option = fresh[0]
        message = f"{option.name} is sold out."
        raise Refused("unavailable_modifier", message, _available(group), field, subject=option.name)
    with_room = [(g, o) for g, o in on_sale if _taken(g, chosen) < g.maximum]
    if not with_room:
        group = on_sale[0][0]
        message = f"{group.name} of {item.name} takes at most {group.maximum}."
        raise Refused("too_many_modifiers", message, _available(group), field, subject=group.name)
    return with_room[0]


def _key(group: ModifierGroup, option: ModifierOption) -> str:
    return f"{group.id}/{option.id}"


def _taken(group: ModifierGroup, chosen: dict[str, ChosenModifier]) -> int:
    return sum(1 for modifier in chosen.values() if modifier.group_id == group.id)


def _available(group: ModifierGroup) -> tuple[str, ...]:
    return tuple(option.name for option in group.options if option.available)


def _closest_items(name: str, items: Iterable[MenuItem]) -> tuple[str, ...]:
    """The names of the items whose name or alias looks like ``name``, each once."""
    owners: dict[str, str] = {}
    for item in items:
        for known in (item.name, *item.aliases):
            owners.setdefault(known, item.name)
    return tuple(dict.fromkeys(owners[known] for known in closest(name, owners)))


def _unavailable(menu: Menu, item: MenuItem) -> Refused:
    neighbours = (other for other in menu.items if other.category_id == item.category_id and orderable(other))
    allowed = tuple(other.name for other in neighbours)[:MAX_ALLOWED]
    return Refused("unavailable_item", f"{item.name} is sold out today.", allowed, "item", subject=item.name)
