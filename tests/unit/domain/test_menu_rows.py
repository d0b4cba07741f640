"""A menu goes into a spreadsheet and comes back exactly; what is wrong in one is said with its row and column."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.menu import Menu, MenuItem, ModifierGroup, ModifierOption
from domain.menu_cells import RowError
from domain.menu_changes import changes
from domain.menu_reading import read
from domain.menu_rows import COLUMNS, written
from domain.restaurant import Restaurant
from web.place import example_menus

pytestmark = pytest.mark.unit

WHO = Restaurant("7c5f0f43-5d0a-4b9e-9a51-6a2b3c4d5e6f", "A", "fr", "EUR", "Europe/Paris", country="FR")
ALL = ("bistro", "burger", "cafe", "kebab", "pizzeria", "sushi")


def example(kind: str = "burger") -> Menu:
    return example_menus.load(kind, WHO)


def errors_of(rows: list[list[str]], menu: Menu | None = None) -> tuple[RowError, ...]:
    return read(rows, menu or example()).errors


def with_cell(rows: list[list[str]], kind: str, column: str, value: str) -> tuple[list[list[str]], int]:
    """The first row of this kind with another value, and its number."""
    at = next(at for at, row in enumerate(rows) if row[0] == kind)
    row = list(rows[at])
    row[COLUMNS.index(column)] = value
    return [*rows[:at], row, *rows[at + 1 :]], at + 1


@pytest.mark.parametrize("kind", ALL)
def test_what_is_written_is_read_as_the_same_menu(kind: str) -> None:
    menu = example(kind)

    found = read(written(menu), menu)

    assert found.errors == ()
    assert found.menu == menu


@pytest.mark.parametrize("kind", ALL)
def test_without_ids_the_names_tell_what_is_meant(kind: str) -> None:
    menu = example(kind)
    rows = [row[:-1] for row in written(menu)]

    found = read(rows, menu)

    assert found.menu is not None
    assert changes(menu, found.menu) == ()


def test_into_an_empty_menu_it_is_the_same_menu_under_other_ids() -> None:
    menu = example()
    empty = replace(menu, categories=(), items=())

    found = read(written(menu), empty).menu

    assert found is not None
    assert [row[:-1] for row in written(found)] == [row[:-1] for row in written(menu)]
    assert {item.id for item in found.items}.isdisjoint({item.id for item in menu.items})


def test_two_choices_of_one_name_are_told_apart() -> None:
    menu = example()
    twin = ModifierGroup("00000000-0000-4000-8000-000000000009", "Suppléments", 0, 1, (ModifierOption("x", "Autre"),))
    first = replace(menu.items[0], modifier_groups=(*menu.items[0].modifier_groups, twin))
    both = replace(menu, items=(first, *menu.items[1:]))

    assert read(written(both), both).menu == both


def test_what_a_file_does_not_name_is_gone_and_what_is_new_is_added() -> None:
    menu = example()
    rows = [row for row in written(menu) if row[1] != "Onion rings" or row[0] != "item"]
    rows = [[cell.replace("Onion rings + 1.00", "Frites") for cell in row] for row in rows]

    found = read(rows, menu)

    assert found.errors == ()
    assert found.menu is not None
    assert [
        (one.what, one.name) for one in changes(menu, found.menu) if one.kind == "item" and one.what == "removed"
    ] == [("removed", "Onion rings")]


@pytest.mark.parametrize(
    ("kind", "column", "value", "reason"),
    [
        ("size", "price", "abc", "price"),
        ("size", "price", "-3", "price"),
        ("size", "price", "1,234", "price"),
        ("size", "price", "", "price"),
        ("item", "vat_take_away", "101", "percent"),
        ("item", "hours", "lundi", "hours"),
        ("item", "choices", "Nothing", "unknown_choice"),
        ("part", "choices", "Nothing + 1.00", "unknown_item"),
        ("item", "available", "perhaps", "yes_no"),
        ("choice", "minimum", "many", "number"),
        ("choice", "amounts", "huge", "amounts"),
        ("category", "halves", "cheaper", "halves"),
        ("category", "row", "shelf", "unknown_row"),
        ("option", "name", "", "no_name"),
        ("item", "name", "x" * 81, "text"),
    ],
)
def test_a_mistake_is_said_with_its_row_and_column(kind: str, column: str, value: str, reason: str) -> None:
    rows, number = with_cell(written(example()), kind, column, value)

    found = errors_of(rows)

    assert any((one.row, one.column, one.reason) == (number, column, reason) for one in found), found
    assert read(rows, example()).menu is None


def test_rows_without_their_place_and_files_without_a_header_are_refused() -> None:
    assert {one.reason for one in errors_of([["row", "name"], ["size", "Large"], ["option", "Olives"]])} == {"no_place"}
    assert [one.reason for one in errors_of([["a", "b"], ["1", "2"]])] == ["no_header"]
    assert [one.reason for one in errors_of([])] == ["no_header"]


@given(st.lists(st.lists(st.text(max_size=12), max_size=24), max_size=12))
def test_whatever_a_file_holds_it_is_read_or_refused(rows: list[list[str]]) -> None:
    kinds = ("item", "choice", "category") * 4
    found = read([list(COLUMNS), *([kind, *row] for kind, row in zip(kinds, rows, strict=False))], example())

    assert (found.menu is None) == bool(found.errors)


@given(st.text(alphabet="ab;+\\#=-@'\" ,é", min_size=1, max_size=12).filter(lambda text: text.strip()))
def test_a_name_with_any_sign_in_it_comes_back(name: str) -> None:
    menu = example("cafe")
    clean = " ".join(name.split())
    first = replace(menu.items[0], name=f"x{clean}", aliases=(f"y{clean}",))
    group = replace(menu.items[1].modifier_groups[0], name=f"z{clean}")
    second = replace(menu.items[1], modifier_groups=(group, *menu.items[1].modifier_groups[1:]))

    def renamed(item: MenuItem) -> MenuItem:
        groups = (group if one.id == group.id else one for one in item.modifier_groups)
        return replace(item, modifier_groups=tuple(groups))

    others = map(renamed, menu.items[2:])
    named = replace(menu, items=(first, second, *others))

    assert read(written(named), named).menu == named
