"""The agent's tool calls: those that a sentence asks for, the tools' answers, and the calls that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from devstack.speech.lexicon import LEXICONS
from devstack.speech.matching import fold
from devstack.speech.mentions import best_of, words_of
from devstack.speech.orders import AddItem, ChangeItem, RemoveItem
from devstack.speech.protocol.items import FunctionCall, FunctionCallOutput, Item
from devstack.speech.understanding import Understood
from devstack.speech.vocabulary import SIZE_WORDS, names_of

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


def calls_for(understood: Understood, cart: Sequence[ReportedLine]) -> list[UseTool]:
    """Every call that ``understood`` asks for, in the order in which it was said."""
    calls: list[UseTool] = []
    for intent in understood.orders:
        match intent:
            case AddItem():
                calls.append(add_call(intent))
            case RemoveItem():
                lines = cart if intent.everything else _lines(intent.item, cart)
                calls += [UseTool("remove_item", {"line": line.line}) for line in lines]
            case ChangeItem():
                calls += [_change_call(intent, line) for line in _lines(intent.target, cart)]
    if understood.unknown_item is not None:
        calls.append(add_call(understood.unknown_item))
    if understood.kind or understood.address:
        arguments = {"kind": understood.kind or "delivery"}
        if understood.address is not None:
            address = understood.address
            parts = {"street": address.street, "postcode": address.postcode, "city": address.city}
            arguments |= {name: value for name, value in parts.items() if value}
        calls.append(UseTool("set_fulfilment", arguments))
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


def _lines(item: str, cart: Sequence[ReportedLine]) -> Sequence[ReportedLine]:
    """The last line of ``item``; the last of all for ""."""
    return [line for line in cart if item in ("", line.item)][-1:]


def _change_call(intent: ChangeItem, line: ReportedLine) -> UseTool:
    arguments: dict[str, Any] = {"line": line.line}
    if intent.item and intent.item != line.item:
        arguments["item"] = intent.item
    if intent.size:
        arguments["size"] = intent.size
    quantity = intent.quantity or (line.quantity + intent.quantity_more if intent.quantity_more else 0)
    if quantity:
        arguments["quantity"] = quantity
    if intent.add:
        arguments["add_modifiers"] = [name for name in intent.add if name not in line.modifiers]
    if intent.remove:
        arguments["remove_modifiers"] = list(intent.remove)
    return UseTool("change_item", arguments)


class _Cart(msgspec.Struct):
    lines: list[ReportedLine] = []


class _Error(msgspec.Struct):
    code: str = ""
    field: str = ""
    allowed: list[str] = []


class ToolResult(msgspec.Struct):
    """``missing`` is None where the tool says nothing about an order."""

    ok: bool = True
    say: str = ""
    missing: list[str] | None = None
    cart: _Cart | None = None
    error: _Error | None = None


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

    def taken(self, value: str) -> UseTool:
        """The call with what the caller chose."""
        arguments = dict(self.call.arguments)
        if self.field in ("modifiers", "add_modifiers"):
            arguments[self.field] = [*(arguments.get(self.field) or []), value]
        else:
            arguments[self.field] = value
        return replace(self.call, arguments=arguments)

    def chosen(self, text: str, language: str) -> list[str]:
        """Which of ``allowed`` the caller named, in order."""
        names = names_of(self.allowed, language, qualifiers=True)
        found = best_of(words_of(text), names, LEXICONS[language])
        if not found and self.field == "size":
            said = set(fold(text).split())
            found = [size for size in self.allowed if SIZE_WORDS.get(fold(size), frozenset()) & said]
        return found


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


def put_right(answer: Answered, without_words: frozenset[str]) -> UseTool | None:
    """The same call made possible without asking: no size where there are none, a wish as a note where no option is."""
    error, call = answer.result.error, answer.call
    if error is None:
        return None
    if error.code == "interrupted":
        return call if call.name != "end_call" else None
    if error.code == "unknown_size" and not error.allowed and "size" in call.arguments:
        return replace(call, arguments={name: value for name, value in call.arguments.items() if name != "size"})
    if error.code != "unknown_modifier" or call.name != "add_item":
        return None
    modifiers = list(call.arguments.get("modifiers") or [])
    wishes = [name for name in modifiers if fold(name).split()[0] in without_words]
    if not wishes:
        return None
    note = ", ".join([*filter(None, [call.arguments.get("note", "")]), *(wish.lower() for wish in wishes)])
    kept = [name for name in modifiers if name not in wishes]
    return replace(call, arguments=call.arguments | {"modifiers": kept, "note": note})
