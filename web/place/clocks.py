"""An open order's running clock: what the page says at once, and what its script needs to go on counting."""

from dataclasses import dataclass
from datetime import datetime

from domain.kitchen import Waiting, clock_starts, waiting
from stores.orders import Order


@dataclass(frozen=True, slots=True)
class Clock:
    """``waited`` and ``left`` in minutes: since the order waits, below 0 before that, and to its promise."""

    begins: int
    promised: int
    waited: int
    left: int
    level: Waiting


def clock(order: Order, now: datetime) -> Clock:
    begins = clock_starts(order.confirmed_at, order.promised_at)
    return Clock(
        begins=int(begins.timestamp()),
        promised=int(order.promised_at.timestamp()),
        waited=int((now - begins).total_seconds() // 60),
        left=int((order.promised_at - now).total_seconds() // 60),
        level=waiting(order.confirmed_at, order.promised_at, now),
    )
