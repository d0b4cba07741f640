"""Choices (modifier groups) and their options: how many, what they add, in which amounts, what follows from them."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from domain.menu import Amount, Menu, ModifierGroup, ModifierOption, groups_of
from domain.menu_edits import with_groups, with_options
from domain.menu_rules import MAX_OPTIONS
from domain.serving import returned
from eventing.menus import InvalidMenuError
from web import language
from web.access import managers, staff
from web.formats import price_input
from web.place.menu.area import blueprint, change, load
from web.place.menu.forms import Form, id_of, is_blank
from web.place.menu.problem_words import said
from web.place.menu.shelf import row_words
from web.words import _

ASKABLE: tuple[Amount, ...] = (
    "light",
    "extra",
    "side",
)  # "without" is for ingredients: an option is left out by not choosing it
SPARE_ROWS = 2


@blueprint.get("/menu/choices")
@staff
def list_groups() -> ResponseReturnValue:
    menu = returned(load().menu, datetime.now(UTC))
    uses: dict[str, list[str]] = {}
    for item in menu.items:
        for group in item.modifier_groups:
            uses.setdefault(group.id, []).append(item.name)
    for group in groups_of(menu).values():
        for option in group.options:
            for inner in option.groups:
                uses.setdefault(inner.id, []).append(option.name)
    groups = sorted(groups_of(menu).values(), key=lambda group: group.name)
    return render_template("place/menu/groups.html", menu=menu, groups=groups, uses=uses, **row_words())


@blueprint.get("/menu/choices/new")
@managers
def new_group() -> ResponseReturnValue:
    return _form(load().menu, _blank(), is_new=True)


@blueprint.post("/menu/choices/new")
@managers
def add_group() -> ResponseReturnValue:
    def added(menu: Menu, group: ModifierGroup) -> Menu:
        return replace(menu, spare_groups=(*menu.spare_groups, group))

    return _save(_blank(), added, "group_added", is_new=True)


@blueprint.get("/menu/choices/<uuid:group_id>")
@managers
def show_group(group_id: str) -> ResponseReturnValue:
    menu = load().menu
    return _form(menu, _find(menu, str(group_id)))


@blueprint.post("/menu/choices/<uuid:group_id>")
@managers
def save_group(group_id: str) -> ResponseReturnValue:
    return _save(_find(load().menu, str(group_id)), _replaced, "group_changed")


@blueprint.post("/menu/choices/<uuid:group_id>/delete")
@managers
def delete_group(group_id: str) -> ResponseReturnValue:
    gone = str(group_id)

    def without(menu: Menu) -> Menu:
        if gone not in groups_of(menu):
            raise LookupError(gone)
        items = tuple(
            replace(item, modifier_groups=tuple(one for one in item.modifier_groups if one.id != gone))
            for item in menu.items
        )
        spare = tuple(group for group in menu.spare_groups if group.id != gone)
        bare = with_options(
            replace(menu, items=items, spare_groups=spare),
            lambda option: replace(option, groups=tuple(one for one in option.groups if one.id != gone)),
        )
        return _with_spares(menu, bare, gone)

    changed = change(without, "group_removed", gone)
    flash(_("%(name)s is removed. Undo brings it back.", name=groups_of(changed.before)[gone].name), "good")
    return redirect(url_for(".list_groups"), 303)


def _find(menu: Menu, group_id: str) -> ModifierGroup:
    return groups_of(menu).get(group_id) or abort(404)


def _blank() -> ModifierGroup:
    return ModifierGroup(str(uuid.uuid4()), "", 0, 1, ())


def _replaced(menu: Menu, read: ModifierGroup) -> Menu:
    """The group wherever it is used, its options as available as they are now."""
    now = groups_of(menu).get(read.id)
    if now is None:
        raise LookupError(read.id)
    states = {option.id: option for option in now.options}
    known = groups_of(menu)
    options = tuple(
        replace(
            option,
            available=states[option.id].available if option.id in states else True,
            off_until=states[option.id].off_until if option.id in states else None,
            groups=tuple(known[inner.id] for inner in option.groups if inner.id in known),
        )
        for option in read.options
    )
    group = replace(read, options=options)

    def put(one: ModifierGroup) -> ModifierGroup:
        if one.id == group.id:
            return group
        inner = (
            replace(option, groups=tuple(group if g.id == group.id else g for g in option.groups))
            for option in one.options
        )
        return replace(one, options=tuple(inner)) if any(option.groups for option in one.options) else one

    return _with_spares(menu, with_groups(menu, put))


def _with_spares(before: Menu, after: Menu, gone: str = "") -> Menu:
    """Groups that an option had inside and has no more are kept as spare ones."""
    known = groups_of(after)
    lost = tuple(group for key, group in groups_of(before).items() if key not in known and key != gone)
    used = {one.id for item in after.items for one in item.modifier_groups}
    used |= {inner.id for one in known.values() for option in one.options for inner in option.groups}
    spare = {one.id: one for one in (*after.spare_groups, *lost) if one.id not in used}
    return replace(after, spare_groups=tuple(sorted(spare.values(), key=lambda one: (one.name, one.id))))


def _save(group: ModifierGroup, edit: Any, reason: str, *, is_new: bool = False) -> ResponseReturnValue:
    form = Form(request.form)
    menu = load().menu
    read = _read(form, group, menu)
    if not form.errors:
        try:
            change(lambda now: edit(now, read), reason, read.id)
        except InvalidMenuError as refused:
            for problem in refused.problems:
                place = {"minimum": "minimum", "maximum": "maximum", "included": "included"}.get(problem.reason, "form")
                form.errors[place] = said(problem)
    if form.errors:
        return _form(menu, read, form.typed, form.errors, is_new=is_new), 422
    flash(_("%(name)s is saved. The next caller is told so.", name=read.name), "good")
    return redirect(url_for(".list_groups", _anchor=f"group-{read.id}"), 303)


def _read(form: Form, group: ModifierGroup, menu: Menu) -> ModifierGroup:
    options = _read_options(form, group, menu)
    most = max(1, len(options))
    return replace(
        group,
        name=form.text("name", required=True),
        minimum=form.whole(form.typed.get("minimum", "0"), "minimum", 0, most),
        maximum=form.whole(form.typed.get("maximum", "1"), "maximum", 1, most),
        included=form.whole(form.typed.get("included") or "0", "included", 0, MAX_OPTIONS),
        amounts=tuple(amount for amount in ASKABLE if amount in form.typed.getlist("amount")),
        light_percent=form.whole(form.typed.get("light-percent") or "100", "light-percent", 0, 100),
        extra_percent=form.whole(form.typed.get("extra-percent") or "200", "extra-percent", 100, 1000),
        options=options,
    )


def _read_options(form: Form, group: ModifierGroup, menu: Menu) -> tuple[ModifierOption, ...]:
    known = {option.id for option in group.options}
    groups = groups_of(menu)
    found = []
    fields = ("option-id", "option-name", "option-price", "option-aliases", "option-group")
    for at, (option_id, name, price, aliases, inner) in enumerate(form.rows(*fields)):
        if is_blank((name, price, aliases)):
            continue
        inside = (groups[inner],) if inner in groups and inner != group.id else ()
        option = ModifierOption(
            id_of(option_id, known),
            form.clean(name, f"option-name-{at}", required=True),
            form.cents(price, f"option-price-{at}", blank=0),
            aliases=form.words(aliases, f"option-aliases-{at}"),
            groups=inside,
        )
        found.append(option)
    if not found:
        form.errors["option-name-0"] = _("Type at least one option.")
    return tuple(found)


def _form(
    menu: Menu,
    group: ModifierGroup,
    typed: MultiDict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    *,
    is_new: bool = False,
) -> str:
    others = {key: one for key, one in groups_of(menu).items() if key != group.id}
    inner = [one for one in others.values() if not any(option.groups for option in one.options)]
    users = [item.name for item in menu.items if any(one.id == group.id for one in item.modifier_groups)]
    return render_template(
        "place/menu/group.html",
        group=group,
        typed=_fields(group) if typed is None else typed,
        errors=errors or {},
        is_new=is_new,
        inner=inner,
        users=users,
        askable=ASKABLE,
        spare_rows=SPARE_ROWS,
    )


def _fields(group: ModifierGroup) -> MultiDict[str, str]:
    reader = language.current()
    options = group.options
    fields: dict[str, Any] = {
        "name": group.name,
        "minimum": str(group.minimum),
        "maximum": str(group.maximum),
        "included": str(group.included),
        "amount": list(group.amounts),
        "light-percent": str(group.light_percent),
        "extra-percent": str(group.extra_percent),
        "option-id": [option.id for option in options],
        "option-name": [option.name for option in options],
        "option-price": [price_input(option.price_cents, reader) if option.price_cents else "" for option in options],
        "option-aliases": [", ".join(option.aliases) for option in options],
        "option-group": [option.groups[0].id if option.groups else "" for option in options],
    }
    return MultiDict(fields)
