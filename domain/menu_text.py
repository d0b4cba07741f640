"""The menu as the model reads it: a line for each item, and below it what it comes with and what is to choose.

The local agent reads these lines too (``devstack.speech.menu_card``). A group that several items have is written out
once and named after that. What does not fit is left out whole: then the model looks for it with ``search_menu``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from domain import spoken_time
from domain.choices import orderable
from domain.menu import (
    ComboChoice,
    ComboPart,
    Ingredient,
    Menu,
    MenuCategory,
    MenuItem,
    ModifierGroup,
    ModifierOption,
    ServedHours,
)
from domain.money import decimal_text
from domain.prompt_texts import PromptTexts

MAX_MENU = 15_000  # characters, about 5,000 tokens


def menu_text(menu: Menu, texts: PromptTexts, *, with_descriptions: bool = True) -> str:
    """With descriptions if they are wanted and fit, else without; a menu that does not fit at all is its categories."""
    for described in (True, False) if with_descriptions else (False,):
        lines = _bounded(_menu_lines(menu, texts, described))
        if lines is not None:
            return "\n".join(lines)
    shelves = [texts.shelf.format(name=name, count=len(items)) for name, _, items in _shelves(menu, texts) if items]
    return "\n".join([*shelves, texts.menu_is_searched])


def fits(menu: Menu, texts: PromptTexts) -> bool:
    """Whether the whole menu stands in the prompt."""
    return _bounded(_menu_lines(menu, texts, with_descriptions=False)) is not None


def item_text(menu: Menu, item: MenuItem, texts: PromptTexts) -> str:
    """One item's lines, with all that belongs to it written out."""
    return "\n".join(_Writer(menu, texts, with_descriptions=True).item(item))


def served_text(served: tuple[ServedHours, ...], language: str) -> str:
    """``from 8 am to 11 am, Monday to Friday; from 9 am to 11 am, Saturday``; "" for always."""
    return "; ".join(_span(span, language) for span in served)


def _bounded(lines: Iterator[str]) -> list[str] | None:
    """All the lines, or None as soon as they are too long."""
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line) + 1
        if size > MAX_MENU:
            return None
        kept.append(line)
    return kept


def _menu_lines(menu: Menu, texts: PromptTexts, with_descriptions: bool) -> Iterator[str]:
    yield texts.menu_key.format(currency=menu.currency)
    writer = _Writer(menu, texts, with_descriptions)
    for name, category, items in _shelves(menu, texts):
        if items:
            yield f"## {name}" + (f" ({texts.halves[category.halves]})" if category and category.halves else "")
            if category and category.served:
                yield f"- {texts.served}: {served_text(category.served, menu.language)}"
        for item in items:
            yield from writer.item(item)


def _shelves(menu: Menu, texts: PromptTexts) -> Iterator[tuple[str, MenuCategory | None, list[MenuItem]]]:
    known = {category.id for category in menu.categories}
    for category in sorted(menu.categories, key=lambda category: category.position):
        yield category.name, category, [item for item in menu.items if item.category_id == category.id]
    yield texts.no_category, None, [item for item in menu.items if item.category_id not in known]


@dataclass
class _Writer:
    """``_written`` is where each group was written out: by id, the item's name."""

    menu: Menu
    texts: PromptTexts
    with_descriptions: bool
    _written: dict[str, str] = field(default_factory=dict)

    def item(self, item: MenuItem) -> Iterator[str]:
        texts = self.texts
        if not orderable(item):
            yield f"- {item.name}{_also(item.aliases, texts)}: {texts.sold_out}"
            return
        prices = (f"{size.name} {decimal_text(size.price_cents)}".strip() for size in item.sizes if size.available)
        allergens = ", ".join(item.allergens) or texts.no_allergens
        line = f"- {item.name}{_also(item.aliases, texts)}: {' / '.join(prices)}. {texts.allergens}: {allergens}."
        if self.with_descriptions and item.description:
            line += f" {' '.join(item.description.split())}"
        yield line
        if item.served:
            yield f"  - {texts.served}: {served_text(item.served, self.menu.language)}"
        if item.ingredients:
            yield f"  - {texts.comes_with}: {', '.join(_ingredient(one, texts) for one in item.ingredients)}"
        for part in item.combo:
            yield self._part(part)
        for group in item.modifier_groups:
            yield from self._group(group, item.name)

    def _part(self, part: ComboPart) -> str:
        names = {item.id: item.name for item in self.menu.items if orderable(item)}
        choices = ", ".join(names[one.item_id] + _extra(one) for one in part.choices if one.item_id in names)
        return f"  - {part.name} ({self.texts.part}): {choices}"

    def _group(self, group: ModifierGroup, owner: str, indent: str = "  ") -> Iterator[str]:
        texts = self.texts
        if group.id in self._written:
            yield f"{indent}- {group.name}: {texts.as_for.format(item=self._written[group.id])}"
            return
        self._written[group.id] = owner
        options = [option for option in group.options if option.available]
        told = ", ".join(_option(option, texts) for option in options)
        yield f"{indent}- {group.name} ({'; '.join(_terms(group, texts))}): {told}"
        for option in options:
            for inner in option.groups:
                named = replace(inner, name=texts.within.format(group=inner.name, option=option.name))
                yield from self._group(named, owner, indent + "  ")


def _terms(group: ModifierGroup, texts: PromptTexts) -> Iterator[str]:
    yield texts.choose.format(minimum=group.minimum, maximum=group.maximum)
    if group.included:
        yield texts.included.format(count=group.included)
    if group.amounts:
        is_priced = any(option.price_cents for option in group.options)
        percents = {"light": group.light_percent, "extra": group.extra_percent} if is_priced else {}
        yield ", ".join(amount + (f" {percents[amount]} %" if amount in percents else "") for amount in group.amounts)


def _option(option: ModifierOption, texts: PromptTexts) -> str:
    price = f" +{decimal_text(option.price_cents)}" if option.price_cents else ""
    return f"{option.name}{price}{_also(option.aliases, texts)}"


def _ingredient(one: Ingredient, texts: PromptTexts) -> str:
    price = f" +{decimal_text(one.extra_cents)}" if one.extra_cents else ""
    return f"{one.name}{price}{_also(one.aliases, texts)}" + ("" if one.removable else f" ({texts.stays})")


def _extra(choice: ComboChoice) -> str:
    return f" +{decimal_text(choice.extra_cents)}" if choice.extra_cents else ""


def _also(aliases: tuple[str, ...], texts: PromptTexts) -> str:
    """`` (also: fries, french fries)``; without the marks by which the list itself is read."""
    plain = [" ".join(re.sub(r"[(),]", " ", alias).split()) for alias in aliases]
    return f" ({texts.also}: {', '.join(filter(None, plain))})" if any(plain) else ""


def _span(span: ServedHours, language: str) -> str:
    hours = spoken_time.spans_text(((span.opens, span.closes),), language)
    days = sorted(set(span.weekdays))
    if len(days) == 7:
        return hours
    is_french = spoken_time.language_of(language) == "fr"
    names = [spoken_time.weekday_name(day, language) for day in days]
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{hours}, du {names[0]} au {names[-1]}" if is_french else f"{hours}, {names[0]} to {names[-1]}"
    return f"{hours}, {', '.join(f'le {name}' if is_french else name for name in names)}"
