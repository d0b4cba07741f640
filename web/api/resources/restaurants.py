"""Restaurants: read, and made with their phone lines."""

from __future__ import annotations

import datetime as dates
from typing import Annotated, Literal
from zoneinfo import available_timezones

import msgspec

from domain.restaurant import Fallback, Restaurant, WhenClosed
from domain.vat import NO_COUNTRY
from eventing import outbox
from eventing.catalogue import RestaurantChanged
from stores import audit, restaurants
from stores.postgres import Connection
from web.api import problems
from web.api.fields import Cents, Country, Currency, Given, Id, Name, Shape, Word
from web.api.operations import Asked, Nothing, operation
from web.api.resources.lines import Line, LineGiven, RegistrationState, make_line, registration_state, states

Minutes = Annotated[int, msgspec.Meta(ge=0, le=600)]
TAG = "Restaurants"
SOURCE = "/api"


class OpeningShape(Shape, frozen=True, kw_only=True):
    """Minutes after local midnight, ``weekday`` 0 is Monday; ``closes`` passes 1440 where it is open past midnight."""

    weekday: Annotated[int, msgspec.Meta(ge=0, le=6)]
    opens: Annotated[int, msgspec.Meta(ge=0, le=1439)]
    closes: Annotated[int, msgspec.Meta(ge=1, le=2880)]


class ExceptionShape(Shape, frozen=True, kw_only=True):
    """A local date that differs: closed all day without ``spans``, which are pairs of minutes after midnight."""

    day: dates.date
    spans: tuple[tuple[int, int], ...]


class ZoneShape(Shape, frozen=True, kw_only=True):
    name: str
    postcodes: tuple[str, ...]
    minimum_cents: Cents
    fee_cents: Cents
    minutes: int


class RestaurantShape(Shape, frozen=True, kw_only=True):
    """A restaurant's address, hours and rules."""

    id: Id
    name: str
    language: str
    currency: Currency
    zone: str
    country: Country
    street: str
    postcode: str
    city: str
    phone: str
    pickup: bool
    delivery: bool
    dine_in: bool
    prep_minutes: int
    max_calls: int
    record_calls: bool
    fallback: Fallback
    fallback_number: str
    when_closed: WhenClosed
    orders_ahead: bool
    last_order_minutes: int
    greeting: str
    voice: str
    openings: tuple[OpeningShape, ...]
    exceptions: tuple[ExceptionShape, ...]
    delivery_zones: tuple[ZoneShape, ...]


@operation("GET", "/restaurants/{restaurantId}", tag=TAG, answer=RestaurantShape, scope="restaurant:read")
async def get_restaurant(connection: Connection, asked: Asked[Nothing, None]) -> RestaurantShape:
    """Show a restaurant."""
    return _shape(await restaurants.get(connection, asked.restaurant_id))


def _shape(restaurant: Restaurant) -> RestaurantShape:
    return msgspec.convert(restaurant, RestaurantShape, from_attributes=True)


