"""What is kept no longer than it is needed: each kind's age, and how the older ones go.

Checkpoints and everything else in Redis end by their own lifetimes (two hours, a day): nothing is left to do there.
Orders stay, as accounts must, without who ordered and where to; so does each call's row, without its caller and what
was said.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from stores.postgres import Connection

BATCH = 1000  # rows a transaction: short enough that nobody waits for its locks


class Kind(NamedTuple):
    """``statement`` takes (older than, how many rows at most) and goes by an index on that time.

    A restaurant's own (``of`` in its maker) also takes the restaurant, and the age from which on it has to look.
    """

    name: str
    statement: str


def _older_rows(table: str, at: str, key: str = "ctid", of: str = "") -> str:
    """Whole rows go, once ``at`` is too old."""
    return (
        f"delete from {table} where {key} = any(array("
        f"select {key} from {table} where {at} < $1{of} order by {at} limit $2))"
    )


def _older_days(table: str) -> str:
    """Whole rows go by their day, without a time."""
    return (
        f"delete from {table} where ctid = any(array("
        f" select ctid from {table} where day < $1::timestamptz::date order by day limit $2))"
    )


# As long as there is a letter of the event it may be replayed, and those who took it must know it then.
PROCESSED_EVENTS = Kind(
    "processed_events",
    "delete from processed_event where ctid = any(array("
    " select ctid from processed_event as taken where at < $1 and not exists (select from dead_letter as letter"
    " where letter.event_id = taken.event_id and letter.source = taken.source) order by at limit $2))",
)
LETTERS = Kind(
    "letters",
    "delete from dead_letter where id = any(array("
    " select id from dead_letter where failed_at < $1 and (replayed_at is null or replayed_at < $1)"
    " order by failed_at limit $2))",
)


def _of_one(at: str) -> str:
    """That it is a restaurant's, and not looked at before."""
    return f" and restaurant_id = $3 and {at} >= coalesce($4::timestamptz, '-infinity')"


def _words(name: str, condition: str, emptied: str, of: str = "") -> Kind:
    """A file may be there although the row names none, as when the disk was full: every call's is looked for."""
    return Kind(
        name,
        "with old as materialized (select restaurant_id, id, started_at, bridge_node_id from call_log"
        f" where started_at < $1 and ({condition}){of} order by started_at limit $2), files as ("
        " insert into unwanted_recording (restaurant_id, call_id, bridge_node_id)"
        " select restaurant_id, id, bridge_node_id from old on conflict do nothing)"
        f" update call_log as c set {emptied} from old where c.id = old.id and c.started_at = old.started_at",
    )


# The condition is the partial index call_log_with_words', word for word.
_WITH_WORDS = (
    "transcript <> '[]' or recording <> '' or unconfirmed_encrypted is not null or messages_encrypted is not null"
)
_WORDS_EMPTIED = "transcript = '[]', recording = '', unconfirmed_encrypted = null, messages_encrypted = null"
TRANSCRIPTS = _words("transcripts", _WITH_WORDS, _WORDS_EMPTIED)
TRANSCRIPTS_OF_ONE = _words("transcripts", _WITH_WORDS, _WORDS_EMPTIED, _of_one("started_at"))
RECORDINGS_OF_ONE = _words("recordings", "recording <> ''", "recording = ''", _of_one("started_at"))


def _callers(of: str = "") -> Kind:
    return Kind(
        "callers",
        "update call_log as c set caller_encrypted = null, caller_hash = null"
        f" from (select id, started_at from call_log where started_at < $1 and caller_encrypted is not null{of}"
        " order by started_at limit $2) as old where c.id = old.id and c.started_at = old.started_at",
    )


