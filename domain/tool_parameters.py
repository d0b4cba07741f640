"""The model's tools and their parameters, said once: the JSON schema and the strict reading both come from here.

Reading checks types and lengths only. Whether a name is on the menu is for ``domain.carts`` to say, whose
refusals know what would be allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from domain.allergies import MAX_ALLERGEN, MAX_ALLERGIES
from domain.calls import ToolEnding
from domain.carts import (
    MAX_CITY,
    MAX_NAME,
    MAX_POSTCODE,
    MAX_STREET,
    offered_kinds,
)
from domain.choices import orderable
from domain.errors import Refused
from domain.left_messages import KINDS, LONGEST
from domain.lines import MAX_QUANTITY
from domain.menu import AMOUNTS, Amount, Menu, MenuItem, ModifierGroup
from domain.modifiers import Choice
from domain.names import plain_text
from domain.notes import MAX_NOTE
from domain.prompts import has_whole_menu
from domain.reservations import MAX_COVERS
from domain.restaurant import Restaurant

MAX_TEXT = 120
MAX_QUESTION = 300
MAX_MODIFIERS = 20
MAX_TOOLS = 21_000  # characters of all schemas: with the prompt, less than the 16,384 tokens that a session takes
AS_SOON_AS_POSSIBLE = "asap"
OFFER_EXTRA = "offer_extra"  # only where the restaurant wants it

NO_NOTE = "none"
NO_CALL = "none"
MAX_PHONE = 40
ADD_HALVES = "add_halves"  # only where two halves may be had of something
MISSING_DISH = "missing_dish"
FIND_ORDER = "find_order"
CHANGE_ORDER = "change_order"
CANCEL_ORDER = "cancel_order"
SEARCH_MENU = "search_menu"  # only where the menu is too long for the prompt
LEAVE_MESSAGE = "leave_message"
CHOOSE_HOUSE = "choose_house"  # only where the restaurant is in a chain

WISH_ENDS = ("asked", "chose_another", "let_go")
TOOL_ENDINGS: tuple[ToolEnding, ...] = ("done", "abuse", "prank", "wrong_number")

Vocabulary = Literal["items", "halves", "sizes", "modifiers", "ingredients", "kinds", "houses"]


class Half(NamedTuple):
    """One of the two halves of something, and what is on that half alone."""

    item: str
    wanted: tuple[str | Choice, ...] = ()


Value = str | int | Half | tuple[str, ...] | tuple[str | Choice, ...]


class Parameter(NamedTuple):
    """``vocabulary`` says which names of the menu or restaurant become the schema's enum.

    Of the kind ``choices`` are options, each with its amount; a ``half`` is an item with choices of its own. ``most``
    is how many a list is said to take; ``choices`` are all that a text may be.
    """

    name: str
    kind: Literal["text", "whole", "texts", "choices", "half"]
    description: str
    required: bool = False
    limit: int = MAX_TEXT
    vocabulary: Vocabulary | None = None
    most: int = MAX_MODIFIERS
    choices: tuple[str, ...] = ()


class Tool(NamedTuple):
    name: str
    description: str
    parameters: tuple[Parameter, ...] = ()


_ITEM = Parameter("item", "text", "The item's name, exactly as on the menu.", vocabulary="items")
_SIZE = Parameter("size", "text", "The size's name; required when the item has several sizes.", vocabulary="sizes")
_QUANTITY = Parameter("quantity", "whole", "How many, 1 if not said.", limit=MAX_QUANTITY)
_MODIFIERS = Parameter(
    "modifiers",
    "choices",
    "The chosen options of this item's groups and, of a combo, the item for each of its parts. More or less of"
    " something: by its amount.",
    vocabulary="modifiers",
)
_WITHOUT = Parameter(
    "without", "texts", "What comes with the dish and is to be left out: no onions.", vocabulary="ingredients"
)
_NOTE = Parameter(
    "note",
    "text",
    "A wish for the kitchen that no option covers. Never a price, a discount or somebody's permission.",
    limit=MAX_NOTE,
)
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
            _MODIFIERS,
            _WITHOUT,
            _QUANTITY,
            _NOTE,
        ),
    ),
    Tool(
        ADD_HALVES,
        "Add one thing of two halves, each another item: half this, half that.",
        (
            Parameter("first", "half", "One half, and what is on that half alone.", required=True, vocabulary="halves"),
            Parameter("second", "half", "The other half.", required=True, vocabulary="halves"),
            _SIZE,
            _MODIFIERS._replace(description="Options on all of it."),
            _WITHOUT,
            _QUANTITY,
            _NOTE,
        ),
    ),
    Tool(
        "change_item",
        "Change a line of the cart: another item, size or quantity, options added or removed, another note.",
        (
            _LINE,
            _ITEM,
            _SIZE,
            _QUANTITY,
            _MODIFIERS._replace(name="add_modifiers", description="Options to add, or to have in another amount."),
            Parameter("remove_modifiers", "texts", "Options to take off the line.", vocabulary="modifiers"),
            _WITHOUT,
            _NOTE._replace(description=f"The line's note from now on, in place of the one it has; {NO_NOTE} for none."),
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
        "set_allergies",
        "What the caller, or anyone who will eat, is allergic or intolerant to. Call it as soon as it is said, with all"
        " that was said so far; an empty list takes it back.",
        (
            Parameter(
                "allergens", "texts", "In the caller's words.", required=True, limit=MAX_ALLERGEN, most=MAX_ALLERGIES
            ),
        ),
    ),
    Tool(
        MISSING_DISH,
        "A dish or an option that the caller asks for and cannot have. Call it at once (asked) unless `not_found` has"
        " it, ask what instead, or nothing, and call it again with the answer: until then nothing can be confirmed.",
        (
            Parameter("dish", "text", "In the caller's words.", required=True),
            Parameter("caller", "text", "What the caller said.", required=True, choices=WISH_ENDS),
        ),
    ),
    Tool(
        OFFER_EXTRA,
        "Say which one thing more you offer, right before you offer it. Once a call, when nothing else is wanted.",
        (Parameter("item", "text", _ITEM.description, required=True, vocabulary="items"),),
    ),
    Tool("read_cart", "Read the whole order back to the caller. Required before confirm_order, after every change."),
    Tool("confirm_order", "Send the order to the kitchen. Only after read_cart and the caller's clear yes."),
    Tool(
        SEARCH_MENU,
        "Find dishes on the menu, with prices, options and allergens. Call it before you speak of a dish or add it.",
        (Parameter("query", "text", "What the caller asks for, in their words.", required=True),),
    ),
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
        FIND_ORDER,
        "Where an order stands that was placed before. Ask for the name it is in; for its total only when this asks.",
        (
            Parameter("name", "text", "The name it is in, as the caller said it.", required=True, limit=MAX_NAME),
            Parameter("total", "text", "What it came to, as the caller said it."),
            Parameter("number", "whole", "Its number, if the caller says one.", limit=100_000),
        ),
    ),
    Tool(
        CHANGE_ORDER,
        "Take the order that find_order found into the cart, to change it there. Then as with any order: read_cart, a"
        " yes, confirm_order.",
    ),
    Tool(
        CANCEL_ORDER,
        "Cancel the order that find_order found. The first time it only asks: say its sentence; after a clear yes call"
        " it again.",
    ),
    Tool(
        "check_table",
        "Whether there is a table at this time for so many people, and if not, when there is one. Books nothing.",
        _TABLE,
    ),
    Tool(
        "book_table",
        "Book a table, once the caller has agreed to the day, the time and the number of people and has said a name."
        " It is booked only when the result says booked; held_for_deposit: kept until its deposit is paid."
        " A call makes one booking: again, it changes that one.",
        (
            *_TABLE,
            Parameter("name", "text", "The name that the booking is for.", required=True, limit=MAX_NAME),
            Parameter("note", "text", "A wish for the table: a high chair, by the window.", limit=MAX_NOTE),
        ),
    ),
    Tool(
        CHOOSE_HOUSE,
        "Go on with the call in one of our houses: by its name, or by the postcode or town that the caller says."
        " Only asks, where the caller has to agree first: say its `say`, and after a clear yes call it again.",
        (
            Parameter("house", "text", "The house's name, if the caller named it.", vocabulary="houses"),
            Parameter("place", "text", "The caller's postcode or town, as they said it.", limit=MAX_POSTCODE),
        ),
    ),
    Tool(
        LEAVE_MESSAGE,
        "Take a message for the team: something lost, a complaint, a supplier, a group. A call leaves one of each kind:"
        " again, it changes that one. It is left only when the result says left. Another number to ring is asked first:"
        " say its `say`, and after a clear yes call it again with the same.",
        (
            Parameter("about", "text", "What it is about.", required=True, choices=KINDS),
            Parameter(
                "message", "text", "All that is to be told, in the caller's words.", required=True, limit=LONGEST
            ),
            Parameter("name", "text", "Whose message it is, if they said it.", limit=MAX_NAME),
            Parameter(
                "phone",
                "text",
                f"In digits, another number to ring back than the one they call from; {NO_CALL}: they want no call.",
                limit=MAX_PHONE,
            ),
        ),
    ),
    Tool(
        "transfer_to_human",
        "Put the caller through to the team: on request, on any doubt about allergens, or when you cannot help.",
        (Parameter("reason", "text", "Why, in a few words.", required=True),),
    ),
    Tool(
        "end_call",
        "Hang up, after saying goodbye, when the caller is done; or when they only abuse or play a prank.",
        (Parameter("because", "text", "Left out: the caller is done.", choices=TOOL_ENDINGS),),
    ),
)
_BY_NAME = {tool.name: tool for tool in TOOLS}
TOOL_NAMES = frozenset(_BY_NAME)
MENU_TOOLS = frozenset({"add_item", ADD_HALVES, "change_item", "describe_item", OFFER_EXTRA, SEARCH_MENU})
"""Those whose answer is what the menu says now."""


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
        return tuple(one for one in value if isinstance(one, str)) if isinstance(value, tuple) else ()

    def choices(self, name: str) -> tuple[str | Choice, ...]:
        value = self.values.get(name, ())
        return value if isinstance(value, tuple) and not isinstance(value, Half) else ()

    def half(self, name: str) -> Half:
        value = self.values.get(name)
        return value if isinstance(value, Half) else Half("")


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


def tool_schemas(restaurant: Restaurant, menu: Menu, houses: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Function tools for the Realtime session; enums hold what is on sale now. ``houses`` are the names of those that
    the caller may choose among.

    They hold no names where there are too many, or where the menu is too long for the prompt: those are looked up, and
    a wrong one is refused with the nearest.
    """
    is_whole = has_whole_menu(restaurant, menu)
    words = _Words.of(restaurant, menu, is_whole, houses)
    halves = any(category.halves for category in menu.categories)
    offered = {
        OFFER_EXTRA: restaurant.upsell,
        ADD_HALVES: halves,
        SEARCH_MENU: not is_whole,
        CHOOSE_HOUSE: bool(houses),
    }
    tools = [tool for tool in TOOLS if offered.get(tool.name, True)]
    schemas = [_tool_schema(tool, words) for tool in tools]
    if len(repr(schemas)) > MAX_TOOLS:
        return [_tool_schema(tool, words._replace(has_enums=False)) for tool in tools]
    return schemas


