"""The tool for what a caller can't eat."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from domain import allergies, carts
from domain.tool_outcomes import OrderState, ToolAnswer, open_cart, words_of
from domain.tool_parameters import Arguments


def set_allergies(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    words = words_of(state)
    said = allergies.recorded(arguments.texts("allergens"), words.language)
    cart = carts.set_allergies(open_cart(state), said)
    if not said:
        return ToolAnswer(replace(state, cart=cart), words.no_allergies)
    told = words.allergies_noted.format(allergens=words.listing(said, words.last_and))
    return ToolAnswer(
        replace(state, cart=cart), " ".join([told, *words.allergy_warnings(allergies.findings(cart, state.menu))])
    )
