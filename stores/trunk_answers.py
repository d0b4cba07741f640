"""What DNS last answered of a trunk, in Redis: a bridge that starts while DNS is away knows its trunks' addresses.

Neither secret nor a restaurant's: a trunk serves many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from stores import keys

if TYPE_CHECKING:
    from stores.redis import Redis

KEPT_S = 7 * 24 * 3600  # after the last answer


async def save(redis: Redis, trunk: str, answers: bytes) -> None:
    await redis.set(keys.trunk_answers(trunk), answers, ex=KEPT_S)


async def load(redis: Redis, trunk: str) -> bytes | None:
    return cast("bytes | None", await redis.get(keys.trunk_answers(trunk)))
