"""A till's menu in the place of the restaurant's, under the ids that its things have here.

What is sold under a code that is known keeps its id, whatever it is called now; what has none yet is found by its name.
With the id stay what a till knows nothing of: other names, photos, hours, what comes with a dish, halves, and the carts
that are being filled.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple, Protocol

from domain import allergens
from domain.menu import ItemSize, Menu, MenuCategory, MenuItem, ModifierGroup, ModifierOption, groups_of
from domain.menu_rules import MAX_DESCRIPTION, MAX_NAME, MAX_WORDS
from domain.names import fold
from domain.till_menus import (
    DIETS,
    Loss,
    LossKind,
    Reason,
    TillCode,
    TillGroup,
    TillItem,
    TillMenu,
    TillOption,
    TillSize,
)
from domain.vat import VatRates, rates_of_class, same_rate, standard_rate_bp


class TakenOver(NamedTuple):
    """``codes`` are the till's by the id of each thing that it has; ``losses`` what has no place on our menu."""

    menu: Menu
    codes: dict[str, TillCode]
    losses: tuple[Loss, ...]


def taken_over(menu: Menu, sold: TillMenu, codes: Mapping[str, TillCode], vat: VatRates) -> TakenOver:
    """``codes`` are those known of the till by now; ``vat`` is for new items of which the till doesn't say it."""
    taking = _Taking(menu, sold, codes, vat)
    after = taking.made()
    return TakenOver(after, taking.codes, (*sold.losses, *taking.losses))


class _Named(NamedTuple):
    """A thing to find again: by any of its codes, else by its name, the closest by what is in it."""

    key: str
    name: str
    codes: frozenset[str]
    inner: frozenset[str] = frozenset()


class _Stated(Protocol):
    @property
    def available(self) -> bool: ...
    @property
    def off_until(self) -> datetime | None: ...


