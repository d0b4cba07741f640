"""The log of calls. A call's row has two writers, in either order: its end, and what was said.

Both name the row by ``(id, started_at)``, so both must take ``started_at`` from the ``receivedAt`` of the event
that announced the call.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import asyncpg
import msgspec

from domain.call_marks import CallMarks
from domain.calls import LeftBecause, Outcome
from domain.chains import WentTo
from domain.left_messages import LeftMessage
from domain.order import Cart, Upsell
from stores import left_messages
from stores.checkpoints import ToolUse, Utterance
from stores.ciphers import PiiCipher, RowReader
from stores.errors import NotFoundError, require
from stores.paging import Narrowing, Position
from stores.postgres import Connection

_NO_LINE = uuid.UUID(int=0)  # deleted meanwhile

LONGEST_MODEL = 120

LoggedOutcome = Outcome | Literal["in_progress"]
FollowUp = Literal["", "called_back", "settled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """How a call ended. ``missed_reason`` is set when nobody served the caller; ``caller`` is personal data."""

    id: str
    restaurant_id: str
    started_at: datetime
    outcome: LoggedOutcome
    phone_line_id: str | None = None
    bridge_node_id: str = ""
    attempts: int = 1
    answered_at: datetime | None = None
    joined_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: int | None = None
    missed_reason: str = ""
    recording: str = ""
    order_id: str | None = None
    caller: str = ""


class UnconfirmedCart(msgspec.Struct, frozen=True):
    """A cart that nobody agreed to, for the restaurant to call back about. Personal: it holds a name, an address."""

    cart: Cart
    total_cents: int
    reason: LeftBecause


NOT_SERVED: tuple[LoggedOutcome, ...] = ("abandoned", "busy", "failed", "lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall(CallRecord):
    """A call as the staff read it. No cipher leaves ``caller`` empty and ``unconfirmed`` None.

    ``recent`` leaves the transcript and the cart out; ``left_a_cart`` tells that there is one. ``unreadable`` names
    those of ``caller``, ``unconfirmed`` and ``messages`` whose ciphertext can't be read; they are empty, too.
    ``followed_up`` is what ``followed_up_by`` has done about a missed caller or an unconfirmed cart. With ``went_to``
    that cart is of the house where the call went on. ``messages`` for the team are read as the cart is:
    ``left_messages`` tells that there are some.
    """

    transcript: tuple[Utterance, ...] = ()
    usage: Mapping[str, Any]
    cost_dollars: float
    left_a_cart: bool = False
    unconfirmed: UnconfirmedCart | None = None
    followed_up: FollowUp = ""
    followed_up_at: datetime | None = None
    followed_up_by: str = ""
    tools: Mapping[str, ToolUse] = field(default_factory=dict)
    upsell: Upsell = ""
    marks: CallMarks = field(default_factory=CallMarks)
    went_to: WentTo | None = None
    left_messages: bool = False
    messages: tuple[LeftMessage, ...] = ()
    unreadable: frozenset[str] = frozenset()

    @property
    def missed(self) -> bool:
        """Whether the caller was not served, or not to the end."""
        return bool(self.missed_reason) or self.outcome in NOT_SERVED

    @property
    def has_message(self) -> bool:
        """Left with the assistant, or spoken after the tone."""
        return self.left_messages or self.outcome == "message_taken"


async def record_started(
    conn: Connection,
    *,
    call_id: str,
    restaurant_id: str,
    started_at: datetime,
    phone_line_id: str,
    bridge_node_id: str,
    caller: str,
    pii: PiiCipher,
) -> None:
    """The call is there: its row says ``in_progress`` until its end is known. Safe to repeat, and to come late."""
    encrypted, hashed = _caller(restaurant_id, caller, pii)
    await conn.execute(
        "insert into call_log as c (id, started_at, restaurant_id, outcome, phone_line_id, bridge_node_id,"
        " caller_encrypted, caller_hash) select $1, $2, $3, 'in_progress', (select id from phone_line where id = $4),"
        " $5, $6, $7 on conflict (id, started_at) do update set"
        " caller_encrypted = coalesce(c.caller_encrypted, excluded.caller_encrypted),"
        " caller_hash = coalesce(c.caller_hash, excluded.caller_hash)",
        call_id,
        started_at,
        restaurant_id,
        phone_line_id,
        bridge_node_id,
        encrypted,
        hashed,
    )


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call whose end is not known. ``conversed``: its handler has written what was said."""

    outcome: LoggedOutcome = "in_progress"
    conversed: bool = False


