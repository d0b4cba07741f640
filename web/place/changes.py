"""Saving what a restaurant sets: the fields, the log of who changed them and the events, in one transaction.

The events are what drops the callers' cache and has the greeting rendered again, so none is emitted where nothing
differs: a form that is sent twice costs neither. A greeting is rendered for each event that may change it, and that is
paid for: its fields are told of by one event, ``greeting.changed``, which drops its old audio as well.
"""

from collections.abc import Mapping

from domain.greetings import greeting_text
from eventing import outbox
from eventing.catalogue import GreetingChanged, RestaurantChanged
from stores import restaurants
from stores.postgres import Connection
from web.place import tenancy

SOURCE = "/web"
GREETING_FIELDS = frozenset({"greeting", "voice", "name", "language", "record_calls"})


async def tell(connection: Connection, restaurant_id: str, *fields: str) -> None:
    """Emit that these fields of the restaurant differ from now on."""
    await outbox.emit(
        connection,
        RestaurantChanged(restaurant_id=restaurant_id, fields=fields),
        source=SOURCE,
        subject=restaurant_id,
    )


async def _tell_of(connection: Connection, restaurant_id: str, differing: list[str]) -> None:
    unheard = [name for name in differing if name not in GREETING_FIELDS]
    if unheard:
        await tell(connection, restaurant_id, *unheard)
    if len(unheard) == len(differing):
        return
    place = await restaurants.get(connection, restaurant_id)
    heard = GreetingChanged(
        restaurant_id=restaurant_id, text=greeting_text(place), voice=place.voice, language=place.language
    )
    await outbox.emit(connection, heard, source=SOURCE, subject=f"greeting/{restaurant_id}")


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
            await _tell_of(connection, restaurant_id, differing)
        return bool(differing)

    return tenancy.in_restaurant(work)
