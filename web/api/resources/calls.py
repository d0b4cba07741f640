"""Calls, newest first; one of them with what was said."""

from __future__ import annotations

from typing import Any

from domain.chains import Because
from stores import calls
from stores.calls import LoggedCall, LoggedOutcome
from stores.postgres import Connection
from web.api.fields import Id, Instant, Shape
from web.api.operations import Asked, Nothing, operation
from web.api.paging import Page, PageQuery, page

TAG = "Calls"


class WentOn(Shape, frozen=True, kw_only=True):
    """The house of the same chain in which the call went on, its name, and why."""

    restaurant_id: Id
    name: str
    because: Because


class CallShape(Shape, frozen=True, kw_only=True):
    """``outcome`` is ``in_progress`` until the call has ended. ``caller`` is there with the scope ``personal``.

    ``missed``: nobody served the caller, or not to the end; ``leftACart``: with a cart that nobody agreed to. A call
    that ``wentTo`` another house has no ``orderId`` here: an order is that house's.
    """

    id: str
    started_at: Instant
    answered_at: Instant | None
    ended_at: Instant | None
    duration_ms: int | None
    outcome: LoggedOutcome
    missed: bool
    missed_reason: str
    order_id: Id | None
    line_id: Id | None
    attempts: int
    cost_dollars: float
    left_a_cart: bool
    went_to: WentOn | None
    recorded: bool
    caller: str | None


class Said(Shape, frozen=True, kw_only=True):
    who: str
    text: str
    at: Instant


class CallWithTranscript(CallShape, frozen=True, kw_only=True):
    """``transcript`` is there with the scope ``calls:transcript``."""

    transcript: tuple[Said, ...] | None


def _fields(call: LoggedCall, personal: bool) -> dict[str, Any]:
    return {
        "id": call.id,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "duration_ms": call.duration_ms,
        "outcome": call.outcome,
        "missed": call.missed,
        "missed_reason": call.missed_reason,
        "order_id": call.order_id,
        "line_id": call.phone_line_id,
        "attempts": call.attempts,
        "cost_dollars": call.cost_dollars,
        "left_a_cart": call.left_a_cart,
        "went_to": call.went_to
        and WentOn(restaurant_id=call.went_to.restaurant_id, name=call.went_to.name, because=call.went_to.because),
        "recorded": bool(call.recording),
        "caller": call.caller if personal else None,
    }


@operation(
    "GET", "/restaurants/{restaurantId}/calls", tag=TAG, query=PageQuery, answer=Page[CallShape], scope="calls:read"
)
async def list_calls(connection: Connection, asked: Asked[PageQuery, None]) -> Page[CallShape]:
    """List calls, the newest first."""
    query, personal = asked.query, asked.may("personal")
    pii = asked.pii if personal else None
    found = await calls.recent(connection, query.limit + 1, query.position(), pii=pii)
    return page(
        found,
        query.limit,
        lambda call: CallShape(**_fields(call, personal)),
        lambda call: (call.started_at, call.id),
    )


@operation("GET", "/restaurants/{restaurantId}/calls/{callId}", tag=TAG, answer=CallWithTranscript, scope="calls:read")
async def get_call(connection: Connection, asked: Asked[Nothing, None]) -> CallWithTranscript:
    """Show a call, with what was said where the scope allows it."""
    personal = asked.may("personal")
    call_id = asked.path["callId"]
    call = await calls.get(connection, call_id, pii=asked.pii if personal else None)
    said = tuple(Said(who=one.who, text=one.text, at=one.at) for one in call.transcript)
    transcript = said if asked.may("calls:transcript") else None
    return CallWithTranscript(**_fields(call, personal), transcript=transcript)