def _tool_schema(tool: Tool, words: _Words) -> dict[str, Any]:
    # An enum may not be empty: without sizes on the menu there is no size to give.
    known = [one for one in tool.parameters if one.required or not words.lacks(one.vocabulary)]
    required = [one.name for one in tool.parameters if one.required]
    parameters = _object({one.name: _schema(one, words) for one in known}, required)
    return {"type": "function", "name": tool.name, "description": tool.description, "parameters": parameters}


class _Words(NamedTuple):
    """The names for enums, None where they are left out; ``amounts`` that some option or ingredient may be had in."""

    names: Mapping[Vocabulary, list[str]]
    has_enums: bool
    amounts: tuple[Amount, ...]
    has_inner: bool

    @classmethod
    def of(cls, restaurant: Restaurant, menu: Menu, has_enums: bool, houses: Sequence[str] = ()) -> _Words:
        items = [item for item in menu.items if orderable(item)]
        groups = [group for item in items for top in item.modifier_groups for group in _with_inner(top)]
        amounts = {amount for group in groups for amount in group.amounts if amount != "without"}
        if any(item.ingredients for item in items):
            amounts |= {"light", "extra", "side"}
        names: dict[Vocabulary, list[str]] = {"kinds": list(offered_kinds(restaurant)), "houses": list(houses)}
        for vocabulary, values in _menu_names(menu, items, groups).items():
            names[vocabulary] = list(dict.fromkeys(values))
        return cls(
            names,
            has_enums,
            tuple(amount for amount in AMOUNTS if amount in amounts),
            any(option.groups for group in groups for option in group.options),
        )

    def lacks(self, vocabulary: Vocabulary | None) -> bool:
        return vocabulary is not None and vocabulary != "ingredients" and not self.names[vocabulary]

    def text(self, vocabulary: Vocabulary | None, limit: int = MAX_TEXT) -> dict[str, Any]:
        """A name: one of the enum's, or any. Something to leave out may be no name of the menu's at all."""
        always = vocabulary in ("kinds", "houses")
        known = self.names[vocabulary] if vocabulary and (self.has_enums or always) else []
        if known and vocabulary != "ingredients":
            return {"type": "string", "enum": known}
        return {"type": "string", "maxLength": limit}


