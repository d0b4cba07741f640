"""The model's tools and their parameters, said once: the JSON schema and the strict reading both come from here.

Reading checks types and lengths only. Whether a name is on the menu is for ``domain.carts`` to say, whose
refusals know what would be allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from domain.carts import (
    MAX_CITY,
    MAX_NAME,
    MAX_NOTE,
    MAX_POSTCODE,
    MAX_STREET,
    offered_kinds,
)
from domain.choices import orderable
from domain.errors import Refused
from domain.lines import MAX_QUANTITY
from domain.menu import Menu
from domain.names import plain_text
from domain.reservations import MAX_COVERS
from domain.restaurant import Restaurant

MAX_TEXT = 120
MAX_QUESTION = 300
MAX_MODIFIERS = 20
AS_SOON_AS_POSSIBLE = "asap"
OFFER_EXTRA = "offer_extra"  # only where the restaurant wants it

Vocabulary = Literal["items", "sizes", "modifiers", "kinds"]
Value = str | int | tuple[str, ...]


class Parameter(NamedTuple):
    """``vocabulary`` says which names of the menu or restaurant become the schema's enum."""

    name: str
    kind: Literal["text", "whole", "texts"]
    description: str
    required: bool = False
    limit: int = MAX_TEXT
    vocabulary: Vocabulary | None = None


class Tool(NamedTuple):
    name: str
    description: str
    parameters: tuple[Parameter, ...] = ()


_ITEM = Parameter("item", "text", "The item's name, exactly as on the menu.", vocabulary="items")
_SIZE = Parameter("size", "text", "The size's name; required when the item has several sizes.", vocabulary="sizes")
_QUANTITY = Parameter("quantity", "whole", "How many, 1 if not said.", limit=MAX_QUANTITY)
_LINE = Parameter("line", "whole", "The line's number in the cart.", required=True, limit=100_000)

_TABLE = (
    Parameter("date", "text", "YYYY-MM-DD, a weekday, today or tomorrow.", required=True),
    Parameter("time", "text", "HH:MM, 24 hours.", required=True),
    Parameter("covers", "whole", "How many people.", required=True, limit=MAX_COVERS),
)

TOOLS: tuple[Tool, ...] = (
    Tool(
        "add_item",
        "Add one item to the cart. Call it as soon as the caller has chosen the item and, if it has several, the size.",
        (
            Parameter("item", "text", _ITEM.description, required=True, vocabulary="items"),
            _SIZE,
            Parameter(
                "modifiers", "texts", "Names of the chosen options of this item's groups.", vocabulary="modifiers"
            ),
            _QUANTITY,
            Parameter("note", "text", "A wish for the kitchen that no option covers.", limit=MAX_NOTE),
        ),
    ),
    Tool(
        "change_item",
        "Change a line of the cart: another item, size or quantity, options added or removed.",
        (
            _LINE,
            _ITEM,
            _SIZE,
            _QUANTITY,
            Parameter("add_modifiers", "texts", "Options to add to the line.", vocabulary="modifiers"),
            Parameter("remove_modifiers", "texts", "Options to take off the line.", vocabulary="modifiers"),
        ),
    ),
    Tool("remove_item", "Take a line off the cart.", (_LINE,)),
    Tool(
        "set_fulfilment",
        "How the caller gets the food. For a delivery give the address; it may come in parts, the postcode first.",
        (
            Parameter("kind", "text", "Pickup, delivery or eating in.", required=True, vocabulary="kinds"),
            Parameter("street", "text", "Number and street.", limit=MAX_STREET),
            Parameter("postcode", "text", "Postcode.", limit=MAX_POSTCODE),
            Parameter("city", "text", "Town.", limit=MAX_CITY),
        ),
    ),
    Tool(
        "set_time",
        "When the caller wants the order, if they name a time. Without it the order is for as soon as possible.",
        (
            Parameter("time", "text", "HH:MM, 24 hours; or asap for as soon as possible.", required=True),
            Parameter("day", "text", "YYYY-MM-DD, a weekday, today or tomorrow; today if left out."),
        ),
    ),
    Tool(
        "set_customer",
        "The name the order is for.",
        (Parameter("name", "text", "As the caller said it.", required=True, limit=MAX_NAME),),
    ),
    Tool(
        OFFER_EXTRA,
        "Say which one thing more you offer, right before you offer it. Once a call, when nothing else is wanted.",
        (Parameter("item", "text", _ITEM.description, required=True, vocabulary="items"),),
    ),
    Tool("read_cart", "Read the whole order back to the caller. Required before confirm_order, after every change."),
    Tool("confirm_order", "Send the order to the kitchen. Only after read_cart and the caller's clear yes."),
    Tool(
        "describe_item",
        "What an item costs in each size, what it is and its allergens, as the menu has them now.",
        (Parameter("item", "text", _ITEM.description, required=True, vocabulary="items"),),
    ),
    Tool(
        "look_up_faq",
        "Look up the restaurant's own answer to a question that is not about ordering.",
        (Parameter("question", "text", "The caller's question.", required=True, limit=MAX_QUESTION),),
    ),
    Tool(
        "opening_hours",
        "Opening hours of a day, and whether the restaurant is open now.",
        (Parameter("day", "text", "YYYY-MM-DD, a weekday, today or tomorrow; today if left out."),),
    ),
    Tool(
        "check_table",
        "Whether there is a table at this time for so many people, and if not, when there is one. Books nothing.",
        _TABLE,
    ),
    Tool(
        "book_table",
        "Book a table, once the caller has agreed to the day, the time and the number of people and has said a name."
        " It is booked only when the result says booked. A call makes one booking: again, it changes that one.",
        (
            *_TABLE,
            Parameter("name", "text", "The name that the booking is for.", required=True, limit=MAX_NAME),
            Parameter("note", "text", "A wish for the table: a high chair, by the window.", limit=MAX_NOTE),
        ),
    ),
    Tool(
        "transfer_to_human",
        "Put the caller through to the team: on request, on any doubt about allergens, or when you cannot help.",
        (Parameter("reason", "text", "Why, in a few words.", required=True),),
    ),
    Tool("end_call", "Hang up, after saying goodbye, when the caller is done."),
)
_BY_NAME = {tool.name: tool for tool in TOOLS}
TOOL_NAMES = frozenset(_BY_NAME)


