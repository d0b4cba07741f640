"""The agent's tool calls: those that a sentence asks for, the tools' answers, and the calls that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from devstack.speech.halves import AddHalves
from devstack.speech.lexicon import LEXICONS
from devstack.speech.mentions import find_mentions
from devstack.speech.orders import AddItem, ChangeItem, RemoveItem
from devstack.speech.parsed import Trait
from devstack.speech.protocol.items import FunctionCall, FunctionCallOutput, Item
from devstack.speech.tokens import tokens_of
from devstack.speech.understanding import Understood
from devstack.speech.vocabulary import choice_of
from devstack.speech.words import words_of

# Arguments that an answer of the caller can put right.
CHOOSABLE = ("size", "modifiers", "add_modifiers", "item", "kind")


@dataclass(frozen=True, slots=True)
class UseTool:
    name: str
    arguments: dict[str, Any]


class ReportedLine(msgspec.Struct):
    line: int
    item: str
    size: str = ""
    modifiers: list[str] = []
    quantity: int = 1
    note: str = ""


def calls_for(understood: Understood, cart: Sequence[ReportedLine]) -> list[UseTool]:
    """Every call that ``understood`` asks for, in the order in which it was said.

    ``cart`` has the line last spoken of last.
    """
    calls: list[UseTool] = []
    replaced: set[int] = set()  # lines that are of another item by now
    for intent in understood.orders:
        match intent:
            case AddItem(choices=choices) | RemoveItem(choices=choices) if choices:
                continue  # asked about first
            case AddItem():
                calls.append(add_call(intent))
            case AddHalves():
                calls.append(_halves_call(intent))
            case RemoveItem():
                lines = cart if intent.everything else _lines(intent.item, cart, intent.traits)
                calls += [remove_call(line, intent.quantity) for line in lines if line.line not in replaced]
            case ChangeItem():
                for line in _changed(intent, cart):
                    replaced |= {line.line} if intent.item else set()
                    calls += _change_calls(intent, line)
    if any(understood.allergies):
        calls.insert(0, UseTool("set_allergies", {"allergens": [one for one in understood.allergies if one]}))
    if understood.kind or understood.address:
        arguments = {"kind": understood.kind or "delivery"}
        if understood.address is not None:
            address = understood.address
            parts = {"street": address.street, "postcode": address.postcode, "city": address.city}
            arguments |= {name: value for name, value in parts.items() if value}
        calls.append(UseTool("set_fulfilment", arguments))
    if understood.time:
        calls.append(UseTool("set_time", {"time": understood.time}))
    if understood.customer:
        calls.append(UseTool("set_customer", {"name": understood.customer}))
    return calls


def add_call(intent: AddItem) -> UseTool:
    arguments: dict[str, Any] = {"item": intent.item, "quantity": intent.quantity}
    if intent.size:
        arguments["size"] = intent.size
    if intent.modifiers:
        arguments["modifiers"] = list(intent.modifiers)
    if intent.note:
        arguments["note"] = intent.note
    return UseTool("add_item", arguments)


def _halves_call(intent: AddHalves) -> UseTool:
    first, second = (
        {"item": item} | ({"modifiers": [{"name": name} for name in modifiers]} if modifiers else {})
        for item, modifiers in zip(intent.items, intent.modifiers, strict=True)
    )
    size = {"size": intent.size} if intent.size else {}
    return UseTool("add_halves", {"first": first, "second": second, "quantity": intent.quantity, **size})


def remove_call(line: ReportedLine, quantity: int = 0) -> UseTool:
    """``quantity`` of the line, 0 for all of it."""
    if 0 < quantity < line.quantity:
        return UseTool("change_item", {"line": line.line, "quantity": line.quantity - quantity})
    return UseTool("remove_item", {"line": line.line})


def line_again(line: ReportedLine) -> UseTool:
    return add_call(AddItem(line.item, line.size, line.quantity, tuple(line.modifiers), line.note))


def _lines(item: str, cart: Sequence[ReportedLine], traits: Sequence[Trait] = ()) -> Sequence[ReportedLine]:
    """The last line of ``item``, or of all for "". None where several are told apart by what none of them has."""
    lines = [line for line in cart if item in ("", line.item)]
    having = _having(lines, traits)
    return having[-1:] if having or not traits else lines if item and len(lines) == 1 else []


def _having(lines: Sequence[ReportedLine], traits: Sequence[Trait]) -> list[ReportedLine]:
    return [
        line
        for line in lines
        if all(one.absent != bool({line.size, *line.modifiers}.intersection(one.names)) for one in traits)
    ]


def _changed(intent: ChangeItem, cart: Sequence[ReportedLine]) -> Sequence[ReportedLine]:
    """``The large one without onions`` is the one that is large, and makes no other so."""
    if intent.traits:
        lines = [line for line in cart if intent.target in ("", line.item)]
        having = _having(lines, intent.traits)
        if having or not intent.target:
            return having[-1:]
    last = _lines(intent.target, cart)
    if intent.other and last:
        return [line for line in cart[:-1] if line.item == last[0].item][-1:] or last
    if not last or not intent.size or intent.item or not (intent.add or intent.remove or intent.without or intent.note):
        return last
    named = [line for line in cart if (line.item, line.size) == (last[0].item, intent.size)]
    return named[-1:] or last


def _change_calls(intent: ChangeItem, line: ReportedLine) -> list[UseTool]:
    note = line.note
    left_out = [option for option, _ in intent.without if option in line.modifiers]
    wishes = [intent.note, *(wish for option, wish in intent.without if option not in line.modifiers)]
    removed = [*(name for name in intent.remove if name in line.modifiers), *left_out]
    told = ", ".join(filter(None, dict.fromkeys([note, *wishes])))
    if intent.again:
        kept = [name for name in line.modifiers if intent.alike and name not in removed]
        told = told if intent.alike else ", ".join(filter(None, wishes))
        wanted = {"size": intent.size or line.size, "modifiers": [*kept, *intent.add], "note": told}
        return [UseTool("add_item", {"item": line.item} | {name: value for name, value in wanted.items() if value})]
    if 0 < intent.part < line.quantity:  # "one of them with …": that one becomes a line of its own
        kept = [name for name in line.modifiers if name not in removed]
        apart: dict[str, Any] = {"item": intent.item or line.item, "quantity": intent.part}
        parts = {"size": intent.size or line.size, "modifiers": [*kept, *intent.add], "note": told}
        less = UseTool("change_item", {"line": line.line, "quantity": line.quantity - intent.part})
        return [less, UseTool("add_item", apart | {name: value for name, value in parts.items() if value})]
    more = line.quantity + intent.quantity_more if intent.quantity_more else 0
    arguments: dict[str, Any] = {
        "item": intent.item if intent.item != line.item else "",
        "size": intent.size,
        "quantity": intent.quantity or more,
        "add_modifiers": [name for name in intent.add if name not in line.modifiers],
        "remove_modifiers": removed,
        "note": told if told != note else "",
    }
    said = {name: value for name, value in arguments.items() if value}
    return [UseTool("change_item", {"line": line.line, **said})] if said else []


class _Cart(msgspec.Struct):
    lines: list[ReportedLine] = []


class _Error(msgspec.Struct):
    code: str = ""
    field: str = ""
    allowed: list[str] = []


class FoundDish(msgspec.Struct):
    name: str
    menu: str  # its lines, as instructions would have them


class ToolResult(msgspec.Struct):
    """``missing`` is None where the tool says nothing about an order. ``not_found`` is asked for and not settled,
    ``not_possible`` why options were left out of what was done."""

    ok: bool = True
    say: str = ""
    missing: list[str] | None = None
    not_found: list[str] = []
    cart: _Cart | None = None
    error: _Error | None = None
    not_possible: list[_Error] = []
    items: list[FoundDish] = []
    house: str = ""  # of a chain; ``agreed`` False: the caller is asked whether to go on there
    agreed: bool | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    call: UseTool
    result: ToolResult


@dataclass(frozen=True, slots=True)
class Choice:
    """A refused call that waits for the caller to choose among ``allowed`` for ``field``."""

    call: UseTool
    field: str
    allowed: tuple[str, ...]
    say: str
    insisted: bool = False  # asked again after the caller had passed over it

    def taken(self, value: str) -> UseTool:
        """The call with what the caller chose."""
        arguments = dict(self.call.arguments)
        if self.field in ("modifiers", "add_modifiers"):
            arguments[self.field] = [*(arguments.get(self.field) or []), value]
        else:
            arguments[self.field] = value
        return replace(self.call, arguments=arguments)

    def chosen(self, text: str, language: str) -> list[str]:
        """Which of ``allowed`` the caller named, in order; what was denied is none of them."""
        lexicon = LEXICONS[language]
        vocabulary = choice_of(self.allowed, language, is_size=self.field == "size")
        words = words_of(text)
        tokens = tokens_of(words, find_mentions(words, vocabulary, lexicon), lexicon, language)
        found: list[str] = []
        denied = False
        for token in tokens:
            denied = token.kind in ("neg", "not") or (
                denied and not token.stop and token.kind in ("a", "the", "of", "mention")
            )
            if token.mention is not None and not denied:
                values = token.mention.values("item", "option", "size")
                found += values if len(values) == 1 else ()
        return list(dict.fromkeys(found))


def answered(output: FunctionCallOutput, items: Sequence[Item]) -> Answered:
    """Never fails: an output that is no JSON object is a plain success."""
    call = next((one for one in items if isinstance(one, FunctionCall) and one.call_id == output.call_id), None)
    try:
        result = msgspec.json.decode(output.output, type=ToolResult)
    except (msgspec.DecodeError, UnicodeDecodeError):
        result = ToolResult()
    if call is None:
        return Answered(UseTool("", {}), result)
    try:
        arguments = msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        arguments = {}
    return Answered(UseTool(call.name, arguments if isinstance(arguments, dict) else {}), result)


def put_right(answer: Answered) -> UseTool | None:
    """The same call made possible without asking: no size where there are none, a thing in the singular."""
    error, call = answer.result.error, answer.call
    if error is None:
        return None
    if error.code == "interrupted":
        return call if call.name != "end_call" else None
    arguments = call.arguments
    if error.code == "unknown_size" and not error.allowed and "size" in arguments:
        return replace(call, arguments={name: value for name, value in arguments.items() if name != "size"})
    if error.code == "unknown_item" and call.name == "add_item" and str(arguments.get("item", "")).endswith("s"):
        return replace(call, arguments=arguments | {"item": arguments["item"][:-1]})
    return None