def _menu_names(menu: Menu, items: list[MenuItem], groups: list[ModifierGroup]) -> dict[Vocabulary, list[str]]:
    halved = {category.id for category in menu.categories if category.halves}
    ingredients = [one.name for item in items for one in item.ingredients]
    options = [option.name for group in groups for option in group.options if option.available]
    on_sale = {item.id: item.name for item in items}
    fillings = [choice.item_id for item in items for part in item.combo for choice in part.choices]
    options += [on_sale[item_id] for item_id in fillings if item_id in on_sale]
    return {
        "items": [item.name for item in items],
        "halves": [item.name for item in items if item.category_id in halved and not item.combo],
        "sizes": [size.name for item in items for size in item.sizes if size.available and size.name],
        "modifiers": options + ingredients,
        "ingredients": ingredients,
    }


def _with_inner(group: ModifierGroup) -> Iterator[ModifierGroup]:
    yield group
    for option in group.options:
        yield from option.groups


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _schema(parameter: Parameter, words: _Words) -> dict[str, Any]:
    schema: dict[str, Any]
    match parameter.kind:
        case "whole":
            schema = {"type": "integer", "minimum": 1, "maximum": parameter.limit}
        case "text":
            schema = words.text(parameter.vocabulary, parameter.limit)
            if parameter.choices:
                schema = {"type": "string", "enum": list(parameter.choices)}
        case "texts":
            one = words.text(parameter.vocabulary, parameter.limit)
            schema = {"type": "array", "items": one, "maxItems": parameter.most}
        case "choices":
            schema = _choices_schema(words)
        case "half":
            item = words.text("halves") | {"description": "The item's name."}
            own = {"modifiers": _choices_schema(words)} if words.names["modifiers"] else {}
            without = {"type": "array", "items": words.text("ingredients"), "maxItems": MAX_MODIFIERS}
            schema = _object({"item": item, **own, "without": without}, ["item"])
    return {**schema, "description": parameter.description}


