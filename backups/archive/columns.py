"""What of an order, its lines and a call is archived: everything but what tells of somebody.

Left out are names, numbers, addresses, allergies, notes, what was said, and who of the staff touched it. The role
alloresto_archive can't read those either (migration 0047).
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["uuid", "text", "integer", "moment", "money", "json"]

# Parquet has a type for each; JSON is text there. As text they read the same from both sides.
PARQUET_TYPES: dict[Kind, str] = {
    "uuid": "UUID",
    "text": "VARCHAR",
    "integer": "INTEGER",
    "moment": "TIMESTAMPTZ",
    "money": "DECIMAL(12, 6)",
    "json": "VARCHAR",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A table. ``at``: the column whose month counts; ``key``: what rows are in the order of."""

    table: str
    at: str
    key: str
    columns: dict[str, Kind]


ORDER = Part(
    "order",
    "confirmed_at",
    "confirmed_at, id",
    {
        "id": "uuid",
        "restaurant_id": "uuid",
        "number": "integer",
        "call_id": "text",
        "status": "text",
        "fulfilment": "text",
        "fee_cents": "integer",
        "currency": "text",
        "total_cents": "integer",
        "vat": "json",
        "confirmed_at": "moment",
        "promised_at": "moment",
        "forgotten_at": "moment",
        "status_changed_at": "moment",
        "cancel_reason": "text",
    },
)
ORDER_ITEM = Part(
    "order_item",
    "confirmed_at",
    "confirmed_at, order_id, line",
    {
        "restaurant_id": "uuid",
        "order_id": "uuid",
        "confirmed_at": "moment",
        "line": "integer",
        "item_id": "uuid",
        "name": "text",
        "size_id": "uuid",
        "size_name": "text",
        "quantity": "integer",
        "unit_cents": "integer",
        "total_cents": "integer",
        "vat_rate_bp": "integer",
        "modifiers": "json",
        "parts": "json",
    },
)
CALL_LOG = Part(
    "call_log",
    "started_at",
    "started_at, id",
    {
        "id": "text",
        "started_at": "moment",
        "restaurant_id": "uuid",
        "phone_line_id": "uuid",
        "bridge_node_id": "text",
        "outcome": "text",
        "attempts": "integer",
        "answered_at": "moment",
        "joined_at": "moment",
        "ended_at": "moment",
        "duration_ms": "integer",
        "missed_reason": "text",
        "usage": "json",
        "cost_dollars": "money",
        "order_id": "uuid",
        "followed_up": "text",
        "followed_up_at": "moment",
        "model": "text",
        "tools": "json",
        "upsell": "text",
        "marks": "json",
    },
)
PARTS = (ORDER, ORDER_ITEM, CALL_LOG)


def selected(part: Part, source: str) -> str:
    """A query of ``source``'s rows as text, in their order. ``source`` is SQL: a table, with a condition or without."""
    texts = ", ".join(
        f"(extract(epoch from {name}) * 1000000)::bigint::text" if kind == "moment" else f"{name}::text"
        for name, kind in part.columns.items()
    )
    return f"select {texts} from {source} order by {part.key}"
