"""What of the menu can be had at a moment: things that come back by themselves, and things with hours of their own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from domain import hours
from domain.choices import sellable
from domain.errors import Refused
from domain.menu import ItemSize, Menu, MenuItem, ModifierGroup, ModifierOption, ServedHours
from domain.menu_text import served_text
from domain.names import fold
from domain.restaurant import Restaurant

DAY_MINUTES = 24 * 60

Takeable = TypeVar("Takeable", MenuItem, ItemSize, ModifierOption)


def menu_at(menu: Menu, restaurant: Restaurant, now: datetime) -> Menu:
    """The menu as it can be ordered from ``now`` (aware): what is over is back, what is not served now is off.

    The same object when nothing on it depends on the time.
    """
    if not depends_on_time(menu):
        return menu
    local = hours.local_time(restaurant, now)
    served = {category.id: is_served(category.served, local) for category in menu.categories}
    items = tuple(
        replace(
            item,
            available=item.available and served.get(item.category_id, True) and is_served(item.served, local),
        )
        for item in returned(menu, now).items
    )
    return replace(menu, items=items)


def returned(menu: Menu, now: datetime) -> Menu:
    """The menu with what was off until ``now`` or earlier available again, whatever hours things have."""
    if not depends_on_time(menu):
        return menu
    groups = (_group_returned(group, now) for group in menu.spare_groups)
    return replace(menu, items=tuple(_item_returned(item, now) for item in menu.items), spare_groups=tuple(groups))


def depends_on_time(menu: Menu) -> bool:
    if any(category.served for category in menu.categories) or any(map(_group_depends, menu.spare_groups)):
        return True
    return any(
        item.off_until
        or item.served
        or any(size.off_until for size in item.sizes)
        or any(_group_depends(group) for group in item.modifier_groups)
        for item in menu.items
    )


def _group_depends(group: ModifierGroup) -> bool:
    return any(option.off_until or any(map(_group_depends, option.groups)) for option in group.options)


def not_served_now(menu: Menu, restaurant: Restaurant, refused: Refused, now: datetime) -> Refused:
    """``refused``, or ``not_served_now`` with the hours when that is why the item it speaks of can't be had.

    ``menu`` is the whole menu, whatever the hour.
    """
    if refused.code != "unavailable_item":
        return refused
    for item in returned(menu, now).items:
        if fold(item.name) == fold(refused.subject) and sellable(menu, item):
            shelf = next((one.served for one in menu.categories if one.id == item.category_id), ())
            local = hours.local_time(restaurant, now)
            served = next((one for one in (item.served, shelf) if not is_served(one, local)), ())
            if served:
                when = served_text(served, restaurant.language)
                message = f"{item.name} is not served at this hour: say when it is."
                return Refused("not_served_now", message, (when,), refused.field, subject=item.name)
    return refused


def is_served(served: tuple[ServedHours, ...], local: datetime) -> bool:
    """Whether one of the spans holds ``local``; without any it is always served. A span is half open."""
    minute = local.hour * 60 + local.minute
    yesterday = (local.date() - timedelta(days=1)).weekday()
    return not served or any(
        (local.weekday() in span.weekdays and span.opens <= minute < span.closes)
        or (yesterday in span.weekdays and minute + DAY_MINUTES < span.closes)
        for span in served
    )


def off_until_next_day(restaurant: Restaurant, now: datetime) -> datetime | None:
    """When something that is off "for today" comes back: the first opening of the next day, in UTC.

    A night that goes on past midnight belongs to the day on which it began. None where no opening is known: then it
    stays off until somebody puts it back.
    """
    local = hours.local_time(restaurant, now)
    day, yesterday = local.date(), local.date() - timedelta(days=1)
    minute = local.hour * 60 + local.minute
    if any(closes > minute + DAY_MINUTES for _, closes in hours.spans_on(restaurant, yesterday)):
        day = yesterday
    for ahead in range(1, hours.LOOK_AHEAD_DAYS):
        for opens, _ in hours.spans_on(restaurant, day + timedelta(days=ahead)):
            start = datetime.combine(day + timedelta(days=ahead), time()) + timedelta(minutes=opens)
            return start.replace(tzinfo=ZoneInfo(restaurant.zone)).astimezone(UTC)
    return None


def _item_returned(item: MenuItem, now: datetime) -> MenuItem:
    return replace(
        _back(item, now),
        sizes=tuple(_back(size, now) for size in item.sizes),
        modifier_groups=tuple(_group_returned(group, now) for group in item.modifier_groups),
    )


def _group_returned(group: ModifierGroup, now: datetime) -> ModifierGroup:
    if not _group_depends(group):
        return group
    options = (
        replace(_back(option, now), groups=tuple(_group_returned(inner, now) for inner in option.groups))
        for option in group.options
    )
    return replace(group, options=tuple(options))


def _back(one: Takeable, now: datetime) -> Takeable:
    """Available again, once its time is over."""
    if one.off_until is None or one.off_until > now:
        return one
    return replace(one, available=True, off_until=None)
