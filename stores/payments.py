"""An order's payment by link (``domain.payments``): at most one of an order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.payments import State
from stores.postgres import Connection


@dataclass(frozen=True, slots=True)
class Payment:
    """``url`` is the page on which it can be paid, "" until there is one; ``intent`` is what a refund names."""

    id: str
    restaurant_id: str
    order_id: str
    connection_id: str
    reference: str
    intent: str
    amount_cents: int
    currency: str
    state: State
    url: str
    refund_asked_at: datetime | None
    changed_at: datetime


_COLUMNS = (
    "id, restaurant_id, order_id, connection_id, reference, intent, amount_cents, currency, state, url,"
    " refund_asked_at, changed_at"
)


async def request(
    conn: Connection, restaurant_id: str, order_id: str, connection_id: str, amount_cents: int, currency: str
) -> str:
    """The id of the order's payment, made if there is none."""
    found: str = await conn.fetchval(
        "insert into payment (restaurant_id, order_id, connection_id, amount_cents, currency)"
        " values ($1, $2, $3, $4, $5) on conflict (restaurant_id, order_id)"
        " do update set order_id = excluded.order_id returning id",
        restaurant_id,
        order_id,
        connection_id,
        amount_cents,
        currency,
    )
    return found


async def of_order(conn: Connection, restaurant_id: str, order_id: str, *, lock: bool = False) -> Payment | None:
    """``lock``: nobody else changes it until this transaction ends."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from payment where restaurant_id = $1 and order_id = $2{_locked(lock)}",
        restaurant_id,
        order_id,
    )
    return Payment(**dict(row)) if row else None


async def locked(conn: Connection, restaurant_id: str, payment_id: str) -> Payment | None:
    """Nobody else changes it until this transaction ends."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from payment where restaurant_id = $1 and id = $2{_locked(True)}", restaurant_id, payment_id
    )
    return Payment(**dict(row)) if row else None


async def open_page(conn: Connection, payment: Payment, reference: str, url: str) -> None:
    """It can be paid there; also where it had been given up."""
    await conn.execute(
        "update payment set reference = $3, url = $4 where restaurant_id = $1 and id = $2",
        payment.restaurant_id,
        payment.id,
        reference[:200],
        url[:2000],
    )
    await stand(conn, payment, "requested" if payment.state == "expired" else payment.state)


async def stand(conn: Connection, payment: Payment, state: State, *, intent: str = "") -> None:
    """The payment is in ``state``, and its order shows it."""
    await conn.execute(
        "update payment set state = $3, intent = case when $4 = '' then intent else $4 end,"
        " changed_at = case when state = $3 then changed_at else now() end where restaurant_id = $1 and id = $2",
        payment.restaurant_id,
        payment.id,
        state,
        intent[:200],
    )
    await conn.execute(
        'update "order" set payment_state = $3 where restaurant_id = $1 and id = $2 and payment_state <> $3',
        payment.restaurant_id,
        payment.order_id,
        state,
    )


async def ask_refund(conn: Connection, payment: Payment) -> None:
    await conn.execute(
        "update payment set refund_asked_at = coalesce(refund_asked_at, now()) where restaurant_id = $1 and id = $2",
        payment.restaurant_id,
        payment.id,
    )


def _locked(lock: bool) -> str:
    return " for update" if lock else ""
