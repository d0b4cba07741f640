"""Phone lines are written together with the event that tells of them, and bridges are told once it is committed.

Inside a transaction: ``create``, ``update``, ``ask_now``, ``set_active`` and those that set a secret. Around it:
``announced``, where there is a Redis. The event alone is enough, and some hundred milliseconds slower:
``line_assigner`` tells the bridges, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from domain.trunks import PLAIN, TrunkOptions
from eventing import outbox
from eventing.catalogue import LineChange, LineChanged
from process import logs
from stores import lines, live
from stores.ciphers import SipPasswordCipher
from stores.errors import redis_away
from stores.lines import LineTransfers, PhoneLine, Provider
from stores.postgres import Connection
from stores.redis import Redis

log = logs.get(__name__)


@contextlib.asynccontextmanager
async def announced(redis: Redis) -> AsyncIterator[None]:
    """Around a transaction that changes lines. Redis away costs the bridges some seconds, and no error."""
    yield
    try:
        await live.lines_changed(redis, "edited")
    except redis_away() as error:
        log.warning("bridges are not told of a changed line", why=type(error).__name__)


async def create(
    connection: Connection,
    *,
    source: str,
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
    """As ``stores.lines.create``."""
    line = await lines.create(
        connection,
        restaurant_id=restaurant_id,
        number=number,
        cipher=cipher,
        provider=provider,
        sip_domain=sip_domain,
        sip_username=sip_username,
        sip_password=sip_password,
        trunk=trunk,
        line_id=line_id,
        twilio_auth_token=twilio_auth_token,
    )
    await _emit(connection, line, "created", source)
    return line


async def set_active(connection: Connection, line_id: str, is_active: bool, *, source: str) -> None:
    """As ``stores.lines.set_active``."""
    await lines.set_active(connection, line_id, is_active)
    line = await lines.get(connection, line_id)
    await _emit(connection, line, "activated" if is_active else "deactivated", source)


async def set_password(
    connection: Connection, line_id: str, sip_password: str, cipher: SipPasswordCipher, *, source: str
) -> None:
    """As ``stores.lines.set_password``."""
    await lines.set_password(connection, line_id, sip_password, cipher)
    await _emit(connection, await lines.get(connection, line_id), "updated", source)


async def set_twilio_auth_token(
    connection: Connection, line_id: str, token: str, cipher: SipPasswordCipher, *, source: str
) -> None:
    """As ``stores.lines.set_twilio_auth_token``."""
    await lines.set_twilio_auth_token(connection, line_id, token, cipher)
    await _emit(connection, await lines.get(connection, line_id), "updated", source)


async def update(
    connection: Connection,
    line_id: str,
    *,
    source: str,
    number: str,
    sip_domain: str,
    sip_username: str,
    trunk: TrunkOptions,
    transfers: LineTransfers,
) -> PhoneLine:
    """As ``stores.lines.update``."""
    line = await lines.update(
        connection,
        line_id,
        number=number,
        sip_domain=sip_domain,
        sip_username=sip_username,
        trunk=trunk,
        transfers=transfers,
    )
    await _emit(connection, line, "updated", source)
    return line


async def ask_now(connection: Connection, line_id: str, *, source: str) -> bool:
    """As ``stores.lines.ask_now``."""
    asked = await lines.ask_now(connection, line_id)
    if asked:
        await _emit(connection, await lines.get(connection, line_id), "updated", source)
    return asked


async def _emit(connection: Connection, line: PhoneLine, change: LineChange, source: str) -> None:
    event = LineChanged(restaurant_id=line.restaurant_id, phone_line_id=line.id, change=change)
    await outbox.emit(connection, event, source=source, subject=line.id)
