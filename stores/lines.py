"""Phone lines, and which bridge node holds each at its registrar.

A line's id is the user part of its SIP Contact, so it is also what an INVITE is recognised by; a line of Asterisk's
AudioSocket is recognised by ``audiosocket_uuid``, one of Twilio by its number. Functions that read the encrypted SIP
password or Twilio auth token need the platform role; the app role may write them and never read them.
"""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import asyncpg

from domain.assignment import AssignedLine, Move
from domain.phone_numbers import one_form
from domain.trunks import PLAIN, TrunkOptions, check_account
from stores.ciphers import SipPasswordCipher
from stores.errors import NotFoundError, require
from stores.postgres import Connection

Provider = Literal["sip", "twilio", "audiosocket"]
LineTransfers = Literal["auto", "refer", "second_leg", "attended"]
RegistrationStatus = Literal["registered", "unregistered", "error"]

_PUBLIC = (
    "l.id, l.restaurant_id, l.number, l.provider, l.sip_domain, l.sip_username, l.is_active, l.audiosocket_uuid,"
    " l.sip_auth_username, l.sip_outbound_proxy, l.sip_transport, l.srtp, l.transfers, l.asked_at"
)
_ASSIGNMENT = "r.bridge_node_id, r.leaving_node_id, coalesce(r.generation, 0) as generation"
_UNASSIGNED = "null::text as bridge_node_id, null::text as leaving_node_id, 0::bigint as generation"
_WITH_PASSWORD = (
    f"select {_PUBLIC}, l.sip_password, l.twilio_auth_token, {_ASSIGNMENT}"
    " from phone_line l left join sip_registration r on r.phone_line_id = l.id"
)
# Lines that are registered somewhere: the others' calls come from peers, to whichever node they dial.
_REGISTERS = "l.is_active and l.provider = 'sip' and l.sip_domain <> '' and l.sip_username <> ''"
# A trunk that calls from its addresses.
_STATIC = "l.is_active and l.provider = 'sip' and l.sip_domain <> '' and l.sip_username = ''"
_SIP_URI = "'sip:' || l.sip_username || '@' || l.sip_domain"
ASKED_AGAIN_AFTER = timedelta(seconds=20)  # trunks ban who tries on and on
LONGEST_CALL = timedelta(minutes=70)  # a bridge ends each call after an hour


class NumberTakenError(ValueError):
    """Another active line has the number, in whatever spelling."""

    def __init__(self, number: str) -> None:
        self.number = number
        super().__init__(f"number: an active line has {number} already")


@dataclass(frozen=True, slots=True)
class PhoneLine:
    """``sip_password`` and ``twilio_auth_token`` are as stored: decrypt them with SipPasswordCipher.

    ``audiosocket_uuid`` is "" but for AudioSocket's lines. ``bridge_node_id`` is the node that shall register the line,
    None when no node has it; ``leaving_node_id`` the one that keeps it until then. ``generation`` grows with each move.
    ``asked_at`` is when somebody last wanted its trunk asked at once.
    """

    id: str
    restaurant_id: str
    number: str
    provider: Provider
    sip_domain: str = ""
    sip_username: str = ""
    is_active: bool = True
    sip_password: str = ""
    bridge_node_id: str | None = None
    leaving_node_id: str | None = None
    generation: int = 0
    audiosocket_uuid: str = ""
    twilio_auth_token: str = ""
    trunk: TrunkOptions = PLAIN
    transfers: LineTransfers = "auto"
    asked_at: datetime | None = None


async def active_lines(conn: Connection) -> tuple[PhoneLine, ...]:
    """Every active line. Needs the platform role."""
    rows = await conn.fetch(_WITH_PASSWORD + " where l.is_active order by l.created_at, l.id")
    return tuple(_line(row) for row in rows)


async def ringing_lines(conn: Connection) -> tuple[PhoneLine, ...]:
    """Every active line, and those switched off whose number no active one has. Needs the platform role."""
    rows = await conn.fetch(
        f"{_WITH_PASSWORD} where l.is_active or not exists"
        " (select from phone_line o where o.number = l.number and (o.is_active or (o.created_at, o.id) > (l.created_at,"
        " l.id))) order by l.created_at, l.id"
    )
    return tuple(_line(row) for row in rows)


async def lines_of_node(conn: Connection, node_id: str) -> tuple[PhoneLine, ...]:
    """The active lines assigned to a bridge node. Needs the platform role."""
    rows = await conn.fetch(
        _WITH_PASSWORD + " where l.is_active and r.bridge_node_id = $1 order by l.created_at, l.id", node_id
    )
    return tuple(_line(row) for row in rows)


