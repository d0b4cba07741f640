"""From names to menu rows: which item, which size; what is chosen with it is for ``domain.modifiers``.

Every refusal carries the names that would be allowed, so that the model can repair its own call.
"""

from __future__ import annotations

from domain.errors import MAX_ALLOWED, Refused
from domain.menu import ItemSize, Menu, MenuItem
from domain.names import closest_owners, fold
from domain.order import CartLine


def orderable(item: MenuItem) -> bool:
    """True when the item can be sold now: not 86'd, a size left, and every required choice can be made."""
    groups_possible = all(
        sum(option.available for option in group.options) >= group.minimum for group in item.modifier_groups
    )
    return item.available and any(size.available for size in item.sizes) and groups_possible


def sellable(menu: Menu, item: MenuItem) -> bool:
    """Orderable, and of a combo each part can be filled."""
    if not item.combo:
        return orderable(item)
    on_sale = {one.id for one in menu.items if not one.combo and orderable(one)}
    return orderable(item) and all(any(c.item_id in on_sale for c in part.choices) for part in item.combo)


def find_item(menu: Menu, name: str) -> MenuItem:
    """The orderable item called ``name``: by its own name first, by an alias next.

    Raises Refused ``unknown_item`` (with the closest names), ``ambiguous_item`` or ``unavailable_item``.
    """
    wanted = fold(name)
    named = [item for item in menu.items if wanted and fold(item.name) == wanted]
    found = named or [item for item in menu.items if wanted and wanted in map(fold, item.aliases)]
    on_sale = [item for item in menu.items if orderable(item)]
    if not found:
        alike = closest_owners(name, ((item.name, item.aliases) for item in on_sale))
        allowed = alike or tuple(item.name for item in on_sale)[:MAX_ALLOWED]
        raise Refused("unknown_item", "No item of the menu has this name.", allowed, "item", subject=name)
    ready = [item for item in found if sellable(menu, item)]
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
    if not sellable(menu, item):
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


def _unavailable(menu: Menu, item: MenuItem) -> Refused:
    neighbours = (other for other in menu.items if other.category_id == item.category_id and orderable(other))
    allowed = tuple(other.name for other in neighbours)[:MAX_ALLOWED]
    return Refused("unavailable_item", f"{item.name} is sold out today.", allowed, "item", subject=item.name)