class RestaurantChange(Given, frozen=True, kw_only=True):
    """What is left out stays as it is."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    street: Word | msgspec.UnsetType = msgspec.UNSET
    postcode: Word | msgspec.UnsetType = msgspec.UNSET
    city: Word | msgspec.UnsetType = msgspec.UNSET
    phone: Word | msgspec.UnsetType = msgspec.UNSET
    pickup: bool | msgspec.UnsetType = msgspec.UNSET
    delivery: bool | msgspec.UnsetType = msgspec.UNSET
    dine_in: bool | msgspec.UnsetType = msgspec.UNSET
    prep_minutes: Minutes | msgspec.UnsetType = msgspec.UNSET
    orders_ahead: bool | msgspec.UnsetType = msgspec.UNSET


@operation(
    "PATCH",
    "/restaurants/{restaurantId}",
    tag=TAG,
    body=RestaurantChange,
    answer=RestaurantShape,
    scope="restaurant:write",
)
async def update_restaurant(connection: Connection, asked: Asked[Nothing, RestaurantChange]) -> RestaurantShape:
    """Change a restaurant's address and how it sells.

    The next caller is told within seconds. Hours, greeting and voice are set on the restaurant's pages.
    """
    owner = asked.restaurant_id
    given = {
        name: value
        for name in asked.body.__struct_fields__
        if (value := getattr(asked.body, name)) is not msgspec.UNSET
    }
    if given:
        before = await restaurants.update(connection, owner, given)
        fields = tuple(sorted(name for name, value in given.items() if before[name] != value))
        if fields:
            await audit.record(
                connection,
                owner,
                asked.client.actor,
                "restaurant.changed",
                subject=owner,
                before={name: before[name] for name in fields},
                after={name: given[name] for name in fields},
            )
            event = RestaurantChanged(restaurant_id=owner, fields=fields)
            await outbox.emit(connection, event, source=SOURCE, subject=owner)
    return _shape(await restaurants.get(connection, owner))


class RestaurantGiven(Given, frozen=True, kw_only=True):
    """A new restaurant. What is left out has its usual value, and can be set on the restaurant's pages."""

    name: Name
    language: Literal["fr", "en"]
    zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="IANA time zone, as Europe/Paris.")]
    currency: Currency = "EUR"
    country: Country = NO_COUNTRY
    street: Word = ""
    postcode: Word = ""
    city: Word = ""
    phone: Word = ""
    pickup: bool = True
    delivery: bool = False
    dine_in: bool = False
    prep_minutes: Minutes = 20
    lines: Annotated[tuple[LineGiven, ...], msgspec.Meta(max_length=8)] = ()


class CreatedRestaurant(Shape, frozen=True, kw_only=True):
    """``statusUrl`` says when every line is registered at its trunk."""

    id: Id
    status_url: str
    lines: tuple[Line, ...]


@operation(
    "POST",
    "/restaurants",
    tag=TAG,
    body=RestaurantGiven,
    answer=CreatedRestaurant,
    scope="restaurants:create",
    status=201,
    location="/restaurants/{id}",
    platform=True,
    problems=("conflict",),
)
async def create_restaurant(connection: Connection, asked: Asked[Nothing, RestaurantGiven]) -> CreatedRestaurant:
    """Create a restaurant with its phone lines.

    The lines are given to a bridge and registered at their trunks within seconds: `statusUrl` says when.
    """
    given = asked.body
    if given.zone not in available_timezones():
        raise problems.invalid("/zone", "Not an IANA time zone, such as Europe/Paris.")
    fields = {name: getattr(given, name) for name in given.__struct_fields__ if name != "lines"}
    restaurant_id = await restaurants.create(connection, Restaurant(id="", **fields))
    made = [
        await make_line(connection, restaurant_id, line, f"/lines/{number}") for number, line in enumerate(given.lines)
    ]
    await audit.record(
        connection,
        restaurant_id,
        asked.client.actor,
        "restaurant.created",
        subject=restaurant_id,
        after={"name": given.name, "lines": [line.number for line in made]},
    )
    return CreatedRestaurant(
        id=restaurant_id, status_url=f"/api/v1/restaurants/{restaurant_id}/status", lines=tuple(made)
    )


class RestaurantStatus(Shape, frozen=True, kw_only=True):
    """``registered`` once each line that registers at a trunk has done so; ``error`` where one was refused."""

    status: RegistrationState
    lines: tuple[Line, ...]


@operation("GET", "/restaurants/{restaurantId}/status", tag=TAG, answer=RestaurantStatus, scope="lines:read")
async def get_restaurant_status(connection: Connection, asked: Asked[Nothing, None]) -> RestaurantStatus:
    """Show whether the restaurant's lines are registered."""
    found = await states(connection, asked.restaurant_id)
    return RestaurantStatus(status=registration_state(found), lines=found)
