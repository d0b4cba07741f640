"""The status page's rows: how each component stands, how it stood by day, and the incidents that operators wrote.

Read on the app role, as the page is everybody's; written on the platform role alone. Nothing of a restaurant is in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.objectives import OURS
from domain.status import COMPONENTS, Component, Day, Facts, Impact, State
from stores import keys
from stores.errors import require
from stores.postgres import Connection
from stores.redis import Redis

SILENT = timedelta(seconds=30)  # three heartbeats of a bridge
LATELY = timedelta(minutes=15)
OVERDUE = timedelta(minutes=5)
MOST_COUNTED_S = 60.0  # between two looks; a longer pause is time of which nobody knows
ADMIN_SAID_FOR_S = 60
MOST_INCIDENTS = 50


async def say_admin_is_ready(redis: Redis) -> None:
    await redis.set(keys.ADMIN_READY, "1", ex=ADMIN_SAID_FOR_S)


async def admin_is_ready(redis: Redis) -> bool:
    return bool(await redis.exists(keys.ADMIN_READY))


async def facts(conn: Connection, synthetic: Sequence[str], *, orders_pending: int, admin: bool) -> Facts:
    """Needs the platform role."""
    row = await conn.fetchrow(
        "select (select count(*) from sip_bridge_node where status <> 'down' and last_heartbeat > now() - $1::interval)"
        " as bridges,"
        " (select count(*) from phone_line where is_active and provider = 'sip' and sip_username <> '') as lines,"
        " (select count(*) from phone_line l join sip_registration s on s.phone_line_id = l.id"
        "  where l.is_active and l.provider = 'sip' and l.sip_username <> '' and s.status = 'registered')"
        " as registered,"
        " (select count(*) from call_log where started_at > now() - $2::interval and ended_at is not null) as ended,"
        " (select count(*) from call_log where started_at > now() - $2::interval and ended_at is not null"
        "  and missed_reason = any($3::text[])) as unserved,"
        " (select coalesce(extract(epoch from now() - min(created_at)), 0)::float8 from outbox) as oldest_event_s,"
        " (select count(*) from (select from webhook_delivery"
        "  where state = 'waiting' and next_at < now() - $4::interval limit 100) as late) as overdue_webhooks",
        SILENT,
        LATELY,
        OURS,
        OVERDUE,
    )
    assert row is not None  # of scalars alone
    return Facts(**dict(row), synthetic=synthetic, orders_pending=orders_pending, admin=admin)


async def record(conn: Connection, states: Mapping[Component, State]) -> None:
    """Write how each stands now, and count the time since the last look for it. Needs the platform role."""
    await conn.execute(
        "with looked as (select * from unnest($1::text[], $2::text[]) as l (component, state)),"
        " lasted as (select s.component, s.looked_at, l.state,"
        "  least(extract(epoch from now() - s.looked_at), $3)::float8 as seconds"
        "  from component_status s join looked l using (component)),"
        " counted as (insert into component_day as d (component, day, up_s, degraded_s, down_s)"
        "  select component, (now() at time zone 'UTC')::date, case state when 'up' then seconds else 0 end,"
        "  case state when 'degraded' then seconds else 0 end, case state when 'down' then seconds else 0 end"
        "  from lasted"
        "  on conflict (component, day) do update set up_s = d.up_s + excluded.up_s,"
        "  degraded_s = d.degraded_s + excluded.degraded_s, down_s = d.down_s + excluded.down_s)"
        " insert into component_status as s (component, state, since, looked_at)"
        " select component, state, now(), now() from looked on conflict (component) do update set"
        " since = case when s.state = excluded.state then s.since else excluded.since end,"
        " state = excluded.state, looked_at = excluded.looked_at",
        list(states),
        list(states.values()),
        MOST_COUNTED_S,
    )


@dataclass(frozen=True, slots=True)
class Note:
    at: datetime
    text_fr: str
    text_en: str


@dataclass(frozen=True, slots=True)
class Incident:
    """``notes`` the newest first. Texts are in the language that they are named for, "" where nobody wrote one."""

    id: str
    impact: Impact
    components: tuple[Component, ...]
    title_fr: str
    title_en: str
    started_at: datetime
    ended_at: datetime | None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    state: State
    since: datetime
    looked_at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """``days`` by component and day; what is missing nobody looked at. Incidents the newest first."""

    standing: Mapping[str, Standing]
    days: Mapping[str, Mapping[date, Day]]
    incidents: tuple[Incident, ...]


async def overview(conn: Connection, first: date) -> Overview:
    """All that the page shows, with history from ``first`` on."""
    standing = await conn.fetch("select component, state, since, looked_at from component_status")
    days: dict[str, dict[date, Day]] = {component: {} for component in COMPONENTS}
    for row in await conn.fetch("select * from component_day where day >= $1", first):
        days.setdefault(row["component"], {})[row["day"]] = Day(row["up_s"], row["degraded_s"], row["down_s"])
    return Overview(
        {row["component"]: Standing(row["state"], row["since"], row["looked_at"]) for row in standing},
        days,
        await incidents(conn, first),
    )


async def incidents(conn: Connection, first: date) -> tuple[Incident, ...]:
    """Those that are open or ended from ``first`` on, the newest first, MOST_INCIDENTS at most."""
    rows = await conn.fetch(
        "select i.*, (select coalesce(jsonb_agg(jsonb_build_array(n.at, n.text_fr, n.text_en) order by n.at desc, n.id"
        " desc), '[]') from incident_note n where n.incident_id = i.id) as notes from incident i"
        " where i.ended_at is null or i.ended_at >= $1::date order by i.started_at desc, i.id limit $2",
        first,
        MOST_INCIDENTS,
    )
    return tuple(
        Incident(
            row["id"],
            row["impact"],
            tuple(row["components"]),
            row["title_fr"],
            row["title_en"],
            row["started_at"],
            row["ended_at"],
            tuple(Note(datetime.fromisoformat(at), french, english) for at, french, english in row["notes"]),
        )
        for row in rows
    )


async def open_incident(
    conn: Connection, *, impact: Impact, components: Sequence[Component], titles: tuple[str, str]
) -> str:
    """Its id. ``titles`` are French and English, one of which may be "". Needs the platform role."""
    incident_id: str = await conn.fetchval(
        "insert into incident (impact, components, title_fr, title_en, started_at) values ($1, $2, $3, $4, now())"
        " returning id",
        impact,
        list(components),
        *titles,
    )
    return incident_id


async def add_note(conn: Connection, incident_id: str, texts: tuple[str, str]) -> None:
    """French and English, one of which may be "". Raises NotFoundError. Needs the platform role."""
    done = await conn.fetchval(
        "insert into incident_note (incident_id, text_fr, text_en) select id, $2, $3 from incident where id = $1"
        " returning id",
        incident_id,
        *texts,
    )
    require(done, "incident", incident_id)


async def end_incident(conn: Connection, incident_id: str) -> None:
    """One that has ended stays as it is. Raises NotFoundError. Needs the platform role."""
    done = await conn.fetchval(
        "update incident set ended_at = coalesce(ended_at, now()) where id = $1 returning id", incident_id
    )
    require(done, "incident", incident_id)
