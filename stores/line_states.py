"""How each phone line stands: its node, what its trunk last said, since when."""

from dataclasses import dataclass
from datetime import datetime

from stores.lines import Provider, RegistrationStatus
from stores.nodes import NodeStatus
from stores.postgres import Connection


@dataclass(frozen=True, slots=True)
class LineState:
    """``status`` is None for a line that no node registers: its calls come from peers, or by another entrance.

    ``since`` is when it came into its state, ``answered_at`` when its trunk last answered or was last found silent,
    ``looked_at`` the database's clock. A line with a ``trunk`` that does not register is called from its addresses.
    """

    id: str
    number: str
    provider: Provider
    restaurant_name: str
    trunk: str
    looked_at: datetime
    registers: bool = False
    status: RegistrationStatus | None = None
    error: str = ""
    node: str | None = None
    node_status: NodeStatus | None = None
    leaving_node: str | None = None
    since: datetime | None = None
    answered_at: datetime | None = None


async def all_of(conn: Connection) -> tuple[LineState, ...]:
    """Every active line; those with a fault first. Needs the platform role."""
    rows = await conn.fetch(
        "select l.id, l.number, l.provider, r.name as restaurant_name, l.sip_domain as trunk, now() as looked_at,"
        " l.provider = 'sip' and l.sip_username <> '' as registers,"
        " s.status, coalesce(s.error, '') as error, s.bridge_node_id as node, n.status as node_status,"
        " s.leaving_node_id as leaving_node, s.changed_at as since, s.answered_at"
        " from phone_line l join restaurant r on r.id = l.restaurant_id"
        " left join sip_registration s on s.phone_line_id = l.id left join sip_bridge_node n on n.id = s.bridge_node_id"
        " where l.is_active order by s.status is distinct from 'error', r.name, l.number"
    )
    return tuple(LineState(**dict(row)) for row in rows)


@dataclass(frozen=True, slots=True)
class OwnLine:
    """A restaurant's line as its own people see it: without secrets and without the platform's nodes.

    ``status`` is None for a line that no node registers, ``since`` when it came into its state.
    """

    id: str
    number: str
    provider: Provider
    is_active: bool
    sip_domain: str
    sip_username: str
    audiosocket_uuid: str | None
    status: RegistrationStatus | None
    error: str
    since: datetime | None


async def of_restaurant(conn: Connection, restaurant_id: str) -> tuple[OwnLine, ...]:
    """All its lines, the oldest first. Either role may ask."""
    rows = await conn.fetch(
        "select l.id, l.number, l.provider, l.is_active, l.sip_domain, l.sip_username, l.audiosocket_uuid,"
        " s.status, coalesce(s.error, '') as error, s.changed_at as since"
        " from phone_line l left join sip_registration s on s.phone_line_id = l.id and l.is_active"
        " where l.restaurant_id = $1 order by l.created_at, l.id",
        restaurant_id,
    )
    return tuple(OwnLine(**dict(row)) for row in rows)


@dataclass(frozen=True, slots=True)
class Registration:
    """What a restaurant may know of its line's registration: nothing of the nodes."""

    status: RegistrationStatus
    error: str
    looked_at: datetime
    since: datetime
    answered_at: datetime | None


async def registrations(conn: Connection, restaurant_id: str) -> dict[str, Registration]:
    """By the line's id; a line that no node registers is not among them."""
    rows = await conn.fetch(
        "select phone_line_id, status, error, now() as looked_at, changed_at, answered_at from sip_registration"
        " where restaurant_id = $1",
        restaurant_id,
    )
    return {
        row["phone_line_id"]: Registration(
            row["status"], row["error"], row["looked_at"], row["changed_at"], row["answered_at"]
        )
        for row in rows
    }
