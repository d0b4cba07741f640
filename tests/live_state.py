"""What the product tells of its calls and nodes in Redis, read as an observer would."""

from collections.abc import AsyncGenerator
from typing import NamedTuple

import msgspec

from stores import keys
from stores.live import LiveEvent, QueuedCall
from stores.redis import Redis

POLL_S = 1.0

_decoder = msgspec.json.Decoder(LiveEvent)


class Counters(NamedTuple):
    active_calls: int
    queued_calls: int
    calls_today: int


async def counters(redis: Redis) -> Counters:
    names = [keys.ACTIVE_CALLS, keys.QUEUED_CALLS, keys.CALLS_TODAY]
    return Counters(*(int(one or 0) for one in await redis.mget(names)))


async def waiting(redis: Redis) -> tuple[QueuedCall, ...]:
    """The longest waiting first."""
    return tuple(msgspec.json.decode(one, type=QueuedCall) for one in await redis.lrange(keys.QUEUE, 0, -1))


async def bridge_is_alive(redis: Redis, node_id: str) -> bool:
    return bool(await redis.exists(keys.bridge_heartbeat(node_id)))


async def live_events(redis: Redis, restaurant_id: str) -> AsyncGenerator[LiveEvent, None]:
    """Everything published once the channel has its subscriber, until closed."""
    async with redis.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe(keys.restaurant_live(restaurant_id))
        while True:
            message = await channel.get_message(timeout=POLL_S)
            if message is not None:
                yield _decoder.decode(message["data"])
