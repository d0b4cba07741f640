"""Reads a restaurant's seed file, and names what is wrong with it.

The file's shape is checked by msgspec against the structs below, its consistency (references, duplicates, limits)
by ``_problems``. Every error names the file, the path inside it and the fix.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

import msgspec
import yaml

from domain.trunks import InvalidTrunkError, Srtp, Transport, TrunkOptions, check_account
from domain.vat import VatClass, VatRates, countries_with_classes, rates_of_class, same_rate
from seeds.countries import country_of_zone

SEED_FILES = tuple(sorted(Path(__file__).parent.glob("*.yaml")))

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Price = Annotated[float, msgspec.Meta(ge=0, le=10_000)]
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Count = Annotated[int, msgspec.Meta(ge=0, le=50)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_SPAN = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-((?:[01]\d|2[0-3])(?=:)|24(?=:00)):([0-5]\d)$")
_DAY_MINUTES = 24 * 60


class SeedError(ValueError):
    """A seed file cannot be loaded: ``str(error)`` is ``file: path: problem; fix``."""

    def __init__(self, file: Path, path: str, problem: str) -> None:
        self.file, self.path, self.problem = file, path, problem
        super().__init__(f"{file.name}: {path}: {problem}")


class _Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping of a seed file; an unknown key is an error, so that a misspelt one is not silently lost."""


class RestaurantSeed(_Node, frozen=True):
    """``country`` is the time zone's when left out."""

    slug: Text
    name: Text
    language: Literal["fr", "en"]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    zone: Text
    street: str
    postcode: str
    city: str
    phone: str
    greeting: Text
    voice: str = ""
    pickup: bool = True
    delivery: bool = False
    dine_in: bool = False
    prep_minutes: Annotated[int, msgspec.Meta(ge=1, le=240)] = 20
    max_calls: Annotated[int, msgspec.Meta(ge=1, le=500)] = 10
    record_calls: bool = False
    fallback: Literal["forward", "take_message", "busy"] = "busy"
    fallback_number: str = ""
    when_closed: Literal["answer", "forward", "take_message", "busy"] = "answer"
    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")] = ""
    orders_ahead: bool = False
    last_order_minutes: Annotated[int, msgspec.Meta(ge=0, le=240)] = 0
    max_order: Annotated[float, msgspec.Meta(ge=1, le=1_000_000)] = 500.0
    max_order_items: Annotated[int, msgspec.Meta(ge=1, le=2000)] = 60
    max_load_minutes: Annotated[int, msgspec.Meta(ge=0, le=240)] = 120


class OptionSeed(_Node, frozen=True):
    name: Text
    price: Price = 0


class GroupSeed(_Node, frozen=True):
    name: Text
    minimum: Count
    maximum: Count
    options: list[OptionSeed]


class VatSeed(_Node, frozen=True):
    """In percent."""

    take_away: Percent
    dine_in: Percent


# One rate for both, a rate for each, or a class whose rates the country's law says.
Vat = Percent | VatSeed | VatClass


class ItemSeed(_Node, frozen=True):
    """``vat`` is the category's when left out."""

    name: Text
    vat: Vat | None = None
    description: str = ""
    price: Price | None = None
    sizes: dict[Text, Price] = {}
    modifiers: list[str] = []
    allergens: list[str] = []
    aliases: list[str] = []


class CategorySeed(_Node, frozen=True):
    category: Text
    vat: Vat
    items: list[ItemSeed]


class ZoneSeed(_Node, frozen=True):
    name: Text
    postcodes: list[str]
    minimum: Price
    fee: Price
    minutes: Annotated[int, msgspec.Meta(ge=0, le=240)]


class FaqSeed(_Node, frozen=True):
    question: Text
    answer: Text


class TableSeed(_Node, frozen=True):
    name: Text
    seats: Annotated[int, msgspec.Meta(ge=1, le=100)]


class RoomSeed(_Node, frozen=True):
    name: Text
    tables: list[TableSeed]


class LineSeed(_Node, frozen=True):
    number: Annotated[str, msgspec.Meta(pattern=r"^\+[1-9]\d{6,14}$")]
    provider: Literal["sip", "twilio", "audiosocket"]
    domain: str = ""
    username: str = ""
    auth_username: str = ""
    outbound_proxy: str = ""
    transport: Transport = "udp"
    srtp: Srtp = "off"

    @property
    def trunk(self) -> TrunkOptions:
        return TrunkOptions(self.auth_username, self.outbound_proxy, self.transport, self.srtp)


class StaffSeed(_Node, frozen=True):
    email: Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+$")]
    name: Text
    role: Literal["owner", "manager", "staff"]


class SeedFile(_Node, frozen=True):
    restaurant: RestaurantSeed
    opening_hours: dict[Weekday, list[str]]
    modifier_groups: dict[str, GroupSeed]
    menu: list[CategorySeed]
    delivery_zones: list[ZoneSeed] = []
    faq: list[FaqSeed] = []
    dining_rooms: list[RoomSeed] = []
    phone_lines: list[LineSeed] = []
    staff: list[StaffSeed] = []


def read(file: Path) -> SeedFile:
    """The checked content of ``file``. Raises SeedError naming the file, the path in it and the fix."""
    try:
        raw = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except OSError as error:
        raise SeedError(file, "$", f"cannot be read ({error.strerror}); check the path and its permissions") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else "$"
        raise SeedError(file, where, "is not valid YAML; check quotes and indentation there") from error
    try:
        content = msgspec.convert(raw, SeedFile)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `")
        raise SeedError(file, path.rstrip("`") or "$", f"{problem}; correct the value or remove the key") from error
    for path, problem in _problems(content):
        raise SeedError(file, path, problem)
    return content


