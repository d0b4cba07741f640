"""What the demo found: the order against the expected one, the timings, the summary table, the JSON."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from devstack.stack.stack import Stack
from domain.menu import Menu
from stores.orders import Order

ExpectedLine = tuple[int, str, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Expected:
    """``lines``: quantity, item, size, modifiers, in the order of the ticket."""

    lines: tuple[ExpectedLine, ...]
    fulfilment: str
    customer_name: str

    def total_cents(self, menu: Menu) -> int:
        """What these lines cost by the menu. Raises KeyError for a name that the menu has not."""
        items = {item.name: item for item in menu.items}
        total = 0
        for quantity, item_name, size_name, modifier_names in self.lines:
            item = items[item_name]
            sizes = {size.name: size.price_cents for size in item.sizes}
            options = {option.name: option.price_cents for group in item.modifier_groups for option in group.options}
            total += quantity * (sizes[size_name] + sum(options[name] for name in modifier_names))
        return total


def differences(stored: tuple[Order, ...], expected: Expected, menu: Menu) -> list[str]:
    """What is not as it should be, a sentence each; empty when there is exactly the expected order."""
    if len(stored) != 1:
        return [f"{len(stored)} orders in the database, expected exactly one"]
    order = stored[0]
    lines = tuple(
        (line.quantity, line.name, line.size_name, tuple(one.name for one in line.modifiers)) for line in order.lines
    )
    found = {
        "lines": (lines, expected.lines),
        "total": (order.total_cents, expected.total_cents(menu)),
        "fulfilment": (order.fulfilment, expected.fulfilment),
        "customer": (order.customer_name, expected.customer_name),
    }
    return [f"{what}: {got!r}, expected {wanted!r}" for what, (got, wanted) in found.items() if got != wanted]


def percentile_95(samples: list[float]) -> float | None:
    return sorted(samples)[math.ceil(0.95 * len(samples)) - 1] if samples else None


def timings(
    caller: dict[str, Any], states: dict[str, float], rang_at: float, barge_in_ms: list[float]
) -> dict[str, Any]:
    """Milliseconds: the caller's side, the moment the handler joined, and how fast an interruption silenced us."""
    turns = caller.get("turns", [])
    joined = states.get("joined")
    return {
        "invite_to_200": caller.get("invite_to_200"),
        "invite_to_greeting": caller.get("invite_to_greeting"),
        "invite_to_handler": None if joined is None else (joined - rang_at) * 1000,
        "turn_p50": statistics.median(turns) if turns else None,
        "turn_p95": percentile_95(turns),
        "barge_in": max(barge_in_ms) if barge_in_ms else None,
    }


def order_as_data(stored: tuple[Order, ...]) -> dict[str, Any]:
    """The newest order as the JSON tells it; empty without one."""
    if not stored:
        return {}
    order = stored[0]
    lines = [
        {
            "quantity": line.quantity,
            "item": line.name,
            "size": line.size_name,
            "modifiers": [one.name for one in line.modifiers],
            "total_cents": line.total_cents,
        }
        for line in order.lines
    ]
    return {"id": order.id, "lines": lines, "total_cents": order.total_cents, "currency": order.currency}


def summarise(console: Console, result: dict[str, Any], stack: Stack, problems: list[str]) -> None:
    """The table at the end, then what went wrong, if anything."""
    table = Table(title="what happened", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in result["timings_ms"].items():
        table.add_row(name.replace("_", " "), "–" if value is None else f"{value:.0f} ms")
    pods, order = result["pods"], result["order"]
    table.add_row(
        "call-handler pods", f"{pods['before']} → {pods['peak']} → {pods['after']}   (in the call: {pods['peak_busy']})"
    )
    if order:
        table.add_row("order in Postgres", f"{order['id']}   {order['total_cents'] / 100:.2f} {order['currency']}")
    for one in result["events"]:
        event = one["type"].removeprefix("com.alloresto.")
        table.add_row(f"event {event}", f"{one['function']}, {one['ms']:.0f} ms after it happened")
    table.add_row("both sides", result["recording"])
    table.add_row("admin", f"{stack.web_url}   {stack.admin_email} / {stack.admin_password}")
    console.print(table)
    for problem in problems:
        console.print(f"[red]not as expected:[/] {problem}")
    if not problems:
        console.print("[green]The order in the database is exactly the expected one.[/]")
