"""What a till tells us, in our words: how an order stands there, what has run out, how busy the kitchen is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.till_menus import TillMenu

Standing = Literal["accepted", "preparing", "ready", "done", "cancelled", "refused"]


@dataclass(frozen=True, slots=True)
class OrderStands:
    """``reference`` is the till's own name for the order; with ``order_id`` "" it is all that is known of which one it
    is. ``reason`` is in the till's words, for people."""

    message_id: str
    order_id: str
    standing: Standing
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Availability:
    """By the till's codes: what is off, until then or until it is said (None), and what is on again.

    ``at`` is when the till says that it became so; with None the last word counts."""

    message_id: str
    off: tuple[tuple[str, datetime | None], ...]
    on: tuple[str, ...]
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Busy:
    """``minutes`` are added to what is promised; ``paused`` takes no orders."""

    message_id: str
    state: Literal["normal", "busy", "paused"]
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class MenuSold:
    """All that the till sells, dishes and what is chosen with them."""

    message_id: str
    menu: TillMenu


@dataclass(frozen=True, slots=True)
class MenuMoved:
    """What it sells, or what has run out, is another now: it does not say what, and has to be read."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Registered:
    """The till asks where to send all of this."""

    message_id: str
    active: bool


Notice = OrderStands | Availability | Busy | MenuSold | MenuMoved | Registered