def cents(price: float) -> int:
    """``price`` in whole cents; exact, because it goes through the number as it was written."""
    return int(Decimal(str(price)) * 100)


def country_of(restaurant: RestaurantSeed) -> str:
    return restaurant.country or country_of_zone(restaurant.zone)


def vat_rates(vat: Vat, country: str) -> VatRates | None:
    """None for a class that has no known rates in ``country``."""
    if isinstance(vat, str):
        return rates_of_class(country, vat)
    if isinstance(vat, VatSeed):
        return VatRates(cents(vat.take_away), cents(vat.dine_in))
    return same_rate(cents(vat))


def span_minutes(span: str) -> tuple[int, int]:
    """``"17:00-00:30"`` as minutes after local midnight, ``(1020, 1470)``: an end before its start is the next day."""
    found = _SPAN.match(span)
    if found is None:
        raise ValueError(span)
    opens_hour, opens_minute, closes_hour, closes_minute = (int(part) for part in found.groups())
    opens, closes = opens_hour * 60 + opens_minute, closes_hour * 60 + closes_minute
    return opens, closes if closes > opens else closes + _DAY_MINUTES


def _problems(content: SeedFile) -> Iterator[tuple[str, str]]:
    """``(path, problem and fix)`` of everything that has the right shape and is inconsistent."""
    yield from _restaurant_problems(content.restaurant)
    for day, spans in content.opening_hours.items():
        for at, span in enumerate(spans):
            if not _SPAN.match(span):
                yield f"$.opening_hours.{day}[{at}]", f'{span!r} is not a span of hours; write it like "11:30-14:30"'
    yield from _group_problems(content)
    yield from _menu_problems(content)
    zones = content.delivery_zones
    yield from _price_problems((f"$.delivery_zones[{at}].minimum", zone.minimum) for at, zone in enumerate(zones))
    yield from _price_problems((f"$.delivery_zones[{at}].fee", zone.fee) for at, zone in enumerate(zones))
    for at, line in enumerate(content.phone_lines):
        try:
            check_account(line.domain, line.username, line.trunk)
        except InvalidTrunkError as error:
            yield f"$.phone_lines[{at}]", str(error).removeprefix("sip_")  # a column's name: the file's is without


def _restaurant_problems(about: RestaurantSeed) -> Iterator[tuple[str, str]]:
    if about.zone not in available_timezones():
        yield "$.restaurant.zone", f"{about.zone!r} is no IANA time zone; write it like Europe/Paris"
    elif not country_of(about):
        yield "$.restaurant.country", f"missing; the zone {about.zone} lies in no one country, write it like FR"
    yield from _price_problems([("$.restaurant.max_order", about.max_order)])
    if "forward" in (about.fallback, about.when_closed) and not about.fallback_number:
        yield "$.restaurant.fallback_number", "missing; forward needs the number to forward to"


def _group_problems(content: SeedFile) -> Iterator[tuple[str, str]]:
    for key, group in content.modifier_groups.items():
        path = f"$.modifier_groups.{key}"
        if not group.minimum <= group.maximum <= len(group.options):
            yield (
                f"{path}.maximum",
                f"{group.maximum} does not fit; it must be between minimum ({group.minimum}) "
                f"and the number of options ({len(group.options)})",
            )
        yield from _duplicates(f"{path}.options", (option.name for option in group.options))
        yield from _price_problems(
            (f"{path}.options[{at}].price", option.price) for at, option in enumerate(group.options)
        )


def _menu_problems(content: SeedFile) -> Iterator[tuple[str, str]]:
    yield from _duplicates("$.menu", (category.category for category in content.menu))
    yield from _duplicates("$.menu[*].items", (item.name for category in content.menu for item in category.items))
    country = country_of(content.restaurant)
    for at, category in enumerate(content.menu):
        yield from _vat_problems(f"$.menu[{at}].vat", category.vat, country)
        for position, item in enumerate(category.items):
            path = f"$.menu[{at}].items[{position}]"
            if (item.price is None) == (not item.sizes):
                yield path, f"{item.name!r} needs either price (sold in one size) or sizes, and not both"
            for key in item.modifiers:
                if key not in content.modifier_groups:
                    known = ", ".join(sorted(content.modifier_groups))
                    yield f"{path}.modifiers", f"{key!r} is not a modifier group; use one of: {known}"
            sizes = {f"{path}.sizes.{name}": price for name, price in item.sizes.items()}
            yield from _price_problems(sizes.items() if sizes else [(f"{path}.price", item.price or 0.0)])
            if item.vat is not None:
                yield from _vat_problems(f"{path}.vat", item.vat, country)


def _vat_problems(path: str, vat: Vat, country: str) -> Iterator[tuple[str, str]]:
    if isinstance(vat, str):
        if vat_rates(vat, country) is None:
            known = ", ".join(countries_with_classes())
            yield path, f"the rates of {vat!r} are known for {known}, not for {country}; write them in percent"
    elif isinstance(vat, VatSeed):
        yield from _price_problems([(f"{path}.take_away", vat.take_away), (f"{path}.dine_in", vat.dine_in)])
    else:
        yield from _price_problems([(path, vat)])


def _price_problems(prices: Iterable[tuple[str, float]]) -> Iterator[tuple[str, str]]:
    for path, price in prices:
        if Decimal(str(price)) * 100 % 1:
            yield path, f"{price} has more than two decimals; write it like 12.50"


def _duplicates(path: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name, count in Counter(name.casefold() for name in names).items():
        if count > 1:
            yield path, f"{name!r} is there {count} times; a caller could not tell them apart, rename one"
