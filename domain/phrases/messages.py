"""What a caller hears of a message that they leave for the team."""

from __future__ import annotations

from typing import NamedTuple

from domain.spoken_time import language_of


class MessageWording(NamedTuple):
    """``right_number`` and ``number`` with {number}, read out in groups of ``group`` digits."""

    left: str
    own_number: str
    number: str
    right_number: str
    group: int


_ENGLISH = MessageWording(
    left="I've written that down for the team.",
    own_number="They have the number you are calling from.",
    number="They have the number {number}.",
    right_number="The number to ring back is {number}: is that right?",
    group=3,
)
_FRENCH = MessageWording(
    left="C’est noté pour l’équipe.",
    own_number="Elle a le numéro d’où vous appelez.",
    number="Elle a le numéro {number}.",
    right_number="Le numéro à rappeler est le {number} : c’est bien ça ?",
    group=2,
)


def message_wording(language: str) -> MessageWording:
    return _FRENCH if language_of(language) == "fr" else _ENGLISH
