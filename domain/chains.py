"""Restaurants that answer for one another: which house a caller wants, and which sister can where this one cannot.

A house knows of its sisters no more than their callers may be told: name, place, hours, where they deliver. Menu,
prices and tables are read once a call goes on there, from that restaurant's own rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain import hours
from domain.delivery import zone_for
from domain.names import fold
from domain.restaurant import Restaurant

MAX_HOUSES = 20

Because = Literal["asked", "place", "closed", "full", "outside"]
"""Why a call went on in another house: its caller named it, or a place that is its; or the called one was closed, had
no table, could take no order, or did not deliver there."""


@dataclass(frozen=True, slots=True)
class House:
    """``about`` has of the restaurant only its id, ``name`` (what callers know it by), place, hours, zones, and what it
    offers; its fees and minimums are not known."""

    about: Restaurant
    serves: bool = True

    @property
    def id(self) -> str:
        return self.about.id

    @property
    def name(self) -> str:
        return self.about.name


@dataclass(frozen=True, slots=True)
class Chain:
    """As the house ``own`` has it: its own wishes, and all houses of its language and currency, in order of preference.

    ``asks``: callers are asked which house they want. ``offers``: when a sister is offered.
    """

    id: str
    name: str
    own: str
    asks: bool = False
    offers: tuple[Because, ...] = ()
    houses: tuple[House, ...] = ()

    @property
    def serving(self) -> tuple[House, ...]:
        return tuple(house for house in self.houses if house.serves)

    def called(self, name: str) -> House | None:
        """The serving house of exactly this name, as far as names are heard."""
        return next((house for house in self.serving if fold(house.name) == fold(name)), None)

    def by_id(self, restaurant_id: str) -> House | None:
        return next((house for house in self.houses if house.id == restaurant_id), None)


@dataclass(frozen=True, slots=True)
class WentTo:
    """Where a call went on that began in another house; ``name`` is that house's."""

    restaurant_id: str
    name: str
    because: Because


def delivering_to(houses: Iterable[House], postcode: str) -> tuple[House, ...]:
    return tuple(one for one in houses if one.about.delivery and zone_for(one.about, postcode) is not None)


def standing_in(houses: Iterable[House], place: str) -> tuple[House, ...]:
    """Those whose own postcode it is; where there are none, those of that town or street."""
    houses = tuple(houses)
    wanted = fold(place)
    near = tuple(one for one in houses if one.about.postcode and fold(one.about.postcode) == wanted)
    return near or tuple(one for one in houses if wanted and wanted in (fold(one.about.city), fold(one.about.street)))


def for_place(houses: Iterable[House], place: str) -> tuple[House, ...]:
    """The houses for whoever says this postcode or town: one if it is clear, several to be asked about, or none.

    Who delivers there; of several the one that stands there. No distance is known, so nothing else is guessed.
    """
    houses = tuple(houses)
    delivering = delivering_to(houses, place)
    standing = standing_in(delivering or houses, place)
    return standing if len(standing) == 1 or not delivering else delivering


def open_now(houses: Iterable[House], now: datetime) -> tuple[House, ...]:
    return tuple(one for one in houses if hours.is_open(one.about, now))