class Arguments(NamedTuple):
    """Checked arguments; what was left out, null or blank is absent."""

    values: Mapping[str, Value]

    def text(self, name: str) -> str:
        value = self.values.get(name, "")
        return value if isinstance(value, str) else ""

    def whole(self, name: str) -> int | None:
        value = self.values.get(name)
        return value if isinstance(value, int) else None

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.values.get(name, ())
        return value if isinstance(value, tuple) else ()


def read_arguments(tool_name: object, raw: object) -> Arguments:
    """``raw`` (decoded JSON, anything) as the named tool's arguments.

    Raises Refused ``unknown_tool`` or ``bad_argument``, whatever it is given.
    """
    tool = _BY_NAME.get(tool_name) if isinstance(tool_name, str) else None
    if tool is None:
        raise Refused("unknown_tool", "There is no such tool.", tuple(_BY_NAME), "name")
    known = {parameter.name: parameter for parameter in tool.parameters}
    if not isinstance(raw, Mapping):
        raise Refused("bad_argument", "arguments must be a JSON object.", tuple(known), "arguments")
    if any(name not in known for name in raw):
        message = f"{tool.name} takes no arguments but these."
        raise Refused("bad_argument", message, tuple(known), "arguments")
    values = {}
    for name, parameter in known.items():
        value = _read(parameter, raw.get(name))
        if value is not None:
            values[name] = value
        elif parameter.required:
            raise Refused("bad_argument", f"{name} is required.", (), name)
    return Arguments(values)


def tool_schemas(restaurant: Restaurant, menu: Menu) -> list[dict[str, Any]]:
    """Function tools for the Realtime session; enums hold what is on sale now."""
    words = _vocabularies(restaurant, menu)
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": {
                "type": "object",
                "properties": {
                    parameter.name: _schema(parameter, words)
                    for parameter in tool.parameters
                    # An enum may not be empty: without sizes on the menu there is no size to give.
                    if parameter.vocabulary is None or parameter.required or words[parameter.vocabulary]
                },
                "required": [parameter.name for parameter in tool.parameters if parameter.required],
                "additionalProperties": False,
            },
        }
        for tool in TOOLS
        if restaurant.upsell or tool.name != OFFER_EXTRA
    ]


def _vocabularies(restaurant: Restaurant, menu: Menu) -> dict[Vocabulary, list[str]]:
    items = [item for item in menu.items if orderable(item)]
    sizes = (size.name for item in items for size in item.sizes if size.available and size.name)
    groups = (group for item in items for group in item.modifier_groups)
    options = [option.name for group in groups for option in group.options if option.available]
    on_sale = {item.id: item.name for item in items}
    fillings = (choice.item_id for item in items for part in item.combo for choice in part.choices)
    options += [on_sale[item_id] for item_id in fillings if item_id in on_sale]
    return {
        "items": list(dict.fromkeys(item.name for item in items)),
        "sizes": list(dict.fromkeys(sizes)),
        "modifiers": list(dict.fromkeys(options)),
        "kinds": list(offered_kinds(restaurant)),
    }


def _schema(parameter: Parameter, words: Mapping[Vocabulary, list[str]]) -> dict[str, Any]:
    schema: dict[str, Any]
    if parameter.kind == "whole":
        schema = {"type": "integer", "minimum": 1, "maximum": parameter.limit}
    else:
        schema = {"type": "string"}
        if parameter.vocabulary and words[parameter.vocabulary]:
            schema["enum"] = words[parameter.vocabulary]
        elif parameter.kind == "text":
            schema["maxLength"] = parameter.limit
    if parameter.kind == "texts":
        schema = {"type": "array", "items": schema, "maxItems": MAX_MODIFIERS}
    return {**schema, "description": parameter.description}


def _read(parameter: Parameter, value: object) -> Value | None:
    if value is None:
        return None
    if parameter.kind == "whole":
        return _whole(value, parameter.name)
    if parameter.kind == "text":
        return plain_text(value, parameter.limit, parameter.name) or None
    if not isinstance(value, list | tuple) or len(value) > MAX_MODIFIERS:
        message = f"{parameter.name} must be a list of at most {MAX_MODIFIERS} strings."
        raise Refused("bad_argument", message, ("list of strings",), parameter.name)
    return tuple(plain_text(one, parameter.limit, parameter.name) for one in value)


def _whole(value: object, name: str) -> int:
    """JSON knows one kind of number, so ``2.0`` is two; ``"2"`` and ``true`` are not."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refused("bad_argument", f"{name} must be a whole number.", ("whole number",), name)
    return value
