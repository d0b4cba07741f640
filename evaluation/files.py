"""Reads scenario files and the menus they name, and says what is wrong with them: file, field and fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec
import yaml

from domain.menu import Menu, MenuItem
from evaluation.scenarios import ExpectedOrder, HouseOfChain, Node, Scenario
from seeds.build import menu_of
from seeds.files import SEED_FILES, SeedFile, cents
from seeds.files import read as read_menu_file
from voices import VOICES

FOLDER = Path(__file__).parent
MENU_FILES = {path.stem.replace("_", "-"): path for path in (*SEED_FILES, *sorted((FOLDER / "menus").glob("*.yaml")))}
SCENARIO_FILES = tuple(sorted((FOLDER / "scenarios").glob("*.yaml")))


class ScenarioError(ValueError):
    """A scenario file cannot be used: ``str(error)`` is ``file: field: problem; fix``."""

    def __init__(self, file: Path, field: str, problem: str) -> None:
        self.file, self.field, self.problem = file, field, problem
        super().__init__(f"{file.name}: {field}: {problem}")


@dataclass(frozen=True, slots=True)
class Place:
    """A restaurant that scenarios ring: its file, and its menu as that says it."""

    name: str
    file: Path
    content: SeedFile
    menu: Menu

    @property
    def language(self) -> str:
        return self.content.restaurant.language


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario with the place that it rings."""

    scenario: Scenario
    place: Place

    @property
    def language(self) -> str:
        return self.scenario.language or self.place.language

    @property
    def ends_in(self) -> Place:
        """Where what the caller wants has to be: the place itself, or a sister of its chain."""
        chain = self.scenario.chain
        house = next((one for one in chain.houses if one.called == chain.ends_in), None) if chain is not None else None
        if house is None:
            return self.place
        content = sister_content(house)
        return Place(house.called, self.place.file, content, menu_of(content))


class _File(Node, frozen=True):
    scenarios: tuple[Scenario, ...]


@cache
def place(name: str) -> Place:
    """Raises KeyError for a name that no menu has, SeedError for a menu file with a fault."""
    return place_in(MENU_FILES[name])


@cache
def place_in(file: Path) -> Place:
    """Raises SeedError, OSError."""
    content = read_menu_file(file)
    return Place(file.stem.replace("_", "-"), file, content, menu_of(content))


def sister_content(house: HouseOfChain) -> SeedFile:
    """A restaurant of its own: the file of its ``menu`` without what it lacks. Raises KeyError, SeedError."""
    content = place(house.menu).content
    about = msgspec.structs.replace(
        content.restaurant,
        slug=f"{content.restaurant.slug}-{house.called.lower()}",
        name=f"{content.restaurant.name} {house.called}",
        city=house.city or content.restaurant.city,
        postcode=house.postcode or content.restaurant.postcode,
        street="",
    )
    zone = content.delivery_zones[0]
    zones = [msgspec.structs.replace(zone, name=house.called, postcodes=list(house.zones))] if house.zones else []
    menu = [
        msgspec.structs.replace(one, items=[item for item in one.items if item.name not in house.lacks])
        for one in content.menu
    ]
    return msgspec.structs.replace(content, restaurant=about, delivery_zones=zones, menu=menu)


def read(files: Sequence[Path] = SCENARIO_FILES) -> tuple[Case, ...]:
    """Every scenario of ``files``, in order. Raises ScenarioError."""
    cases: list[Case] = []
    seen: dict[str, Path] = {}
    for file in files:
        for at, scenario in enumerate(_scenarios(file)):
            where = f"scenarios[{at}] ({scenario.id})"
            if scenario.id in seen:
                raise ScenarioError(file, f"{where}.id", f"{seen[scenario.id].name} has it, too; choose another")
            seen[scenario.id] = file
            case = Case(scenario, _place(scenario.menu, file, f"{where}.menu"))
            for field, problem in _problems(case):
                raise ScenarioError(file, f"{where}.{field}", problem)
            cases.append(case)
    return tuple(cases)


