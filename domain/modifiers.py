"""What is chosen with an item: options of its groups, options inside of those, more or less of what comes with it.

Every refusal carries the names that would be allowed, so that the model can repair its own call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from domain.amounts import taken_apart, worded
from domain.errors import MAX_ALLOWED, Refused
from domain.menu import Amount, Ingredient, MenuItem, ModifierGroup, ModifierOption
from domain.names import closest_owners, fold
from domain.order import CartLine, ChosenModifier


class Choice(NamedTuple):
    """``within`` names the option that this one is to be chosen inside of; "" where that is plain."""

    name: str
    amount: Amount = "regular"
    within: str = ""


class _Place(NamedTuple):
    """Where an option stands: in a group of the item, or in one inside of ``parent``."""

    group: ModifierGroup
    option: ModifierOption
    parent: ModifierOption | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.parent.id if self.parent else "", self.group.id, self.option.id)


Chosen = dict[tuple[str, str, str], tuple[_Place, Amount]]


def choose_modifiers(
    item: MenuItem, wanted: Sequence[str | Choice], field: str = "modifiers", language: str = "en"
) -> tuple[ChosenModifier, ...]:
    """What is wanted, in the menu's order, within each group's minimum and maximum; then the ingredients.

    A name may say the amount ("no onions"), unless the menu itself has a thing of that name. Of one ingredient the
    last that was said counts, and a regular amount of it is nothing to write down. Raises Refused
    ``unknown_modifier``, ``ambiguous_modifier``, ``unavailable_modifier``, ``duplicate_modifier``,
    ``too_many_modifiers``, ``modifier_needed``, ``amount_not_offered``, ``ingredient_stays`` or ``not_in_dish``.
    """
    chosen: Chosen = {}
    amounts: dict[str, Amount] = {}
    later: list[Choice] = []
    for choice in (_choice(item, one, language) for one in wanted):
        if _is_of_dish(item, choice):
            ingredient = _ingredient(item, choice.name)
            assert ingredient is not None
            amounts[ingredient.id] = _ingredient_amount(item, ingredient, choice.amount, field)
        elif not choice.within and any(_is_called(place.option, choice.name) for place in _top(item)):
            _take(item, list(_top(item)), choice, chosen, field)
        else:
            later.append(choice)  # inside of an option that may be named after it
    for choice in later:
        _take(item, list(_inside(chosen, choice.within)), choice, chosen, field)
    _require_minimums(item, chosen, field)
    return (*_priced(item, chosen, language), *_changed_ingredients(item, amounts, language))


def has_ingredient(item: MenuItem, name: str) -> bool:
    return _ingredient(item, name) is not None


def has_option(item: MenuItem, name: str) -> bool:
    """Among those of its groups, or inside of an option."""
    return any(_is_called(place.option, name) for place in (*_top(item), *_all_inside(item)))


def names_in(item: MenuItem) -> Iterator[tuple[str, tuple[str, ...]]]:
    """All that can be chosen with ``item`` or comes with it: names and their aliases."""
    for place in (*_top(item), *_all_inside(item)):
        yield place.option.name, place.option.aliases
    for one in item.ingredients:
        yield one.name, one.aliases


def choices_of(modifiers: Sequence[ChosenModifier]) -> list[Choice]:
    """What was chosen, to be chosen again."""
    names = {modifier.option_id: modifier.plain_name for modifier in modifiers}
    return [Choice(one.plain_name, one.amount, names.get(one.within_id, "")) for one in modifiers]


def kept_choices(item: MenuItem, line: CartLine, removed: Sequence[str]) -> list[Choice]:
    """The line's choices less those removed; of another item's those that ``item`` has, too.

    To remove what comes with the dish is to have it without. Raises Refused ``modifier_not_on_line``.
    """
    left = choices_of(line.modifiers)
    without: list[Choice] = []
    for name in removed:
        words = {fold(modifier.name): fold(modifier.plain_name) for modifier in line.modifiers}
        match = next((one for one in left if fold(one.name) in (fold(name), words.get(fold(name)))), None)
        if match is not None:
            left = [one for one in left if one is not match and fold(one.within) != fold(match.name)]
        elif _ingredient(item, name) is not None:
            without.append(Choice(name, "without"))
        else:
            allowed = (*(one.name for one in line.modifiers), *_removable(item))
            raise Refused(
                "modifier_not_on_line", "The line has no such modifier.", allowed, "remove_modifiers", subject=name
            )
    if item.id != line.item_id:
        options = {fold(place.option.name) for place in (*_top(item), *_all_inside(item)) if place.option.available}
        dish = {fold(one.name) for one in item.ingredients}
        changed = {fold(one.name) for one in left if one.amount != "regular"} & dish
        left = [one for one in left if fold(one.name) in options | changed]
    return [*left, *without]


def _choice(item: MenuItem, one: str | Choice, language: str) -> Choice:
    """A name that the menu has is that; else it may say an amount of something that the menu has."""
    if isinstance(one, Choice):
        return one
    known = [place.option for place in (*_top(item), *_all_inside(item))]
    if any(_is_called(option, one) for option in known) or _ingredient(item, one):
        return Choice(one)
    apart = taken_apart(one, language)
    if apart is None:
        return Choice(one)
    amount, name = apart
    places = [place for place in (*_top(item), *_all_inside(item)) if _is_called(place.option, name)]
    if _ingredient(item, name):
        return Choice(name, amount)
    if amount == "without" or not places:
        return Choice(one)
    # "Extra olives" where olives are no matter of more or less is olives.
    offered = any(amount in place.group.amounts for place in places)
    return Choice(name, amount if offered or amount != "extra" else "regular")


def _is_of_dish(item: MenuItem, choice: Choice) -> bool:
    """An option of the same name wins for a plain "with"; more or less of a thing is first of what comes with it."""
    if choice.within or _ingredient(item, choice.name) is None:
        return False
    is_option = any(_is_called(place.option, choice.name) for place in _top(item))
    return choice.amount != "regular" or not is_option


def _ingredient(item: MenuItem, name: str) -> Ingredient | None:
    wanted = fold(name)
    return next((one for one in item.ingredients if wanted in map(fold, (one.name, *one.aliases))), None)


def _ingredient_amount(item: MenuItem, ingredient: Ingredient, amount: Amount, field: str) -> Amount:
    if amount == "without" and not ingredient.removable:
        message = f"{item.name} can't be made without {ingredient.name}."
        raise Refused("ingredient_stays", message, _removable(item), field, subject=ingredient.name)
    return amount


def _removable(item: MenuItem) -> tuple[str, ...]:
    return tuple(one.name for one in item.ingredients if one.removable)[:MAX_ALLOWED]


def _top(item: MenuItem) -> Iterator[_Place]:
    for group in item.modifier_groups:
        for option in group.options:
            yield _Place(group, option)


def _all_inside(item: MenuItem) -> Iterator[_Place]:
    for place in _top(item):
        for group in place.option.groups:
            for option in group.options:
                yield _Place(group, option, place.option)


def _inside(chosen: Chosen, within: str) -> Iterator[_Place]:
    for place, _ in tuple(chosen.values()):
        if place.parent is None and (not within or _is_called(place.option, within)):
            for group in place.option.groups:
                for option in group.options:
                    yield _Place(group, option, place.option)


def _is_called(option: ModifierOption, name: str) -> bool:
    return fold(name) in (fold(option.name), *map(fold, option.aliases))


def _take(item: MenuItem, places: list[_Place], choice: Choice, chosen: Chosen, field: str) -> None:
    """One option may stand in several groups of an item: the first group that has room for it takes it."""
    named = [place for place in places if fold(place.option.name) == fold(choice.name)]
    found = named or [place for place in places if _is_called(place.option, choice.name)]
    if not found:
        raise _unknown(item, choice, field)
    same = [place for place in found if place.key in chosen]
    if same and chosen[same[0].key][1] != choice.amount:  # another amount of what is there
        _require_amount(same[0], choice, field)
        chosen[same[0].key] = (same[0], choice.amount)
        return
    fresh = [place for place in found if place.key not in chosen]
    if not fresh:
        name = found[0].option.name
        raise Refused("duplicate_modifier", "Each modifier may be chosen once.", (), field, subject=name)
    on_sale = [place for place in fresh if place.option.available]
    names = tuple(dict.fromkeys(place.option.name for place in on_sale))
    if len(names) > 1:
        raise Refused(
            "ambiguous_modifier", "Several options go by this name: ask which.", names, field, subject=choice.name
        )
    if not on_sale:
        group, option, _ = fresh[0]
        raise Refused(
            "unavailable_modifier", f"{option.name} is sold out.", _available(group), field, subject=option.name
        )
    with_room = [place for place in on_sale if _taken(place, chosen) < place.group.maximum]
    if not with_room:
        group = on_sale[0].group
        message = f"{group.name} of {item.name} takes at most {group.maximum}."
        raise Refused("too_many_modifiers", message, _available(group), field, subject=group.name)
    _require_amount(with_room[0], choice, field)
    chosen[with_room[0].key] = (with_room[0], choice.amount)


def _require_amount(place: _Place, choice: Choice, field: str) -> None:
    if choice.amount != "regular" and choice.amount not in place.group.amounts:
        message = f"{place.option.name} is had in the regular amount, or not at all."
        allowed = (place.option.name,)
        raise Refused("amount_not_offered", message, allowed, field, subject=place.option.name)


def _unknown(item: MenuItem, choice: Choice, field: str) -> Refused:
    if choice.amount == "without":
        message = f"{choice.name} does not come with {item.name}."
        return Refused("not_in_dish", message, _removable(item), field, subject=choice.name)
    options = tuple(dict.fromkeys(name for group in item.modifier_groups for name in _available(group)))
    message = f"{item.name} has no such modifier." + ("" if options else " It takes no modifiers.")
    on_sale = [place.option for place in _top(item) if place.option.available]
    allowed = closest_owners(choice.name, ((one.name, one.aliases) for one in on_sale)) or options[:MAX_ALLOWED]
    return Refused("unknown_modifier", message, allowed, field, subject=choice.name)


def _require_minimums(item: MenuItem, chosen: Chosen, field: str) -> None:
    groups: list[tuple[ModifierGroup, str, str]] = [(group, "", item.name) for group in item.modifier_groups]
    for place, _ in chosen.values():
        if place.parent is None:
            groups += [(group, place.option.id, place.option.name) for group in place.option.groups]
    for group, parent_id, name in groups:
        taken = sum(1 for key in chosen if key[:2] == (parent_id, group.id))
        if taken < group.minimum:
            message = f"{group.name} of {name} needs at least {group.minimum} of these."
            raise Refused("modifier_needed", message, _available(group), field, subject=group.name)


def _taken(place: _Place, chosen: Chosen) -> int:
    return sum(1 for key in chosen if key[:2] == place.key[:2])


def _available(group: ModifierGroup) -> tuple[str, ...]:
    return tuple(option.name for option in group.options if option.available)


def _priced(item: MenuItem, chosen: Chosen, language: str) -> Iterator[ChosenModifier]:
    """In the menu's order, what is inside of an option right behind it."""
    free = _included(chosen)
    for place in _top(item):
        if place.key in chosen:
            yield _modifier(place, chosen[place.key][1], place.key in free, language)
            for group in place.option.groups:
                for option in group.options:
                    inner = _Place(group, option, place.option)
                    if inner.key in chosen:
                        yield _modifier(inner, chosen[inner.key][1], inner.key in free, language)


