"""Making a restaurant of one's own: what the app role may do outside of any restaurant, by one narrow function."""

from dataclasses import dataclass

import asyncpg

from stores.errors import NotFoundError
from stores.postgres import Connection


class TooManyRestaurantsError(Exception):
    """The user owns as many restaurants as anybody may set up."""


@dataclass(frozen=True, slots=True)
class NewRestaurant:
    """As much of a restaurant as it begins with."""

    name: str
    language: str
    country: str
    currency: str
    zone: str
    street: str = ""
    postcode: str = ""
    city: str = ""


async def set_up(conn: Connection, owner_id: str, new: NewRestaurant) -> str:
    """Make it, with this user as its owner; its id. The transaction sees it from now on.

    Raises NotFoundError for a user who is none or disabled, TooManyRestaurantsError, asyncpg.CheckViolationError.
    """
    try:
        async with conn.transaction():
            restaurant_id: str = await conn.fetchval(
                "select set_up_restaurant($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                owner_id,
                new.name,
                new.language,
                new.country,
                new.currency,
                new.zone,
                new.street,
                new.postcode,
                new.city,
            )
    except asyncpg.NoDataFoundError:
        raise NotFoundError("user", owner_id) from None
    except asyncpg.ProgramLimitExceededError:
        raise TooManyRestaurantsError from None
    await conn.execute("select set_config('app.restaurant_id', $1, true)", restaurant_id)
    return restaurant_id
