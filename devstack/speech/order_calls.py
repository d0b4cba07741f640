"""From what a sentence means to the tool calls that do it, with the cart's line numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devstack.speech.orders import AddItem, ChangeItem, OrderIntent, RemoveItem
from devstack.speech.tool_results import ReportedLine, UseTool
from devstack.speech.understanding import Understood


def calls_for(understood: Understood, cart: Sequence[ReportedLine]) -> list[UseTool]:
    """Every call that ``understood`` asks for, in the order in which it was said."""
    calls = [call for intent in understood.orders for call in _order_calls(intent, cart)]
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


def _order_calls(intent: OrderIntent, cart: Sequence[ReportedLine]) -> list[UseTool]:
    if isinstance(intent, AddItem):
        return [add_call(intent)]
    if isinstance(intent, RemoveItem):
        lines = cart if intent.everything else _lines(intent.item, cart)
        return [UseTool("remove_item", {"line": line.line}) for line in lines]
    return [_change_call(intent, line) for line in _lines(intent.target, cart)]


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
