"""The order in which callers hear the menu: moved by buttons, by keys or by dragging; each is one of two requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.menu import Menu, MenuCategory, MenuItem
from web.access import managers
from web.place.menu.area import blueprint, by_script, change, load

Placed = TypeVar("Placed", MenuItem, MenuCategory)


@blueprint.get("/menu/order")
@managers
def arrange() -> ResponseReturnValue:
    menu = load().menu
    by_category: dict[str, list[MenuItem]] = {category.id: [] for category in menu.categories}
    for item in menu.items:
        by_category[item.category_id].append(item)
    return render_template("place/menu/arrange.html", menu=menu, by_category=by_category, base=url_for(".index"))


@blueprint.post("/menu/order/<any(items, categories):kind>/<uuid:one_id>")
@managers
def move(kind: str, one_id: str) -> ResponseReturnValue:
    """``step`` is how far it moves (-1 is one place up), or ``to`` the place counted from 0 within its list."""
    step, to = request.form.get("step", type=int), request.form.get("to", type=int)
    edit = _moved_item if kind == "items" else _moved_category
    change(lambda menu: edit(menu, str(one_id), step, to), "order_changed", str(one_id))
    if by_script():
        return "", 204
    return redirect(url_for(".arrange", _anchor=f"{kind}-{one_id}"), 303)


def _moved_item(menu: Menu, item_id: str, step: int | None, to: int | None) -> Menu:
    item = next((one for one in menu.items if one.id == item_id), None)
    if item is None:
        raise LookupError(item_id)
    shelf = _moved([one for one in menu.items if one.category_id == item.category_id], item, step, to)
    places = iter(shelf)
    return replace(
        menu, items=tuple(next(places) if one.category_id == item.category_id else one for one in menu.items)
    )


def _moved_category(menu: Menu, category_id: str, step: int | None, to: int | None) -> Menu:
    category = next((one for one in menu.categories if one.id == category_id), None)
    if category is None:
        raise LookupError(category_id)
    moved = _moved(menu.categories, category, step, to)
    return replace(menu, categories=tuple(replace(one, position=at) for at, one in enumerate(moved)))


def _moved(row: Sequence[Placed], one: Placed, step: int | None, to: int | None) -> list[Placed]:
    there = to if to is not None else row.index(one) + (step or 0)
    moved = [other for other in row if other is not one]
    moved.insert(max(0, there), one)
    return moved
