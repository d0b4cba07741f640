"""A restaurant, its menu, FAQ, chain and prompt: from Redis, else from Postgres and then kept in Redis for a while.

A read that began before a change must not put the old value back after the change was announced. So each
restaurant has a generation, counted up by ``invalidate``: a value is kept only if the generation is still the one
from before Postgres was read.

Redis away: everything is read from Postgres. Postgres away: what Redis still has is used.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import msgspec

from domain.chains import Chain
from domain.menu import Menu
from domain.prompts import moment_instructions, restaurant_instructions
from domain.restaurant import FaqEntry, Restaurant
from process import logs
from stores import keys
from stores.errors import redis_away

if TYPE_CHECKING:
    from stores.postgres import ReadingPostgres
    from stores.redis import RedisCommands

LIFETIME_S = 300
GENERATION_LIFETIME_S = 3600  # longer than any read of Postgres can take
FIRST_GENERATION = b"0"
PATIENCE_S = 0.5  # a slow Redis is worse than none: a caller is waiting

Part = Literal["config", "menu", "faq", "chain", "prompt"]

# The menu holds the restaurant's currency and language; the prompt holds all three.
_STALE_WITH: dict[Part, tuple[Part, ...]] = {
    "config": ("config", "menu", "chain", "prompt"),
    "menu": ("menu", "prompt"),
    "faq": ("faq", "prompt"),
    "chain": ("chain",),
    "prompt": ("prompt",),
}

_KEY_OF: dict[Part, Callable[[str], str]] = {
    "config": keys.restaurant_config,
    "menu": keys.restaurant_menu,
    "faq": keys.restaurant_faq,
    "chain": keys.restaurant_chain,
    "prompt": keys.restaurant_prompt,
}

_KEEP_IF_CURRENT = """
if (redis.call('get', KEYS[1]) or '0') ~= ARGV[1] then return 0 end
for i = 2, #KEYS do redis.call('set', KEYS[i], ARGV[i + 1], 'ex', ARGV[2]) end
return 1
"""

_DROP = """
redis.call('incr', KEYS[1])
redis.call('expire', KEYS[1], ARGV[1])
local gone = {}
for i = 2, #KEYS do
    if redis.call('del', KEYS[i]) == 1 then gone[#gone + 1] = KEYS[i] end
end
return gone
"""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class CachedRestaurant:
    """``generation`` is another one once any of it was changed; None where nobody can tell."""

    restaurant: Restaurant
    menu: Menu
    faq: tuple[FaqEntry, ...]
    chain: Chain | None = None
    generation: bytes | None = None


class _Snapshot(NamedTuple):
    """What was read, and the generation it belongs to (None: not known, so nothing may be kept)."""

    cached: CachedRestaurant
    prompt: str | None
    generation: bytes | None


class RestaurantCache:
    """``postgres`` may have either role."""

    def __init__(self, redis: "RedisCommands", postgres: "ReadingPostgres") -> None:
        self._redis = redis
        self._postgres = postgres

    async def load(self, restaurant_id: str) -> CachedRestaurant:
        """Raises NotFoundError, or what Postgres raises when it is away and Redis has not everything."""
        return (await self._snapshot(restaurant_id)).cached

    async def generation(self, restaurant_id: str) -> bytes | None:
        """Of now: one small question. None while Redis is away."""
        try:
            known = await asyncio.wait_for(self._redis.get(keys.restaurant_generation(restaurant_id)), PATIENCE_S)
        except redis_away() as error:
            log.warning("Redis is away; whether the restaurant has changed is unknown", why=type(error).__name__)
            return None
        return cast("bytes | None", known) or FIRST_GENERATION

    async def prompt(self, restaurant_id: str, now: datetime) -> str:
        """The whole system prompt for a call that starts ``now``. Raises like ``load``."""
        snapshot = await self._snapshot(restaurant_id)
        cached, instructions = snapshot.cached, snapshot.prompt
        if instructions is None:
            instructions = restaurant_instructions(cached.restaurant, cached.menu, cached.faq)
            await self._keep(
                restaurant_id, snapshot.generation, {keys.restaurant_prompt(restaurant_id): instructions.encode()}
            )
        return f"{instructions}\n\n{moment_instructions(cached.restaurant, now)}"

    async def invalidate(self, restaurant_id: str, parts: Iterable[Part]) -> list[str]:
        """Drop the parts and what is made of them; the keys that were there. Raises while Redis is away."""
        stale = sorted({part for named in parts for part in _STALE_WITH[named]})
        names = [keys.restaurant_generation(restaurant_id), *(_KEY_OF[part](restaurant_id) for part in stale)]
        gone: list[bytes] = await self._redis.eval(_DROP, len(names), *names, str(GENERATION_LIFETIME_S))
        return [name.decode() for name in gone]

    async def _snapshot(self, restaurant_id: str) -> _Snapshot:
        stored = await self._stored(restaurant_id)
        if stored is None:
            return _Snapshot(await self._read(restaurant_id), None, None)
        config, menu, faq, chain, prompt, generation = stored
        generation = generation or FIRST_GENERATION
        cached = _decoded(config, menu, faq, chain)
        if cached is not None:
            cached = replace(cached, generation=generation)
            return _Snapshot(cached, prompt.decode() if prompt else None, generation)
        cached = replace(await self._read(restaurant_id), generation=generation)
        values = {
            keys.restaurant_config(restaurant_id): msgspec.json.encode(cached.restaurant),
            keys.restaurant_menu(restaurant_id): msgspec.json.encode(cached.menu),
            keys.restaurant_faq(restaurant_id): msgspec.json.encode(cached.faq),
            keys.restaurant_chain(restaurant_id): msgspec.json.encode(cached.chain),
        }
        await self._keep(restaurant_id, generation, values)
        return _Snapshot(cached, None, generation)

    async def _stored(self, restaurant_id: str) -> list[bytes | None] | None:
        """Config, menu, FAQ, chain, prompt and generation as Redis has them at one moment; None when it is away."""
        names = [
            keys.restaurant_config(restaurant_id),
            keys.restaurant_menu(restaurant_id),
            keys.restaurant_faq(restaurant_id),
            keys.restaurant_chain(restaurant_id),
            keys.restaurant_prompt(restaurant_id),
            keys.restaurant_generation(restaurant_id),
        ]
        try:
            stored = await asyncio.wait_for(self._redis.mget(names), PATIENCE_S)
        except redis_away() as error:
            log.warning("Redis is away; the restaurant is read from Postgres", why=type(error).__name__)
            return None
        return cast("list[bytes | None]", stored)  # redis-py's types allow for clients that decode

    async def _keep(self, restaurant_id: str, generation: bytes | None, values: dict[str, bytes]) -> None:
        if generation is None:
            return
        names = [keys.restaurant_generation(restaurant_id), *values]
        arguments: list[str | bytes] = [*names, generation, str(LIFETIME_S), *values.values()]
        try:
            await asyncio.wait_for(self._redis.eval(_KEEP_IF_CURRENT, len(names), *arguments), PATIENCE_S)
        except redis_away() as error:
            log.warning("Redis is away; nothing was kept", why=type(error).__name__)

    async def _read(self, restaurant_id: str) -> CachedRestaurant:
        from stores import chains, menus, restaurants  # asyncpg: not before Redis has been asked

        async with self._postgres.reading(restaurant_id) as conn:
            return CachedRestaurant(
                await restaurants.get(conn, restaurant_id),
                await menus.load(conn, restaurant_id),
                await restaurants.faq(conn, restaurant_id),
                await chains.of_restaurant(conn, restaurant_id),
            )


def _decoded(
    config: bytes | None, menu: bytes | None, faq: bytes | None, chain: bytes | None
) -> CachedRestaurant | None:
    """None when a part is missing, or was written by a release with another shape."""
    if config is None or menu is None or faq is None or chain is None:
        return None
    try:
        return CachedRestaurant(
            msgspec.json.decode(config, type=Restaurant),
            msgspec.json.decode(menu, type=Menu),
            msgspec.json.decode(faq, type=tuple[FaqEntry, ...]),
            msgspec.json.decode(chain, type=Chain | None),
        )
    except (msgspec.ValidationError, msgspec.DecodeError):
        return None
