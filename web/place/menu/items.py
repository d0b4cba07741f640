"""One item, one form: names, sizes with prices, VAT, allergens, what comes with it, its choices, its hours."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from typing import Any

import msgspec
from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from domain import allergens
from domain.menu import ComboChoice, ComboPart, Ingredient, ItemSize, Menu, MenuItem, groups_of
from domain.menu_rules import MAX_DESCRIPTION, Problem
from domain.names import fold
from domain.vat import VAT_CLASSES, VatRates, rates_of_class, standard_rate_bp
from eventing.menus import InvalidMenuError
from web import language
from web.access import managers
from web.formats import price_input
from web.place.menu import forms
from web.place.menu.area import Known, blueprint, by_script, change, load
from web.place.menu.forms import Form, is_blank
from web.place.menu.problem_words import said
from web.place.menu.shelf import render_row, with_item
from web.place.tenancy import restaurant
from web.words import _

SPARE_ROWS = 2  # for a browser without scripts, which can't add any


@blueprint.get("/menu/items/new")
@managers
def new_item() -> ResponseReturnValue:
    known = load()
    if not known.menu.categories:
        return redirect(url_for(".new_category"), 303)
    wanted = request.args.get("category", "")
    ids = [category.id for category in known.menu.categories]
    item = _blank(known.menu, wanted if wanted in ids else ids[0])
    return _form(known, item, _fields(item, known.menu), is_new=True)


@blueprint.post("/menu/items/new")
@managers
def add_item() -> ResponseReturnValue:
    known = load()
    form = Form(request.form)
    categories = {category.id for category in known.menu.categories} or abort(404)
    category_id = form.text("category")
    item = _blank(known.menu, category_id if category_id in categories else min(categories))
    read = _read(form, item, known.menu)
    return _save(known, form, read, lambda menu: replace(menu, items=(*menu.items, read)), "item_added", is_new=True)


@blueprint.get("/menu/items/<uuid:item_id>")
@managers
def show_item(item_id: str) -> ResponseReturnValue:
    return page_of(str(item_id))


def page_of(item_id: str, *, photo_problem: str = "") -> str:
    """The item's page as it is; ends the request with 404."""
    known = load()
    item = _find(known.menu, item_id)
    return _form(known, item, _fields(item, known.menu), photo_problem=photo_problem)


@blueprint.post("/menu/items/<uuid:item_id>")
@managers
def save_item(item_id: str) -> ResponseReturnValue:
    known = load()
    item = _find(known.menu, str(item_id))
    form = Form(request.form)
    if form.typed.get("seen", "") != _seen(item):
        form.errors["seen"] = _(
            "Somebody changed this item while you were typing. Your text is kept: save again to put it over theirs."
        )
    read = _read(form, item, known.menu)
    return _save(known, form, read, lambda menu: _replaced(menu, read), "item_changed")


@blueprint.post("/menu/items/<uuid:item_id>/delete")
@managers
def delete_item(item_id: str) -> ResponseReturnValue:
    """Combos that it could fill a part of lose that choice; a part without any is for their form to put right."""
    changed = change(lambda menu: _without(menu, str(item_id)), "item_removed", str(item_id))
    name = next(item.name for item in changed.before.items if item.id == str(item_id))
    flash(_("%(item)s is off the menu for good. Undo brings it back.", item=name), "good")
    return redirect(url_for(".index"), 303)


def _find(menu: Menu, item_id: str) -> MenuItem:
    return next((item for item in menu.items if item.id == item_id), None) or abort(404)


def _replaced(menu: Menu, read: MenuItem) -> Menu:
    """With what the form does not say as it is now; an item that moves to another category goes to its end."""
    now = next((item for item in menu.items if item.id == read.id), None)
    if now is None:
        raise LookupError(read.id)
    states = {size.id: size for size in now.sizes}
    sizes = tuple(
        replace(size, available=states[size.id].available, off_until=states[size.id].off_until)
        if size.id in states
        else size
        for size in read.sizes
    )
    item = replace(read, sizes=sizes, available=now.available, off_until=now.off_until)
    if item.category_id == now.category_id:
        return with_item(menu, item)
    return replace(menu, items=(*(one for one in menu.items if one.id != item.id), item))


def _without(menu: Menu, item_id: str) -> Menu:
    if not any(item.id == item_id for item in menu.items):
        raise LookupError(item_id)

    def without(part: ComboPart) -> ComboPart:
        return part._replace(choices=tuple(choice for choice in part.choices if choice.item_id != item_id))

    items = tuple(
        replace(item, combo=tuple(filled for part in item.combo if (filled := without(part)).choices))
        for item in menu.items
        if item.id != item_id
    )
    return replace(menu, items=items)


