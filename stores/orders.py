"""Orders, written once however often a call's handler tries, and read newest first."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg
import msgspec

from domain import payments
from domain.kitchen import CancelReason, OrderStatus
from domain.order import Address, ChosenModifier, ConfirmedOrder, FulfilmentKind, LinePart, VatShare
from stores import customers
from stores.ciphers import PiiCipher, RowReader
from stores.errors import NotFoundError
from stores.paging import Narrowing, Position
from stores.postgres import Connection
from stores.tills import TillState


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """``number`` is the kitchen's ticket, from 1 each local day, and 0 for one that is only rehearsed.

    ``created`` is False for one written before.
    """

    id: str
    number: int
    created: bool
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class OrderLine:
    line: int
    item_id: str
    name: str
    size_name: str
    quantity: int
    unit_cents: int
    total_cents: int
    modifiers: tuple[ChosenModifier, ...]
    note: str
    parts: tuple[LinePart, ...] = ()
    size_id: str = ""
    vat_rate_bp: int = 0

    @property
    def item_ids(self) -> tuple[str, ...]:
        """What is eaten: its parts' items, or its own."""
        return tuple(part.item_id for part in self.parts) or (self.item_id,)


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the kitchen reads it. Without a cipher the name, the address and the allergies stay empty.

    ``till_state`` is how a connected till stands to it, ``till_reason`` why it says no, in its words.

    ``replaces_number`` is the ticket that this one was placed instead of, ``replaced_by_number`` the one instead of
    this, 0 for none. ``unreadable`` names those of the three whose ciphertext can't be read; they are empty, too.
    ``status_by`` is who set the status at ``status_changed_at``: "" and None as long as it is the one that the order
    began with.
    """

    id: str
    restaurant_id: str
    number: int
    call_id: str
    status: OrderStatus
    fulfilment: FulfilmentKind
    fee_cents: int
    total_cents: int
    currency: str
    confirmed_at: datetime
    promised_at: datetime
    vat: tuple[VatShare, ...]
    lines: tuple[OrderLine, ...]
    customer_name: str
    address: Address | None
    allergies: str = ""
    status_changed_at: datetime | None = None
    status_by: str = ""
    cancel_reason: CancelReason | Literal[""] = ""
    cancel_note: str = ""
    till_state: TillState = ""
    till_reference: str = ""
    till_reason: str = ""
    payment_state: payments.State | Literal[""] = ""
    replaces_number: int = 0
    replaced_by_number: int = 0
    unreadable: frozenset[str] = frozenset()


class OrderConflictError(Exception):
    """Another order was written under this id: what the caller agreed to now is not what is stored."""


async def insert_confirmed(conn: Connection, order: ConfirmedOrder, pii: PiiCipher, *, caller: str = "") -> StoredOrder:
    """Write the order, or find it written before: safe to repeat, also from two handlers at once.

    ``caller`` is the number to remember the customer by; empty when it is withheld. Raises OrderConflictError when
    the id is taken by other content, NotFoundError for a restaurant that this connection does not see.
    """
    content_hash = _content_hash(order)
    order_id: str | None = await conn.fetchval(
        "insert into order_key (order_id, restaurant_id, call_id, confirmed_at, content_hash)"
        " values ($1, $2, $3, $4, $5) on conflict do nothing returning order_id",
        order.id,
        order.restaurant_id,
        order.call_id,
        order.confirmed_at,
        content_hash,
    )
    if order_id is None:
        return await _stored(conn, order, content_hash)
    number = await _next_ticket(conn, order.restaurant_id, order.confirmed_at)
    customer_id = await customers.remember_if_known(conn, order.restaurant_id, caller, order.customer_name, pii)
    await _insert_order(conn, order, order_id, number, customer_id, pii)
    await _insert_lines(conn, order, order_id)
    return StoredOrder(order_id, number, True, order.confirmed_at)


async def id_of_call(conn: Connection, restaurant_id: str, call_id: str) -> str | None:
    """The call's order; of several, the last one."""
    order_id: str | None = await conn.fetchval(
        "select order_id from order_key where restaurant_id = $1 and call_id = $2 order by confirmed_at desc limit 1",
        restaurant_id,
        call_id,
    )
    return order_id


# Fields that the release before did not know, with what they are when nobody uses them.
_NEWER = {"amount": "regular", "option_name": "", "within_id": ""}


