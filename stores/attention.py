"""What a restaurant should look at now: counts with an upper bound, all from one statement."""

from dataclasses import dataclass
from datetime import datetime

from domain.kitchen import OPEN
from stores.postgres import Connection

MOST = 100
MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class Attention:
    """Each count is MOST at most. ``items_off`` are names of items that can't be ordered now, the first MOST_NAMES."""

    missed: int
    carts: int
    late: int
    lines_down: int
    items_off: tuple[str, ...]


async def look(
    conn: Connection, restaurant_id: str, now: datetime, *, missed_since: datetime, carts_since: datetime
) -> Attention:
    """Missed callers and carts that nobody has followed up, orders whose promise is over, lines without their trunk."""
    # call_log's condition is the index call_log_missed's, word for word.
    row = await conn.fetchrow(
        "select (select count(*) from (select from call_log where started_at >= $2 and followed_up = ''"
        " and (missed_reason <> '' or outcome in ('abandoned', 'busy', 'failed', 'lost')) limit $7) as m) as missed,"
        " (select count(*) from (select from call_log where started_at >= $3 and unconfirmed_encrypted is not null"
        " and followed_up <> 'settled' limit $7) as c) as carts,"
        ' (select count(*) from (select from "order" where status = any($4::text[]) and confirmed_at >= $3'
        " and promised_at < $5 limit $7) as o) as late,"
        " (select count(*) from phone_line l join sip_registration s on s.phone_line_id = l.id"
        " where l.restaurant_id = $1 and l.is_active and s.status <> 'registered') as lines_down,"
        " array(select name from menu_item where restaurant_id = $1 and (not available or off_until > $5)"
        " order by name limit $6) as items_off",
        restaurant_id,
        missed_since,
        carts_since,
        [status for status in OPEN if status != "ready"],
        now,
        MOST_NAMES,
        MOST,
    )
    assert row is not None  # of scalars alone
    return Attention(row["missed"], row["carts"], row["late"], row["lines_down"], tuple(row["items_off"]))
