"""How the service stands, for its status page: looked at by the reconciler with its figures."""

from __future__ import annotations

from domain import status as rules
from eventing.refusals import TryAgain
from eventing.serving import TRANSIENT
from stores import pending, rehearsals, status
from stores.postgres import Postgres
from stores.redis import Redis, RedisError

SYNTHETIC_CALLS = 3


class StatusWatch:
    """While a store is away nothing is written: the page says by itself that its states are old."""

    def __init__(self, postgres: Postgres, redis: Redis) -> None:
        self._postgres = postgres
        self._redis = redis

    async def look(self) -> None:
        """Raises TryAgain while a store is away."""
        try:
            orders_pending, _ = await pending.count(self._redis)
            admin = await status.admin_is_ready(self._redis)
            async with self._postgres.platform() as connection:
                calls = await rehearsals.last_calls(connection, SYNTHETIC_CALLS)
                failed = [call.failed_at for call in calls]
                facts = await status.facts(connection, failed, orders_pending=orders_pending, admin=admin)
                await status.record(connection, rules.judge(facts))
        except (*TRANSIENT, RedisError) as error:
            raise TryAgain(f"a store is away ({type(error).__name__})") from error
