"""What is wrong with a menu, and changes to one, in the reader's words."""

from collections.abc import Sequence

from flask_babel import get_locale  # type: ignore[import-untyped]

from domain import allergens
from domain.menu_changes import Change
from domain.menu_rules import MAX_NAME, MAX_PRICE_CENTS, Problem
from domain.till_menus import Loss
from web.words import _

SHOWN = 200  # changes, losses or problems on a page


def said(problem: Problem) -> str:
    """The problem and its fix."""
    name = f"“{problem.name}”" if problem.name else ""
    sentences = {
        "no_name": _("A name is missing."),
        "long_name": _("%(name)s: at most %(limit)s characters.", name=name, limit=MAX_NAME),
        "same_name": _("%(name)s is there twice: callers could not tell the two apart. Change one name.", name=name),
        "price": _("%(name)s: the price must be from 0 to %(limit)s.", name=name, limit=MAX_PRICE_CENTS // 100),
        "no_size": _("%(name)s has no price.", name=name),
        "unnamed_size": _("%(name)s has several sizes: each needs a name.", name=name),
        "too_many": _("%(name)s: at most %(limit)s.", name=name, limit=problem.detail),
        "minimum": _("%(name)s: the smallest number must not be above the largest.", name=name),
        "maximum": _(
            "%(name)s: the largest number must be from 1 to %(limit)s, the number of options.",
            name=name,
            limit=problem.detail,
        ),
        "included": _("%(name)s: not more can be included than chosen.", name=name),
        "nested": _("%(name)s: options inside of an option have no further choices.", name=name),
        "combo_choices": _("%(name)s: a part of a combo needs at least one item.", name=name),
        "combo_of_combos": _("%(name)s: %(other)s is itself a combo.", name=name, other=problem.detail),
        "combo_unknown": _("%(name)s: an item of it is not on the menu any more.", name=name),
        "served": _("%(name)s: choose days, and a time that ends after it begins.", name=name),
        "vat": _("%(name)s: VAT must be from 0 to 100 %%.", name=name),
        "no_category": _("%(name)s is in no category.", name=name),
    }
    return sentences[problem.reason]


def loss_said(loss: Loss) -> str:
    """What of a till's menu has no place on ours, and what was done instead."""
    name, detail = f"“{loss.name}”", loss.detail
    language = str(get_locale() or "en")
    listed = ", ".join(allergens.word(code, language) for code in detail.split() if code in allergens.CODES)
    sentences = {
        "no_name": _("%(name)s has no name at the till: it is called by its code.", name=name),
        "no_price": _("%(name)s has no fixed price at the till: it is left out.", name=name),
        "no_options": _("%(name)s is a choice with nothing in it: it is left out.", name=name),
        "below_zero": _("%(name)s costs less than nothing: it is left out.", name=name),
        "again": _("%(name)s: callers choose each option once, not several times.", name=name),
        "deeper": _("%(name)s: choices inside of choices inside of choices are left out.", name=name),
        "hours": _("%(name)s: when it is served is not taken over. Set it here.", name=name),
        "tag": _("%(name)s: label %(tag)s is not known here. If it is an allergen, add it.", name=name, tag=detail),
        "allergens": _(
            "%(name)s: no allergens are kept for choices, and the till lists %(allergens)s."
            " Add them to the dishes that have this choice.",
            name=name,
            allergens=listed,
        ),
        "free_text": _("%(name)s is a free text: callers say it as a wish.", name=name),
        "tax_on_top": _("%(name)s: its price at the till is without tax. Callers are told prices with tax.", name=name),
        "several_places": _("%(name)s stands in several places: here it stands in the first.", name=name),
        "renamed": _("%(name)s is there twice: one is called “%(other)s” here.", name=name, other=detail),
        "cut": _("%(name)s is too long: it is cut.", name=name),
    }
    return sentences[loss.reason]


def kinds() -> dict[str, str]:
    return {
        "category": _("Category"),
        "item": _("Item"),
        "size": _("Size"),
        "ingredient": _("Ingredient"),
        "part": _("Part of a combo"),
        "group": _("Choice"),
        "option": _("Option"),
    }


def reasons() -> dict[str, str]:
    """What a version of the menu came from."""
    return {
        "before": _("The menu as it was before"),
        "item_added": _("Item added"),
        "item_changed": _("Item changed"),
        "item_removed": _("Item removed"),
        "item_off": _("Item off"),
        "item_back": _("Item back"),
        "size_off": _("Size off"),
        "size_back": _("Size back"),
        "option_off": _("Option off"),
        "option_back": _("Option back"),
        "category_added": _("Category added"),
        "category_changed": _("Category changed"),
        "category_removed": _("Category removed"),
        "group_added": _("Choice added"),
        "group_changed": _("Choice changed"),
        "group_removed": _("Choice removed"),
        "order_changed": _("Order changed"),
        "price_changed": _("Price changed"),
        "availability_changed": _("Off or back"),
        "photo_changed": _("Photo changed"),
        "photo_removed": _("Photo removed"),
        "menu_replaced": _("Replaced by a program"),
        "menu_imported": _("Imported from a file"),
        "menu_from_till": _("Taken over from the till"),
        "example_taken": _("Taken from an example"),
        "version_restored": _("Earlier version put back"),
        "change_undone": _("Change undone"),
    }


def field_names() -> dict[str, str]:
    return {
        "name": _("name"),
        "category": _("category"),
        "description": _("description"),
        "aliases": _("also called"),
        "allergens": _("allergens"),
        "vat": _("VAT"),
        "available": _("available"),
        "off_until": _("off until"),
        "served": _("hours"),
        "photo": _("photo"),
        "position": _("place"),
        "modifier_groups": _("choices"),
        "groups": _("choices"),
        "price_cents": _("price"),
        "extra_cents": _("price of more"),
        "removable": _("can be left out"),
        "choices": _("items"),
        "halves": _("halves"),
        "minimum": _("at least"),
        "maximum": _("at most"),
        "included": _("included"),
        "amounts": _("amounts"),
        "light_percent": _("price of light"),
        "extra_percent": _("price of extra"),
    }


def change_words(differing: Sequence[Change]) -> dict[str, object]:
    """What a page needs that shows changes which are still to be agreed to."""
    return {
        "counts": {what: sum(one.what == what for one in differing) for what in ("added", "changed", "removed")},
        "shown_most": SHOWN,
        "kinds": kinds(),
        "fields_of": fields_of,
    }


def fields_of(change: Change) -> str:
    """The names of what changed, between commas."""
    names = field_names()
    return ", ".join(dict.fromkeys(names.get(field.field, field.field) for field in change.fields))
