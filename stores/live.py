"""What happens now: the live feed of a restaurant, the calls in progress, who waits, and the nodes' heartbeats.

The feed is pub/sub and keeps nothing but the state of each call in progress: who is not subscribed has missed the
rest. Counters are for people to look at; nothing is decided by them.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import msgspec

from stores import keys

if TYPE_CHECKING:
    from redis.asyncio.client import Pipeline

    from stores.redis import Redis, RedisCommands

LEASE_S = 12  # a call whose bridge is silent for so long is lost
RENEW_S = 4.0
LOST_AT_ONCE = 200
DAY_S = 24 * 60 * 60
HEARTBEAT_LIFETIME_S = 30
WORKER_LIFETIME_S = 30
LONGEST_QUEUE = 10_000


CallState = Literal["ringing", "answered", "greeting", "waiting", "joined", "lost", "resumed", "ended"]


class CallChanged(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="call"):
    call_id: str
    state: CallState
    at: datetime
    attempt: int = 1


class Spoke(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="said"):
    call_id: str
    who: Literal["caller", "assistant"]
    text: str
    at: datetime


class ToolUsed(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="tool"):
    call_id: str
    name: str
    arguments: dict[str, Any]
    ok: bool
    ms: float


class TakenLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    name: str
    quantity: int
    total_cents: int
    size: str = ""
    modifiers: tuple[str, ...] = ()


class OrderTaken(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="order"):
    call_id: str
    order_id: str
    number: int
    total_cents: int
    currency: str
    lines: tuple[TakenLine, ...]


class OrderMoved(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="order_moved"):
    """The order's row changed: its status, or what is noted on it."""

    order_id: str


class ReservationChanged(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="reservation"
):
    """A reservation was made, changed or cancelled; without an id, the waiting list is another."""

    reservation_id: str = ""


class FollowedUp(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="followed_up"):
    """Somebody at the restaurant called a caller back, or settled the cart."""

    call_id: str


class CartLeft(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="cart_left"):
    """The call's row now holds a cart that nobody agreed to."""

    call_id: str


class BargedIn(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="barge_in"):
    """``ms`` from the caller's first sound to the assistant's silence."""

    call_id: str
    ms: float


class EventHandled(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="event"):
    """A function has committed an event's effect, ``ms`` after the event's own time."""

    type: str
    id: str
    function: str
    ms: float


LiveEvent = (
    CallChanged
    | Spoke
    | ToolUsed
    | OrderTaken
    | OrderMoved
    | ReservationChanged
    | CartLeft
    | FollowedUp
    | BargedIn
    | EventHandled
)


async def publish(redis: "RedisCommands", restaurant_id: str, event: LiveEvent) -> None:
    """Tell who is subscribed. A call's state is also kept, until the call is given up, for who comes later."""
    channel, message = keys.restaurant_live(restaurant_id), msgspec.json.encode(event)
    if isinstance(event, CallChanged):
        calls, states = keys.restaurant_calls(restaurant_id), keys.restaurant_call_states(restaurant_id)
        await redis.eval(_TELL_STATE, 3, calls, states, channel, event.call_id, event.state, message)
    else:
        await redis.publish(channel, message)


