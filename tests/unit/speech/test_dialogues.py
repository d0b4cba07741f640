"""Typed calls on menus that no lexicon names, against the domain's tools: what is in the cart, and what is ordered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.speech.ordering import TextCall, cart_is, restaurant_named

pytestmark = pytest.mark.unit

HERE = Path(__file__).parent
FIRST_SENTENCES = [
    (menu, said, [line for line in lines if line])
    for menu, rows in yaml.load((HERE / "first_sentences.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader).items()
    for said, *lines in rows
]
DIALOGUES = yaml.load((HERE / "dialogues.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)


def call_to(menu: str) -> TextCall:
    state = restaurant_named(menu)
    return TextCall(state.restaurant.language, state=state)


@pytest.mark.parametrize(("menu", "said", "lines"), FIRST_SENTENCES)
def test_a_first_sentence_brings_what_was_asked_for_and_nothing_else(menu: str, said: str, lines: list[str]) -> None:
    call = call_to(menu)

    call.caller(said)

    assert cart_is(call.cart, lines), (call.lines, call.said)


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda one: f"{one['menu']}: {one['say'][0][:40]}")
def test_a_typed_call_ends_as_the_caller_meant_it(dialogue: dict[str, Any]) -> None:
    call = call_to(dialogue["menu"])

    call.caller(*dialogue["say"])

    assert any(ended_so(call, **right) for right in dialogue["right"]), (call.lines, call.heard)


def ended_so(
    call: TextCall,
    *,
    order: list[str] | None = None,
    no_order: bool = False,
    cart: list[str] | None = None,
    human: bool = False,
    tool: str = "",
    said: str = "",
    kind: str = "",
    name: str = "",
    total: int | None = None,
    street: str = "",
    postcode: str = "",
    time: str = "",
    allergies: list[str] | None = None,
) -> bool:
    """Whether all that is given is so; see the head of ``dialogues.yaml``."""
    confirmed = call.state.confirmed
    address = confirmed.fulfilment.address if confirmed else None
    wanted_at = call.cart.wanted_at
    return all(
        (
            order is None or (confirmed is not None and cart_is(call.cart, order)),
            not no_order or confirmed is None,
            cart is None or cart_is(call.cart, cart),
            not human or call.transferred,
            not tool or tool in call.used,
            not said or any(said in heard.lower() for heard in call.heard),
            not kind or (confirmed is not None and confirmed.fulfilment.kind == kind),
            not name or call.cart.customer_name == name,
            total is None or (confirmed is not None and confirmed.total_cents == total),
            not street or (address is not None and address.street == street),
            not postcode or (address is not None and address.postcode == postcode),
            allergies is None or list(call.cart.allergies) == allergies,
            not time or (wanted_at is not None and f"{wanted_at:%H:%M}" == time),
        )
    )