def _choices_schema(words: _Words) -> dict[str, Any]:
    one = {"name": words.text("modifiers")}
    if words.amounts:
        one["amount"] = {"type": "string", "enum": list(words.amounts), "description": "Left out: the regular amount."}
    if words.has_inner:
        one["within"] = {
            "type": "string",
            "maxLength": MAX_TEXT,
            "description": "The option that this one is chosen inside of.",
        }
    return {"type": "array", "items": _object(one, ["name"]), "maxItems": MAX_MODIFIERS}


def _read(parameter: Parameter, value: object) -> Value | None:
    if value is None:
        return None
    match parameter.kind:
        case "whole":
            return _whole(value, parameter.name)
        case "text":
            said = plain_text(value, parameter.limit, parameter.name) or None
            if said and parameter.choices and said not in parameter.choices:
                raise Refused("bad_argument", f"There is no such {parameter.name}.", parameter.choices, parameter.name)
            return said
        case "half":
            return _half(value, parameter.name)
        case "choices":
            return tuple(_choice(one, parameter.name) for one in _list(value, parameter.name))
        case "texts":
            return tuple(plain_text(one, parameter.limit, parameter.name) for one in _list(value, parameter.name))


def _list(value: object, name: str) -> list[object] | tuple[object, ...]:
    if not isinstance(value, list | tuple) or len(value) > MAX_MODIFIERS:
        raise Refused("bad_argument", f"{name} must be a list of at most {MAX_MODIFIERS}.", ("a list",), name)
    return value


def _choice(value: object, name: str) -> str | Choice:
    """A bare name is as good as an object with nothing but a name: it may say the amount ("no onions")."""
    if not isinstance(value, Mapping):
        return plain_text(value, MAX_TEXT, name)
    _require_known(value, ("name", "amount", "within"), name)
    called = plain_text(value.get("name"), MAX_TEXT, name)
    within = plain_text(value.get("within") or "", MAX_TEXT, name)
    amount = value.get("amount") or "regular"
    if amount not in AMOUNTS:
        raise Refused("bad_argument", "There is no such amount.", AMOUNTS, "amount")
    return called if amount == "regular" and not within else Choice(called, amount, within)


def _half(value: object, name: str) -> Half:
    if not isinstance(value, Mapping):
        return Half(plain_text(value, MAX_TEXT, name))
    _require_known(value, ("item", "modifiers", "without"), name)
    modifiers = (_choice(one, name) for one in _list(value.get("modifiers") or (), name))
    without = (Choice(plain_text(one, MAX_TEXT, name), "without") for one in _list(value.get("without") or (), name))
    return Half(plain_text(value.get("item"), MAX_TEXT, name), (*modifiers, *without))


def _require_known(value: Mapping[Any, Any], known: tuple[str, ...], name: str) -> None:
    if any(key not in known for key in value):
        raise Refused("bad_argument", f"{name} takes nothing but these.", known, name)


def _whole(value: object, name: str) -> int:
    """JSON knows one kind of number, so ``2.0`` is two; ``"2"`` and ``true`` are not."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refused("bad_argument", f"{name} must be a whole number.", ("whole number",), name)
    return value