async def still_open(conn: Connection, call_id: str, started_at: datetime) -> OpenCall | None:
    """None when the call's end is known. The row, if there is one, is locked for this transaction."""
    row = await conn.fetchrow(
        "select outcome, ended_at, transcript <> '[]' or usage <> '{}' as conversed from call_log"
        " where id = $1 and started_at = $2 for update",
        call_id,
        started_at,
    )
    if row is None:
        return OpenCall()
    return OpenCall(row["outcome"], row["conversed"]) if row["ended_at"] is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndlessCall:
    """A call whose end nobody told. ``caller_sealed`` is the number under the restaurant's cipher, if it is known."""

    id: str
    restaurant_id: str
    started_at: datetime
    phone_line_id: str
    bridge_node_id: str
    caller_sealed: bytes


async def without_end(conn: Connection, before: datetime, limit: int) -> tuple[EndlessCall, ...]:
    """Calls that began before this moment and whose end is not known, the oldest first. Platform role."""
    rows = await conn.fetch(
        "select id, restaurant_id, started_at, phone_line_id, bridge_node_id, caller_encrypted from call_log"
        " where ended_at is null and started_at < $1 order by started_at limit $2",
        before,
        limit,
    )
    return tuple(
        EndlessCall(
            id=row["id"],
            restaurant_id=str(row["restaurant_id"]),
            started_at=row["started_at"],
            phone_line_id=str(row["phone_line_id"] or _NO_LINE),
            bridge_node_id=row["bridge_node_id"],
            caller_sealed=row["caller_encrypted"] or b"",
        )
        for row in rows
    )


# What a bridge says that has not heard its handler's last word.
_UNHEARD = "'lost', 'abandoned', 'answered'"


async def record_ended(conn: Connection, record: CallRecord, *, pii: PiiCipher | None = None) -> None:
    """Write how the call ended; safe to repeat. A line that is gone by now is left out.

    Raises ValueError for a ``caller`` without a cipher.

    What only the other writer may know (the order, the caller) is never taken back: coalesce. So a bridge that did not
    hear what its handler made of the call takes no order from it.
    """
    encrypted, hashed = _caller(record.restaurant_id, record.caller, pii)
    await conn.execute(
        "insert into call_log as c (id, started_at, restaurant_id, outcome, phone_line_id, bridge_node_id, attempts,"
        " answered_at, joined_at, ended_at, duration_ms, missed_reason, recording, order_id, caller_encrypted,"
        " caller_hash) values ($1, $2, $3, $4, (select id from phone_line where id = $5), $6, $7, $8, $9, $10, $11,"
        " $12, $13, $14, $15, $16)"
        " on conflict (id, started_at) do update set outcome = case when excluded.outcome in"
        f" ({_UNHEARD}) and (c.order_id is not null or (c.went_to is not null and c.outcome = 'order_confirmed'))"
        f" then 'order_confirmed' when excluded.outcome in ({_UNHEARD}) and c.messages_encrypted is not null"
        " then 'message_taken' else excluded.outcome end,"
        " phone_line_id = excluded.phone_line_id, bridge_node_id = excluded.bridge_node_id,"
        " attempts = excluded.attempts, answered_at = excluded.answered_at, joined_at = excluded.joined_at,"
        " ended_at = excluded.ended_at, duration_ms = excluded.duration_ms, missed_reason = excluded.missed_reason,"
        " recording = excluded.recording, order_id = coalesce(excluded.order_id, c.order_id),"
        " caller_encrypted = coalesce(excluded.caller_encrypted, c.caller_encrypted),"
        " caller_hash = coalesce(excluded.caller_hash, c.caller_hash)",
        record.id,
        record.started_at,
        record.restaurant_id,
        record.outcome,
        record.phone_line_id,
        record.bridge_node_id,
        record.attempts,
        record.answered_at,
        record.joined_at,
        record.ended_at,
        record.duration_ms,
        record.missed_reason,
        record.recording,
        record.order_id,
        encrypted,
        hashed,
    )