def _content_hash(order: ConfirmedOrder) -> bytes:
    """Of what the caller agreed to; not of when: a resumed call may promise another minute.

    A line that the release before could have written has the hash that it gave it: a call may outlive a rollout.
    """
    lines: list[dict[str, object]] = [
        {field: value for field, value in line.items() if field != "parts" or value}
        | {"modifiers": [{k: v for k, v in one.items() if _NEWER.get(k) != v} for one in line["modifiers"]]}
        for line in msgspec.to_builtins(order.lines)
    ]
    agreed = (lines, order.fulfilment, order.customer_name, order.total_cents, order.currency)
    if order.allergies:
        return hashlib.sha256(msgspec.json.encode((*agreed, order.allergies))).digest()
    return hashlib.sha256(msgspec.json.encode(agreed)).digest()


async def _stored(conn: Connection, order: ConfirmedOrder, content_hash: bytes) -> StoredOrder:
    row = await conn.fetchrow(
        'select o.id, o.number, o.confirmed_at, k.content_hash from order_key k join "order" o'
        " on o.id = k.order_id and o.confirmed_at = k.confirmed_at where k.order_id = $1",
        order.id,
    )
    if row is None:
        raise NotFoundError("order", order.id)
    if row["content_hash"] not in (None, content_hash):
        raise OrderConflictError(order.id)
    return StoredOrder(row["id"], row["number"], False, row["confirmed_at"])


async def _next_ticket(conn: Connection, restaurant_id: str, at: datetime) -> int:
    """The day's next ticket number, by the restaurant's clock.

    The counter's row stays locked until the transaction ends, so that no number is skipped or given twice. It is the
    first row that orders of one restaurant meet at: take it before anything else that they share.
    """
    number: int | None = await conn.fetchval(
        "insert into ticket_counter (restaurant_id, day, last)"
        " select id, ($2::timestamptz at time zone zone)::date, 1 from restaurant where id = $1"
        " on conflict (restaurant_id, day) do update set last = ticket_counter.last + 1 returning last",
        restaurant_id,
        at,
    )
    if number is None:
        raise NotFoundError("restaurant", restaurant_id)
    return number


async def _insert_order(
    conn: Connection, order: ConfirmedOrder, order_id: str, number: int, customer_id: str | None, pii: PiiCipher
) -> None:
    owner, fulfilment = order.restaurant_id, order.fulfilment
    await conn.execute(
        'insert into "order" (id, restaurant_id, number, call_id, fulfilment, address_encrypted,'
        " fee_cents, currency, total_cents, vat, customer_id, customer_name_encrypted, confirmed_at, promised_at,"
        " allergies_encrypted) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        order_id,
        owner,
        number,
        order.call_id,
        fulfilment.kind,
        pii.encrypt(owner, msgspec.json.encode(fulfilment.address).decode()) if fulfilment.address else None,
        fulfilment.fee_cents,
        order.currency,
        order.total_cents,
        order.vat,
        customer_id,
        pii.encrypt(owner, order.customer_name) if order.customer_name else None,
        order.confirmed_at,
        order.promised_at,
        pii.encrypt(owner, order.allergies) if order.allergies else None,
    )


