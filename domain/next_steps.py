"""What a model had best do next: one question to ask, or one tool to call, as the cart and what is missing have it."""

from __future__ import annotations

from collections.abc import Sequence

from domain import carts, wishes
from domain.errors import Refused
from domain.tool_outcomes import OrderState, words_of
from domain.tool_parameters import CANCEL_ORDER, CHOOSE_HOUSE, FIND_ORDER, LEAVE_MESSAGE

# After these a caller may want more of the same.
_ORDERING = ("add_item", "add_halves", "change_item", "set_allergies", "search_menu", "describe_item")


def after(state: OrderState, name: object, missing: Sequence[str], refused: Refused | None) -> dict[str, str]:
    """``ask`` a question in the restaurant's language, or ``call`` a tool; ``when`` says what has to come first."""
    words = words_of(state)
    if state.offered_house is not None and not state.confirmed:
        return {"call": CHOOSE_HOUSE, "when": "the caller said a clear yes to going on with that house"}
    if name == LEAVE_MESSAGE and state.asked_number and refused is None:
        return {"call": LEAVE_MESSAGE, "when": "the caller said a clear yes to that number"}
    if name == LEAVE_MESSAGE and not state.cart.lines:
        return {"ask": words.anything_else if refused is None else words.refusal(refused)}
    if name == CANCEL_ORDER and state.cancelling and refused is None:
        return {"call": CANCEL_ORDER, "when": "the caller said a clear yes to cancelling it"}
    if name in (FIND_ORDER, CANCEL_ORDER) and not state.cart.lines:
        return {"ask": words.anything_else if refused is None else words.refusal(refused)}
    if refused is not None and refused.allowed and not state.confirmed:
        return {"ask": words.refusal(refused)}
    if state.confirmed:
        return {"call": "end_call", "when": "the caller wants nothing else, and you said goodbye"}
    if wishes.are_waited_for(state):
        return {"ask": words.refusal(wishes.still_open(state))}
    if not state.cart.lines:
        return {"ask": words.what_to_order}
    if refused is None and name in _ORDERING:
        return {"ask": words.anything_else}
    if not missing:
        return {"call": "confirm_order", "when": "the caller said a clear yes to the read-back"}
    if missing[0] == "read_back":
        return {"call": "read_cart"}
    return {"ask": words.refusal(carts.incomplete(state.cart, state.restaurant, missing[0]))}
