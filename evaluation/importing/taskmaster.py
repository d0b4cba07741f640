"""Taskmaster-4: coffee orders that people wrote, with the calls of an ordering interface that they were to lead to.

A dialogue's last ``get_order_details`` says what was ordered; the menu is made of all that is ordered in the file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from evaluation.importing import Drawn, Made, Source

PRICE = 3.0
NAME = "Alex"
MOST_LINES = 5


def draw(dialogues: Sequence[Any], limit: int) -> Drawn:
    menu = _Menu()
    scenarios: list[Made] = []
    left_out = 0
    for dialogue in dialogues:
        if len(scenarios) >= limit:
            break
        ordered = _ordered(dialogue["utterances"])
        said = [one["text"].strip() for one in dialogue["utterances"] if one["speaker"] == "user"]
        said = [text for text in said[:-1] or said if text][:8]
        if not ordered or not said or len(ordered) > MOST_LINES or any(len(text) > 400 for text in said):
            left_out += 1
            continue
        lines = [menu.line(one) for one in ordered]
        scenarios.append(_scenario(len(scenarios) + 1, said, lines))
    return Drawn(scenarios, menu.file(), left_out)


def _scenario(number: int, said: list[str], lines: list[Made]) -> Made:
    total = sum(round(PRICE * 100) * line["quantity"] for line in lines)
    order = {"lines": lines, "total_cents": total, "fulfilment": "pickup", "name": NAME}
    return {
        "id": f"taskmaster-{number:04}",
        "menu": "taskmaster-4-menu.yaml",
        "persona": "a crowd worker",
        "goal": "as in the dialogue",
        "say": said,
        "answers": {"name": f"{NAME}."},
        "expect": [{"order": order}],
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
    """Grows with the orders."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._options: dict[str, dict[str, str]] = defaultdict(dict)  # by group: folded name to name
        self._groups: dict[str, set[str]] = defaultdict(set)

    def line(self, item: Made) -> Made:
        name = " ".join(str(item["menu_item_name"]).split()).title()
        known = self._names.setdefault(name.casefold(), name)
        options = []
        for attribute in item.get("attributes") or ():
            group, option = str(attribute["attribute_id"]), " ".join(str(attribute.get("option") or "").split()).title()
            if option:
                options.append(self._options[group].setdefault(option.casefold(), option))
                self._groups[known].add(group)
        note = " ".join(str(item.get("notes") or "").split())[:100]
        return {"item": known, "quantity": item["quantity"], "options": options} | ({"note": note} if note else {})

    def file(self) -> Made:
        groups = {
            group: {
                "name": group.replace("-", " "),
                "minimum": 0,
                "maximum": min(len(options), 5),
                "options": [{"name": name, "price": 0} for name in options.values()],
            }
            for group, options in self._options.items()
        }
        items = [
            {"name": name, "price": PRICE, "modifiers": sorted(self._groups[name])} for name in self._names.values()
        ]
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
