"""A circuit breaker for each voice engine, in Redis, so that what one handler learns holds for all of them.

Closed: the engine is used. After FAILURES within WINDOW_MS it opens: for OPEN_MS, twice as long each time that it
opens again, at most LONGEST_MS, it comes last in every order. Then it is half open: one call at a time tries it, for
which it has PROBE_MS; its first sound closes the breaker, its failure opens it again.

Redis' clock counts, not the handlers'. What is kept is one small hash an engine, for KEPT_MS after it was last written.
While Redis is away every engine is taken for a good one: a call has its own fail-over besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from stores import keys

if TYPE_CHECKING:
    from stores.redis import RedisCommands

BreakerState = Literal["closed", "open", "half_open"]


class Limits(NamedTuple):
    """Durations in ms."""

    failures: int = 3
    window_ms: int = 60_000
    open_ms: int = 15_000
    longest_ms: int = 300_000
    probe_ms: int = 10_000


LIMITS = Limits()
KEPT_MS = 3_600_000

_NOW = """
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
"""

# A state for each key, in order. Only the first that would be dialled is probed: the lease of one further down, which
# nobody dials, would keep others from trying it.
_STATES = (
    _NOW
    + """
local states, first = {}, true
for i, key in ipairs(KEYS) do
    local opened = tonumber(redis.call('hget', key, 'open_until') or 0)
    local state = 'closed'
    if opened > now then
        state = 'open'
    elseif opened > 0 then
        state = 'half_open'
        if first then
            if tonumber(redis.call('hget', key, 'probed_until') or 0) > now then
                state = 'open'
            else
                redis.call('hset', key, 'probed_until', now + ARGV[1])
            end
        end
    end
    if state ~= 'open' then first = false end
    states[i] = state
end
return states
"""
)

_FAILED = (
    _NOW
    + """
local key, failures, window, open, longest, kept = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local opened = tonumber(redis.call('hget', key, 'open_until') or 0)
if opened > now then return 0 end
if opened == 0 then
    if tonumber(redis.call('hget', key, 'window_until') or 0) <= now then
        redis.call('hset', key, 'failures', 0, 'window_until', now + window)
    end
    if redis.call('hincrby', key, 'failures', 1) < tonumber(failures) then
        redis.call('pexpire', key, kept)
        return 0
    end
end
local times = redis.call('hincrby', key, 'times', 1)
local for_ms = math.min(open * 2 ^ (times - 1), longest)
redis.call('hset', key, 'open_until', now + math.floor(for_ms), 'probed_until', 0, 'failures', 0, 'window_until', 0)
redis.call('pexpire', key, kept)
return 1
"""
)

_SUCCEEDED = """
if redis.call('hexists', KEYS[1], 'open_until') == 0 then return 0 end
redis.call('del', KEYS[1])
return 1
"""


async def states(redis: RedisCommands, names: Sequence[str], limits: Limits = LIMITS) -> list[BreakerState]:
    """A state for each name. ``half_open`` at the first that is not open lends it to this call for ``probe_ms``.

    Raises while Redis is away (``redis_away``).
    """
    if not names:
        return []
    answer = await redis.eval(_STATES, len(names), *map(keys.engine_breaker, names), str(limits.probe_ms))
    return [msgspec.convert(_text(state), BreakerState) for state in answer]


async def failed(redis: RedisCommands, name: str, limits: Limits = LIMITS) -> bool:
    """Count a failure; true when the breaker opened by it. Raises while Redis is away."""
    figures = (limits.failures, limits.window_ms, limits.open_ms, limits.longest_ms, KEPT_MS)
    return bool(await redis.eval(_FAILED, 1, keys.engine_breaker(name), *map(str, figures)))


async def succeeded(redis: RedisCommands, name: str) -> bool:
    """The engine was heard; true when the breaker closed by it. Raises while Redis is away."""
    return bool(await redis.eval(_SUCCEEDED, 1, keys.engine_breaker(name)))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
