"""What a call has to know of its restaurant before the engine can speak: from the cache, else from Postgres."""

import asyncio
from datetime import UTC, datetime

import msgspec

from domain.chain_text import chain_instructions
from domain.chains import Chain
from domain.menu import Menu
from domain.prompts import brief_instructions, transcription_prompt
from domain.restaurant import FaqEntry, Restaurant
from domain.tools import tool_schemas
from functions.call_handler.engines.base import Setup
from functions.call_handler.remembering.backends import Backends
from functions.call_handler.talking.present import Present
from process import logs
from stores import checkpoints
from stores.cache import RestaurantCache
from stores.checkpoints import Checkpoint
from stores.errors import NotFoundError

log = logs.get(__name__)

PRESENT_WITHIN_S = 1.0  # a caller has just said yes


class NoProfileError(Exception):
    """The restaurant is unknown, or neither Redis nor Postgres can tell; ``reason`` says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Profile(msgspec.Struct, frozen=True):
    """``checkpoint`` is where an earlier handler of the same call stopped, ``generation`` what the menu is of
    (``stores.cache``), ``chain`` that of the restaurant that was called."""

    restaurant: Restaurant
    menu: Menu
    faq: tuple[FaqEntry, ...]
    setup: Setup
    checkpoint: Checkpoint | None
    generation: bytes | None
    chain: Chain | None = None


async def load_profile(
    backends: Backends,
    restaurant_id: str,
    resumed_call: str | None,
    timeout_s: float,
    *,
    brief: bool = False,
    chain: Chain | None = None,
) -> Profile:
    """Raises NoProfileError. ``resumed_call`` is the call's id when an earlier handler may have left a checkpoint;
    ``brief``: with the shorter prompt; ``chain``: the called restaurant's, for one that the call went on to."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _load(backends, restaurant_id, resumed_call, brief, chain)
    except NotFoundError:
        raise NoProfileError(f"no restaurant {restaurant_id} in the database") from None
    except OSError as error:
        why = str(error) or type(error).__name__
        raise NoProfileError(f"DATABASE_URL and REDIS_URL: neither can tell about the restaurant ({why})") from None


async def _load(
    backends: Backends, restaurant_id: str, resumed_call: str | None, brief: bool, chain: Chain | None
) -> Profile:
    cache = RestaurantCache(backends.redis, backends.lazy_postgres)
    known = await cache.load(restaurant_id)
    restaurant, menu, now = known.restaurant, known.menu, datetime.now(UTC)
    told = brief_instructions(restaurant, menu, now) if brief else await cache.prompt(restaurant_id, now)
    checkpoint = await _checkpoint(backends, resumed_call)
    asks = chain is None and known.chain is not None and known.chain.asks
    asks = asks and not (checkpoint is not None and checkpoint.house_known)
    chain = chain or known.chain
    houses = [house.name for house in chain.serving] if chain is not None else []
    setup = Setup(
        instructions="\n\n".join(filter(None, (told, chain_instructions(chain, restaurant, asks, now)))),
        tools=tool_schemas(restaurant, menu, houses),
        language=restaurant.language,
        voice=restaurant.voice,
        vocabulary=transcription_prompt(menu),
    )
    return Profile(restaurant, menu, known.faq, setup, checkpoint, known.generation, chain)


async def _checkpoint(backends: Backends, call_id: str | None) -> Checkpoint | None:
    if call_id is None:
        return None
    try:
        return await checkpoints.load(backends.redis, call_id)
    except OSError as error:
        log.warning("checkpoint not readable, the call starts anew", call_id=call_id, why=type(error).__name__)
        return None


async def load_minutes(backends: Backends, restaurant_id: str) -> int:
    """How far the kitchen is behind; 0 when Postgres cannot say."""
    try:
        postgres = await backends.postgres()
        from stores import kitchen

        async with postgres.tenant(restaurant_id) as connection:
            return await kitchen.load_minutes(connection, restaurant_id, datetime.now(UTC))
    except Exception as error:  # a promise without the load is better than none
        log.warning("kitchen load unknown", why=type(error).__name__)
        return 0


async def load_generation(backends: Backends, restaurant_id: str) -> bytes | None:
    """None when Redis does not tell."""
    return await RestaurantCache(backends.redis, backends.lazy_postgres).generation(restaurant_id)


async def load_present(backends: Backends, restaurant_id: str) -> Present | None:
    """The restaurant and its menu as they are this moment; None when Postgres does not tell within PRESENT_WITHIN_S."""
    try:
        async with asyncio.timeout(PRESENT_WITHIN_S):
            postgres = await backends.postgres()
            from stores import kitchen, menus, restaurants

            async with postgres.tenant(restaurant_id) as connection:
                return Present(
                    restaurant=await restaurants.get(connection, restaurant_id),
                    menu=await menus.load(connection, restaurant_id),
                    load_minutes=await kitchen.load_minutes(connection, restaurant_id, datetime.now(UTC)),
                )
    except Exception as error:  # what the call began with is the best that is known then
        log.warning("the present menu is unknown", why=type(error).__name__)
        return None