def _save(
    known: Known, form: Form, read: MenuItem, edit: Any, reason: str, *, is_new: bool = False
) -> ResponseReturnValue:
    if not form.errors:
        try:
            change(edit, reason, read.id)
        except InvalidMenuError as refused:
            _place_problems(form, read, refused.problems)
    if form.errors:
        return _form(known, read, form.typed, form.errors, is_new=is_new), 422
    if by_script() and not is_new:
        return render_row(read.id, saved=True)
    flash(_("%(item)s is saved. The next caller is told so.", item=read.name), "good")
    return redirect(url_for(".index", _anchor=f"item-{read.id}"), 303)


def _place_problems(form: Form, read: MenuItem, found: tuple[Problem, ...]) -> None:
    """Each at the field that can put it right; what is not this item's is said on top."""
    rows = {
        "size": ("size-name", [size.id for size in read.sizes]),
        "ingredient": ("ingredient-name", [one.id for one in read.ingredients]),
        "part": ("part-name", [part.id for part in read.combo]),
    }
    for problem in found:
        field, ids = rows.get(problem.kind, ("", []))
        if problem.kind == "item" and problem.id == read.id:
            place = {"same_name": "name", "no_name": "name", "long_name": "name", "served": "served-0"}
            form.errors[place.get(problem.reason, "form")] = said(problem)
        elif problem.id in ids:
            form.errors[f"{field}-{ids.index(problem.id)}"] = said(problem)
        else:
            form.errors["form"] = said(problem)


def _read(form: Form, item: MenuItem, menu: Menu) -> MenuItem:
    """``item`` as the form has it; what it can't read stays out, with an error."""
    groups = groups_of(menu)
    categories = {category.id for category in menu.categories}
    category_id = form.text("category")
    if category_id not in categories:
        form.errors["category"] = _("Choose a category.")
    return replace(
        item,
        name=form.text("name", required=True),
        category_id=category_id if category_id in categories else item.category_id,
        description=form.text("description", MAX_DESCRIPTION),
        aliases=form.words(form.typed.get("aliases", ""), "aliases"),
        vat=form.vat(restaurant().country),
        allergens=form.allergens(restaurant().language, item.allergens),
        sizes=_read_sizes(form, item),
        ingredients=_read_ingredients(form, item),
        modifier_groups=tuple(groups[one] for one in dict.fromkeys(form.typed.getlist("group")) if one in groups),
        combo=_read_combo(form, item, menu),
        served=form.served(),
    )


def _read_sizes(form: Form, item: MenuItem) -> tuple[ItemSize, ...]:
    known = {size.id for size in item.sizes}
    found = []
    for at, (size_id, name, price) in enumerate(form.rows("size-id", "size-name", "size-price")):
        if not is_blank((name, price)):
            cents = form.cents(price, f"size-price-{at}")
            found.append(ItemSize(forms.id_of(size_id, known), form.clean(name, f"size-name-{at}"), cents))
    if not found:
        form.errors["size-price-0"] = _("Type a price.")
    if len(found) > 1 and any(not size.name for size in found):
        form.errors.setdefault("size-name-0", _("With several sizes each needs a name."))
    return tuple(found)


def _read_ingredients(form: Form, item: MenuItem) -> tuple[Ingredient, ...]:
    known = {one.id for one in item.ingredients}
    aliases = {one.id: one.aliases for one in item.ingredients}
    fields = ("ingredient-id", "ingredient-name", "ingredient-extra", "ingredient-stays")
    found = []
    for at, (one_id, name, extra, stays) in enumerate(form.rows(*fields)):
        if not is_blank((name, extra)):
            one_id = forms.id_of(one_id, known)
            named = form.clean(name, f"ingredient-name-{at}", required=True)
            cents = form.cents(extra, f"ingredient-extra-{at}", blank=0)
            found.append(Ingredient(one_id, named, cents, stays != "yes", aliases.get(one_id, ())))
    return tuple(found)


def _read_combo(form: Form, item: MenuItem, menu: Menu) -> tuple[ComboPart, ...]:
    """A part's choices are lines: an item's name, with ``+ 1.50`` where it costs more."""
    known = {part.id for part in item.combo}
    by_name = {fold(one.name): one.id for one in menu.items}
    found = []
    for at, (part_id, name, lines) in enumerate(form.rows("part-id", "part-name", "part-choices")):
        if is_blank((name, lines)):
            continue
        choices = []
        for line in filter(None, map(str.strip, lines.splitlines())):
            named, plus, extra = line.rpartition("+")
            wanted = (named if plus else line).strip()
            if fold(line) in by_name:  # a "+" in the name itself
                wanted, plus = line, ""
            if fold(wanted) not in by_name:
                form.errors[f"part-choices-{at}"] = _("No item of the menu is called “%(name)s”.", name=wanted[:80])
                continue
            cents = form.cents(extra, f"part-choices-{at}") if plus else 0
            choices.append(ComboChoice(by_name[fold(wanted)], cents))
        if not choices:
            form.errors.setdefault(f"part-choices-{at}", _("Type at least one item of the menu, one a line."))
        part = form.clean(name, f"part-name-{at}", required=True)
        unique = {choice.item_id: choice for choice in choices}
        found.append(ComboPart(forms.id_of(part_id, known), part, tuple(unique.values())))
    return tuple(found)


