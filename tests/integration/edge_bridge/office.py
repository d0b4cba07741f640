"""What an administrator does with lines, and waits for: on the bridges' database."""

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import asyncpg

from devstack.edge.sip_registrar import SipRegistrar
from domain.trunks import PLAIN, TrunkOptions
from eventing import lines as line_changes
from stores import restaurants
from stores.ciphers import SipPasswordCipher
from stores.postgres import Postgres
from stores.redis import connect
from tests.conftest import Database
from tests.integration.edge_bridge.assigning import assigning
from tests.integration.edge_bridge.conftest import restaurant
from tests.patience import PATIENCE_S

# No two lines of a test run have one number, and two runs at the same time hardly ever.
_subscribers = itertools.count(random.randrange(9_000_000))


class Office:
    """What an administrator does with lines, on the bridges' database."""

    def __init__(self, postgres: Postgres, redis_url: str, master_key: str) -> None:
        self._postgres = postgres
        self._redis = connect(redis_url)
        self._cipher = SipPasswordCipher(master_key)
        self._owner = ""

    async def add(
        self, trunk: SipRegistrar, username: str, password: str = "secret", options: TrunkOptions = PLAIN
    ) -> str:
        return (await self.add_all(trunk, [username], password, options))[username]

    async def add_all(
        self, trunk: SipRegistrar, usernames: Sequence[str], password: str = "secret", options: TrunkOptions = PLAIN
    ) -> dict[str, str]:
        """In one transaction, so that the assigner and the bridges see all of them at once: the lines' ids."""
        async with line_changes.announced(self._redis), self._postgres.platform() as connection:
            if not self._owner:
                owner = restaurant("Lines")
                await restaurants.create(connection, owner)
                self._owner = owner.id
            return {
                username: (
                    await line_changes.create(
                        connection,
                        source="/test",
                        restaurant_id=self._owner,
                        number=f"+3319{next(_subscribers):07}",
                        cipher=self._cipher,
                        sip_domain=trunk.domain,
                        sip_username=username,
                        sip_password=password,
                        trunk=options,
                    )
                ).id
                for username in usernames
            }

    async def switch(self, line_id: str, is_active: bool) -> None:
        async with line_changes.announced(self._redis), self._postgres.platform() as connection:
            await line_changes.set_active(connection, line_id, is_active, source="/test")

    async def set_password(self, line_id: str, password: str) -> None:
        async with line_changes.announced(self._redis), self._postgres.platform() as connection:
            await line_changes.set_password(connection, line_id, password, self._cipher, source="/test")

    async def row(self, line_id: str) -> asyncpg.Record | None:
        async with self._postgres.platform() as connection:
            return await connection.fetchrow("select * from sip_registration where phone_line_id = $1", line_id)

    async def nodes_of_registered(self) -> Counter[str]:
        async with self._postgres.platform() as connection:
            rows = await connection.fetch("select bridge_node_id from sip_registration where status = 'registered'")
        return Counter(row["bridge_node_id"] for row in rows)

    async def close(self) -> None:
        async with self._postgres.platform() as connection:
            await connection.execute("delete from phone_line where sip_domain <> ''")
            await connection.execute("delete from sip_bridge_node")
        await self._redis.aclose()
        await self._postgres.close()


@contextlib.asynccontextmanager
async def open_office(database: Database, redis_url: str, master_key: str) -> AsyncIterator[Office]:
    """With the assigner at work."""
    postgres = Postgres(database.platform_url)
    await postgres.open()
    made = Office(postgres, redis_url, master_key)
    async with assigning(database, redis_url):
        yield made
    await made.close()


async def until(condition: Callable[[], Awaitable[bool]], within_s: float = PATIENCE_S) -> float:
    """How long it took, in seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(within_s):
        while not await condition():
            await asyncio.sleep(0.05)
    return loop.time() - began


def bound(trunk: SipRegistrar, *users: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return set(users) <= trunk.bindings.keys()

    return check


def says(office: Office, line_id: str, status: str, words: str = "") -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        row = await office.row(line_id)
        return row is not None and row["status"] == status and words in row["error"]

    return check
