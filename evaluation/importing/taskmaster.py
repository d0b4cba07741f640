"""Taskmaster-4: coffee orders that people wrote, with the calls of an ordering interface that they were to lead to.

A dialogue's last ``get_order_details`` says what was ordered; the menu is made of all that is ordered in the file.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from domain.names import fold
from evaluation.importing import Drawn, Made, Source

PRICE = 3.0
NAME = "Alex"
MOST_LINES = 5
_NAMED = re.compile(
    r"\b(?:[Nn]ame(?: is|'s)?|[Uu]nder(?: the name)?(?: of)?|[Ff]or|I'm|I am|[Tt]his is) "
    r"(?P<name>[A-Z][a-z]+(?:-[A-Za-z][a-z]+)*)\b"
)
_MEASURES = ("shot", "shots")
_HERE = re.compile(r"\b(?:for|stay(?:ing)?|(?:have|drink(?:ing)?) (?:it|that|them)) here\b", re.IGNORECASE)


def draw(dialogues: Sequence[Any], limit: int) -> Drawn:
    menu = _Menu(dialogues)
    scenarios: list[Made] = []
    left_out = 0
    for dialogue in dialogues:
        if len(scenarios) >= limit:
            break
        ordered = _ordered(dialogue["utterances"])
        said = [one["text"].strip() for one in dialogue["utterances"] if one["speaker"] == "user"]
        said = [text for text in said[:-1] or said if text][:8]
        lines = [menu.line(one, " ".join(said)) for one in ordered]
        known = [line for line in lines if line is not None]
        too_long = len(ordered) > MOST_LINES or any(len(text) > 400 for text in said)
        another = menu.is_another_said(ordered, " ".join(said))
        if not said or not known or len(known) < len(lines) or too_long or another:
            left_out += 1
            continue
        wishes = _not_to_be_had(dialogue["utterances"], " ".join(said))
        scenarios.append(_scenario(len(scenarios) + 1, said, known, wishes))
    return Drawn(scenarios, menu.file(), left_out)


def _scenario(number: int, said: list[str], lines: list[Made], wishes: list[str]) -> Made:
    total = sum(round(PRICE * 100) * line["quantity"] for line in lines)
    named = _NAMED.search(" ".join(said))
    name = named["name"] if named else NAME
    fulfilment = "dine_in" if _HERE.search(" ".join(said)) else "pickup"
    order = {"lines": lines, "total_cents": total, "fulfilment": fulfilment, "name": name}
    ends = [{"order": order}]
    if len(lines) == 1 and "note" not in lines[0]:  # what was not to be had may have been told to the bar
        ends += [{"order": order | {"lines": [lines[0] | {"note": wish}]}} for wish in wishes]
    return {
        "id": f"taskmaster-{number:04}",
        "menu": "taskmaster-4-menu.yaml",
        "persona": "a crowd worker",
        "goal": "as in the dialogue",
        "say": said,
        "answers": {"name": f"{name}."},
        "expect": ends,
    }


def _ordered(utterances: Sequence[Any]) -> list[Made]:
    """The items of the last order that was shown, each with the quantity it was added with."""
    quantities: dict[str, int] = {}
    shown: list[Made] = []
    for name, request, response in _calls(utterances):
        if name == "add_order_item":
            quantities[str(response.get("order_item_id"))] = int(request.get("quantity") or 1)
        elif name == "get_order_details":
            shown = list(response.get("menu_items") or [])
    return [one | {"quantity": quantities.get(str(one.get("order_item_id")), 1)} for one in shown]


def _not_to_be_had(utterances: Sequence[Any], said: str) -> list[str]:
    """What the caller wished for and the menu did not have: queries without an answer, in words that were said."""
    queries = (
        str(request.get("query") or "")
        for name, request, response in _calls(utterances)
        if name == "get_addons" and not response.get("attributes")
    )
    return [words for words in dict.fromkeys(map(fold, queries)) if words and words in fold(said)]


def _calls(utterances: Sequence[Any]) -> Iterator[tuple[str, Made, Made]]:
    """``(interface, request, response)``; those whose JSON its writer broke are left out."""
    for utterance in utterances:
        request: Made = {}
        name = ""
        for one in utterance.get("annotations") or ():
            if one["name"] == "api_call":
                name = one["value"]
            elif one["name"] == "request":
                request = _object(one["value"])
            elif one["name"] == "response":
                yield name, request, _object(one["value"])


def _object(text: str) -> Made:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}


class _Menu:
    """What is ordered in the file. Its writers typed names, ids and options by hand: a thing is called by its id
    (``chai-latte-3492``), since names were left as templates; options are those that the interface listed."""

    def __init__(self, dialogues: Sequence[Any]) -> None:
        spellings: dict[str, Counter[str]] = defaultdict(Counter)
        listed: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        for dialogue in dialogues:
            for name in {_name_of(one) for one in _ordered(dialogue["utterances"])}:
                spellings[_key(name)][name] += 1
            for _, _, response in _calls(dialogue["utterances"]):
                for group in response.get("attributes") or ():
                    for option in group.get("options") or ():
                        listed[_key(str(option))][str(group.get("attribute_id")), str(option)] += 1
        self._spelled = {key: found.most_common(1)[0][0] for key, found in spellings.items()}
        self._names = Counter({self._spelled[key]: found.total() for key, found in spellings.items()})
        self._listed = {key: found.most_common(1)[0][0] for key, found in listed.items()}
        self._options: dict[str, dict[str, None]] = defaultdict(dict)  # by group
        self._groups: dict[str, set[str]] = {}

    def line(self, item: Made, said: str) -> Made | None:
        """None for what may be a slip of its writer: a thing that no other dialogue has, an option that none listed,
        a note in other words than the caller's."""
        name = self._spelled[_key(_name_of(item))]
        found = [self._listed.get(_key(str(one.get("option")))) for one in _attributes(item)]
        note = fold(str(item.get("notes") or ""))
        if self._names[name] < 2 or note not in fold(said) or (note and f"for {note}" in fold(said)):
            return None
        plain = " ".join(word for word in note.split() if word not in _MEASURES)
        listed = self._listed.get(_key(plain)) if note else None
        if listed is not None and listed[0] not in [one[0] for one in found if one is not None]:
            found, note = [*found, listed], ""  # written as a note, where the interface has an option for it
        options: list[str] = []
        for one in found:
            if one is None:
                return None
            group, option = one
            self._options[group][option] = None
            self._groups.setdefault(name, set()).add(group)
            options.append(option)
        self._groups.setdefault(name, set())
        return {"item": name, "quantity": item["quantity"], "options": options} | ({"note": note} if note else {})

    def is_another_said(self, ordered: Sequence[Made], said: str) -> bool:
        """Whether what was ordered is not what the caller named: it is of another dialogue, or a slip."""
        words = f" {fold(said)} "
        named = {name for name in self._names if f" {fold(name)} " in words or f" {fold(name)}s " in words}
        meant = {self._spelled[_key(_name_of(one))] for one in ordered}
        return bool(named - meant) and any(not {*fold(one).split()} & {*words.split()} for one in meant)

    def file(self) -> Made:
        groups = {
            group: {
                "name": group.replace("-", " "),
                "minimum": 0,
                "maximum": 1,
                "options": [{"name": name, "price": 0} for name in options],
            }
            for group, options in self._options.items()
        }
        items = [{"name": name, "price": PRICE, "modifiers": sorted(own)} for name, own in self._groups.items()]
        return {
            "restaurant": _RESTAURANT,
            "opening_hours": {},
            "delivery_zones": [],
            "modifier_groups": groups,
            "menu": [{"category": "Coffee bar", "vat": 10.0, "items": items}],
            "faq": [],
            "phone_lines": [{"number": "+353209110099", "provider": "sip", "username": "taskmaster"}],
            "staff": [],
        }


def _attributes(item: Made) -> list[Made]:
    return [one for one in item.get("attributes") or () if str(one.get("option") or "").strip()]


def _name_of(item: Made) -> str:
    made_of = re.sub(r"[-\d]*$", "", str(item.get("menu_item_id") or "")) or str(item["menu_item_name"])
    return " ".join(made_of.replace("-", " ").split()).title()


def _key(option: str) -> str:
    return fold(option).replace(" ", "")


_RESTAURANT: Made = {
    "slug": "taskmaster-coffee",
    "name": "Coffee Bar",
    "language": "en",
    "currency": "EUR",
    "zone": "Europe/Dublin",
    "street": "1 Test Street",
    "postcode": "D01",
    "city": "Dublin",
    "phone": "+353209110099",
    "greeting": "Hello, this is the AI assistant of Coffee Bar. What would you like?",
    "pickup": True,
    "dine_in": True,
}

SOURCE = Source(
    "taskmaster-4",
    "Taskmaster-4 (Google LLC)",
    "CC BY 4.0",
    "https://github.com/google-research-datasets/Taskmaster, TM-4-2024/data",
    draw,
)
