"""What a caller hears of a chain's houses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from domain.chains import Because
from domain.spoken_time import language_of


class HouseWording(NamedTuple):
    """``offers`` by why: with {house} and {until}. ``until`` with {time}, ``until_unknown`` where it never closes;
    ``closed`` with {time} where it opens again."""

    offers: Mapping[Because, str]
    until: str
    open_always: str
    closed: str
    closed_for_long: str
    place: str
    here: str
    taken: str
    not_there: str


_ENGLISH = HouseWording(
    offers={
        "closed": "We can't take orders here right now. Our house {house} {standing}. Shall I take it there?",
        "full": "Our house {house} can, and {standing}. Shall I take it there?",
        "outside": "Our house {house} delivers there and {standing}. Shall I take it there?",
        "asked": "Our house {house} {standing}. Shall I go on with that house?",
        "place": "Our house {house} {standing}. Shall I go on with that house?",
    },
    until="is open until {time}",
    open_always="is open now",
    closed="is closed now and opens {time}",
    closed_for_long="is closed for now",
    place="{name}, in {where}",
    here="You are with our house {house}.",
    taken="{house} has {lines}, {total} so far.",
    not_there="{house} does not have {names}: what would you like instead, or nothing?",
)
_FRENCH = HouseWording(
    offers={
        "closed": "Nous ne pouvons pas prendre de commande ici en ce moment. Notre maison {house} {standing}. "
        "Voulez-vous que je la prenne là-bas ?",
        "full": "Notre maison {house} peut, et {standing}. Voulez-vous que je la prenne là-bas ?",
        "outside": "Notre maison {house} y livre et {standing}. Voulez-vous que je la prenne là-bas ?",
        "asked": "Notre maison {house} {standing}. Voulez-vous que je continue avec cette maison ?",
        "place": "Notre maison {house} {standing}. Voulez-vous que je continue avec cette maison ?",
    },
    until="est ouverte jusqu’à {time}",
    open_always="est ouverte",
    closed="est fermée, elle ouvre {time}",
    closed_for_long="est fermée pour le moment",
    place="{name}, à {where}",
    here="Vous êtes avec notre maison {house}.",
    taken="{house} a {lines}, {total} pour l’instant.",
    not_there="{house} n’a pas {names} : que désirez-vous à la place, ou rien ?",
)


def house_wording(language: str) -> HouseWording:
    return _FRENCH if language_of(language) == "fr" else _ENGLISH
