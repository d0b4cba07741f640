"""Where a call stands after each turn, so that another handler can go on with it. Kept in Redis for two hours."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from domain.call_marks import CallMarks
from domain.chains import Because, WentTo
from domain.left_messages import LeftMessage
from domain.order import Cart, ConfirmedOrder, Offer
from domain.placed import PlacedOrder
from stores import keys

if TYPE_CHECKING:  # a call handler saves with a client of its own: redis-py is 330 ms of its cold start
    from stores.redis import RedisCommands

LIFETIME_S = 2 * 60 * 60

# A handler that was frozen wakes when another one has long gone on with the call: its state is the older one.
_SAVE = """
local read, kept = pcall(cjson.decode, redis.call('GET', KEYS[1]) or '{}')
local newest = read and type(kept) == 'table' and tonumber(kept.attempt) or 0
if newest > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return 1
"""


class Utterance(msgspec.Struct, frozen=True):
    """One side's words. Personal data: never in a log."""

    who: Literal["caller", "assistant"]
    text: str
    at: datetime


class ToolUse(msgspec.Struct, frozen=True):
    """How often one tool did what the model asked for, and how often it refused."""

    done: int = 0
    refused: int = 0


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """``attempt`` is the handler attempt that wrote it; ``order_id`` is set once an order is in Postgres.

    ``confirmed`` without ``order_id`` is an order that the caller was promised and that is still to be written.
    ``reserved``: the call has made its reservation. ``offered`` is the one thing more that was offered, ``open_wishes``
    are dishes and options that cannot be had and are not settled, ``tools`` what the model has used so far, ``marks``
    what is known of the call by rule. ``order_misses``: how often an order of before was asked for in vain,
    ``changing`` the one that the cart was taken from. ``restaurant_id`` is where the call goes on, another house than
    the called one once there is a ``went_to``; ``house_known`` and ``offers_made`` are as in ``OrderState``.
    ``messages`` are those for the team that are kept. ``usage`` is what the engine has cost so far, by the handler's
    own names.
    """

    call_id: str
    restaurant_id: str
    attempt: int
    started_at: datetime
    cart: Cart
    transcript: list[Utterance] = msgspec.field(default_factory=list)
    role: str = "ordering"
    order_id: str | None = None
    confirmed: ConfirmedOrder | None = None
    usage: dict[str, int | float | list[str]] = {}
    turns: int = 0
    reserved: bool = False
    offered: Offer | None = None
    open_wishes: list[str] = []
    tools: dict[str, ToolUse] = {}
    marks: CallMarks = CallMarks()
    order_misses: int = 0
    changing: PlacedOrder | None = None
    house_known: bool = False
    went_to: WentTo | None = None
    offers_made: list[Because] = []
    messages: list[LeftMessage] = []


_decoder = msgspec.json.Decoder(Checkpoint)


async def save(redis: RedisCommands, call_id: str, checkpoint: Checkpoint) -> None:
    """Replace the call's checkpoint, unless a later attempt wrote it.

    Raises while Redis is away (``redis_away``): the call goes on without.
    """
    encoded = msgspec.json.encode(checkpoint)
    await redis.eval(_SAVE, 1, keys.call_checkpoint(call_id), encoded, str(checkpoint.attempt), str(LIFETIME_S))


async def load(redis: RedisCommands, call_id: str) -> Checkpoint | None:
    """The last checkpoint, or None when there is none or an older release wrote it in a shape of its own."""
    stored = await redis.get(keys.call_checkpoint(call_id))
    if stored is None:
        return None
    try:
        return _decoder.decode(stored)
    except msgspec.ValidationError:
        return None