def _included(chosen: Chosen) -> set[tuple[str, str, str]]:
    """The dearest of each group, as many as are included; of two at one price the first on the menu."""
    by_group: dict[tuple[str, str], list[tuple[int, int, tuple[str, str, str]]]] = {}
    for place, amount in chosen.values():
        worth = min(place.option.price_cents, _amount_cents(place, amount))
        at = place.group.options.index(place.option)
        by_group.setdefault(place.key[:2], []).append((-worth, at, place.key))
    limits = {place.key[:2]: place.group.included for place, _ in chosen.values()}
    return {key for group, rows in by_group.items() for _, _, key in sorted(rows)[: limits[group]]}


def _amount_cents(place: _Place, amount: Amount) -> int:
    """The option's price in this amount, rounded half up to a cent."""
    percent = {"light": place.group.light_percent, "extra": place.group.extra_percent}.get(amount, 100)
    return (2 * place.option.price_cents * percent + 100) // 200


def _modifier(place: _Place, amount: Amount, is_included: bool, language: str) -> ChosenModifier:
    """What is included pays for the regular amount: more of it costs the difference."""
    group, option, parent = place
    cents = _amount_cents(place, amount)
    if is_included:
        cents = max(0, cents - option.price_cents)
    return ChosenModifier(
        option.id,
        group.id,
        worded(amount, option.name, language),
        cents,
        amount,
        option.name if amount != "regular" else "",
        parent.id if parent else "",
    )


def _changed_ingredients(item: MenuItem, amounts: dict[str, Amount], language: str) -> Iterator[ChosenModifier]:
    for one in item.ingredients:
        amount = amounts.get(one.id, "regular")
        if amount != "regular":
            cents = one.extra_cents if amount == "extra" else 0
            yield ChosenModifier(one.id, "", worded(amount, one.name, language), cents, amount, one.name)
