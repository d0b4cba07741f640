"""A restaurant's tablets and earpieces: paired by a code, known by a token, and what was tapped on each."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from stores.bearer_tokens import hash_of, new_token
from stores.postgres import Connection

CODE_LENGTH = 8
CODE_LIFETIME = timedelta(minutes=15)
MOST_DEVICES = 30

ActionResult = Literal["done", "conflict", "unknown"]


@dataclass(frozen=True, slots=True)
class Device:
    """``paired_at`` is None while its code waits; ``last_seen_at`` is right to the minute."""

    id: str
    name: str
    created_at: datetime
    paired_at: datetime | None
    last_seen_at: datetime | None


class TooManyDevicesError(ValueError):
    """The restaurant has MOST_DEVICES already."""


_COLUMNS = "id, name, created_at, paired_at, last_seen_at"


async def listed(conn: Connection, restaurant_id: str) -> tuple[Device, ...]:
    """The newest first; those that were never paired are gone with their code."""
    rows = await conn.fetch(
        f"select {_COLUMNS} from device where restaurant_id = $1 and (paired_at is not null or code_expires_at > now())"
        " order by created_at desc, id limit $2",
        restaurant_id,
        MOST_DEVICES,
    )
    return tuple(Device(*row.values()) for row in rows)


async def add(conn: Connection, restaurant_id: str, name: str) -> tuple[str, str]:
    """A device to be paired: its id, and the code that pairs it within CODE_LIFETIME.

    Raises TooManyDevicesError.
    """
    await conn.execute(
        "delete from device where restaurant_id = $1 and paired_at is null and code_expires_at <= now()", restaurant_id
    )
    if await conn.fetchval("select count(*) from device where restaurant_id = $1", restaurant_id) >= MOST_DEVICES:
        raise TooManyDevicesError(name)
    code = "".join(secrets.choice("0123456789") for _ in range(CODE_LENGTH))
    device_id: str = await conn.fetchval(
        "insert into device (restaurant_id, name, code_hash, code_expires_at)"
        " values ($1, $2, $3, now() + $4::interval) returning id",
        restaurant_id,
        name,
        hash_of(code),
        CODE_LIFETIME,
    )
    return device_id, code


async def pair(conn: Connection, restaurant_id: str, code: str) -> str | None:
    """The token that the device with this code keeps; None for a code that is wrong, used or over."""
    token = new_token()
    paired = await conn.fetchval(
        "update device set code_hash = null, code_expires_at = null, token_hash = $3, paired_at = now(),"
        " last_seen_at = now() where restaurant_id = $1 and code_hash = $2 and code_expires_at > now() returning id",
        restaurant_id,
        hash_of(code),
        hash_of(token),
    )
    return None if paired is None else token


async def find(conn: Connection, restaurant_id: str, token: str) -> Device | None:
    """None for a device that was taken away, or whose restaurant is disabled."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from device d where restaurant_id = $1 and token_hash = $2"
        " and exists (select from restaurant r where r.id = d.restaurant_id and r.disabled_at is null)",
        restaurant_id,
        hash_of(token),
    )
    if row is None:
        return None
    await conn.execute(
        "update device set last_seen_at = now() where id = $1 and last_seen_at < now() - interval '1 minute'", row["id"]
    )
    return Device(*row.values())


async def paired(conn: Connection, tokens: Collection[str]) -> frozenset[str]:
    """Those of the tokens whose device is still there and whose restaurant is not disabled. Needs no restaurant."""
    by_hash = {hash_of(token): token for token in tokens}
    rows = await conn.fetch("select token_hash from paired_devices($1)", list(by_hash))
    return frozenset(by_hash[row["token_hash"]] for row in rows)


async def remove(conn: Connection, restaurant_id: str, device_id: str) -> str | None:
    """The device's name: it is out at its next request. None when there was none."""
    name: str | None = await conn.fetchval(
        "delete from device where restaurant_id = $1 and id = $2 returning name", restaurant_id, device_id
    )
    return name


async def earlier_result(conn: Connection, device_id: str, action_id: str) -> ActionResult | None:
    """What became of this action, when it was carried out before.

    Two requests with one action at once: the second waits here until the first one's transaction is over.
    """
    await conn.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"device {device_id} {action_id}")
    result: ActionResult | None = await conn.fetchval(
        "select result from device_action where device_id = $1 and id = $2", device_id, action_id
    )
    return result


async def keep_result(
    conn: Connection, restaurant_id: str, device_id: str, action_id: str, order_id: str, result: ActionResult
) -> None:
    """In the transaction of the action itself."""
    await conn.execute(
        "insert into device_action (restaurant_id, device_id, id, order_id, result) values ($1, $2, $3, $4, $5)",
        restaurant_id,
        device_id,
        action_id,
        order_id,
        result,
    )
