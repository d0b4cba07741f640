"""The spoken greeting of a restaurant: µ-law audio, 8 kHz, one byte a sample, and the text it says."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from stores import keys

if TYPE_CHECKING:
    from stores.redis import Redis

LIFETIME_S = 24 * 60 * 60  # rendered again before; see greeting_renderer


@dataclass(frozen=True, slots=True)
class Greeting:
    text: str
    audio: bytes


async def save(redis: "Redis", restaurant_id: str, greeting: Greeting) -> None:
    """Audio and text change together, so that neither is ever heard with the other's."""
    async with redis.pipeline(transaction=True) as together:
        together.set(keys.restaurant_greeting(restaurant_id), greeting.audio, ex=LIFETIME_S)
        together.set(keys.restaurant_greeting_text(restaurant_id), greeting.text, ex=LIFETIME_S)
        await together.execute()


async def load(redis: "Redis", restaurant_id: str) -> Greeting | None:
    """None when it has not been rendered, or not lately."""
    names = [keys.restaurant_greeting(restaurant_id), keys.restaurant_greeting_text(restaurant_id)]
    audio, text = cast("list[bytes | None]", await redis.mget(names))
    if audio is None or text is None:
        return None
    return Greeting(text.decode(), audio)
