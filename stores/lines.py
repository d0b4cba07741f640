"""Phone lines, and which bridge node holds each at its registrar.

A line's id is the user part of its SIP Contact, so it is also what an INVITE is recognised by; a line of Asterisk's
AudioSocket is recognised by ``audiosocket_uuid``, one of Twilio by its number. Functions that read the encrypted SIP
password or Twilio auth token need the platform role; the app role may write them and never read them.
"""

import uuid
from dataclasses import dataclass
from typing import Literal

import asyncpg

from stores.ciphers import SipPasswordCipher
from stores.errors import NotFoundError, require
from stores.postgres import Connection

Provider = Literal["sip", "twilio", "audiosocket"]
RegistrationStatus = Literal["registered", "unregistered", "error"]

_PUBLIC = "l.id, l.restaurant_id, l.number, l.provider, l.sip_domain, l.sip_username, l.is_active, l.audiosocket_uuid"
_WITH_PASSWORD = (
    f"select {_PUBLIC}, l.sip_password, l.twilio_auth_token, r.bridge_node_id"
    " from phone_line l left join sip_registration r on r.phone_line_id = l.id"
)


@dataclass(frozen=True, slots=True)
class PhoneLine:
    """``sip_password`` and ``twilio_auth_token`` are as stored: decrypt them with SipPasswordCipher.
    ``bridge_node_id`` is None when no node has the line, ``audiosocket_uuid`` "" but for AudioSocket's lines."""

    id: str
    restaurant_id: str
    number: str
    provider: Provider
    sip_domain: str = ""
    sip_username: str = ""
    is_active: bool = True
    sip_password: str = ""
    bridge_node_id: str | None = None
    audiosocket_uuid: str = ""
    twilio_auth_token: str = ""


async def active_lines(conn: Connection) -> tuple[PhoneLine, ...]:
    """Every active line. Needs the platform role."""
    rows = await conn.fetch(_WITH_PASSWORD + " where l.is_active order by l.created_at, l.id")
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
    line_id: str = "",
    twilio_auth_token: str = "",
) -> PhoneLine:
    """``sip_password`` and ``twilio_auth_token`` in clear; stored encrypted under the line's id, a new one unless
    given. A line of the provider ``audiosocket`` gets a new ``audiosocket_uuid``.

    Raises asyncpg.UniqueViolationError when an active line has the number, CheckViolationError when it is none.
    """
    line = PhoneLine(
        id=line_id or str(uuid.uuid4()),
        restaurant_id=restaurant_id,
        number=number,
        provider=provider,
        sip_domain=sip_domain,
        sip_username=sip_username,
        audiosocket_uuid=str(uuid.uuid4()) if provider == "audiosocket" else "",
    )
    await conn.execute(
        "insert into phone_line (id, restaurant_id, number, provider, sip_domain, sip_username, sip_password,"
        " audiosocket_uuid, twilio_auth_token) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        line.id,
        restaurant_id,
        number,
        provider,
        sip_domain,
        sip_username,
        cipher.encrypt(line.id, sip_password) if sip_password else "",
        line.audiosocket_uuid or None,
        cipher.encrypt(line.id, twilio_auth_token) if twilio_auth_token else "",
    )
    return line


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
    """Raises NotFoundError, asyncpg.UniqueViolationError when another active line has the number."""
    done = await conn.fetchval("update phone_line set is_active = $2 where id = $1 returning id", line_id, is_active)
    require(done, "phone line", line_id)


async def assign(conn: Connection, line_id: str, node_id: str) -> None:
    """Give the line to a node, which registers it next. Platform role. Raises NotFoundError,
    asyncpg.ForeignKeyViolationError for an unknown node."""
    done = await conn.fetchval(
        "insert into sip_registration (restaurant_id, phone_line_id, bridge_node_id, sip_uri)"
        " select restaurant_id, id, $2, 'sip:' || coalesce(nullif(sip_username, ''), number) || '@' || sip_domain"
        " from phone_line where id = $1"
        " on conflict (phone_line_id) do update set bridge_node_id = excluded.bridge_node_id,"
        " sip_uri = excluded.sip_uri, status = 'unregistered', error = '', registered_at = null returning id",
        line_id,
        node_id,
    )
    require(done, "phone line", line_id)


async def set_registration(
    conn: Connection, line_id: str, node_id: str, status: RegistrationStatus, error: str = ""
) -> bool:
    """What the registrar said. False, and nothing written, when the line has moved to another node meanwhile.

    Platform role.
    """
    done = await conn.fetchval(
        "update sip_registration set status = $3, error = $4,"
        " registered_at = case when $3 = 'registered' then now() else registered_at end"
        " where phone_line_id = $1 and bridge_node_id = $2 returning id",
        line_id,
        node_id,
        status,
        error,
    )
    return done is not None


async def unassign(conn: Connection, line_id: str) -> None:
    """Platform role."""
    await conn.execute("delete from sip_registration where phone_line_id = $1", line_id)


async def get(conn: Connection, line_id: str) -> PhoneLine:
    """A line, active or not, without its password. Raises NotFoundError."""
    row = await conn.fetchrow(
        f"select {_PUBLIC}, '' as sip_password, '' as twilio_auth_token, null::text as bridge_node_id"
        " from phone_line l where l.id = $1",
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
        audiosocket_uuid=row["audiosocket_uuid"] or "",
        twilio_auth_token=row["twilio_auth_token"],
    )
