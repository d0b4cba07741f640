"""Reservations: those of some days, made at the tables that are free, and cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from domain.errors import Refused
from domain.phone_numbers import InvalidNumberError, one_form
from domain.reservations import MAX_COVERS, Status
from eventing import reserving
from eventing.reserving import Asked as AskedTable
from eventing.reserving import NoTableFreeError
from stores import audit, reservations, restaurants
from stores.postgres import Connection
from stores.reservations import Reservation, StatusChangedError
from web.api import problems
from web.api.fields import Given, Id, Instant, Shape, Word
from web.api.operations import Asked, Nothing, operation
from web.api.problems import FieldError, Problem

TAG = "Reservations"
SOURCE = "/api"
LONGEST_SPAN = timedelta(days=62)
MOST = 5000


class ReservationShape(Shape, frozen=True, kw_only=True):
    """For ``covers`` guests from ``startsAt`` until before ``endsAt``.

    ``tableIds`` are several when tables are joined. A restaurant without tables takes requests: they are ``requested``
    and have none.
    """

    id: Id
    status: Status
    starts_at: Instant
    ends_at: Instant
    covers: int
    table_ids: tuple[Id, ...]


class ReservationList(Shape, frozen=True, kw_only=True):
    data: tuple[ReservationShape, ...]


class SpanQuery(msgspec.Struct, frozen=True, kw_only=True):
    """At most 62 days."""

    since: Instant
    until: Instant


class ReservationGiven(Given, frozen=True, kw_only=True):
    """The table that fits best is taken, or several that are joined."""

    starts_at: Instant
    covers: Annotated[int, msgspec.Meta(ge=1, le=MAX_COVERS)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    phone: Annotated[str, msgspec.Meta(max_length=32)] = ""
    note: Word = ""


def _shape(one: Reservation) -> ReservationShape:
    return ReservationShape(
        id=one.id,
        status=one.status,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        covers=one.covers,
        table_ids=one.table_ids,
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
    """List the reservations that have a moment in a span of time, in order: at most 5,000."""
    since, until = asked.query.since, asked.query.until
    if not timedelta(0) < until - since <= LONGEST_SPAN:
        error = FieldError(parameter="until", detail="Later than since, by at most 62 days.")
        raise Problem("invalid", "", error)
    found = await reservations.between(connection, asked.restaurant_id, since, until, limit=MOST)
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
    """Make a reservation, by the rules that callers are told.

    When no table is free, the conflict's ``alternatives`` are the nearest times at which there is one.
    """
    given, owner = asked.body, asked.restaurant_id
    restaurant = await restaurants.get(connection, owner)
    phone = _in_one_form(given.phone, restaurant.country)
    wanted = AskedTable(starts_at=given.starts_at, covers=given.covers, name=given.name, phone=phone, note=given.note)
    try:
        made = await reserving.reserve(connection, restaurant, wanted, datetime.now(UTC), asked.pii, source=SOURCE)
    except Refused as refused:
        pointer = "/covers" if refused.field == "covers" else "/startsAt"
        raise problems.invalid(pointer, str(refused)) from None
    except OverflowError:
        raise problems.invalid("/startsAt", "Not a time that can be booked.") from None
    except NoTableFreeError as full:
        detail = "No table is free for so many at that time."
        raise Problem("conflict", detail, alternatives=full.others) from None
    after = {"covers": made.covers, "starts_at": made.starts_at}
    await audit.record(connection, owner, asked.client.actor, "reservations.created", subject=made.id, after=after)
    return _shape(made)


def _in_one_form(phone: str, country: str) -> str:
    """One number is one customer, who is also forgotten as one. What is no number stays as it was given."""
    try:
        return one_form(phone, country) if phone else ""
    except InvalidNumberError:
        return phone


@operation(
    "DELETE",
    "/restaurants/{restaurantId}/reservations/{reservationId}",
    tag=TAG,
    answer=None,
    scope="reservations:write",
    status=204,
    problems=("conflict",),
)
async def cancel_reservation(connection: Connection, asked: Asked[Nothing, None]) -> None:
    """Cancel a reservation; its tables are free again. It can't be cancelled any more once its guests came."""
    reservation_id = asked.path["reservationId"]
    present = await reservations.get(connection, reservation_id)
    if present.status == "cancelled":
        return
    if present.status not in reserving.OPEN:
        raise Problem("conflict", f"The reservation is {present.status}.")
    try:
        await reserving.move(
            connection,
            asked.restaurant_id,
            reservation_id,
            present.status,
            "cancelled",
            datetime.now(UTC),
            reason="other",
            source=SOURCE,
        )
    except StatusChangedError as late:
        raise Problem("conflict", f"The reservation is {late.present.status}.") from None
    await audit.record(
        connection, asked.restaurant_id, asked.client.actor, "reservations.cancelled", subject=reservation_id
    )
