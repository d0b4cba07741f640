"""Saving what a restaurant sets: the fields, the log of who changed them and the event, in one transaction.

The event is what drops the callers' cache and has the greeting rendered again, so none is emitted where nothing
differs: a form that is sent twice costs neither.
"""

from collections.abc import Mapping

from eventing import outbox
from eventing.catalogue import RestaurantChanged
from stores import restaurants
from stores.postgres import Connection
from web.place import tenancy

SOURCE = "/web"


async def tell(connection: Connection, restaurant_id: str, *fields: str) -> None:
    """Emit that these fields of the restaurant differ from now on."""
    await outbox.emit(
        connection,
        RestaurantChanged(restaurant_id=restaurant_id, fields=fields),
        source=SOURCE,
        subject=restaurant_id,
    )


def save(action: str, values: Mapping[str, object]) -> bool:
    """Save these columns of the restaurant; whether any of them differed. ``action`` is what the log calls it."""
    restaurant_id = tenancy.restaurant().id

    async def work(connection: Connection) -> bool:
        before = await restaurants.update(connection, restaurant_id, values)
        differing = sorted(name for name in values if before[name] != values[name])
        if differing:
            await tenancy.audit(
                connection,
                action,
                subject=restaurant_id,
                before={name: before[name] for name in differing},
                after={name: values[name] for name in differing},
            )
            await tell(connection, restaurant_id, *differing)
        return bool(differing)

    return tenancy.in_restaurant(work)
