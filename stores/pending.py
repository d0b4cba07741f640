"""What could not be written to Postgres yet, kept in Redis until it is: agreed orders and the records of calls.

An order is noted *before* it is written: whoever dies between the caller's yes and the commit, the note is there, and
writing it again is harmless (``orders.insert_confirmed`` is idempotent). Nothing here expires: what was agreed is
kept until it is in the kitchen, and counted so that somebody is told while there is any. Notes are sealed with the
restaurant's cipher: they hold names, numbers and addresses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec

from domain.order import ConfirmedOrder
from stores import keys
from stores.calls import ConversationRecord

if TYPE_CHECKING:
    from stores.ciphers import PiiCipher
    from stores.redis import Redis, RedisCommands


class PendingOrder(msgspec.Struct, frozen=True):
    """``caller`` is the number, "" when withheld; ``traceparent`` says to which trace its writing belongs."""

    order: ConfirmedOrder
    caller: str
    noted_at: datetime
    traceparent: str = ""


class PendingCall(msgspec.Struct, frozen=True):
    record: ConversationRecord
    noted_at: datetime
    traceparent: str = ""


_FORGET = "return redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] and redis.call('HDEL', KEYS[1], ARGV[1])"

Note = TypeVar("Note", PendingOrder, PendingCall)


async def note_order(redis: RedisCommands, pii: PiiCipher, note: PendingOrder) -> None:
    """Raises an OSError while Redis is away."""
    owner = note.order.restaurant_id
    await redis.hset(keys.PENDING_ORDERS, _field(owner, note.order.id), _sealed(pii, owner, note))


async def forget_order(redis: RedisCommands, order: ConfirmedOrder) -> None:
    await redis.hdel(keys.PENDING_ORDERS, _field(order.restaurant_id, order.id))


async def forget_written(redis: Redis, pii: PiiCipher, note: PendingOrder) -> None:
    """Forget this note; but not one that a handler wrote in its place meanwhile, of what was agreed to since."""
    owner = note.order.restaurant_id
    field = _field(owner, note.order.id)
    sealed = await redis.hget(keys.PENDING_ORDERS, field)
    if (
        isinstance(sealed, bytes)
        and msgspec.json.decode(pii.decrypt(owner, sealed), type=PendingOrder).order == note.order
    ):
        await redis.eval(_FORGET, 1, keys.PENDING_ORDERS, field, sealed)


async def note_call(redis: RedisCommands, pii: PiiCipher, note: PendingCall) -> None:
    owner = note.record.restaurant_id
    await redis.hset(keys.PENDING_CALLS, _field(owner, note.record.call_id), _sealed(pii, owner, note))


async def forget_call(redis: RedisCommands, record: ConversationRecord) -> None:
    await redis.hdel(keys.PENDING_CALLS, _field(record.restaurant_id, record.call_id))


def orders(redis: Redis, pii: PiiCipher) -> AsyncIterator[PendingOrder | str]:
    """Every noted order; the field's name instead of one that can't be read (another key, another release)."""
    return _notes(redis, pii, keys.PENDING_ORDERS, PendingOrder)


def calls(redis: Redis, pii: PiiCipher) -> AsyncIterator[PendingCall | str]:
    return _notes(redis, pii, keys.PENDING_CALLS, PendingCall)


async def count(redis: Redis) -> tuple[int, int]:
    """How many orders and calls wait."""
    return await redis.hlen(keys.PENDING_ORDERS), await redis.hlen(keys.PENDING_CALLS)


async def _notes(redis: Redis, pii: PiiCipher, key: str, kind: type[Note]) -> AsyncIterator[Note | str]:
    async for field, sealed in redis.hscan_iter(key):
        name = field.decode()
        try:
            yield msgspec.json.decode(pii.decrypt(name.partition(":")[0], sealed), type=kind)
        except (ValueError, msgspec.DecodeError):
            yield name


def _field(restaurant_id: str, id: str) -> str:
    return f"{restaurant_id}:{id}"


def _sealed(pii: PiiCipher, owner: str, note: PendingOrder | PendingCall) -> bytes:
    return pii.encrypt(owner, msgspec.json.encode(note).decode())