class QueuedCall(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A call that waits for a handler, in ``queue:incoming_calls``. ``timestamp`` is in ms since 1970."""

    restaurant_id: str
    phone_line_id: str
    call_id: str
    bridge_node_id: str
    audio_stream_url: str
    timestamp: int


class WorkerCall(msgspec.Struct, frozen=True, rename="camel"):
    restaurant_id: str
    call_id: str
    started_at: datetime


async def queued(redis: "Redis", call: QueuedCall) -> None:
    """The call waits for a handler from now on."""
    async with redis.pipeline(transaction=True) as together:
        together.rpush(keys.QUEUE, msgspec.json.encode(call))
        together.ltrim(keys.QUEUE, -LONGEST_QUEUE, -1)
        together.eval(_COUNT_QUEUE, 2, keys.QUEUE, keys.QUEUED_CALLS)
        await together.execute()


async def unqueued(redis: "Redis", call: QueuedCall) -> None:
    """The same call waits no longer: a handler joined, or the caller went. Safe to repeat."""
    async with redis.pipeline(transaction=True) as together:
        together.lrem(keys.QUEUE, 1, msgspec.json.encode(call))  # type: ignore[arg-type]  # bytes work
        together.eval(_COUNT_QUEUE, 2, keys.QUEUE, keys.QUEUED_CALLS)
        await together.execute()


class LiveCall(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A call in progress, as its bridge holds it. ``caller_sealed`` is the number under the restaurant's cipher."""

    restaurant_id: str
    call_id: str
    phone_line_id: str
    bridge_node_id: str
    started_at: datetime
    caller_sealed: bytes = b""


async def call_started(redis: "Redis", call: LiveCall, now: datetime) -> None:
    """A caller is on the line: the call holds a lease of LEASE_S, which its bridge has to renew."""
    async with redis.pipeline(transaction=True) as together:
        _hold(together, (call,), now)
        together.eval(_COUNT_DAY, 1, keys.CALLS_TODAY)
        await together.execute()


async def calls_renewed(redis: "Redis", calls: Iterable[LiveCall], now: datetime, *, lease_s: float = LEASE_S) -> None:
    """These calls go on. One whose lease was lost with Redis' data is there again."""
    async with redis.pipeline(transaction=True) as together:
        _hold(together, tuple(calls), now, lease_s)
        await together.execute()


def _hold(together: "Pipeline", calls: tuple[LiveCall, ...], now: datetime, lease_s: float = LEASE_S) -> None:
    for call in calls:
        together.hset(keys.restaurant_calls(call.restaurant_id), call.call_id, msgspec.json.encode(call))
        together.zadd(keys.CALLS_IN_PROGRESS, {_member(call.restaurant_id, call.call_id): now.timestamp() + lease_s})
    together.eval(_COUNT_CALLS, 2, keys.CALLS_IN_PROGRESS, keys.ACTIVE_CALLS, str(now.timestamp()))


async def call_ended(redis: "Redis", restaurant_id: str, call_id: str, now: datetime) -> None:
    """Safe to repeat. Nobody will resume the call, so its checkpoint goes, too."""
    async with redis.pipeline(transaction=True) as together:
        together.zrem(keys.CALLS_IN_PROGRESS, _member(restaurant_id, call_id))
        together.hdel(keys.restaurant_calls(restaurant_id), call_id)
        together.hdel(keys.restaurant_call_states(restaurant_id), call_id)
        together.delete(keys.call_checkpoint(call_id))
        together.eval(_COUNT_CALLS, 2, keys.CALLS_IN_PROGRESS, keys.ACTIVE_CALLS, str(now.timestamp()))
        await together.execute()


async def calls_of(redis: "Redis", restaurant_id: str) -> tuple[LiveCall, ...]:
    """The restaurant's calls in progress, those just lost included, the oldest first."""
    stored = await redis.hvals(keys.restaurant_calls(restaurant_id))
    return tuple(sorted((_live_call(one) for one in stored), key=lambda call: call.started_at))


async def on_the_phone(
    redis: "Redis", restaurant_id: str, now: datetime
) -> tuple[tuple[LiveCall, CallState | None], ...]:
    """The restaurant's calls that hold their lease and have not ended, the oldest first, each with its last told state.

    The state is None when nothing was told of the call since Redis lost its data.
    """
    calls = await calls_of(redis, restaurant_id)
    if not calls:
        return ()
    async with redis.pipeline(transaction=False) as together:
        together.zmscore(keys.CALLS_IN_PROGRESS, [_member(restaurant_id, call.call_id) for call in calls])
        together.hmget(keys.restaurant_call_states(restaurant_id), [call.call_id for call in calls])
        leases, told = await together.execute()
    return tuple(
        (call, cast(CallState | None, state and state.decode()))
        for call, lease, state in zip(calls, leases, told, strict=True)
        if lease is not None and lease > now.timestamp() and state != b"ended"
    )


async def in_progress(redis: "Redis", now: datetime, limit: int) -> tuple[tuple[LiveCall, CallState | None], ...]:
    """Calls of all restaurants that hold their lease, the oldest first, each with its last told state; at most
    ``limit``, those whose leases run out last."""
    members: list[bytes] = await redis.zrevrangebyscore(  # type: ignore[assignment]  # without scores, members
        keys.CALLS_IN_PROGRESS, "+inf", now.timestamp(), start=0, num=limit
    )
    pairs = [member.decode().partition(":")[::2] for member in members]
    if not pairs:
        return ()
    async with redis.pipeline(transaction=False) as together:
        for restaurant_id, call_id in pairs:
            together.hget(keys.restaurant_calls(restaurant_id), call_id)
            together.hget(keys.restaurant_call_states(restaurant_id), call_id)
        told = await together.execute()
    calls = [
        (_live_call(stored), cast(CallState | None, state and state.decode()))
        for stored, state in zip(told[::2], told[1::2], strict=True)
        if stored is not None and state != b"ended"
    ]
    return tuple(sorted(calls, key=lambda one: one[0].started_at))


async def count_in_progress(redis: "Redis", now: datetime) -> int:
    """Calls of all restaurants that hold their lease."""
    return int(await redis.zcount(keys.CALLS_IN_PROGRESS, now.timestamp(), "+inf"))


async def waiting(redis: "Redis", limit: int) -> tuple[int, tuple[QueuedCall, ...]]:
    """How many calls wait for a handler, and those that wait longest."""
    async with redis.pipeline(transaction=True) as together:
        together.llen(keys.QUEUE)
        together.lrange(keys.QUEUE, 0, limit - 1)
        count, stored = await together.execute()
    return count, tuple(msgspec.json.decode(one, type=QueuedCall) for one in stored)


class LostCall(NamedTuple):
    """``seen_at``: when its bridge last renewed the lease, the end of the call as far as anybody knows."""

    call: LiveCall
    seen_at: datetime


async def lost_calls(redis: "Redis", now: datetime) -> tuple[LostCall, ...]:
    """Calls whose lease has run out: their bridge is gone and could not say that they ended. At most LOST_AT_ONCE."""
    leases: list[tuple[bytes, float]] = await redis.zrangebyscore(  # type: ignore[assignment]  # with scores, pairs
        keys.CALLS_IN_PROGRESS, "-inf", now.timestamp(), start=0, num=LOST_AT_ONCE, withscores=True
    )
    found = []
    for member, ran_out in leases:
        restaurant_id, _, call_id = member.decode().partition(":")
        stored = await redis.hget(keys.restaurant_calls(restaurant_id), call_id)
        if stored is None:  # nothing is known of it any more: only the lease is left
            await redis.zrem(keys.CALLS_IN_PROGRESS, member)
        else:
            found.append(LostCall(_live_call(stored), datetime.fromtimestamp(ran_out - LEASE_S, UTC)))
    return tuple(found)


def _live_call(stored: bytes | str) -> LiveCall:
    return msgspec.json.decode(stored, type=LiveCall)


def _member(restaurant_id: str, call_id: str) -> str:
    return f"{restaurant_id}:{call_id}"


async def bridge_heartbeat(redis: "Redis", node_id: str, registered_lines: Iterable[str]) -> None:
    """The node lives and holds these lines; forgotten HEARTBEAT_LIFETIME_S after its last word."""
    lines = tuple(registered_lines)
    names = (keys.bridge_registrations(node_id), keys.bridge_count(node_id), keys.bridge_heartbeat(node_id))
    async with redis.pipeline(transaction=True) as together:
        together.delete(names[0])
        if lines:
            together.sadd(names[0], *lines)
            together.expire(names[0], HEARTBEAT_LIFETIME_S)
        together.set(names[1], len(lines), ex=HEARTBEAT_LIFETIME_S)
        together.set(names[2], int(time.time() * 1000), ex=HEARTBEAT_LIFETIME_S)
        await together.execute()


async def bridges_alive(redis: "Redis", node_ids: Iterable[str]) -> tuple[str, ...]:
    """Those of the nodes that have a heartbeat in Redis."""
    asked = tuple(node_ids)
    if not asked:
        return ()
    beats = await redis.mget([keys.bridge_heartbeat(node_id) for node_id in asked])
    return tuple(node_id for node_id, beat in zip(asked, beats, strict=True) if beat is not None)


async def lines_changed(redis: "RedisCommands", what: Literal["edited", "assigned"]) -> None:
    """Tell every bridge to read the lines again: after the transaction that changed them, or who has them."""
    await redis.publish(keys.LINES_CHANGED, what.encode())


async def restaurant_changed(redis: "RedisCommands", restaurant_id: str) -> None:
    """Tell every bridge to read this restaurant again, where it has lines: after the transaction that changed it."""
    await redis.publish(keys.LINES_CHANGED, f"{keys.OF_RESTAURANT}{restaurant_id}".encode())


async def worker_heartbeat(
    redis: "Redis", worker_id: str, status: Literal["idle", "busy", "draining"], call: WorkerCall | None = None
) -> None:
    """The worker lives and serves this call; forgotten WORKER_LIFETIME_S after its last word."""
    await redis.set(keys.worker_status(worker_id), status.encode(), ex=WORKER_LIFETIME_S)
    if call is None:
        await redis.delete(keys.worker_call(worker_id))
    else:
        await redis.set(keys.worker_call(worker_id), msgspec.json.encode(call), ex=WORKER_LIFETIME_S)


_COUNT_QUEUE = "return redis.call('set', KEYS[2], redis.call('llen', KEYS[1]))"
# EXPIREAT with a moment that has passed deletes the key: told of a call after its midnight, or by a node whose clock is
# behind, Redis would forget the whole day.
_COUNT_DAY = f"""
redis.call('incr', KEYS[1])
local now = tonumber(redis.call('time')[1])
return redis.call('expireat', KEYS[1], now - now % {DAY_S} + {DAY_S})
"""
# Only of a call that is known: a state that comes after the call was given up would stay for ever.
_TELL_STATE = """
if redis.call('hexists', KEYS[1], ARGV[1]) == 1 then redis.call('hset', KEYS[2], ARGV[1], ARGV[2]) end
return redis.call('publish', KEYS[3], ARGV[3])
"""
# Counted and not incremented: a bridge that dies leaves no count behind, only leases that run out.
_COUNT_CALLS = "return redis.call('set', KEYS[2], redis.call('zcount', KEYS[1], ARGV[1], '+inf'))"