async def create(
    conn: Connection,
    *,
    restaurant_id: str,
    number: str,
    cipher: SipPasswordCipher,
    provider: Provider = "sip",
    sip_domain: str = "",
    sip_username: str = "",
    sip_password: str = "",
    trunk: TrunkOptions = PLAIN,
    line_id: str = "",
    twilio_auth_token: str = "",
) -> PhoneLine:
    """``sip_password`` and ``twilio_auth_token`` in clear; stored encrypted under the line's id, a new one unless
    given. A line of the provider ``audiosocket`` gets a new ``audiosocket_uuid``.

    ``number`` in any spelling; one in national form is of the restaurant's country. Raises InvalidNumberError,
    InvalidTrunkError, NumberTakenError, NotFoundError for the restaurant.
    """
    check_account(sip_domain, sip_username, trunk)
    country = await conn.fetchval("select country from restaurant where id = $1", restaurant_id)
    require(country, "restaurant", restaurant_id)
    line = PhoneLine(
        id=line_id or str(uuid.uuid4()),
        restaurant_id=restaurant_id,
        number=one_form(number, country),
        provider=provider,
        sip_domain=sip_domain,
        sip_username=sip_username,
        audiosocket_uuid=str(uuid.uuid4()) if provider == "audiosocket" else "",
        trunk=trunk,
    )
    try:
        async with conn.transaction():  # a savepoint: the caller's transaction goes on
            await conn.execute(
                "insert into phone_line (id, restaurant_id, number, provider, sip_domain, sip_username, sip_password,"
                " audiosocket_uuid, twilio_auth_token, sip_auth_username, sip_outbound_proxy, sip_transport, srtp)"
                " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                line.id,
                restaurant_id,
                line.number,
                provider,
                sip_domain,
                sip_username,
                cipher.encrypt(line.id, sip_password) if sip_password else "",
                line.audiosocket_uuid or None,
                cipher.encrypt(line.id, twilio_auth_token) if twilio_auth_token else "",
                trunk.auth_username,
                trunk.outbound_proxy,
                trunk.transport,
                trunk.srtp,
            )
    except asyncpg.UniqueViolationError as error:
        raise _taken(error, line.number) from None
    return line


def _taken(error: asyncpg.UniqueViolationError, number: str) -> Exception:
    return NumberTakenError(number) if error.constraint_name == "phone_line_by_number" else error


async def update(
    conn: Connection,
    line_id: str,
    *,
    number: str,
    sip_domain: str,
    sip_username: str,
    trunk: TrunkOptions,
    transfers: LineTransfers,
) -> PhoneLine:
    """What a line is, but for its secrets and whether it is on; the line as it is from now on.

    ``number`` as in ``create``. Raises InvalidNumberError, InvalidTrunkError, NumberTakenError, NotFoundError.
    """
    check_account(sip_domain, sip_username, trunk)
    country = await conn.fetchval(
        "select r.country from phone_line l join restaurant r on r.id = l.restaurant_id where l.id = $1", line_id
    )
    require(country, "phone line", line_id)
    one = one_form(number, country)
    try:
        async with conn.transaction():
            await conn.execute(
                "update phone_line set number = $2, sip_domain = $3, sip_username = $4, sip_auth_username = $5,"
                " sip_outbound_proxy = $6, sip_transport = $7, srtp = $8, transfers = $9 where id = $1",
                line_id,
                one,
                sip_domain,
                sip_username,
                trunk.auth_username,
                trunk.outbound_proxy,
                trunk.transport,
                trunk.srtp,
                transfers,
            )
    except asyncpg.UniqueViolationError as error:
        raise _taken(error, one) from None
    return await get(conn, line_id)


async def ask_now(conn: Connection, line_id: str) -> bool:
    """Have its trunk asked at once; False when that was wanted ASKED_AGAIN_AFTER ago or later. Raises NotFoundError."""
    asked = await conn.fetchval(
        "update phone_line set asked_at = now() where id = $1"
        " and (asked_at is null or asked_at < now() - $2::interval) returning id",
        line_id,
        ASKED_AGAIN_AFTER,
    )
    if asked is None:
        require(await conn.fetchval("select id from phone_line where id = $1", line_id), "phone line", line_id)
    return asked is not None


