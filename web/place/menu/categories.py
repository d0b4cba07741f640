"""Categories: their names, the hours when they are served, and whether two of their items may be halves of one."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from domain.menu import HALVES_RULES, Menu, MenuCategory
from eventing.menus import InvalidMenuError
from web.access import managers
from web.place.menu import forms
from web.place.menu.area import blueprint, change, load
from web.place.menu.forms import Form
from web.place.menu.problem_words import said
from web.words import _


@blueprint.get("/menu/categories/new")
@managers
def new_category() -> ResponseReturnValue:
    return _form(load().menu, MenuCategory(str(uuid.uuid4()), ""), is_new=True)


@blueprint.post("/menu/categories/new")
@managers
def add_category() -> ResponseReturnValue:
    def added(menu: Menu, category: MenuCategory) -> Menu:
        last = max((one.position for one in menu.categories), default=-1)
        return replace(menu, categories=(*menu.categories, replace(category, position=last + 1)))

    return _save(MenuCategory(str(uuid.uuid4()), ""), added, "category_added", is_new=True)


@blueprint.get("/menu/categories/<uuid:category_id>")
@managers
def show_category(category_id: str) -> ResponseReturnValue:
    menu = load().menu
    return _form(menu, _find(menu, str(category_id)))


@blueprint.post("/menu/categories/<uuid:category_id>")
@managers
def save_category(category_id: str) -> ResponseReturnValue:
    def changed(menu: Menu, category: MenuCategory) -> Menu:
        known = (replace(category, position=one.position) if one.id == category.id else one for one in menu.categories)
        return replace(menu, categories=tuple(known))

    return _save(_find(load().menu, str(category_id)), changed, "category_changed")


@blueprint.post("/menu/categories/<uuid:category_id>/delete")
@managers
def delete_category(category_id: str) -> ResponseReturnValue:
    """Only an empty one: a whole shelf of dishes is not lost with one tap."""
    menu = load().menu
    category = _find(menu, str(category_id))
    if any(item.category_id == category.id for item in menu.items):
        problem = _("Move its items to another category first, or remove them.")
        return _form(menu, category, errors={"form": problem}), 422

    def without(now: Menu) -> Menu:
        if any(item.category_id == category.id for item in now.items):
            raise LookupError(category.id)
        return replace(now, categories=tuple(one for one in now.categories if one.id != category.id))

    change(without, "category_removed", category.id)
    flash(_("The category %(name)s is removed.", name=category.name), "good")
    return redirect(url_for(".index"), 303)


def _find(menu: Menu, category_id: str) -> MenuCategory:
    return next((one for one in menu.categories if one.id == category_id), None) or abort(404)


def _save(category: MenuCategory, edit: Any, reason: str, *, is_new: bool = False) -> ResponseReturnValue:
    form = Form(request.form)
    halves = form.typed.get("halves", "")
    read = replace(
        category,
        name=form.text("name", required=True),
        halves=halves if halves in HALVES_RULES else None,
        served=form.served(),
    )
    if not form.errors:
        try:
            change(lambda menu: edit(menu, read), reason, read.id)
        except InvalidMenuError as refused:
            form.errors["name"] = " ".join(dict.fromkeys(said(problem) for problem in refused.problems))
    if form.errors:
        return _form(load().menu, category, form.typed, form.errors, is_new=is_new), 422
    flash(_("%(name)s is saved.", name=read.name), "good")
    return redirect(url_for(".index", _anchor=f"category-{read.id}"), 303)


def _form(
    menu: Menu,
    category: MenuCategory,
    typed: MultiDict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    *,
    is_new: bool = False,
) -> str:
    fields: dict[str, Any] = {
        "name": category.name,
        "halves": category.halves or "",
        **forms.served_fields(category.served),
    }
    return render_template(
        "place/menu/category.html",
        category=category,
        typed=MultiDict(fields) if typed is None else typed,
        errors=errors or {},
        is_new=is_new,
        count=sum(item.category_id == category.id for item in menu.items),
    )
