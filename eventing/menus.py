"""A menu is changed in one way, whoever does it: locked, read, checked, written by what differs.

With it go, in the same transaction, a version, an entry in the log and the event that makes the next caller hear it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from domain.menu import Menu, ModifierGroup, ModifierOption, groups_of
from domain.menu_changes import Change, changed_items, changes
from domain.menu_rules import Problem, problems
from eventing import outbox
from eventing.catalogue import MenuChanged
from stores import audit, menu_photos, menu_versions, menus
from stores.audit import Actor
from stores.errors import NotFoundError
from stores.postgres import Connection

LOGGED = 50  # changes of one entry in the log
NAMED_ITEMS = 200  # an event that names more of them says "the whole menu"


class InvalidMenuError(ValueError):
    """The changed menu breaks rules that the one before did not break."""

    def __init__(self, found: tuple[Problem, ...]) -> None:
        self.problems = found
        super().__init__(", ".join(f"{one.kind} {one.reason}" for one in found))


@dataclass(frozen=True, slots=True)
class Changed:
    """``number`` is the newest version now; with no ``changes`` nothing was written."""

    before: Menu
    after: Menu
    number: int
    changes: tuple[Change, ...]


async def change(
    conn: Connection,
    restaurant_id: str,
    actor: Actor,
    edit: Callable[[Menu], Menu],
    *,
    reason: str,
    source: str,
    subject: str = "",
) -> Changed:
    """Make the menu what ``edit`` makes of it. ``reason`` is like ``item_changed``, ``subject`` the id of what changed.

    Raises InvalidMenuError, NotFoundError for an unknown restaurant, and what ``edit`` raises; nothing is written then.
    """
    await menus.lock(conn, restaurant_id)
    before = await menus.load(conn, restaurant_id)
    after = await _with_kept_photos(conn, before, edit(before))
    found = changes(before, after)
    if not found:
        return Changed(before, before, await menu_versions.newest_number(conn, restaurant_id), ())
    known = set(problems(before))
    new = tuple(problem for problem in problems(after) if problem not in known)
    if new:
        raise InvalidMenuError(new)
    await menus.save(conn, before, after)
    if _photos(before) != _photos(after):
        await menu_photos.count_use(conn, restaurant_id)
    if not await menu_versions.newest_number(conn, restaurant_id):
        await menu_versions.record(conn, before, actor, "before")
    number = await menu_versions.record(conn, after, actor, reason, found)
    old, now = _logged(found)
    await audit.record(conn, restaurant_id, actor, f"menu.{reason}", subject=subject, before=old, after=now)
    items = changed_items(before, after)
    event = MenuChanged(restaurant_id=restaurant_id, item_ids=items if len(items) <= NAMED_ITEMS else (), reason=reason)
    await outbox.emit(conn, event, source=source, subject=subject or f"menu/{restaurant_id}")
    return Changed(before, after, number, found)


def _photos(menu: Menu) -> set[str]:
    return {item.photo for item in menu.items if item.photo}


async def _with_kept_photos(conn: Connection, before: Menu, after: Menu) -> Menu:
    """``after`` without photos that have gone since: an earlier version may name such."""
    wanted = _photos(after) - _photos(before)
    if not wanted:
        return after
    gone = wanted - set(await menu_photos.kept(conn, before.restaurant_id, wanted))
    items = tuple(replace(item, photo="") if item.photo in gone else item for item in after.items)
    return replace(after, items=items) if gone else after


async def restore(conn: Connection, restaurant_id: str, actor: Actor, number: int, *, source: str) -> Changed:
    """Make the menu again what it was in version ``number``. What is off now stays off, and what is not, is not.

    Raises NotFoundError for a version that is not kept.
    """
    wanted = await menu_versions.snapshot(conn, restaurant_id, number)
    return await change(
        conn,
        restaurant_id,
        actor,
        lambda now: as_available(wanted, now),
        reason="version_restored",
        source=source,
        subject=str(number),
    )


async def undo(conn: Connection, restaurant_id: str, actor: Actor, number: int, *, source: str) -> Changed:
    """Take back version ``number``, which must be the newest: somebody may have changed the menu meanwhile.

    Raises NotFoundError when it is not, or there is none before it.
    """
    await menus.lock(conn, restaurant_id)
    if number != await menu_versions.newest_number(conn, restaurant_id):
        raise NotFoundError("menu version", str(number))
    wanted = await menu_versions.snapshot(conn, restaurant_id, number - 1)
    return await change(
        conn, restaurant_id, actor, lambda _: wanted, reason="change_undone", source=source, subject=str(number)
    )


def as_available(menu: Menu, now: Menu) -> Menu:
    """``menu`` with what is off in ``now`` off, and nothing else."""
    current: dict[str, Any] = {}
    for item in now.items:
        current |= {item.id: item} | {size.id: size for size in item.sizes}
    for group in groups_of(now).values():
        current |= {option.id: option for option in group.options}

    def state(one: Any) -> Any:
        known = current.get(one.id)
        return replace(one, available=known.available, off_until=known.off_until) if known else one

    def option_state(option: ModifierOption) -> ModifierOption:
        stated: ModifierOption = state(option)
        return replace(stated, groups=tuple(group_state(one) for one in option.groups))

    def group_state(group: ModifierGroup) -> ModifierGroup:
        return replace(group, options=tuple(option_state(option) for option in group.options))

    items = tuple(
        replace(
            state(item),
            sizes=tuple(state(size) for size in item.sizes),
            modifier_groups=tuple(group_state(group) for group in item.modifier_groups),
        )
        for item in menu.items
    )
    return replace(menu, items=items, spare_groups=tuple(group_state(group) for group in menu.spare_groups))


def _logged(found: tuple[Change, ...]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The log's before and after: the fields that differ by the name of the thing, True for a thing as a whole."""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for one in found[:LOGGED]:
        name = f"{one.within} / {one.name}".strip(" /") if one.within else one.name
        if one.what != "added":
            old[name] = {field.field: field.before for field in one.fields} or True
        if one.what != "removed":
            new[name] = {field.field: field.after for field in one.fields} or True
    return old or None, new or None
