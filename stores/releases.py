"""Releases of the call handler: which Revision is on trial, at what share, and what became of both Revisions' calls.

All of it needs the platform role. The verdict is reached where a failure is written, in the same transaction, so that
no process has to be there to watch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg

from domain import trials
from domain.trials import Failure, Tally
from stores.errors import NotFoundError
from stores.postgres import Connection

State = Literal["trial", "returned", "promoted", "withdrawn"]


class OnTrialError(RuntimeError):
    """A release is on trial, and there can be one at a time."""


@dataclass(frozen=True, slots=True)
class Release:
    """``share`` is in per cent of the restaurants; the URLs reach one Revision each, whatever the Service's traffic."""

    id: str
    stable: str
    candidate: str
    stable_url: str
    candidate_url: str
    share: int
    state: State
    why: str
    began_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Tallies:
    stable: Tally
    candidate: Tally


async def latest(conn: Connection) -> Release | None:
    """The one on trial, else the one before; None when there never was one."""
    row = await conn.fetchrow("select * from handler_release order by began_at desc, id limit 1")
    return None if row is None else _release(row)


async def begin(
    conn: Connection, *, stable: str, candidate: str, stable_url: str, candidate_url: str, share: int
) -> Release:
    """Put ``candidate`` on trial; what was counted in earlier releases goes. Raises OnTrialError."""
    await conn.execute("delete from handler_trial")
    try:
        row = await conn.fetchrow(
            "insert into handler_release (stable, candidate, stable_url, candidate_url, share)"
            " values ($1, $2, $3, $4, $5) returning *",
            stable,
            candidate,
            stable_url,
            candidate_url,
            share,
        )
    except asyncpg.UniqueViolationError:
        raise OnTrialError("a release is on trial: promote or withdraw it first") from None
    assert row is not None  # of an insert
    return _release(row)


async def set_share(conn: Connection, share: int) -> Release:
    """Of the release on trial. Raises NotFoundError."""
    row = await conn.fetchrow(
        "update handler_release set share = $1, changed_at = now() where state = 'trial' returning *", share
    )
    if row is None:
        raise NotFoundError("release", "on trial")
    return _release(row)


async def settle(conn: Connection, state: Literal["promoted", "withdrawn"]) -> Release:
    """End the trial, or see to a release that was returned. Raises NotFoundError when there is neither."""
    row = await conn.fetchrow(
        "update handler_release set state = $1, share = 0, changed_at = now()"
        " where state = 'trial' or (state = 'returned' and $1 = 'withdrawn'"
        " and id = (select id from handler_release order by began_at desc, id limit 1)) returning *",
        state,
    )
    if row is None:
        raise NotFoundError("release", "on trial")
    return _release(row)


async def count(
    conn: Connection, release_id: str, call_id: str, *, is_candidate: bool, failure: Failure | None
) -> bool:
    """Note a call of one of the two Revisions once, with its first failure if it has one.

    True when that has shown that the candidate is worse: it takes no calls any more, from this transaction on.
    """
    # The row's lock has failures judged one after the other: two at once would not see each other.
    lock = " for update" if failure is not None else ""
    state = await conn.fetchval(f"select state from handler_release where id = $1{lock}", release_id)
    if state != "trial":
        return False
    await conn.execute(
        "insert into handler_trial (release_id, call_id, is_candidate, failure) values ($1, $2, $3, $4)"
        " on conflict (release_id, call_id) do update set failure = coalesce(handler_trial.failure, excluded.failure)",
        release_id,
        call_id,
        is_candidate,
        failure,
    )
    return failure is not None and is_candidate and await _returned(conn, release_id)


async def _returned(conn: Connection, release_id: str) -> bool:
    tallies = await tally(conn, release_id)
    if not trials.is_worse(tallies.candidate, tallies.stable):
        return False
    failures = await conn.fetch(
        "select failure, count(*) from handler_trial where release_id = $1 and is_candidate and failure is not null"
        " group by 1 order by 2 desc, 1",
        release_id,
    )
    why = (
        f"{tallies.candidate.failed} of {tallies.candidate.calls} calls failed"
        f" ({', '.join(f'{number} {failure}' for failure, number in failures)}),"
        f" of the stable Revision's {tallies.stable.failed} of {tallies.stable.calls}"
    )
    await conn.execute(
        "update handler_release set state = 'returned', share = 0, why = $2, changed_at = now() where id = $1",
        release_id,
        why,
    )
    return True


async def tally(conn: Connection, release_id: str) -> Tallies:
    rows = await conn.fetch(
        "select is_candidate, count(*), count(failure) from handler_trial where release_id = $1 group by 1", release_id
    )
    found = {row[0]: Tally(row[1], row[2]) for row in rows}
    return Tallies(found.get(False, Tally(0, 0)), found.get(True, Tally(0, 0)))


def _release(row: asyncpg.Record) -> Release:
    return Release(
        id=str(row["id"]),
        **{name: row[name] for name in Release.__dataclass_fields__ if name != "id"},
    )