CALLERS = _callers()
CALLERS_OF_ONE = _callers(_of_one("started_at"))
# Addresses of media are personal, too.
CALL_TRACES = Kind("call_traces", _older_rows("call_trace", "started_at"))
# With the deliveries that tell of them.
INTEGRATION_EVENTS = Kind("integration_events", _older_rows("integration_event", "at", "id"))
# Without what was told: that it was told stays with the order.
ERRANDS = Kind(
    "errands",
    "update errand set work_encrypted = null where id = any(array("
    " select id from errand where settled_at < $1 and work_encrypted is not null order by settled_at limit $2))",
)
SENT_MESSAGES = Kind("sent_messages", _older_rows("sent_message", "at"))
# For one order, and for its page's day and a half after it; for one reservation until it is as long over.
GUEST_EMAILS = Kind(
    "guest_emails",
    "delete from guest_email where ctid = any(array(select g.ctid from guest_email as g where g.at < $1"
    " and not exists (select from reservation r where r.id = g.about and r.ends_at >= $1) order by g.at limit $2))",
)
# That it was taken, so that a notice which is sent again is not taken again.
RECEIVED_NOTICES = Kind("received_notices", _older_rows("received_notice", "at"))
IDEMPOTENCY_KEYS = Kind("idempotency_keys", _older_rows("idempotency_key", "created_at"))
# What was tapped on a device, so that a tap that is sent again is not done again.
DEVICE_ACTIONS = Kind("device_actions", _older_rows("device_action", "at"))
# From their end on. Most go at their user's next log-in; these have not logged in again.
SESSIONS = Kind("sessions", _older_rows("user_session", "expires_at"))
INVITATIONS = Kind("invitations", _older_rows("invitation", "expires_at"))
TOKENS = Kind("tokens", _older_rows("api_token", "coalesce(revoked_at, expires_at)", "id"))
AUDIT = Kind("audit", _older_rows("audit_log", "at", "id"))
TICKET_COUNTERS = Kind("ticket_counters", _older_days("ticket_counter"))
# By hour: weeks keep what they were.
CALL_HOURS = Kind("call_hours", _older_days("call_figure"))
ORDER_HOURS = Kind("order_hours", _older_days("order_figure"))
# Once it is done: until then it is what finds the places.
ERASURES = Kind("erasures", _older_rows("erasure", "done_at", "id"))
# That no item of the menu has: an earlier version that has it is put back without.
PHOTOS = Kind(
    "photos",
    "delete from menu_photo where ctid = any(array("
    " select ctid from menu_photo where unused_since < $1 order by unused_since limit $2)) and unused_since < $1",
)


def _customers(of: str = "") -> Kind:
    """With whose reservation is still to come, or as young, the number to call stays.

    The age is said twice, here and of photos: who comes back at this very moment has a row that Postgres looks at
    again, but at the outer condition alone.
    """
    return Kind(
        "customers",
        "delete from customer where id = any(array("
        f" select id from customer as c where last_seen_at < $1{of}"
        " and not exists (select from reservation as r where r.customer_id = c.id and r.ends_at >= $1)"
        " and not exists (select from waiting_party as w where w.customer_id = c.id and w.wanted_at >= $1)"
        " order by last_seen_at limit $2)) and last_seen_at < $1",
    )


CUSTOMERS = _customers()
CUSTOMERS_OF_ONE = _customers(_of_one("last_seen_at"))


def _reservations(of: str = "") -> Kind:
    """By their end; the row stays, as an order does. The condition is the partial index reservation_with_words'."""
    return Kind(
        "reservations",
        "update reservation set name_encrypted = null, note = '', cancel_note = '', customer_id = null"
        f" where id = any(array(select id from reservation where ends_at < $1{of}"
        " and (name_encrypted is not null or note <> '' or cancel_note <> '' or customer_id is not null)"
        " order by ends_at limit $2))",
    )


RESERVATIONS = _reservations()
RESERVATIONS_OF_ONE = _reservations(_of_one("ends_at"))
WAITING_PARTIES = Kind("waiting_parties", _older_rows("waiting_party", "wanted_at", "id"))
WAITING_PARTIES_OF_ONE = Kind("waiting_parties", _older_rows("waiting_party", "wanted_at", "id", _of_one("wanted_at")))


def _orders(of: str = "") -> Kind:
    """The key's hash is one of name and address, too. The condition is the partial index order_not_forgotten's."""
    return Kind(
        "orders",
        'with old as materialized (select id, confirmed_at from "order" where confirmed_at < $1'
        f" and forgotten_at is null{of} order by confirmed_at limit $2),"
        " notes as (update order_item as i set note = '' from old"
        " where i.order_id = old.id and i.confirmed_at = old.confirmed_at and i.note <> ''), keys as ("
        " update order_key as k set content_hash = null from old where k.order_id = old.id)"
        ' update "order" as o set address_encrypted = null, customer_name_encrypted = null, customer_id = null,'
        " allergies_encrypted = null, cancel_note = '', forgotten_at = now() from old"
        " where o.id = old.id and o.confirmed_at = old.confirmed_at",
    )


ORDERS = _orders()
ORDERS_OF_ONE = _orders(_of_one("confirmed_at"))


async def forget(connection: Connection, kind: Kind, days: int, now: datetime, *, batch: int = BATCH) -> int:
    """Let go of up to ``batch`` rows older than ``days`` days; how many. ``batch`` of them: there may be more.

    Needs the platform role.
    """
    status = await connection.execute(kind.statement, now - timedelta(days=days), batch)
    return int(status.split()[-1])


async def forget_of_one(
    connection: Connection,
    kind: Kind,
    restaurant_id: str,
    older_than: datetime,
    since: datetime | None,
    *,
    batch: int = BATCH,
) -> int:
    """As ``forget``, of one restaurant, and nothing that is older than ``since``: that was seen to before."""
    status = await connection.execute(kind.statement, older_than, batch, restaurant_id, since)
    return int(status.split()[-1])
