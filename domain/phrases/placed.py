"""What a caller hears of an order that was placed before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from domain.kitchen import OrderStatus
from domain.order import FulfilmentKind
from domain.spoken_time import language_of


class PlacedWording(NamedTuple):
    """``standing`` by status, or by status and how the food is had where that says it otherwise; {number} and {time}.

    ``late`` goes behind what was promised for a time that is over.
    """

    standing: Mapping[OrderStatus | tuple[OrderStatus, FulfilmentKind], str]
    without_number: str
    with_number: str
    late: str
    unseen: str
    change: str
    cancel: str
    cancelled: str

    def told(self, status: OrderStatus, kind: FulfilmentKind, number: int, time: str) -> str:
        order = self.with_number.format(number=number) if number else self.without_number
        template = self.standing.get((status, kind)) or self.standing[status]
        return template.format(order=order, time=time)


_ENGLISH = PlacedWording(
    standing={
        "confirmed": "{order} is with the kitchen, which has not started on it yet. It is due {time}.",
        "preparing": "The kitchen is preparing {order} now. It is due {time}.",
        "ready": "Good news: {order} is ready, you can come for it.",
        ("ready", "delivery"): "The kitchen has finished {order}. It is due with you {time}.",
        ("ready", "dine_in"): "Good news: {order} is ready.",
        "done": "{order} was handed over.",
        ("done", "delivery"): "{order} has left the restaurant.",
        "cancelled": "{order} was cancelled.",
    },
    without_number="your order",
    with_number="your order, number {number},",
    late="That time is over, I'm sorry: it is late.",
    change="I have your order: {lines}, {total} in all. What would you like to change?",
    cancel="That is {lines}, {total} in all. Shall I cancel that order?",
    cancelled="Done, your order is cancelled.",
    unseen="The team still has to look at it; I can put you through.",
)
_FRENCH = PlacedWording(
    standing={
        "confirmed": "{order} est en cuisine, elle n’est pas encore commencée. Elle est prévue {time}.",
        "preparing": "{order} est en préparation. Elle est prévue {time}.",
        "ready": "Bonne nouvelle : {order} est prête, vous pouvez venir la chercher.",
        ("ready", "delivery"): "{order} est prête en cuisine. Elle est prévue chez vous {time}.",
        ("ready", "dine_in"): "Bonne nouvelle : {order} est prête.",
        "done": "{order} a été remise.",
        ("done", "delivery"): "{order} est partie du restaurant.",
        "cancelled": "{order} a été annulée.",
    },
    without_number="votre commande",
    with_number="votre commande numéro {number}",
    late="Cette heure est passée, je suis désolée : elle a du retard.",
    change="J’ai votre commande : {lines}, {total} en tout. Que voulez-vous changer ?",
    cancel="C’est {lines}, {total} en tout. J’annule cette commande ?",
    cancelled="C’est fait, votre commande est annulée.",
    unseen="L’équipe doit encore la regarder ; je peux vous la passer.",
)


def placed_wording(language: str) -> PlacedWording:
    return _FRENCH if language_of(language) == "fr" else _ENGLISH
