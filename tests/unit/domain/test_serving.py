"""What can be had at a moment."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.choices import orderable
from domain.menu import Menu, MenuItem, ServedHours
from domain.restaurant import Opening, OpeningException, Restaurant
from domain.serving import is_served, menu_at, off_until_next_day

pytestmark = pytest.mark.unit

PARIS = Restaurant(
    "r-1",
    "Margot",
    "fr",
    "EUR",
    "Europe/Paris",
    openings=(Opening(1, 705, 855), Opening(1, 1125, 1335), Opening(4, 1125, 1455), Opening(5, 705, 855)),
)
TUESDAY_NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)  # 12:30 in Paris


def with_item(menu: Menu, **fields: object) -> Menu:
    return replace(menu, items=(replace(menu.items[0], **fields), *menu.items[1:]))  # type: ignore[arg-type]


def first(menu: Menu) -> MenuItem:
    return menu.items[0]


def test_a_menu_without_times_is_the_same_object(menu: Menu) -> None:
    assert menu_at(menu, PARIS, TUESDAY_NOON) is menu


def test_what_is_off_until_a_moment_is_back_at_that_moment(menu: Menu) -> None:
    off = with_item(menu, available=False, off_until=TUESDAY_NOON)

    before = first(menu_at(off, PARIS, TUESDAY_NOON - timedelta(seconds=1)))
    after = first(menu_at(off, PARIS, TUESDAY_NOON))

    assert (before.available, after.available) == (False, True)


def test_what_is_off_without_an_end_stays_off(menu: Menu) -> None:
    off = with_item(menu, available=False, served=(ServedHours((0, 1, 2, 3, 4, 5, 6), 0, 1440),))

    assert not first(menu_at(off, PARIS, TUESDAY_NOON)).available


def test_a_size_and_an_option_come_back_by_themselves(menu: Menu) -> None:
    item = menu.items[0]
    group = item.modifier_groups[0]
    sizes = tuple(replace(size, available=False, off_until=TUESDAY_NOON) for size in item.sizes)
    options = tuple(replace(option, available=False, off_until=TUESDAY_NOON) for option in group.options)
    off = with_item(menu, sizes=sizes, modifier_groups=(replace(group, options=options, minimum=1),))

    assert not orderable(first(menu_at(off, PARIS, TUESDAY_NOON - timedelta(minutes=1))))
    assert orderable(first(menu_at(off, PARIS, TUESDAY_NOON)))


def test_a_category_and_its_items_have_hours_of_their_own(menu: Menu) -> None:
    lunch = (ServedHours((0, 1, 2, 3, 4), 690, 870),)
    categories = tuple(replace(one, served=lunch) for one in menu.categories)
    late = replace(with_item(menu, served=(ServedHours((1,), 800, 870),)), categories=categories)

    def names(now: datetime) -> set[str]:
        return {item.name for item in menu_at(late, PARIS, now).items if item.available}

    noon, later = names(TUESDAY_NOON), names(TUESDAY_NOON + timedelta(hours=1))
    assert "Margherita" not in noon and "Regina" in noon
    assert "Margherita" in later
    assert names(TUESDAY_NOON + timedelta(hours=3)) == set()


@pytest.mark.parametrize(
    ("local", "served"),
    [((24, 23, 0), True), ((25, 1, 59), True), ((25, 2, 0), False), ((24, 1, 0), False), ((24, 21, 59), False)],
)
def test_a_span_may_pass_midnight(local: tuple[int, int, int], served: bool) -> None:
    day, hour, minute = local  # the 24th is a Tuesday

    assert is_served((ServedHours((1,), 22 * 60, 26 * 60),), datetime(2026, 11, day, hour, minute)) is served


@pytest.mark.parametrize(
    ("now", "back"),
    [
        # Tuesday at noon: not in the evening, but on Friday, the next day that opens.
        (TUESDAY_NOON, datetime(2026, 11, 27, 17, 45, tzinfo=UTC)),
        # Saturday 0:10 is still Friday's evening: back on Saturday at noon.
        (datetime(2026, 11, 27, 23, 10, tzinfo=UTC), datetime(2026, 11, 28, 10, 45, tzinfo=UTC)),
        # Saturday 0:20, closed: back on the next day that opens.
        (datetime(2026, 11, 27, 23, 20, tzinfo=UTC), datetime(2026, 12, 1, 10, 45, tzinfo=UTC)),
    ],
)
def test_off_for_today_lasts_until_the_next_days_first_opening(now: datetime, back: datetime) -> None:
    assert off_until_next_day(PARIS, now) == back


def test_off_for_today_passes_over_a_closed_day_and_has_no_end_without_hours() -> None:
    closed = replace(PARIS, exceptions=(OpeningException(date(2026, 11, 27)),))

    assert off_until_next_day(closed, TUESDAY_NOON) == datetime(2026, 11, 28, 10, 45, tzinfo=UTC)
    assert off_until_next_day(replace(PARIS, openings=()), TUESDAY_NOON) is None
    always = replace(PARIS, openings=tuple(Opening(day, 0, 1440) for day in range(7)))
    assert off_until_next_day(always, TUESDAY_NOON) == datetime(2026, 11, 24, 23, 0, tzinfo=UTC)
