import asyncpg
import pytest

from eventing import outbox
from eventing.catalogue import FaqChanged, MenuChanged
from eventing.cloudevents import BadEvent
from tests.conftest import Pools
from tests.integration.eventing.conftest import MakeRestaurant

pytestmark = pytest.mark.integration


async def test_an_event_is_written_with_the_transaction_or_not_at_all(postgres: Pools, restaurant_id: str) -> None:
    payload = MenuChanged(restaurant_id=restaurant_id, reason="price")

    async def change_of_mind() -> None:
        async with postgres.app.tenant(restaurant_id) as connection:
            await outbox.emit(connection, payload, source="/web")
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await change_of_mind()
    async with postgres.app.tenant(restaurant_id) as connection:
        event = await outbox.emit(connection, payload, source="/web", subject="menu")

    async with postgres.platform.platform() as connection:
        rows = await connection.fetch("select event_id, restaurant_id, type, event from outbox")
    assert [(row["event_id"], row["restaurant_id"], row["type"]) for row in rows] == [
        (event.id, restaurant_id, "com.alloresto.menu.changed")
    ]
    assert rows[0]["event"]["data"] == {"restaurantId": restaurant_id, "itemIds": [], "reason": "price"}
    assert rows[0]["event"]["subject"] == "menu"


async def test_a_restaurant_cannot_emit_for_another(
    postgres: Pools, restaurant_id: str, another_restaurant: MakeRestaurant
) -> None:
    other = await another_restaurant()

    async with postgres.app.tenant(restaurant_id) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await outbox.emit(connection, FaqChanged(restaurant_id=other), source="/web")


async def test_a_payload_that_breaks_its_schema_is_refused_where_it_is_made(
    postgres: Pools, restaurant_id: str
) -> None:
    async with postgres.app.tenant(restaurant_id) as connection:
        with pytest.raises(BadEvent, match=r"com\.alloresto\.menu\.changed: .*itemIds"):
            await outbox.emit(connection, MenuChanged(restaurant_id=restaurant_id, item_ids=("12",)), source="/web")


async def test_an_event_written_again_under_its_id_stays_one_row(postgres: Pools, restaurant_id: str) -> None:
    payload = MenuChanged(restaurant_id=restaurant_id, reason="price")
    event_id = "6f1c1b1e-3f55-4b6e-8f0e-0d9b8a7c6d5e"

    for _ in range(2):
        async with postgres.app.tenant(restaurant_id) as connection:
            await outbox.emit(connection, payload, source="/edge/a", id=event_id)

    async with postgres.platform.platform() as connection:
        assert await connection.fetch("select event_id from outbox") == [(event_id,)]