@dataclass
class _Taking:
    menu: Menu
    sold: TillMenu
    known: Mapping[str, TillCode]
    vat: VatRates
    codes: dict[str, TillCode] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)

    def made(self) -> Menu:
        categories = self._categories()
        groups = self._groups()
        items = self._items(categories, groups)
        used = {item.category_id for item in items}
        kept = [one for one in categories.values() if one.id in used]
        return replace(
            self.menu,
            categories=tuple(replace(one, position=at) for at, one in enumerate(kept)),
            items=tuple(items),
            spare_groups=(),
        )

    # --- Categories ---------------------------------------------------------------------------------------------

    def _categories(self) -> dict[str, MenuCategory]:
        """By the till's code."""
        before = {one.id: one for one in self.menu.categories}
        wanted = [_Named(one.code, one.name, frozenset({one.code})) for one in self.sold.categories]
        ids = _paired(wanted, [self._own(one.id, one.name) for one in self.menu.categories])
        names = self._distinct("category", [(one.code, one.name, "") for one in self.sold.categories])
        made = {}
        for one in self.sold.categories:
            old = before.get(ids.get(one.code, ""))
            made[one.code] = replace(old or MenuCategory(_new(), ""), name=names[one.code])
            self.codes[made[one.code].id] = TillCode(one.code)
        return made

    # --- Choices ------------------------------------------------------------------------------------------------

    def _groups(self) -> dict[str, ModifierGroup]:
        """By the till's code; those inside of options have nothing inside of their own."""
        before = groups_of(self.menu)
        sold = {group.code: group for group in self.sold.groups}
        inside = {code for group in sold.values() for option in group.options for code in option.groups}
        wanted = [_Named(one.code, one.name, frozenset({one.code}), _folded(one.options)) for one in sold.values()]
        ids = _paired(wanted, [self._own(one.id, one.name, one.options) for one in before.values()])
        plain: dict[str, ModifierGroup] = {}
        for code, one in sold.items():
            if one.options:
                plain[code] = self._group(one, before.get(ids.get(code, "")))
            else:
                self._lose("group", one.name, "no_options")
        return {code: self._with_inner(sold[code], group, plain, code in inside) for code, group in plain.items()}

    def _group(self, one: TillGroup, old: ModifierGroup | None) -> ModifierGroup:
        options = self._options(one, old)
        most = len(options) if one.maximum is None else max(1, min(one.maximum, len(options)))
        base = old or ModifierGroup(_new(), "", 0, 1, ())
        self.codes[base.id] = TillCode(one.code)
        return replace(
            base,
            name=self._cut("group", one.name, one.code),
            minimum=min(max(one.minimum, 0), most),
            maximum=most,
            options=options,
            included=min(base.included, most),
        )

    def _options(self, one: TillGroup, old: ModifierGroup | None) -> tuple[ModifierOption, ...]:
        before = {option.id: option for option in old.options} if old else {}
        wanted = [_Named(option.code, option.name, frozenset({option.code})) for option in one.options]
        ids = _paired(wanted, [self._own(option.id, option.name) for option in before.values()])
        names = self._distinct("option", [(option.code, option.name, "") for option in one.options])
        made = []
        for option in {option.code: option for option in one.options}.values():
            known = before.get(ids.get(option.code, ""))
            base = known or ModifierOption(_new(), "")
            available, until = _state(option, known)
            made.append(
                replace(
                    base,
                    name=names[option.code],
                    price_cents=option.price_cents,
                    available=available,
                    off_until=until,
                    aliases=_with_old_name(base.aliases, base.name, names[option.code]),
                    groups=(),
                )
            )
            self.codes[base.id] = TillCode(option.code, option.within)
        return tuple(made)

    def _with_inner(
        self, one: TillGroup, made: ModifierGroup, plain: Mapping[str, ModifierGroup], is_inside: bool
    ) -> ModifierGroup:
        sold: dict[str, TillOption] = {option.code: option for option in one.options}
        options = []
        for option in made.options:
            inner = sold[self.codes[option.id].code].groups
            if inner and is_inside:
                self._lose("option", option.name, "deeper")
                inner = ()
            options.append(replace(option, groups=tuple(plain[code] for code in inner if code in plain)))
        return replace(made, options=tuple(options))

    # --- Items --------------------------------------------------------------------------------------------------

    def _items(self, categories: Mapping[str, MenuCategory], groups: Mapping[str, ModifierGroup]) -> list[MenuItem]:
        before = {item.id: item for item in self.menu.items}
        sold: dict[str, TillItem] = {}
        for item in self.sold.items:
            if sold.setdefault(item.code, item) is not item:
                self._lose("item", item.name, "several_places")
        wanted = [
            _Named(one.code, one.name, frozenset((one.code, *(size.code for size in one.sizes))))
            for one in sold.values()
        ]
        own = [self._own(item.id, item.name, things=item.sizes) for item in self.menu.items]
        ids = _paired(wanted, own)
        shelves = {one.code: one.name for one in self.sold.categories}
        names = self._distinct("item", [(one.code, one.name, shelves.get(one.category, "")) for one in sold.values()])
        order = {category.code: at for at, category in enumerate(self.sold.categories)}
        return [
            self._item(one, before.get(ids.get(one.code, "")), names[one.code], categories[one.category].id, groups)
            for one in sorted(sold.values(), key=lambda one: order.get(one.category, 0))
        ]

    def _item(
        self, one: TillItem, old: MenuItem | None, name: str, category_id: str, groups: Mapping[str, ModifierGroup]
    ) -> MenuItem:
        base = old or MenuItem(_new(), category_id, "", (), self.vat)
        self.codes[base.id] = TillCode(one.code)
        sizes = self._sizes(one, base)
        whole = bool(one.sizes) and all(size.off for size in one.sizes)
        ends = {size.off_until for size in one.sizes}
        listed = tuple(self._allergen(code) for code in one.allergens)
        return replace(
            base,
            category_id=category_id,
            name=name,
            sizes=tuple(replace(size, available=True, off_until=None) for size in sizes) if whole else sizes,
            vat=one.vat or base.vat,
            description=self._description(one, base.description),
            modifier_groups=tuple(groups[code] for code in dict.fromkeys(one.groups) if code in groups),
            allergens=tuple(dict.fromkeys(listed)) or base.allergens,
            aliases=_with_old_name(base.aliases, base.name, name),
            available=not whole and base.available,
            off_until=next(iter(ends)) if whole and len(ends) == 1 else None if whole else base.off_until,
            combo=(),
        )

    def _sizes(self, one: TillItem, base: MenuItem) -> tuple[ItemSize, ...]:
        before = {size.id: size for size in base.sizes}
        wanted = [_Named(size.code, size.name, frozenset({size.code})) for size in one.sizes]
        ids = _paired(wanted, [self._own(size.id, size.name) for size in base.sizes])
        if not ids and len(wanted) == len(before) == 1:
            ids = {wanted[0].key: base.sizes[0].id}
        names = {size.code: size.name for size in one.sizes}
        if len(one.sizes) > 1:
            names = self._distinct("size", [(size.code, size.name, "") for size in one.sizes])
        made = []
        for size in {size.code: size for size in one.sizes}.values():
            known = before.get(ids.get(size.code, ""))
            one_id = known.id if known else _new()
            made.append(ItemSize(one_id, names[size.code], size.price_cents, *_state(size, known)))
            self.codes[one_id] = TillCode(size.code, size.within)
        return tuple(made)

    def _description(self, one: TillItem, before: str) -> str:
        language = int(self.menu.language.startswith("fr"))
        text = _printable(one.description) or before
        words = [DIETS[diet][language] for diet in one.diets]
        words = [word for word in words if fold(word) not in fold(text)]
        if words:
            text = f"{text} ({', '.join(words)})".strip()
        if len(text) > MAX_DESCRIPTION:
            self._lose("item", one.name, "cut", "description")
        return text[:MAX_DESCRIPTION]

    def _allergen(self, code: str) -> str:
        return allergens.word(code, self.menu.language) if code in allergens.CODES else code

    # --- Names --------------------------------------------------------------------------------------------------

    def _own(
        self,
        one_id: str,
        name: str,
        options: Iterable[ModifierOption] = (),
        things: Iterable[ItemSize] = (),
    ) -> _Named:
        """A thing of ours, with the codes that it, or what it is sold as, has at the till."""
        ids = (one_id, *(thing.id for thing in things))
        codes = frozenset(self.known[key].code for key in ids if key in self.known)
        return _Named(one_id, name, codes, _folded(options))

    def _distinct(self, kind: LossKind, named: Sequence[tuple[str, str, str]]) -> dict[str, str]:
        """Names that a caller can tell apart, by code; ``named`` are (code, name, where it stands)."""
        rest = {code: (name, where) for code, name, where in named}
        counts = Counter(fold(name) for name, _ in rest.values())
        taken: set[str] = set()
        numbers: dict[str, int] = {}  # the next one of each name: a till may have ten thousand of it
        made: dict[str, str] = {}
        for code, (name, where) in rest.items():
            wanted = f"{name} ({where})" if counts[fold(name)] > 1 and where and fold(name) in taken else name
            wanted = self._cut(kind, wanted, code)
            found, number = wanted, numbers.get(fold(wanted), 2)
            while fold(found) in taken:
                found, number = f"{wanted[: MAX_NAME - 7]} {number}", number + 1
            numbers[fold(wanted)] = number
            if found != name and name.strip() and len(name) <= MAX_NAME:
                self._lose(kind, name, "renamed", found)
            taken.add(fold(found))
            made[code] = found
        return made

    def _cut(self, kind: LossKind, name: str, code: str) -> str:
        clean = _printable(name)
        if not fold(clean):
            self._lose(kind, code, "no_name")
            return code[:MAX_NAME]
        if len(clean) > MAX_NAME:
            self._lose(kind, clean, "cut", "name")
        return clean[:MAX_NAME].strip()

    def _lose(self, kind: LossKind, name: str, reason: Reason, detail: str = "") -> None:
        self.losses.append(Loss(kind, name, reason, detail))


