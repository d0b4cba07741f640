"""How often an order of before was asked for in vain, over all calls to a restaurant: whoever guesses may redial.

Counted in Redis, by a caller's number and for the restaurant as a whole, for WINDOW_S from the first time on. A number
can be shown by whoever likes, or by nobody: so guesses at totals are counted for all callers together, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stores import keys

if TYPE_CHECKING:
    from stores.redis import RedisCommands

WINDOW_S = 6 * 60 * 60
OF_A_NUMBER = 8
OF_TOTALS = 24
TOTALS = "totals"
"""In the place of a number: all callers who named a total."""

_COUNT = """
local times = redis.call('INCR', KEYS[1])
if times == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return times
"""


async def count(redis: RedisCommands, restaurant_id: str, whose: str) -> None:
    """``whose`` is a number's hash in hex, or TOTALS."""
    await redis.eval(_COUNT, 1, keys.order_misses(restaurant_id, whose), str(WINDOW_S))


async def are_too_many(redis: RedisCommands, restaurant_id: str, whose: str) -> bool:
    times = await redis.get(keys.order_misses(restaurant_id, whose))
    return times is not None and int(times) >= (OF_TOTALS if whose == TOTALS else OF_A_NUMBER)
