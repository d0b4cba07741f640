"""When the food is promised: the kitchen's calm time, plus its load, plus the way to the caller.

No promise is broken by the clock: what is promised leaves the kitchen while the restaurant is open. A restaurant
that takes orders ahead starts on them when it opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain import hours, spoken_time
from domain.delivery import zone_for
from domain.errors import Refused
from domain.order import Fulfilment
from domain.restaurant import Restaurant

# Callers remember "a quarter to eight", not 19:43; and a promise errs on the late side.
ROUND_UP = timedelta(minutes=5)
# How long before it is eaten an order is taken: a kitchen's plan for tomorrow evening is not made on the phone.
AHEAD = timedelta(hours=24)


def promised_at(
    restaurant: Restaurant,
    now: datetime,
    load_minutes: int,
    fulfilment: Fulfilment,
    wanted_at: datetime | None = None,
    called_at: datetime | None = None,
) -> datetime:
    """The promised time in UTC: the earliest, rounded up to five minutes, or ``wanted_at`` itself where possible.

    All times are aware. ``load_minutes`` is the other work of the kitchen, ``called_at`` when the call began: who
    rang before the last orders may finish ordering after them.

    Raises Refused ``kitchen_full``, ``closed``, ``after_last_order``, and for a ``wanted_at`` also ``too_soon`` or
    ``not_at_that_time``.
    """
    if any(time.tzinfo is None for time in (now, wanted_at, called_at) if time is not None):
        raise ValueError("now, wanted_at and called_at must have a time zone")
    if load_minutes > restaurant.max_load_minutes:
        message = "The kitchen has more work than it can promise an order on top of: offer transfer_to_human."
        raise Refused("kitchen_full", message, ("transfer_to_human",), "now")
    kitchen = _Kitchen(
        restaurant=restaurant,
        now=now.astimezone(UTC),
        called_at=called_at.astimezone(UTC) if called_at else None,
        lead=timedelta(minutes=restaurant.prep_minutes + max(load_minutes, 0)),
        way=_way(restaurant, fulfilment),
    )
    if wanted_at is None:
        return kitchen.earliest(kitchen.openings()[0])
    return kitchen.at(wanted_at.astimezone(UTC))


def _way(restaurant: Restaurant, fulfilment: Fulfilment) -> timedelta:
    """From the kitchen's door to the caller's."""
    if fulfilment.kind != "delivery" or fulfilment.address is None:
        return timedelta(0)
    zone = zone_for(restaurant, fulfilment.address.postcode)
    return timedelta(minutes=zone.minutes if zone else 0)


def _rounded_up(instant: datetime) -> datetime:
    late = (instant - datetime(1970, 1, 1, tzinfo=UTC)) % ROUND_UP
    return instant + ROUND_UP - late if late else instant


@dataclass(frozen=True, slots=True)
class _Opening:
    opens: datetime
    closes: datetime


@dataclass(frozen=True, slots=True)
class _Kitchen:
    """One order's way through the kitchen; every instant is UTC."""

    restaurant: Restaurant
    now: datetime
    called_at: datetime | None
    lead: timedelta
    way: timedelta

    def openings(self) -> list[_Opening]:
        """Those that this order may be made in: the present one, and later ones where orders are taken ahead.

        In order, at least one. Raises Refused ``closed``.
        """
        within = hours.openings_between(self.restaurant, self.now, self.now + AHEAD)
        possible = [
            _Opening(opens, closes) for opens, closes in within if opens <= self.now or self.restaurant.orders_ahead
        ]
        if not possible:
            raise hours.closed(self.restaurant, self.now)
        return possible

    def earliest(self, opening: _Opening) -> datetime:
        """Raises Refused ``after_last_order``."""
        start = max(self.now, opening.opens)
        promise = _rounded_up(start + self.lead + self.way)
        if start > self._last_start(opening) or promise - self.way > opening.closes:
            raise self._after_last_order(opening)
        return promise

    def at(self, wanted: datetime) -> datetime:
        """``wanted``, when the kitchen can keep it."""
        openings = self.openings()
        earliest = self._earliest_of(openings)
        if wanted < earliest:
            raise self._too_soon(earliest)
        if wanted == earliest:
            return wanted
        leaves = wanted - self.way
        opening = next((one for one in openings if one.opens <= leaves <= one.closes), None)
        prep = timedelta(minutes=self.restaurant.prep_minutes)
        if opening is None or leaves - prep < opening.opens or wanted > self.now + AHEAD:
            raise self._not_then(wanted)
        if leaves - prep > self._last_start(opening):
            raise self._after_last_order(opening)
        return wanted

    def _earliest_of(self, openings: list[_Opening]) -> datetime:
        """In the first opening that can still take the order. Raises Refused as for the first when none can."""
        too_late: Refused | None = None
        for opening in openings:
            try:
                return self.earliest(opening)
            except Refused as refused:
                too_late = too_late or refused
        raise too_late or hours.closed(self.restaurant, self.now)

    def _last_start(self, opening: _Opening) -> datetime:
        """The last moment at which the kitchen starts something in this opening."""
        last = opening.closes - timedelta(minutes=self.restaurant.last_order_minutes)
        if self.called_at is not None and self.called_at <= last:
            return max(last, min(self.now, opening.closes))
        return last

    def _too_soon(self, earliest: datetime) -> Refused:
        local = hours.local_time(self.restaurant, earliest)
        today = hours.local_time(self.restaurant, self.now).date()
        message = "The kitchen can't have it ready by then: offer the earliest time."
        spoken = spoken_time.moment(local, today, self.restaurant.language)
        return Refused("too_soon", message, (local.isoformat(timespec="minutes"),), "wanted_at", subject=spoken)

    def _after_last_order(self, opening: _Opening) -> Refused:
        local = hours.local_time(self.restaurant, opening.closes)
        message = "It can't be ready before the restaurant closes, or the last orders are over: do not promise it."
        spoken = spoken_time.clock_of(local, self.restaurant.language)
        return Refused("after_last_order", message, (local.isoformat(timespec="minutes"),), "now", subject=spoken)

    def _not_then(self, wanted: datetime) -> Refused:
        message = "Orders are only taken for a time when the restaurant is open, at most 24 hours ahead"
        message += "." if self.restaurant.orders_ahead else ", and not for a later opening than the present one."
        return hours.not_open_at(self.restaurant, wanted, "not_at_that_time", message, "wanted_at")