def _place(menu: str, file: Path, field: str) -> Place:
    """The restaurant called so; or of the file of that name, beside the scenarios' own."""
    if not menu.endswith(".yaml"):
        if menu not in MENU_FILES:
            raise ScenarioError(file, field, _no(menu, MENU_FILES))
        return place(menu)
    try:
        return place_in((file.parent / menu).resolve())
    except OSError as error:
        raise ScenarioError(file, field, f"{menu}: {error.strerror}; it has to lie beside {file.name}") from None


def _scenarios(file: Path) -> tuple[Scenario, ...]:
    try:
        raw = yaml.load(file.read_text("utf-8"), yaml.CSafeLoader)
    except OSError as error:
        raise ScenarioError(file, "(file)", f"{error.strerror}; name a file that can be read") from None
    except UnicodeDecodeError:
        raise ScenarioError(file, "(file)", "it is not UTF-8; save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ScenarioError(file, f"line {line}", f"{error.problem}; it is not YAML there") from None
    try:
        return msgspec.convert(raw, _File, strict=True).scenarios
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at ")
        field = path.strip("`").removeprefix("$.").removeprefix("$") or "(file)"
        raise ScenarioError(file, field, f"{problem}; {_fix(problem)}") from None


def _fix(problem: str) -> str:
    if "unknown field" in problem:
        return "remove it or spell it as evaluation/scenarios.py does"
    if "missing required" in problem:
        return "add it"
    if "enum" in problem.lower() or "Invalid" in problem:
        return "use one of the values in evaluation/scenarios.py"
    return "write it as evaluation/scenarios.py says"


def _problems(case: Case) -> Iterator[tuple[str, str]]:
    """``(field, problem and fix)`` of what has the right shape and can't be."""
    scenario = case.scenario
    if scenario.voice and scenario.voice not in VOICES:
        yield "voice", _no(scenario.voice, VOICES)
    voice = VOICES.get(scenario.voice)
    if voice is not None and voice.language != case.language:
        yield "voice", f"{scenario.voice} speaks {voice.language}, the caller {case.language}; choose another voice"
    for topic, said in scenario.answers.items():
        if said == ():
            yield f"answers.{topic}", "no answer; write a sentence or leave the topic out"
    for at, end in enumerate(scenario.expect):
        where = f"expect[{at}]"
        if sum((end.order is not None, end.table is not None, end.transferred, end.nothing, end.cancelled)) != 1:
            yield where, "give exactly one of order, table, transferred, nothing and cancelled"
        if end.order is not None:
            for field, problem in _order_problems(end.order, case.ends_in):
                yield f"{where}.order.{field}", problem


def _order_problems(order: ExpectedOrder, known: Place) -> Iterator[tuple[str, str]]:
    items = {item.name: item for item in known.menu.items}
    total, free_of_fee = 0, order.fulfilment != "delivery"
    for at, line in enumerate(order.lines):
        item = items.get(line.item)
        if item is None:
            yield f"lines[{at}].item", _no(line.item, items)
            return
        sizes = {size.name: size.price_cents for size in item.sizes}
        if line.size not in sizes:
            yield f"lines[{at}].size", _no(line.size, sizes)
            return
        options = _options(item)
        strange = next((one for one in line.options if one not in options), None)
        if strange is not None:
            yield f"lines[{at}].options", _no(strange, options)
            return
        total += line.quantity * (sizes[line.size] + sum(options[one] for one in line.options))
    if not free_of_fee:
        zone = next((one for one in known.content.delivery_zones if order.postcode in one.postcodes), None)
        if zone is None:
            yield (
                "postcode",
                _no(order.postcode, [code for one in known.content.delivery_zones for code in one.postcodes]),
            )
            return
        total += cents(zone.fee)
    if total != order.total_cents:
        yield "total_cents", f"{order.total_cents}, but by the menu these lines come to {total}; write {total}"


def _options(item: MenuItem) -> dict[str, int]:
    return {option.name: option.price_cents for group in item.modifier_groups for option in group.options}


def _no(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    advice = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(repr(one) for one in sorted(names)[:12])}"
    return f"there is no {name!r}; {advice}"