async def _insert_lines(conn: Connection, order: ConfirmedOrder, order_id: str) -> None:
    await conn.executemany(
        "insert into order_item (restaurant_id, order_id, confirmed_at, line, item_id, name, size_id, size_name,"
        " quantity, unit_cents, total_cents, vat_rate_bp, modifiers, note, parts)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        [
            (
                order.restaurant_id,
                order_id,
                order.confirmed_at,
                line.number,
                line.item_id,
                line.item_name,
                line.size_id,
                line.size_name,
                line.quantity,
                line.unit_cents,
                line.total_cents,
                line.vat.rate_bp(order.fulfilment.kind),
                line.modifiers,
                line.note,
                line.parts,
            )
            for line in order.lines
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """What a list of orders is narrowed to; what is None narrows nothing. ``until`` is excluded.

    ``number`` is the ticket's, ``totals`` are in cents, ``customer_hashes`` those of a caller's number
    (``PiiCipher.phone_hashes``).
    """

    since: datetime | None = None
    until: datetime | None = None
    statuses: tuple[OrderStatus, ...] | None = None
    number: int | None = None
    customer_hashes: tuple[bytes, ...] | None = None
    totals: tuple[int, ...] | None = None


async def mark_replaced(conn: Connection, before_id: str, stored: StoredOrder) -> None:
    """Note on both orders' tickets that ``stored`` stands in the place of the one before.

    Raises NotFoundError.
    """
    number: int | None = await conn.fetchval(
        'update "order" set replaced_by_number = $2 where id = $1 returning number', before_id, stored.number
    )
    if number is None:
        raise NotFoundError("order", before_id)
    await conn.execute('update "order" set replaces_number = $2 where id = $1', stored.id, number)


async def is_written(conn: Connection, order_id: str) -> bool:
    found: bool = await conn.fetchval("select exists (select from order_key where order_id = $1)", order_id)
    return found


async def recent(
    conn: Connection,
    limit: int = 50,
    after: Position | None = None,
    *,
    wanted: OrderFilter | None = None,
    pii: PiiCipher | None = None,
) -> tuple[Order, ...]:
    """The newest orders that fit; ``after`` is where the page before ended."""
    wanted = wanted or OrderFilter()
    narrowed = Narrowing(limit)
    narrowed.by("confirmed_at >= {0}", wanted.since)
    narrowed.by("confirmed_at < {0}", wanted.until)
    narrowed.by("status = any({0}::text[])", wanted.statuses)
    narrowed.by("number = {0}", wanted.number)
    narrowed.by("total_cents = any({0}::integer[])", wanted.totals)
    narrowed.by("customer_id in (select id from customer where phone_hash = any({0}::bytea[]))", wanted.customer_hashes)
    narrowed.below(after, "confirmed_at", "uuid")
    rows = await conn.fetch(
        f'select * from "order"{narrowed.where} order by confirmed_at desc, id limit $1', *narrowed.values
    )
    return await with_lines(conn, rows, pii)


async def get(conn: Connection, order_id: str, *, pii: PiiCipher | None = None) -> Order:
    """Raises NotFoundError."""
    rows = await conn.fetch('select * from "order" where id = $1', order_id)
    if not rows:
        raise NotFoundError("order", order_id)
    return (await with_lines(conn, rows, pii))[0]


async def of_call(conn: Connection, call_id: str, *, pii: PiiCipher | None = None) -> tuple[Order, ...]:
    """The orders that a call made, oldest first."""
    rows = await conn.fetch('select * from "order" where call_id = $1 order by confirmed_at', call_id)
    return await with_lines(conn, rows, pii)


async def with_lines(conn: Connection, rows: list[asyncpg.Record], pii: PiiCipher | None) -> tuple[Order, ...]:
    """These rows' orders, with their lines, each looked for in its own month's partition alone."""
    lines: defaultdict[str, list[OrderLine]] = defaultdict(list)
    if rows:
        for row in await conn.fetch(
            "select i.* from unnest($1::uuid[], $2::timestamptz[]) as o (id, at)"
            " join order_item i on i.order_id = o.id and i.confirmed_at = o.at order by i.line",
            [row["id"] for row in rows],
            [row["confirmed_at"] for row in rows],
        ):
            lines[row["order_id"]].append(_line(row))
    return tuple(_order(row, tuple(lines[row["id"]]), pii) for row in rows)


def _line(row: asyncpg.Record) -> OrderLine:
    return OrderLine(
        line=row["line"],
        item_id=row["item_id"],
        name=row["name"],
        size_name=row["size_name"],
        quantity=row["quantity"],
        unit_cents=row["unit_cents"],
        total_cents=row["total_cents"],
        modifiers=msgspec.convert(row["modifiers"], tuple[ChosenModifier, ...]),
        note=row["note"],
        parts=msgspec.convert(row["parts"], tuple[LinePart, ...]),
        size_id=row["size_id"],
        vat_rate_bp=row["vat_rate_bp"],
    )


def _order(row: asyncpg.Record, lines: tuple[OrderLine, ...], pii: PiiCipher | None) -> Order:
    reader = RowReader(pii, row["restaurant_id"])
    name = reader.text("customer_name", row["customer_name_encrypted"])
    address = reader.struct("address", row["address_encrypted"], Address)
    allergies = reader.text("allergies", row["allergies_encrypted"])
    return Order(
        id=row["id"],
        restaurant_id=row["restaurant_id"],
        number=row["number"],
        call_id=row["call_id"],
        status=row["status"],
        fulfilment=row["fulfilment"],
        fee_cents=row["fee_cents"],
        total_cents=row["total_cents"],
        currency=row["currency"],
        confirmed_at=row["confirmed_at"],
        promised_at=row["promised_at"],
        vat=msgspec.convert(row["vat"], tuple[VatShare, ...]),
        lines=lines,
        customer_name=name,
        address=address,
        allergies=allergies,
        status_changed_at=row["status_changed_at"],
        status_by=row["status_by"],
        cancel_reason=row["cancel_reason"],
        cancel_note=row["cancel_note"],
        till_state=row["till_state"],
        till_reference=row["till_reference"],
        till_reason=row["till_reason"],
        payment_state=row["payment_state"],
        replaces_number=row["replaces_number"],
        replaced_by_number=row["replaced_by_number"],
        unreadable=reader.unreadable,
    )
