"""The menu on one page: what there is, what it costs, and what is off today in one tap."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.menu import Menu, MenuItem, groups_of
from domain.menu_edits import with_options
from domain.names import fold
from domain.serving import off_until_next_day, returned
from web import language
from web.access import staff
from web.formats import money
from web.place.menu.area import Known, blueprint, by_script, change, load
from web.place.tenancy import restaurant
from web.words import _

Edit = Callable[[Menu], Menu]
_REASONS = {"items": "item", "sizes": "size", "options": "option"}


class State(NamedTuple):
    """``until`` says when it comes back by itself."""

    available: bool
    until: datetime | None = None


@blueprint.get("/menu")
@staff
def index() -> ResponseReturnValue:
    asked = request.args.get("q", "")[:80]
    known = load()
    shown = _shown(known)
    found = _asked_for(known.menu, asked)
    if found is not None:
        shelves = shown["by_category"].items()
        shown["by_category"] = {key: [item for item in items if item.id in found] for key, items in shelves}
    return render_template("place/menu/menu.html", **shown, asked=asked, found=found)


@blueprint.post("/menu/off/<any(items, sizes, options):kind>/<uuid:one_id>")
@staff
def set_available(kind: str, one_id: str) -> ResponseReturnValue:
    """``until`` is ``tomorrow`` (its first opening), ``kept`` (until somebody puts it back) or ``back`` (now)."""
    until = request.form.get("until")
    if until not in ("tomorrow", "kept", "back"):
        abort(400)
    state = State(until == "back", off_until_next_day(restaurant(), datetime.now(UTC)) if until == "tomorrow" else None)
    edits: dict[str, Callable[[str, State], Edit]] = {"items": item_state, "sizes": size_state, "options": option_state}
    # An item that is off today and stays off has another end, and callers hear the same.
    reason = f"{_REASONS[kind]}_{'back' if state.available else 'off'}"
    changed = change(edits[kind](str(one_id), state), reason, str(one_id))
    if kind == "options":
        return _option_answer(changed.after, str(one_id))
    item = next(
        one for one in changed.after.items if one.id == str(one_id) or any(s.id == str(one_id) for s in one.sizes)
    )
    if not by_script():
        return redirect(url_for(".index", _anchor=f"item-{item.id}"), 303)
    return render_row(item.id)


def render_row(item_id: str, *, saved: bool = False) -> str:
    """The item's row as it is now, for a script that puts it in the place of the old one."""
    known = load()
    shown = _shown(known)
    item = next((one for one in shown["menu"].items if one.id == item_id), None) or abort(404)
    return render_template("place/menu/_row.html", **shown, item=item, saved=saved)


def item_state(item_id: str, state: State) -> Edit:
    def edit(menu: Menu) -> Menu:
        item = next((one for one in menu.items if one.id == item_id), None)
        if item is None:
            raise LookupError(item_id)
        return with_item(menu, replace(item, available=state.available, off_until=state.until))

    return edit


def size_state(size_id: str, state: State) -> Edit:
    def edit(menu: Menu) -> Menu:
        item = next((one for one in menu.items if any(size.id == size_id for size in one.sizes)), None)
        if item is None:
            raise LookupError(size_id)
        sizes = tuple(
            replace(size, available=state.available, off_until=state.until) if size.id == size_id else size
            for size in item.sizes
        )
        return with_item(menu, replace(item, sizes=sizes))

    return edit


def option_state(option_id: str, state: State) -> Edit:
    def edit(menu: Menu) -> Menu:
        if not any(option.id == option_id for group in groups_of(menu).values() for option in group.options):
            raise LookupError(option_id)
        return with_options(
            menu,
            lambda option: (
                replace(option, available=state.available, off_until=state.until) if option.id == option_id else option
            ),
        )

    return edit


def with_item(menu: Menu, item: MenuItem) -> Menu:
    """``item`` in the place of the one with its id."""
    return replace(menu, items=tuple(item if one.id == item.id else one for one in menu.items))


def _shown(known: Known) -> dict[str, Any]:
    current = returned(known.menu, datetime.now(UTC))
    by_category: dict[str, list[MenuItem]] = {category.id: [] for category in current.categories}
    for item in current.items:
        by_category[item.category_id].append(item)
    return {
        "menu": current,
        "by_category": by_category,
        "version": known.version,
        **row_words(),
    }


def row_words() -> dict[str, Any]:
    """What the rows' macros need: they are drawn hundreds of times, and a look-up of a translation takes 20 µs."""
    reader, currency = language.current(), restaurant().currency
    before, _name, behind = _("Take off today: %(name)s", name="\0").partition("\0")
    return {
        "base": url_for(".index"),
        "price": lambda cents: money(cents, currency, reader),
        "say": {"off_today": _("Off today"), "allergens": _("Allergens:"), "take_off": (before, behind)},
    }


def _asked_for(menu: Menu, asked: str) -> set[str] | None:
    """The ids of the items that a search finds; None for all of them."""
    wanted = fold(asked)
    if not wanted:
        return None
    return {item.id for item in menu.items if any(wanted in fold(name) for name in (item.name, *item.aliases))}


def _option_answer(menu: Menu, option_id: str) -> ResponseReturnValue:
    if not by_script():
        flash(_("Saved. The next caller is told so."), "good")
        return redirect(url_for(".list_groups"), 303)
    current = returned(menu, datetime.now(UTC))
    options = (option for group in groups_of(current).values() for option in group.options)
    option = next(option for option in options if option.id == option_id)
    return render_template("place/menu/_option_row.html", option=option, **row_words())