def _paired(wanted: Sequence[_Named], have: Sequence[_Named]) -> dict[str, str]:
    """The id of what we have by the key of what is wanted: by a code that both know, else by equal names."""
    found: dict[str, str] = {}
    left = {one.key: one for one in have}
    by_code: dict[str, list[str]] = {}
    for one in have:
        for code in one.codes:
            by_code.setdefault(code, []).append(one.key)
    for one in wanted:
        keys = [key for code in one.codes for key in by_code.get(code, ()) if key in left]
        if keys and one.key not in found:
            found[one.key] = keys[0]
            del left[keys[0]]
    by_name: dict[str, list[_Named]] = {}
    for other in left.values():
        by_name.setdefault(fold(other.name), []).append(other)
    for one in wanted:
        named = [other for other in by_name.get(fold(one.name), ()) if other.key in left]
        if named and one.key not in found:
            closest = max(named, key=lambda other: len(other.inner & one.inner))
            found[one.key] = closest.key
            del left[closest.key]
    return found


def _printable(text: str) -> str:
    """In one line, and without what no database keeps."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def _folded(options: Iterable[ModifierOption | TillOption]) -> frozenset[str]:
    return frozenset(fold(option.name) for option in options)


def _state(sold: TillSize | TillOption, known: _Stated | None) -> tuple[bool, datetime | None]:
    """What is off at the till is off here; what is not stays as it is here."""
    if sold.off:
        return False, sold.off_until
    return (True, None) if known is None else (known.available, known.off_until)


def _with_old_name(aliases: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    """What it was called here is still understood."""
    known = {fold(one) for one in (new, *aliases)}
    return aliases if not old or fold(old) in known or len(aliases) >= MAX_WORDS else (*aliases, old)


def _new() -> str:
    return str(uuid.uuid4())


def usual_vat(menu: Menu, country: str) -> VatRates:
    """What most of the menu bears; of an empty one, a meal's in this country."""
    if menu.items:
        return Counter(item.vat for item in menu.items).most_common(1)[0][0]
    return rates_of_class(country, "meal") or same_rate(standard_rate_bp(country))
