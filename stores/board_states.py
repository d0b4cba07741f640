"""Whether a drawing of the orders board is still true: the versions of all that it shows, and who looks at it.

One statement that begins and ends its own transaction. It is right to keep what was read *after* a state under that
state: it is that old at most, and every later change has another version.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stores import sessions
from stores.bearer_tokens import hash_of
from stores.postgres import Connection
from stores.sessions import Session


@dataclass(frozen=True, slots=True)
class Shown:
    """What a board shows: orders that are open from ``since`` on, closed ones of the orders from ``closed_since`` on,
    how many are open from before ``since``, and the carts of calls from ``carts_since`` on, each up to a limit.
    """

    since: datetime
    closed_since: datetime
    closed_limit: int
    left_open_limit: int
    carts_since: datetime
    carts_limit: int


@dataclass(frozen=True, slots=True)
class BoardState:
    """``session`` is None for a token that opens none, and for one that looks into a restaurant for the platform.

    ``restaurant`` and ``shown`` are other texts after each change of the restaurant's row, and of what the board shows.
    """

    session: Session | None
    restaurant: str
    shown: str


async def read(
    conn: Connection, restaurant_id: str, shown: Shown, *, token: str = "", idle: timedelta = timedelta()
) -> BoardState:
    """For a connection without a transaction as well: the statement names the restaurant whose rows it sees.

    Without a ``token`` nobody looks: ``session`` is None.
    """
    row = await conn.fetchrow(
        "select * from board_state($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        hash_of(token) if token else None,
        idle,
        restaurant_id,
        shown.since,
        shown.closed_since,
        shown.closed_limit,
        shown.left_open_limit,
        shown.carts_since,
        shown.carts_limit,
    )
    assert row is not None
    session = row["session"]
    if session is not None and session["acting_in"] is not None:
        session = None
    return BoardState(sessions.of_row(session) if session else None, row["restaurant"] or "", row["shown"])
