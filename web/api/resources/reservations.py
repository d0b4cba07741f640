"""Reservations: those of some days, made at a table that is free, and cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from domain import reservations as rules
from domain.errors import Refused
from domain.reservations import STAY, Reservation
from stores import audit, reservations, restaurants
from stores.postgres import Connection
from stores.reservations import TableTakenError
from web.api import problems
from web.api.fields import Given, Id, Instant, Shape, Word
from web.api.operations import Asked, Nothing, operation
from web.api.problems import FieldError, Problem

TAG = "Reservations"
LONGEST_SPAN = timedelta(days=62)


class ReservationShape(Shape, frozen=True, kw_only=True):
    """A table held for ``covers`` guests from ``startsAt`` until before ``endsAt``."""

    id: Id
    table_id: Id
    starts_at: Instant
    ends_at: Instant
    covers: int


class ReservationList(Shape, frozen=True, kw_only=True):
    data: tuple[ReservationShape, ...]


class SpanQuery(msgspec.Struct, frozen=True, kw_only=True):
    """At most 62 days."""

    since: Instant
    until: Instant


class ReservationGiven(Given, frozen=True, kw_only=True):
    """The tightest free table is taken."""

    starts_at: Instant
    covers: Annotated[int, msgspec.Meta(ge=1, le=100)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    phone: Annotated[str, msgspec.Meta(max_length=32)] = ""
    note: Word = ""


def _shape(one: Reservation) -> ReservationShape:
    return ReservationShape(
        id=one.id, table_id=one.table_id, starts_at=one.starts_at, ends_at=one.ends_at, covers=one.covers
    )


@operation(
    "GET",
    "/restaurants/{restaurantId}/reservations",
    tag=TAG,
    query=SpanQuery,
    answer=ReservationList,
    scope="reservations:read",
)
async def list_reservations(connection: Connection, asked: Asked[SpanQuery, None]) -> ReservationList:
    """List the reservations that hold a table in a span of time."""
    since, until = asked.query.since, asked.query.until
    if not timedelta(0) < until - since <= LONGEST_SPAN:
        error = FieldError(parameter="until", detail="Later than since, by at most 62 days.")
        raise Problem("invalid", "", error)
    found = await reservations.between(connection, asked.restaurant_id, since, until)
    return ReservationList(data=tuple(map(_shape, found)))


@operation(
    "POST",
    "/restaurants/{restaurantId}/reservations",
    tag=TAG,
    body=ReservationGiven,
    answer=ReservationShape,
    scope="reservations:write",
    status=201,
    problems=("conflict",),
)
async def create_reservation(connection: Connection, asked: Asked[Nothing, ReservationGiven]) -> ReservationShape:
    """Make a reservation, by the rules that callers are told."""
    given, owner = asked.body, asked.restaurant_id
    restaurant = await restaurants.get(connection, owner)
    try:
        rules.check_request(restaurant, datetime.now(UTC), given.starts_at, given.covers)
        ends_at = given.starts_at + STAY
    except Refused as refused:
        pointer = "/covers" if refused.field == "covers" else "/startsAt"
        raise problems.invalid(pointer, str(refused)) from None
    except OverflowError:
        raise problems.invalid("/startsAt", "Not a time that can be booked.") from None
    taken = await reservations.between(connection, owner, given.starts_at, ends_at)
    free = rules.free_tables(await reservations.tables(connection, owner), taken, given.starts_at, given.covers)
    for table in free:
        try:
            booked = await reservations.book(
                connection,
                owner,
                table.id,
                given.starts_at,
                ends_at,
                given.covers,
                name=given.name,
                phone=given.phone,
                pii=asked.pii,
                note=given.note,
            )
        except TableTakenError:
            continue
        after = {"covers": given.covers, "starts_at": given.starts_at}
        await audit.record(
            connection, owner, asked.client.actor, "reservations.created", subject=booked.id, after=after
        )
        return _shape(booked)
    raise Problem("conflict", "No table is free for so many at that time.")


@operation(
    "DELETE",
    "/restaurants/{restaurantId}/reservations/{reservationId}",
    tag=TAG,
    answer=None,
    scope="reservations:write",
    status=204,
)
async def cancel_reservation(connection: Connection, asked: Asked[Nothing, None]) -> None:
    """Cancel a reservation; its table is free again."""
    reservation_id = asked.path["reservationId"]
    await reservations.cancel(connection, reservation_id)
    await audit.record(
        connection, asked.restaurant_id, asked.client.actor, "reservations.cancelled", subject=reservation_id
    )
