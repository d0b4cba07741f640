"""The menu as the session's instructions have it: price, allergens, what is in a dish, and what else things are called.

It reads the lines that ``domain.prompts`` writes (``- Margherita (also: plain pizza): Small 9.00 / Large 13.00.
Allergens: milk. Tomato``, ``  - Toppings (choose …): Olives +1.00 (also: black olives), Ham``)
and answers only with what stands there. Instructions without such lines give no answers, and nothing else breaks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from domain import money

Topic = Literal["price", "allergens", "contents"]

_LINE = re.compile(
    r"^- (?P<item>[^:\n]+?)(?: \((?:also|aussi): [^)\n]*\))?: (?P<sizes>[^\n]*?\d\.\d\d)\. "
    r"(?P<label>[^:\n]+): (?P<allergens>[^.\n]*)\.(?: (?P<contents>[^\n]+))?$",
    re.MULTILINE,
)
_DISH_ALSO = re.compile(r"^- (?P<name>[^:\n]+?) \((?:also|aussi): (?P<others>[^)\n]*)\): ", re.MULTILINE)
_GROUP = re.compile(r"^ +- [^:\n]+: (?P<options>[^\n]+)$", re.MULTILINE)
_OPTION_ALSO = re.compile(r"(?:^|, )(?P<name>[^,()]+?)(?: \+\d+\.\d\d)? \((?:also|aussi): (?P<others>[^)]*)\)(?=, |$)")
_SIZE = re.compile(r"^(?P<size>.*?)\s*(?P<whole>\d+)\.(?P<cents>\d\d)$")
_CURRENCY = re.compile(r"\b(?:Prices in|Prix en) (?P<code>[A-Z]{3})\b")

_PRICE = {"en": "{item} is {price}.", "fr": "{item}, c’est {price}."}
_PRICE_OF_SIZE = {"en": "A {size} {item} is {price}.", "fr": "{item} {size}, c’est {price}."}
_PRICES = {"en": "{item} is {prices}.", "fr": "{item}, c’est {prices}."}
_ALLERGENS = {"en": "The allergens listed for {item}: {text}.", "fr": "Les allergènes indiqués pour {item} : {text}."}


@dataclass(frozen=True, slots=True)
class _Dish:
    prices: tuple[tuple[str, int], ...]
    allergens: str
    contents: str


def answer(instructions: str, language: str, item: str, size: str, topic: Topic) -> str:
    """One sentence, or "" when the instructions don't say."""
    dishes, currency = _read(instructions)
    dish = dishes.get(item)
    if dish is None:
        return ""
    if topic == "allergens":
        return _ALLERGENS[language].format(item=item, text=dish.allergens)
    if topic == "contents":
        return f"{item}: {dish.contents}." if dish.contents else ""
    prices = [(name, money.spoken(cents, currency, language)) for name, cents in dish.prices]
    asked = next((price for name, price in prices if name == size and size), "")
    if asked:
        return _PRICE_OF_SIZE[language].format(item=item, size=size.lower(), price=asked)
    if len(prices) == 1:
        return _PRICE[language].format(item=item, price=prices[0][1])
    return _PRICES[language].format(item=item, prices=", ".join(f"{price} {name.lower()}" for name, price in prices))


@lru_cache(maxsize=16)
def other_names(instructions: str) -> dict[str, tuple[str, ...]]:
    """What dishes and options are called beside their own names: such a name, and whose it is."""
    found: dict[str, list[str]] = {}
    options = (option for group in _GROUP.finditer(instructions) for option in _OPTION_ALSO.finditer(group["options"]))
    for called in (*_DISH_ALSO.finditer(instructions), *options):
        for other in called["others"].split(", "):
            owners = found.setdefault(other, [])
            if called["name"] not in owners:
                owners.append(called["name"])
    return {other: tuple(owners) for other, owners in found.items()}


def size_names(instructions: str) -> tuple[str, ...]:
    dishes, _ = _read(instructions)
    return tuple(dict.fromkeys(size for dish in dishes.values() for size, _ in dish.prices if size))


@lru_cache(maxsize=16)
def _read(instructions: str) -> tuple[dict[str, _Dish], str]:
    currency = _CURRENCY.search(instructions)
    dishes: dict[str, _Dish] = {}
    for line in _LINE.finditer(instructions):
        sizes = filter(None, (_SIZE.match(part.strip()) for part in line["sizes"].split(" / ")))
        prices = tuple((one["size"], int(one["whole"]) * 100 + int(one["cents"])) for one in sizes)
        dishes[line["item"]] = _Dish(prices, line["allergens"], (line["contents"] or "").rstrip("."))
    return dishes, currency["code"] if currency else "EUR"