async def record_order(
    conn: Connection, restaurant_id: str, call_id: str, order_id: str, confirmed_at: datetime
) -> None:
    """Name the order that the call led to, whether or not its end is known; a call that did was not missed."""
    await conn.execute(
        f"update call_log set order_id = $3, outcome = case when outcome in ({_UNHEARD}) then 'order_confirmed'"
        " else outcome end,"
        " missed_reason = case missed_reason when 'bridge_lost' then '' else missed_reason end"
        # No call lasts for a day: only the partitions of these days are looked at.
        " where restaurant_id = $1 and id = $2 and started_at between $4::timestamptz - interval '1 day' and $4"
        " and order_id is distinct from $3",
        restaurant_id,
        call_id,
        order_id,
        confirmed_at,
    )


# The order of a call that went on in another house is in that one's rows.
_ORDERED = "(excluded.order_id is not null or (excluded.went_to is not null and excluded.outcome = 'order_confirmed'))"


class ConversationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler knows of a call when it is over. ``caller``, ``transcript`` and ``unconfirmed`` are personal.

    ``model`` is the one that held the conversation, "" where that is not known. ``tools`` are those that it used;
    ``upsell`` says whether one thing more was offered, and taken. With ``went_to`` the order is of that house, and not
    named here.
    """

    call_id: str
    restaurant_id: str
    started_at: datetime
    outcome: Outcome
    model: str = ""
    transcript: tuple[Utterance, ...] = ()
    usage: dict[str, int | float | list[str]] = {}
    cost_dollars: float = 0.0
    order_id: str | None = None
    caller: str = ""
    unconfirmed: UnconfirmedCart | None = None
    tools: dict[str, ToolUse] = {}
    upsell: Upsell = ""
    marks: CallMarks = CallMarks()
    went_to: WentTo | None = None


async def record_conversation(conn: Connection, record: ConversationRecord, pii: PiiCipher) -> None:
    """Write what was said and what the model cost; safe to repeat, the last one counts.

    ``outcome`` stands only until ``record_ended`` gives the final one; but a call that led to an order was not missed,
    whatever its bridge knew of it.
    """
    encrypted, hashed = _caller(record.restaurant_id, record.caller, pii)
    cart = record.unconfirmed
    await conn.execute(
        "insert into call_log as c (id, started_at, restaurant_id, transcript, usage, cost_dollars, order_id, outcome,"
        " caller_encrypted, caller_hash, unconfirmed_encrypted, model, tools, upsell, marks, went_to, went_to_name,"
        " went_because) values ($1, $2, $3, $4, $5, $6::float8::numeric, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
        " $17, $18)"
        " on conflict (id, started_at) do update set transcript = excluded.transcript, usage = excluded.usage,"
        " tools = excluded.tools, upsell = excluded.upsell, marks = excluded.marks, went_to = excluded.went_to,"
        " went_to_name = excluded.went_to_name, went_because = excluded.went_because,"
        " model = case when excluded.model = '' then c.model else excluded.model end,"
        " cost_dollars = excluded.cost_dollars, order_id = coalesce(excluded.order_id, c.order_id),"
        f" outcome = case when c.ended_at is null or (c.outcome in ({_UNHEARD}) and {_ORDERED})"
        " then excluded.outcome else c.outcome end,"
        f" missed_reason = case when {_ORDERED} and c.missed_reason = 'bridge_lost' then ''"
        " else c.missed_reason end,"
        " caller_encrypted = coalesce(excluded.caller_encrypted, c.caller_encrypted),"
        " caller_hash = coalesce(excluded.caller_hash, c.caller_hash),"
        " unconfirmed_encrypted = excluded.unconfirmed_encrypted",
        record.call_id,
        record.started_at,
        record.restaurant_id,
        record.transcript,
        record.usage,
        record.cost_dollars,
        record.order_id,
        record.outcome,
        encrypted,
        hashed,
        None if cart is None else _sealed(record.restaurant_id, cart, pii),
        record.model[:LONGEST_MODEL],
        msgspec.to_builtins(record.tools),
        record.upsell,
        msgspec.to_builtins(record.marks),
        None if record.went_to is None else record.went_to.restaurant_id,
        "" if record.went_to is None else record.went_to.name,
        "" if record.went_to is None else record.went_to.because,
    )


async def keep_unconfirmed(
    conn: Connection, restaurant_id: str, call_id: str, left: UnconfirmedCart, pii: PiiCipher
) -> None:
    """Show the restaurant a cart of this call, unless the call led to an order after all. Safe to repeat."""
    await conn.execute(
        "update call_log set unconfirmed_encrypted = $3 where restaurant_id = $1 and id = $2 and order_id is null",
        restaurant_id,
        call_id,
        _sealed(restaurant_id, left, pii),
    )


def _sealed(restaurant_id: str, left: UnconfirmedCart, pii: PiiCipher) -> bytes:
    return pii.encrypt(restaurant_id, msgspec.json.encode(left).decode())


def _caller(restaurant_id: str, caller: str, pii: PiiCipher | None) -> tuple[bytes | None, bytes | None]:
    if not caller:
        return None, None
    if pii is None:
        raise ValueError("caller: a number is stored encrypted only; give the cipher, or no caller")
    return pii.encrypt(restaurant_id, caller), pii.phone_hash(restaurant_id, caller)


# Without the transcript and the cart: they are stored out of line, and reading them for a page of calls would cost more
# than the page.
COLUMNS = (
    "call_log.id, call_log.restaurant_id, started_at, outcome, phone_line_id, bridge_node_id, attempts, answered_at,"
    " joined_at, ended_at, duration_ms, missed_reason, recording, order_id, caller_encrypted, usage, cost_dollars,"
    " unconfirmed_encrypted is not null as left_a_cart, messages_encrypted is not null as left_messages,"
    " followed_up, followed_up_at, followed_up_by,"
    " call_log.tools, call_log.upsell, call_log.marks, call_log.went_to, call_log.went_to_name, call_log.went_because"
)


# The condition of the index call_log_missed, word for word.
_MISSED = "(missed_reason <> '' or outcome in ('abandoned', 'busy', 'failed', 'lost'))"
WORDS = "transcript, unconfirmed_encrypted, messages_encrypted"
NO_WORDS = "'[]'::jsonb as transcript, null::bytea as unconfirmed_encrypted, null::bytea as messages_encrypted"
_WITHOUT_WORDS = f"select {COLUMNS}, {NO_WORDS} from call_log"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """What a list of calls is narrowed to; what is None or False narrows nothing. ``until`` is excluded.

    ``caller_hashes`` are those of the caller's number (``PiiCipher.phone_hashes``); ``waiting`` leaves out those whom
    somebody has followed up.
    """

    since: datetime | None = None
    until: datetime | None = None
    outcome: LoggedOutcome | None = None
    missed: bool = False
    waiting: bool = False
    caller_hashes: tuple[bytes, ...] | None = None


# A list without a beginning opens the tables of all months, of years, for a page that the last three mostly fill.
LATELY = timedelta(days=62)


async def recent(
    conn: Connection,
    limit: int = 50,
    after: Position | None = None,
    *,
    wanted: CallFilter | None = None,
    pii: PiiCipher | None = None,
) -> tuple[LoggedCall, ...]:
    """The newest calls that fit, without transcripts and carts; ``after`` is where the page before ended."""
    wanted = wanted or CallFilter()
    if wanted.since is None:
        ends = (wanted.until, None if after is None else after.at)
        newest = min((end for end in ends if end is not None), default=datetime.now(UTC))
        lately = await _recent(conn, limit, after, replace(wanted, since=newest - LATELY), pii)
        if len(lately) == limit:
            return lately
    return await _recent(conn, limit, after, wanted, pii)


async def _recent(
    conn: Connection, limit: int, after: Position | None, wanted: CallFilter, pii: PiiCipher | None
) -> tuple[LoggedCall, ...]:
    narrowed = Narrowing(limit)
    narrowed.by("started_at >= {0}", wanted.since)
    narrowed.by("started_at < {0}", wanted.until)
    narrowed.by("outcome = {0}", wanted.outcome)
    narrowed.by("caller_hash = any({0}::bytea[])", wanted.caller_hashes)
    if wanted.missed:
        narrowed.by(_MISSED)
    if wanted.waiting:
        narrowed.by("followed_up = ''")
    narrowed.below(after, "started_at", "text")
    rows = await conn.fetch(f"{_WITHOUT_WORDS}{narrowed.where} order by started_at desc, id limit $1", *narrowed.values)
    return tuple(call_of(row, pii) for row in rows)


async def follow_up(conn: Connection, call_id: str, what: FollowUp, by: str) -> None:
    """The restaurant called the caller back, or settled the cart; "" takes that back. Raises NotFoundError."""
    done = await conn.fetchval(
        "update call_log set followed_up = $2, followed_up_at = now(), followed_up_by = $3 where id = $1"
        " returning true",
        call_id,
        what,
        by,
    )
    require(done, "call", call_id)


async def unconfirmed(
    conn: Connection, since: datetime, limit: int, *, pii: PiiCipher | None = None
) -> tuple[LoggedCall, ...]:
    """Calls begun since then whose caller left a cart that nobody agreed to or has settled.

    Newest first, without transcripts.
    """
    rows = await conn.fetch(
        f"select {COLUMNS}, '[]'::jsonb as transcript, unconfirmed_encrypted, null::bytea as messages_encrypted"
        " from call_log"
        " where unconfirmed_encrypted is not null and started_at >= $1 and followed_up <> 'settled'"
        " order by started_at desc, id limit $2",
        since,
        limit,
    )
    return tuple(call_of(row, pii) for row in rows)


async def get(conn: Connection, call_id: str, *, pii: PiiCipher | None = None) -> LoggedCall:
    """With its transcript and its cart. Raises NotFoundError."""
    row = await conn.fetchrow(
        f"select {COLUMNS}, {WORDS} from call_log where id = $1 order by started_at desc limit 1",
        call_id,
    )
    if row is None:
        raise NotFoundError("call", call_id)
    return call_of(row, pii)


def call_of(row: asyncpg.Record, pii: PiiCipher | None) -> LoggedCall:
    """A row of COLUMNS, and of WORDS or NO_WORDS."""
    reader = RowReader(pii, row["restaurant_id"])
    caller = reader.text("caller", row["caller_encrypted"])
    messages = left_messages.read(reader, row["messages_encrypted"])
    cart = reader.struct("unconfirmed", row["unconfirmed_encrypted"], UnconfirmedCart)
    return LoggedCall(
        id=row["id"],
        restaurant_id=row["restaurant_id"],
        started_at=row["started_at"],
        outcome=row["outcome"],
        phone_line_id=row["phone_line_id"],
        bridge_node_id=row["bridge_node_id"],
        attempts=row["attempts"],
        answered_at=row["answered_at"],
        joined_at=row["joined_at"],
        ended_at=row["ended_at"],
        duration_ms=row["duration_ms"],
        missed_reason=row["missed_reason"],
        recording=row["recording"],
        order_id=row["order_id"],
        caller=caller,
        transcript=msgspec.convert(row["transcript"], tuple[Utterance, ...]),
        usage=row["usage"],
        cost_dollars=float(row["cost_dollars"]),
        left_a_cart=row["left_a_cart"],
        followed_up=row["followed_up"],
        followed_up_at=row["followed_up_at"],
        followed_up_by=row["followed_up_by"],
        unconfirmed=cart,
        tools=msgspec.convert(row["tools"], dict[str, ToolUse]),
        upsell=row["upsell"],
        marks=msgspec.convert(row["marks"], CallMarks),
        went_to=WentTo(row["went_to"], row["went_to_name"], row["went_because"]) if row["went_to"] else None,
        left_messages=row["left_messages"],
        messages=messages,
        unreadable=reader.unreadable,
    )
