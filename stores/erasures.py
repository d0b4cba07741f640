"""Customers who are to be forgotten, and the recordings that are to go.

Most of it happens in the transaction of the wish (``erase_customer`` in the migrations). What is on its way at that
moment is erased once more by ``settle``, until a day has passed; files are erased by the bridges, who alone may write
where they lie: until they have, the wish is pending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stores import customers, errands, guest_emails, idempotency
from stores.ciphers import PiiCipher
from stores.errors import require
from stores.postgres import Connection

# A bridge that was not heard of for so long has gone with its disk, or its files lie where the others see them.
GONE_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Erasure:
    """``recordings_left`` are still to be erased; ``done_at`` is None until everything is."""

    id: str
    asked_at: datetime
    asked_by: str
    done_at: datetime | None
    recordings_left: int


@dataclass(frozen=True, slots=True)
class UnwantedRecording:
    restaurant_id: str
    call_id: str


async def ask(conn: Connection, restaurant_id: str, customer_id: str, by: str, pii: PiiCipher) -> str:
    """Forget who a customer is, everywhere: what they ordered and booked stays as figures. Returns the erasure's id.

    Raises NotFoundError.
    """
    customer = await customers.get(conn, customer_id, pii=pii)
    # What is erased is found by the hash that the customer's row has, now and for a day.
    await conn.execute(
        "update call_log set caller_hash = $2 where restaurant_id = $1 and caller_hash = any($3::bytea[])"
        " and caller_hash <> $2",
        restaurant_id,
        customer.phone_hash,
        list(customers.hashes_of(customer, restaurant_id, pii)),
    )
    made: str | None = await conn.fetchval("select erase_customer($1, $2)", customer_id, by)
    require(made, "customer", customer_id)
    assert made is not None
    found = await conn.fetchrow("select call_ids, order_ids, reservation_ids from erasure where id = $1", made)
    assert found is not None
    naming = {customer_id, customer.phone, *found["call_ids"], *found["order_ids"], *found["reservation_ids"]}
    await idempotency.forget(conn, restaurant_id, naming - {""}, pii)
    await guest_emails.forget(conn, restaurant_id, [*found["order_ids"], *found["reservation_ids"]])
    await errands.forget(conn, restaurant_id, [*found["order_ids"], *found["reservation_ids"]])
    return made


async def recent(conn: Connection, restaurant_id: str, limit: int) -> tuple[Erasure, ...]:
    """The newest first."""
    rows = await conn.fetch(
        "select id, asked_at, asked_by, done_at, (select count(*) from unwanted_recording u"
        " where u.restaurant_id = e.restaurant_id and u.call_id = any(e.call_ids)) as recordings_left"
        " from erasure e where restaurant_id = $1 order by asked_at desc, id limit $2",
        restaurant_id,
        limit,
    )
    return tuple(Erasure(*row) for row in rows)


async def open_ones(conn: Connection, limit: int) -> tuple[str, ...]:
    """The ids of those that are not done, the oldest first. Platform role."""
    rows = await conn.fetch("select id from erasure where done_at is null order by asked_at, id limit $1", limit)
    return tuple(row["id"] for row in rows)


async def settle(conn: Connection, erasure_id: str, settles: timedelta) -> bool:
    """Erase what has come in since; True when it is done with that: older than ``settles``, and every file is gone.

    Platform role.
    """
    done: bool = await conn.fetchval("select settle_erasure($1, $2)", erasure_id, settles)
    return done


async def unwanted_recordings(conn: Connection, node_id: str, limit: int) -> tuple[UnwantedRecording, ...]:
    """Those that this bridge has to see to: its own, and those of bridges that are gone. Platform role."""
    rows = await conn.fetch(
        "select restaurant_id, call_id from unwanted_recording where bridge_node_id = $1 or not exists ("
        " select from sip_bridge_node n where n.id = bridge_node_id and n.last_heartbeat > now() - $2::interval)"
        " order by since limit $3",
        node_id,
        GONE_AFTER,
        limit,
    )
    return tuple(UnwantedRecording(str(row["restaurant_id"]), row["call_id"]) for row in rows)


async def recordings_gone(conn: Connection, gone: Sequence[UnwantedRecording]) -> None:
    """Their files are there no more. Platform role."""
    await conn.execute(
        "delete from unwanted_recording"
        " where (restaurant_id, call_id) in (select * from unnest($1::uuid[], $2::text[]))",
        [one.restaurant_id for one in gone],
        [one.call_id for one in gone],
    )
