"""What belongs to what on the menu, as the session's instructions list it: categories, items, their sizes and options.

It reads the lines that ``domain.prompts`` writes. The tools' enums say what there is; this says only which of it goes
together, so instructions without such lines (or with half of them) lose nothing but that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from devstack.speech.matching import fold
from devstack.speech.words import stem

_CATEGORY = re.compile(r"^## (?P<name>.+?)(?: \([^)]*\))?$")  # without how halves of it are priced
_ITEM = re.compile(r"^- (?P<rest>.+)$")
_AMOUNTS = re.compile(r"\b(?:light|extra|side)\b")
_ALSO = re.compile(r" \((?:also|aussi): [^)]*\)")
_GROUP = re.compile(r"^ +- (?P<name>[^:(]+?) \((?P<terms>[^)]*)\): (?P<options>.+)$")
_ONE = re.compile(r"\b(?:at most|au plus) 1\b")
_AS_FOR = re.compile(r"^ +- (?P<name>[^:(]+): (?:as for|comme pour) (?P<item>.+)$")


@dataclass(frozen=True, slots=True)
class Outline:
    """By item name; what is not listed is not known, and may be anything."""

    sizes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)  # with the amounts of each
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of each option of an item, its group
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    alone: Mapping[str, frozenset[str]] = field(default_factory=dict)  # groups of an item of which one can be had
    group_words: frozenset[str] = frozenset()  # stems: "sauce samouraï" is the option of the group

    def has_size(self, item: str, size: str) -> bool:
        return item not in self.sizes or size in self.sizes[item]

    def offers(self, item: str, option: str) -> bool:
        return item not in self.options or option in self.options[item]

    def same_group(self, item: str, one: str, other: str) -> bool:
        groups = self.groups.get(item, {})
        return one in groups and groups[one] == groups.get(other)

    def excludes(self, item: str, one: str, other: str) -> bool:
        """Whether only one of the two options can be had."""
        groups = self.groups.get(item, {})
        return self.same_group(item, one, other) and groups[one] in self.alone.get(item, ())

    def has_amount(self, item: str, option: str, amount: str) -> bool:
        return amount in self.options.get(item, {}).get(option, ())


@lru_cache(maxsize=16)
def outline_of(instructions: str, items: Sequence[str], sizes: Sequence[str], options: Sequence[str]) -> Outline:
    """``items``, ``sizes`` and ``options`` are every name there is: only those are looked for in a line."""
    longest_first = sorted(items, key=len, reverse=True)
    found_sizes: dict[str, tuple[str, ...]] = {}
    found_options: dict[str, dict[str, frozenset[str]]] = {}
    written: dict[tuple[str, str], dict[str, frozenset[str]]] = {}  # groups by item, for others that have the same
    found_groups: dict[str, dict[str, str]] = {}
    categories: dict[str, list[str]] = {}
    alone: dict[str, set[str]] = {}
    groups: set[str] = set()
    category = item = ""
    for raw in instructions.splitlines():
        line = _ALSO.sub("", raw)
        if heading := _CATEGORY.match(line):
            category, item = heading["name"], ""
        elif item and (group := _GROUP.match(line)):
            amounts = frozenset(_AMOUNTS.findall(group["terms"]))
            listed = {option: amounts for option in options if _lists(group["options"], option)}
            groups.add(group["name"])
            if _ONE.search(group["terms"]):
                alone.setdefault(item, set()).add(group["name"])
            written[item, group["name"]] = listed
            found_options[item] |= listed
            found_groups.setdefault(item, {}).update(dict.fromkeys(listed, group["name"]))
        elif item and (same := _AS_FOR.match(line)):
            listed = written.get((same["item"], same["name"]), {})
            if same["name"] in alone.get(same["item"], ()):
                alone.setdefault(item, set()).add(same["name"])
            found_options[item] |= listed
            found_groups.setdefault(item, {}).update(dict.fromkeys(listed, same["name"]))
        elif dish := _ITEM.match(line):
            item = next((name for name in longest_first if re.match(rf"{re.escape(name)}\s*[:(\[]", dish["rest"])), "")
            if item and category:
                prices = re.split(r"\.\s+\D", dish["rest"].removeprefix(item), maxsplit=1)[0]
                found_sizes[item] = tuple(size for size in sizes if _lists(prices, size))
                found_options.setdefault(item, {})
                categories.setdefault(category, []).append(item)
    return Outline(
        found_sizes,
        found_options,
        found_groups,
        {name: tuple(one) for name, one in categories.items()},
        {name: frozenset(one) for name, one in alone.items()},
        frozenset(stem(word) for group in groups for word in fold(group).split()),
    )


def _lists(text: str, name: str) -> bool:
    return re.search(rf"(?:^|[,:/(;] *){re.escape(name)}(?= *(?:$|[,+/;(\[]| \d))", text) is not None
