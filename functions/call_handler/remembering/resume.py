"""From a call to its checkpoint and back: what another handler, or a second engine, has to know to go on."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from domain import carts
from domain.call_marks import CallMarks
from domain.chains import WentTo
from domain.menu import Menu
from domain.tool_outcomes import OpenWish
from domain.tools import OrderState
from functions.call_handler.engines.base import Line
from functions.call_handler.engines.costs import Usage
from functions.call_handler.phrases import Phrases
from functions.call_handler.remembering.transcript import Transcript, TranscriptLine
from stores import checkpoints

RECALLED_LINES = 40
SAVED_LINES = 200


def checkpoint(
    state: OrderState,
    transcript: Transcript,
    usage: Usage,
    *,
    attempt: int,
    started_at: datetime,
    order_id: str | None,
    tools: Mapping[str, checkpoints.ToolUse],
    marks: CallMarks,
    went_to: WentTo | None = None,
) -> checkpoints.Checkpoint:
    """Where the call stands now."""
    lines = saved_lines(transcript)
    return checkpoints.Checkpoint(
        call_id=state.call_id,
        restaurant_id=state.restaurant.id,
        attempt=attempt,
        started_at=started_at,
        cart=state.cart,
        confirmed=state.confirmed,
        reserved=state.reserved,
        order_id=order_id,
        transcript=lines,
        usage=msgspec.to_builtins(usage),
        turns=sum(line.who == "caller" for line in lines),
        offered=state.offered,
        open_wishes=[wish.dish for wish in state.open_wishes],
        tools=dict(tools),
        marks=replace(marks, warned=state.warned),
        order_misses=state.order_misses,
        changing=state.changing,
        house_known=state.house_known,
        went_to=went_to,
        offers_made=list(state.offers_made),
        messages=list(state.messages),
    )


def saved_lines(transcript: Transcript) -> list[checkpoints.Utterance]:
    return [checkpoints.Utterance(line.who, line.text, line.at) for line in transcript.lines()[-SAVED_LINES:]]


def restored_state(fresh: OrderState, saved: checkpoints.Checkpoint) -> OrderState:
    """``fresh`` with what was agreed before; a confirmed order stays confirmed.

    What was read out is not: the new engine has to read the cart to the caller again.
    """
    agreed = replace(fresh, cart=saved.cart, confirmed=saved.confirmed, reserved=saved.reserved)
    open_wishes = tuple(OpenWish(dish) for dish in saved.open_wishes)  # the caller speaks before one can be settled
    known = replace(agreed, offered=saved.offered, warned=saved.marks.warned, open_wishes=open_wishes)
    known = replace(known, house_known=saved.house_known, offers_made=tuple(saved.offers_made))
    told = tuple(saved.messages)
    return replace(known, order_misses=saved.order_misses, changing=saved.changing, found=saved.changing, messages=told)


def begun_anew(saved: checkpoints.Checkpoint, restaurant_id: str, menu: Menu) -> checkpoints.Checkpoint:
    """What was said and what it cost, with nothing ordered: for a call whose house can't be entered any more."""
    return msgspec.structs.replace(
        saved,
        restaurant_id=restaurant_id,
        cart=carts.new_cart(menu, str(uuid.uuid4())),
        offered=None,
        open_wishes=[],
        changing=None,
        house_known=False,
        went_to=None,
    )


def restored_transcript(saved: checkpoints.Checkpoint) -> Transcript:
    """The caller's turns have an id again: a card number that they began there may have to be taken out of them."""
    return Transcript(
        [
            TranscriptLine(line.who, line.text, line.at, f"earlier-{number}" if line.who == "caller" else "")
            for number, line in enumerate(saved.transcript)
        ]
    )


def restored_usage(saved: checkpoints.Checkpoint) -> Usage:
    """Zero when another release counted otherwise: a cost is not worth a call."""
    try:
        return msgspec.convert(saved.usage, Usage)
    except msgspec.ValidationError:
        return Usage()


def recollection(state: OrderState, transcript: Transcript, phrases: Phrases, told: str = "") -> list[Line]:
    """What a fresh engine is told before it goes on: the last lines as they were said, and where things stand.

    ``told`` is how it is to go on; "" for a conversation that was interrupted.
    """
    lines = [Line(said.who, f"{said.text} …" if said.cut else said.text) for said in transcript.lines()]
    if told:
        told = told.format(cart=_describe(state))
    elif transcript.caller_spoke() or state.cart.lines:
        told = phrases.resumed.format(cart=_describe(state))
    else:
        told = phrases.resumed_blank
    return [*lines[-RECALLED_LINES:], Line("system", told)]


def _describe(state: OrderState) -> str:
    cart = state.cart
    view: dict[str, Any] = {
        "lines": [
            {
                "line": line.number,
                "item": line.item_name,
                "size": line.size_name,
                "modifiers": [modifier.name for modifier in line.modifiers],
                "quantity": line.quantity,
                "note": line.note,
            }
            for line in cart.lines
        ],
        "fulfilment": cart.fulfilment.kind if cart.fulfilment else None,
        "customer_name": cart.customer_name,
        "allergies": list(cart.allergies),
        "confirmed": bool(state.confirmed),
    }
    if state.messages:
        view["messages_left"] = [{"about": one.about, "message": one.text} for one in state.messages]
    if state.open_wishes:
        view["not_found"] = [wish.dish for wish in state.open_wishes]
    return msgspec.json.encode(view).decode()
