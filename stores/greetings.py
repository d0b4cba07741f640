"""The spoken greeting of a restaurant: µ-law audio, 8 kHz, one byte a sample; the text that it says, and whose voice.

The three are written, kept and dropped together, so that none is ever heard with another's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from stores import keys

if TYPE_CHECKING:
    from stores.redis import Redis

LIFETIME_S = 24 * 60 * 60  # greeting_renderer keeps those that are still wanted alive, every hour

State = Literal["kept", "differs", "missing"]

_KEEP = """
if redis.call('exists', KEYS[1], KEYS[2]) < 2 then return 'missing' end
if redis.call('get', KEYS[2]) ~= ARGV[1] or redis.call('get', KEYS[3]) ~= ARGV[2] then return 'differs' end
for i = 1, #KEYS do redis.call('expire', KEYS[i], ARGV[3]) end
return 'kept'
"""
_DROP = """
local gone = {}
if redis.call('get', KEYS[2]) == ARGV[1] then return gone end
for i = 1, #KEYS do
    if redis.call('del', KEYS[i]) == 1 then gone[#gone + 1] = KEYS[i] end
end
return gone
"""


@dataclass(frozen=True, slots=True)
class Greeting:
    """``voice`` is "" for one that a release before this field has left."""

    text: str
    voice: str
    audio: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a restaurant's callers should hear."""

    restaurant_id: str
    text: str
    voice: str


async def save(redis: "Redis", restaurant_id: str, greeting: Greeting) -> None:
    audio, text, voice = _keys(restaurant_id)
    async with redis.pipeline(transaction=True) as together:
        together.set(audio, greeting.audio, ex=LIFETIME_S)
        together.set(text, greeting.text, ex=LIFETIME_S)
        together.set(voice, greeting.voice, ex=LIFETIME_S)
        await together.execute()


async def load(redis: "Redis", restaurant_id: str) -> Greeting | None:
    """None when it has not been rendered, or not lately."""
    audio, text, voice = cast("list[bytes | None]", await redis.mget(_keys(restaurant_id)))
    if audio is None or text is None:
        return None
    return Greeting(text.decode(), (voice or b"").decode(), audio)


async def keep(redis: "Redis", wanted: Iterable[Wanted]) -> list[State]:
    """Give those that are there as wanted their whole life again, in one round trip; how each was found."""
    async with redis.pipeline(transaction=False) as pipe:
        for one in wanted:
            pipe.eval(_KEEP, 3, *_keys(one.restaurant_id), one.text, one.voice, str(LIFETIME_S))
        return [cast("State", found.decode()) for found in await pipe.execute()]


async def drop_unless(redis: "Redis", restaurant_id: str, text: str) -> list[str]:
    """Forget the greeting unless it says ``text``; the keys that were there."""
    names = _keys(restaurant_id)
    gone = cast("list[bytes]", await redis.eval(_DROP, len(names), *names, text))
    return [name.decode() for name in gone]


def _keys(restaurant_id: str) -> tuple[str, str, str]:
    return (
        keys.restaurant_greeting(restaurant_id),
        keys.restaurant_greeting_text(restaurant_id),
        keys.restaurant_greeting_voice(restaurant_id),
    )