async def set_password(conn: Connection, line_id: str, sip_password: str, cipher: SipPasswordCipher) -> None:
    """Raises NotFoundError."""
    done = await conn.fetchval(
        "update phone_line set sip_password = $2 where id = $1 returning id",
        line_id,
        cipher.encrypt(line_id, sip_password),
    )
    require(done, "phone line", line_id)


async def set_twilio_auth_token(conn: Connection, line_id: str, token: str, cipher: SipPasswordCipher) -> None:
    """The auth token of the Twilio account that has the line's number. Raises NotFoundError."""
    done = await conn.fetchval(
        "update phone_line set twilio_auth_token = $2 where id = $1 returning id",
        line_id,
        cipher.encrypt(line_id, token),
    )
    require(done, "phone line", line_id)


async def set_active(conn: Connection, line_id: str, is_active: bool) -> None:
    """Raises NotFoundError, NumberTakenError."""
    try:
        async with conn.transaction():
            done = await conn.fetchval(
                "update phone_line set is_active = $2 where id = $1 returning id", line_id, is_active
            )
    except asyncpg.UniqueViolationError as error:
        number = await conn.fetchval("select number from phone_line where id = $1", line_id)
        raise _taken(error, number) from None
    require(done, "phone line", line_id)


# --- Who has which line; all of it needs the platform role ----------------------------------------------------------


async def assignments(conn: Connection) -> tuple[AssignedLine, ...]:
    """Every active line that registers, the oldest first."""
    in_call = await conn.fetch(
        "select distinct phone_line_id from call_log where ended_at is null and started_at > now() - $1::interval"
        " and phone_line_id is not null",
        LONGEST_CALL,
    )
    busy = {row["phone_line_id"] for row in in_call}
    rows = await conn.fetch(
        "select l.id, n.id as node, r.leaving_node_id from phone_line l"
        " left join sip_registration r on r.phone_line_id = l.id left join sip_bridge_node n on n.id = r.bridge_node_id"
        f" where {_REGISTERS} order by l.created_at, l.id"
    )
    return tuple(AssignedLine(row["id"], row["node"], row["leaving_node_id"], row["id"] in busy) for row in rows)


async def move(conn: Connection, moves: Iterable[Move]) -> None:
    """Give each line to its node, which registers it next. Raises asyncpg.ForeignKeyViolationError for an unknown
    node."""
    wanted = list(moves)
    await conn.execute(
        "insert into sip_registration as r (restaurant_id, phone_line_id, bridge_node_id, leaving_node_id, sip_uri)"
        f" select l.restaurant_id, l.id, m.node, m.leaving, {_SIP_URI}"
        " from unnest($1::uuid[], $2::text[], $3::text[]) as m (line, node, leaving)"
        " join phone_line l on l.id = m.line"
        " on conflict (phone_line_id) do update set bridge_node_id = excluded.bridge_node_id,"
        " leaving_node_id = excluded.leaving_node_id, sip_uri = excluded.sip_uri, status = 'unregistered', error = '',"
        " registered_at = null, generation = r.generation + 1, moved_at = now()",
        [one.line_id for one in wanted],
        [one.to for one in wanted],
        [one.leaving for one in wanted],
    )


async def strand(conn: Connection, line_ids: Collection[str], why: str) -> int:
    """No living node has these lines: say so, for people to see. How many of them did not say it yet."""
    done = await conn.fetch(
        "insert into sip_registration as r (restaurant_id, phone_line_id, sip_uri, status, error)"
        f" select l.restaurant_id, l.id, {_SIP_URI}, 'error', $2"
        " from phone_line l where l.id = any($1::uuid[])"
        " on conflict (phone_line_id) do update set status = 'error', error = excluded.error"
        " where (r.status, r.error) is distinct from ('error', excluded.error) returning id",
        list(line_ids),
        why,
    )
    return len(done)


async def let_go(conn: Connection, hand_over: timedelta) -> int:
    """Forget who has lines that register no more, and what nodes that are down have said of static ones; end hand-overs
    that took too long or whose old node is down.

    How many rows changed.
    """
    gone = await conn.fetch(
        "delete from sip_registration r using phone_line l where l.id = r.phone_line_id"
        f" and not ({_REGISTERS}) and not ({_STATIC} and r.status = 'error' and r.bridge_node_id in"
        " (select id from sip_bridge_node where status <> 'down')) returning r.id"
    )
    ended = await conn.fetch(
        "update sip_registration r set leaving_node_id = null where leaving_node_id is not null"
        " and (moved_at < now() - $1::interval"
        " or leaving_node_id in (select id from sip_bridge_node where status = 'down')) returning id",
        hand_over,
    )
    return len(gone) + len(ended)


