"""What is known of a call by rule once it is over: how it ended, what was said that has to be, how long it was silent.

Nobody's opinion, and nothing personal: these are kept beside the transcript and outlive it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.calls import Outcome
from domain.money import format_cents
from domain.spoken_time import language_of
from domain.tool_outcomes import OrderState

# Who ended the call, or what: us, for one of our reasons, or somebody else.
Ended = Literal[
    "", "done", "abuse", "prank", "wrong_number", "silence", "time_limit", "caller", "transferred", "engine_failed"
]


@dataclass(frozen=True, slots=True)
class CallMarks:
    """``read_back`` and ``total_said`` are of an order, None without one: whether the caller heard it to its end, and
    whether its total was spoken. ``told_of_ai_at``: when the caller had heard that an AI speaks, None when they never
    did. ``longest_silence_ms`` is the longest time in which neither side was heard. ``summary`` is in the restaurant's
    language.
    """

    ended: Ended = ""
    read_back: bool | None = None
    total_said: bool | None = None
    told_of_ai_at: datetime | None = None
    longest_silence_ms: int = 0
    card_number: bool = False
    emergency: bool = False
    warned: bool = False
    summary: str = ""


_OUTCOMES: dict[str, dict[Outcome, str]] = {
    "en": {
        "order_confirmed": "Order: {dishes}, {total}.",
        "reservation_made": "A table was booked.",
        "transferred": "Put through to the team.",
        "abandoned": "The caller said nothing.",
        "failed": "The assistant could not go on.",
    },
    "fr": {
        "order_confirmed": "Commande : {dishes}, {total}.",
        "reservation_made": "Une table a été réservée.",
        "transferred": "Passé à l’équipe.",
        "abandoned": "Le client n’a rien dit.",
        "failed": "L’assistant n’a pas pu continuer.",
    },
}
_USED = {
    "en": {
        "look_up_faq": "Asked a question.",
        "opening_hours": "Asked for the hours.",
        "cancel_order": "Asked to cancel an order.",
        "find_order": "Asked about an order placed before.",
        "check_table": "Asked for a table.",
        "set_allergies": "Named an allergy.",
    },
    "fr": {
        "look_up_faq": "A posé une question.",
        "opening_hours": "A demandé les horaires.",
        "cancel_order": "A demandé d’annuler une commande.",
        "find_order": "A demandé où en est une commande.",
        "check_table": "A demandé une table.",
        "set_allergies": "A signalé une allergie.",
    },
}
_LEFT_A_MESSAGE = {"en": "Left a message for the team.", "fr": "A laissé un message pour l’équipe."}
_LEFT_A_CART = {"en": "Left without confirming {dishes}.", "fr": "Parti sans confirmer {dishes}."}
_ENDED: dict[str, dict[str, str]] = {
    "en": {
        "abuse": "Ended for abuse, after a warning.",
        "prank": "Ended as a prank, after a warning.",
        "wrong_number": "A wrong number.",
        "silence": "Ended after a silence.",
        "time_limit": "Ended at the longest time of a call.",
    },
    "fr": {
        "abuse": "Terminé pour insultes, après un avertissement.",
        "prank": "Terminé comme canular, après un avertissement.",
        "wrong_number": "Une erreur de numéro.",
        "silence": "Terminé après un silence.",
        "time_limit": "Terminé à la durée maximale d’un appel.",
    },
}
_CARD = {"en": "Said a card number, which was not kept.", "fr": "A dit un numéro de carte, qui n’a pas été gardé."}
_EMERGENCY = {"en": "Spoke of an emergency.", "fr": "A parlé d’une urgence."}
_DISHES = {"en": ("1 dish", "{count} dishes"), "fr": ("1 plat", "{count} plats")}


def summary_of(state: OrderState, outcome: Outcome, used: Collection[str], marks: CallMarks) -> str:
    """A few short sentences, in the restaurant's language. ``used`` are the tools that did what was asked."""
    language = language_of(state.restaurant.language)
    one, many = _DISHES[language]
    lines = (state.confirmed or state.cart).lines
    count = sum(line.quantity for line in lines)
    dishes = one if count == 1 else many.format(count=count)
    said = [text for tool, text in _USED[language].items() if tool in used]
    said += [_LEFT_A_MESSAGE[language]] if state.messages else []
    if state.confirmed is not None:
        total = format_cents(state.confirmed.total_cents, state.confirmed.currency, state.restaurant.language)
        said.insert(0, _OUTCOMES[language]["order_confirmed"].format(dishes=dishes, total=total))
    elif lines:
        said.append(_LEFT_A_CART[language].format(dishes=dishes))
    if outcome != "order_confirmed":
        said.append(_OUTCOMES[language].get(outcome, ""))
    said += [_CARD[language]] if marks.card_number else []
    said += [_EMERGENCY[language]] if marks.emergency else []
    said.append(_ENDED[language].get(marks.ended, ""))
    return " ".join(sentence for sentence in said if sentence)
