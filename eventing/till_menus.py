"""What a till sells: kept as it says it, its codes learned, what is off there off here; and its menu in ours' place."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime

from domain.menu import Menu, groups_of
from domain.menu_edits import State, with_states
from domain.names import fold
from domain.restaurant import Restaurant
from domain.till_menus import TillCode, TillMenu, sold_in
from domain.till_takeover import TakenOver, taken_over, usual_vat
from eventing import menus as menu_changes
from eventing import outbox
from eventing.catalogue import TillChanged
from eventing.menus import Changed
from stores import menus, till_menus, tills
from stores.audit import Actor
from stores.postgres import Connection
from stores.till_menus import Told


async def have_read(conn: Connection, restaurant_id: str, connection_id: str, *, source: str) -> None:
    """Have the till asked for its menu."""
    event = TillChanged(restaurant_id=restaurant_id, connection_id=connection_id, reading_id=str(uuid.uuid4()))
    await outbox.emit(conn, event, source=source, subject=connection_id)


async def keep(
    conn: Connection, restaurant_id: str, connection_id: str, name: str, sold: TillMenu, *, source: str
) -> None:
    """``name`` is the till's, who acts. What is off there is off here at once, and back once it is there no more; all
    else waits for somebody's yes. A menu with nothing on it says nothing: what is known of the till stays."""
    if not sold.items:
        return
    await menus.lock(conn, restaurant_id)
    known = await tills.codes(conn, connection_id)
    learned = known_codes(await menus.load(conn, restaurant_id), sold, known)
    await tills.set_codes(conn, restaurant_id, connection_id, learned)
    before = await till_menus.get(conn, connection_id)
    await till_menus.put(conn, restaurant_id, connection_id, sold)
    states = _moved(before.menu if before else None, sold)
    await set_states(conn, restaurant_id, connection_id, name, states, source=source)


async def set_states(
    conn: Connection, restaurant_id: str, connection_id: str, name: str, wanted: Mapping[str, State], *, source: str
) -> None:
    """What is off and what is back, by the till's codes; those that nothing here has change nothing."""
    now = datetime.now(UTC)
    due = {
        code: (on, until)
        for code, (on, until) in wanted.items()
        if code.isprintable() and (on or until is None or until > now)
    }
    known = await tills.things(conn, connection_id, list(due))
    states = {thing: due[code] for code, things in known.items() for thing in things}
    if not states:
        return
    off = any(not available for available, _ in states.values())
    reason = "item_off" if off else "item_back"
    await menu_changes.change(conn, restaurant_id, Actor(name), with_states(states), reason=reason, source=source)


async def preview(conn: Connection, restaurant: Restaurant, told: Told) -> tuple[Menu, TakenOver]:
    """The menu of now, and what would become of it."""
    menu = await menus.load(conn, restaurant.id)
    known = await tills.codes(conn, told.connection_id)
    return menu, taken_over(menu, told.menu, known, usual_vat(menu, restaurant.country))


async def take_over(conn: Connection, restaurant: Restaurant, told: Told, actor: Actor, *, source: str) -> Changed:
    """Raises InvalidMenuError; nothing is written then."""
    known = await tills.codes(conn, told.connection_id)
    codes: dict[str, TillCode] = {}

    def edit(menu: Menu) -> Menu:
        taken = taken_over(menu, told.menu, known, usual_vat(menu, restaurant.country))
        codes.update(taken.codes)
        return taken.menu

    changed = await menu_changes.change(conn, restaurant.id, actor, edit, reason="menu_from_till", source=source)
    await tills.set_codes(conn, restaurant.id, told.connection_id, codes)
    await till_menus.note_taken(conn, told.connection_id, told.digest)
    return changed


def _moved(before: TillMenu | None, sold: TillMenu) -> dict[str, State]:
    """What is off now, and what was and is no more: what somebody here has taken off is nobody else's to put back."""
    was_off = {one.code for one in sold_in(before) if one.off} if before else set()
    states: dict[str, State] = {one.code: (True, None) for one in sold_in(sold) if one.code in was_off}
    return states | {one.code: (False, one.off_until) for one in sold_in(sold) if one.off}


def known_codes(menu: Menu, sold: TillMenu, before: Mapping[str, TillCode]) -> dict[str, TillCode]:
    """What is known and still sold stays known; what is not is learned from equal names (``Margherita Large``). A name
    that two products have is nobody's."""
    places = {one.code for part in (sold.categories, sold.items, sold.groups) for one in part}
    now = {one.code: TillCode(one.code, one.within) for one in sold_in(sold)}
    found = {thing: now.get(one.code, one) for thing, one in before.items() if one.code in now or one.code in places}
    by_name: defaultdict[str, set[TillCode]] = defaultdict(set)
    for item in sold.items:
        for size in item.sizes:
            by_name[fold(f"{item.name} {size.name}")].add(TillCode(size.code, size.within))
    for group in sold.groups:
        for option in group.options:
            by_name[fold(option.name)].add(TillCode(option.code, option.within))

    def learn(thing_id: str, name: str) -> None:
        codes = by_name.get(fold(name), set())
        if thing_id not in found and len(codes) == 1:
            found[thing_id] = next(iter(codes))

    for ours in menu.items:
        for one in ours.sizes:
            learn(one.id, f"{ours.name} {one.name}")
    for choices in groups_of(menu).values():
        for choice in choices.options:
            learn(choice.id, choice.name)
    return found