async def node_started(conn: Connection, node_id: str) -> None:
    """The node has registered nothing yet, whatever its rows say of its last life."""
    await conn.execute(
        "update sip_registration set status = 'unregistered', error = '' where bridge_node_id = $1", node_id
    )


async def tell_unresolved(conn: Connection, node_id: str, line_ids: Collection[str], why: str) -> None:
    """Of the lines whose trunks call from their addresses, those of which the node does not know these; what it has
    said of others is over."""
    await conn.execute(
        "delete from sip_registration r using phone_line l where l.id = r.phone_line_id and l.sip_username = ''"
        " and r.bridge_node_id = $1 and not (l.id = any($2::uuid[]))",
        node_id,
        list(line_ids),
    )
    await conn.execute(
        "insert into sip_registration as r (restaurant_id, phone_line_id, bridge_node_id, sip_uri, status, error)"
        # A node that starts may not be known yet; it says it again.
        " select l.restaurant_id, l.id, n.id, 'sip:' || l.sip_domain, 'error', $3 from phone_line l"
        f" join sip_bridge_node n on n.id = $1 where l.id = any($2::uuid[]) and {_STATIC}"
        " on conflict (phone_line_id) do update set bridge_node_id = excluded.bridge_node_id, leaving_node_id = null,"
        " status = 'error', error = excluded.error"
        " where (r.status, r.error) is distinct from ('error', excluded.error)",
        node_id,
        list(line_ids),
        why,
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a report: not ``written`` when the line has moved meanwhile; ``handed_over`` when its old node
    may let it go now."""

    written: bool
    handed_over: bool = False


async def set_registration(
    conn: Connection, line_id: str, node_id: str, generation: int, status: RegistrationStatus, error: str = ""
) -> Told:
    """What the registrar said to the node that had the line in its ``generation``."""
    row = await conn.fetchrow(
        "with before as (select id, leaving_node_id from sip_registration"
        " where phone_line_id = $1 and bridge_node_id = $2 and generation = $3 for update)"
        " update sip_registration r set status = $4, error = $5,"
        " answered_at = now(), registered_at = case when $4 = 'registered' then now() else r.registered_at end,"
        " leaving_node_id = case when $4 = 'registered' then null else r.leaving_node_id end"
        " from before where r.id = before.id returning before.leaving_node_id is not null as in_hand_over",
        line_id,
        node_id,
        generation,
        status,
        error,
    )
    return Told(False) if row is None else Told(True, row["in_hand_over"] and status == "registered")


async def of_restaurant(conn: Connection, restaurant_id: str) -> tuple[PhoneLine, ...]:
    """Its lines, active or not, without their secrets; the oldest first."""
    rows = await conn.fetch(
        f"select {_PUBLIC}, '' as sip_password, '' as twilio_auth_token, {_UNASSIGNED} from phone_line l"
        " where l.restaurant_id = $1 order by l.created_at, l.id",
        restaurant_id,
    )
    return tuple(_line(row) for row in rows)


async def get(conn: Connection, line_id: str) -> PhoneLine:
    """A line, active or not, without its password. Raises NotFoundError."""
    row = await conn.fetchrow(
        f"select {_PUBLIC}, '' as sip_password, '' as twilio_auth_token, {_UNASSIGNED} from phone_line l"
        " where l.id = $1",
        line_id,
    )
    if row is None:
        raise NotFoundError("phone line", line_id)
    return _line(row)


def _line(row: asyncpg.Record) -> PhoneLine:
    return PhoneLine(
        id=row["id"],
        restaurant_id=row["restaurant_id"],
        number=row["number"],
        provider=row["provider"],
        sip_domain=row["sip_domain"],
        sip_username=row["sip_username"],
        is_active=row["is_active"],
        sip_password=row["sip_password"],
        bridge_node_id=row["bridge_node_id"],
        leaving_node_id=row["leaving_node_id"],
        generation=row["generation"],
        audiosocket_uuid=row["audiosocket_uuid"] or "",
        twilio_auth_token=row["twilio_auth_token"],
        trunk=TrunkOptions(row["sip_auth_username"], row["sip_outbound_proxy"], row["sip_transport"], row["srtp"]),
        transfers=row["transfers"],
        asked_at=row["asked_at"],
    )