def _form(
    known: Known,
    item: MenuItem,
    typed: MultiDict[str, str],
    errors: dict[str, str] | None = None,
    *,
    is_new: bool = False,
    photo_problem: str = "",
) -> str:
    country = restaurant().country
    classes = [(name, rates) for name in VAT_CLASSES if (rates := rates_of_class(country, name))]
    chosen = typed.getlist("group")
    groups = groups_of(known.menu)
    ordered = [groups[one] for one in dict.fromkeys(chosen) if one in groups]
    template = "place/menu/_item_form.html" if by_script() else "place/menu/item.html"
    return render_template(
        template,
        menu=known.menu,
        item=item,
        typed=typed,
        errors=errors or {},
        is_new=is_new,
        seen=_seen(item if is_new else next(one for one in known.menu.items if one.id == item.id)),
        classes=classes,
        groups=ordered + [group for key, group in groups.items() if key not in chosen],
        chosen=set(chosen),
        codes=allergens.CODES,
        allergen_word=allergens.word,
        spare_rows=SPARE_ROWS,
        photo=item.photo,
        photo_problem=photo_problem,
    )


def _fields(item: MenuItem, menu: Menu) -> MultiDict[str, str]:
    """The form's fields for the item as it is."""
    reader = language.current()
    names = {one.id: one.name for one in menu.items}
    vat_class = next((name for name in VAT_CLASSES if rates_of_class(restaurant().country, name) == item.vat), "other")
    codes = {word: allergens.code_of(word) for word in item.allergens}

    def choice_line(choice: ComboChoice) -> str:
        extra = f" + {price_input(choice.extra_cents, reader)}" if choice.extra_cents else ""
        return f"{names.get(choice.item_id, '')}{extra}"

    fields: dict[str, Any] = {
        "name": item.name,
        "category": item.category_id,
        "description": item.description,
        "aliases": ", ".join(item.aliases),
        "vat": vat_class,
        "vat-take-away": forms.percent_text(item.vat.take_away_bp, reader),
        "vat-dine-in": forms.percent_text(item.vat.dine_in_bp, reader),
        "allergen": [code for code in codes.values() if code],
        "other-allergens": ", ".join(word for word, code in codes.items() if code is None),
        "size-id": [size.id for size in item.sizes],
        "size-name": [size.name for size in item.sizes],
        "size-price": [price_input(size.price_cents, reader) for size in item.sizes] if item.name else [""],
        "ingredient-id": [one.id for one in item.ingredients],
        "ingredient-name": [one.name for one in item.ingredients],
        "ingredient-extra": [
            price_input(one.extra_cents, reader) if one.extra_cents else "" for one in item.ingredients
        ],
        "ingredient-stays": ["no" if one.removable else "yes" for one in item.ingredients],
        "group": [group.id for group in item.modifier_groups],
        "part-id": [part.id for part in item.combo],
        "part-name": [part.name for part in item.combo],
        "part-choices": ["\n".join(map(choice_line, part.choices)) for part in item.combo],
        **forms.served_fields(item.served),
    }
    return MultiDict(fields)


def _blank(menu: Menu, category_id: str) -> MenuItem:
    """A new item takes the VAT of its category's last one: most of them are alike."""
    neighbours = [item.vat for item in menu.items if item.category_id == category_id]
    country = restaurant().country
    standard = standard_rate_bp(country)
    vat = neighbours[-1] if neighbours else rates_of_class(country, "meal") or VatRates(standard, standard)
    return MenuItem(str(uuid.uuid4()), category_id, "", (ItemSize(str(uuid.uuid4()), "", 0),), vat)


def _seen(item: MenuItem) -> str:
    """Differs when the form would show something else."""
    shown = replace(
        item,
        available=True,
        off_until=None,
        photo="",
        sizes=tuple(replace(size, available=True, off_until=None) for size in item.sizes),
        modifier_groups=(),
    )
    groups = [group.id for group in item.modifier_groups]
    return hashlib.sha256(msgspec.json.encode((shown, groups))).hexdigest()[:16]
