"""What the objectives' report is made of: Prometheus for the shares, Postgres for the calls that burned the budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from domain.objectives import OBJECTIVES, OURS, Objective, Reading, over, worst_days
from process.prometheus import Prometheus, PrometheusError
from stores.postgres import Connection

DAY_S = 86400
NO_PROMETHEUS = "no Prometheus is named"
NO_SERIES = "no data"


def readings(prometheus: Prometheus | None, days: int, now: datetime) -> tuple[Reading, ...]:
    """One for each objective. What can't be told says why, and is never taken for good."""
    if prometheus is None:
        return tuple(Reading(objective, None, NO_PROMETHEUS) for objective in OBJECTIVES)
    return tuple(_reading(prometheus, objective, days, now) for objective in OBJECTIVES)


def _reading(prometheus: Prometheus, objective: Objective, days: int, now: datetime) -> Reading:
    try:
        share = prometheus.value(over(objective, f"{days}d"))
        if share is None:
            return Reading(objective, None, NO_SERIES)
        today = datetime(now.year, now.month, now.day, tzinfo=UTC)
        first, last = today - timedelta(days=days - 1), today
        course = prometheus.course(over(objective, "1d"), first.timestamp(), last.timestamp(), DAY_S)
    except PrometheusError as error:
        return Reading(objective, None, str(error))
    # At midnight a day's window holds the day before.
    of_days = [(datetime.fromtimestamp(at - DAY_S, UTC).date(), value) for at, value in course]
    return Reading(objective, share, worst=worst_days(objective, of_days))


@dataclass(frozen=True, slots=True)
class Unserved:
    """``ended`` counts all calls that are over, ``by_reason`` those that were not served for a reason of ours,
    ``by_day`` the same by the day in UTC, the worst first.
    """

    ended: int
    by_reason: Mapping[str, int]
    by_day: tuple[tuple[date, int], ...]

    @property
    def unserved(self) -> int:
        return sum(self.by_reason.values())


async def unserved(conn: Connection, since: datetime, most_days: int = 5) -> Unserved:
    """Without those of a synthetic restaurant. Needs the platform role."""
    ended: int = await conn.fetchval(
        "select count(*) from call_log c where c.started_at >= $1 and c.ended_at is not null"
        " and not exists (select from restaurant r where r.id = c.restaurant_id and r.is_synthetic)",
        since,
    )
    rows = await conn.fetch(
        "select (c.started_at at time zone 'UTC')::date as day, c.missed_reason as reason, count(*) as calls"
        " from call_log c where c.started_at >= $1 and c.ended_at is not null and c.missed_reason = any($2::text[])"
        " and not exists (select from restaurant r where r.id = c.restaurant_id and r.is_synthetic) group by 1, 2",
        since,
        OURS,
    )
    by_reason: dict[str, int] = {}
    by_day: dict[date, int] = {}
    for row in rows:
        by_reason[row["reason"]] = by_reason.get(row["reason"], 0) + row["calls"]
        by_day[row["day"]] = by_day.get(row["day"], 0) + row["calls"]
    worst = sorted(by_day.items(), key=lambda day: (-day[1], day[0]))[:most_days]
    return Unserved(ended, dict(sorted(by_reason.items(), key=lambda one: -one[1])), tuple(worst))
