"""The second step of signing in, for one user at a time: the app's secret, the codes taken, the recovery codes."""

import hashlib
import secrets
from base64 import b32encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from stores.ciphers import SecretCipher
from stores.postgres import Connection
from stores.users import as_user

SECRET_BYTES = 20  # as long as the hash of RFC 6238's codes
RECOVERY_CODES = 10
RECOVERY_BYTES = 10
PURPOSE = "second factors 1"


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """``confirmed_at`` is None until a first code was right; before that nobody is asked for one."""

    secret: bytes = field(repr=False)
    confirmed_at: datetime | None


async def begin(conn: Connection, user_id: str, cipher: SecretCipher) -> bytes:
    """A new secret, to be confirmed; one that is confirmed already stays. Returns the secret that counts."""
    await as_user(conn, user_id)
    await conn.execute(
        "insert into second_factor (user_id, secret_encrypted) values ($1, $2) on conflict (user_id) do update"
        " set secret_encrypted = excluded.secret_encrypted, created_at = now(), last_step = 0"
        " where second_factor.confirmed_at is null",
        user_id,
        cipher.encrypt(user_id, secrets.token_bytes(SECRET_BYTES)),
    )
    found = await get(conn, user_id, cipher)
    assert found is not None
    return found.secret


async def get(conn: Connection, user_id: str, cipher: SecretCipher) -> SecondFactor | None:
    """Raises CipherError when the secret was encrypted under another MASTER_KEY."""
    await as_user(conn, user_id)
    row = await conn.fetchrow("select secret_encrypted, confirmed_at from second_factor where user_id = $1", user_id)
    if row is None:
        return None
    return SecondFactor(cipher.decrypt(user_id, row["secret_encrypted"]), row["confirmed_at"])


async def is_asked_for(conn: Connection, user_id: str) -> bool:
    """Whether a password alone does not open this account."""
    await as_user(conn, user_id)
    row = await conn.fetchval("select true from second_factor where user_id = $1 and confirmed_at is not null", user_id)
    return row is not None


async def take_step(conn: Connection, user_id: str, step: int) -> bool:
    """Use up a time step whose code was right; False when it, or a later one, has been used before."""
    await as_user(conn, user_id)
    taken = await conn.fetchval(
        "update second_factor set last_step = $2, confirmed_at = coalesce(confirmed_at, now())"
        " where user_id = $1 and last_step < $2 returning user_id",
        user_id,
        step,
    )
    return taken is not None


async def renew_recovery_codes(conn: Connection, user_id: str) -> tuple[str, ...]:
    """New codes in the place of the old ones, each good for one log-in. Only their hashes stay."""
    await as_user(conn, user_id)
    codes = tuple(_grouped(b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode()) for _ in range(RECOVERY_CODES))
    await conn.execute("delete from recovery_code where user_id = $1", user_id)
    await conn.executemany(
        "insert into recovery_code (user_id, code_hash) values ($1, $2)",
        [(user_id, _hash(user_id, code)) for code in codes],
    )
    return codes


async def take_recovery_code(conn: Connection, user_id: str, code: str) -> bool:
    """Use up a recovery code, however it is punctuated; False when there is none like it."""
    await as_user(conn, user_id)
    taken = await conn.fetchval(
        "delete from recovery_code where user_id = $1 and code_hash = $2 returning user_id",
        user_id,
        _hash(user_id, code),
    )
    return taken is not None


async def recovery_codes_left(conn: Connection, user_id: str) -> int:
    await as_user(conn, user_id)
    count: int = await conn.fetchval("select count(*) from recovery_code where user_id = $1", user_id)
    return count


async def remove(conn: Connection, user_id: str) -> None:
    """Back to the password alone."""
    await as_user(conn, user_id)
    await conn.execute("delete from recovery_code where user_id = $1", user_id)
    await conn.execute("delete from second_factor where user_id = $1", user_id)


Reset = Literal["done", "off", "platform", "stranger"]


async def members_with(conn: Connection) -> tuple[str, ...]:
    """The ids of the restaurant's members who have a second step."""
    rows = await conn.fetch("select user_id from members_with_second_step()")
    return tuple(row["user_id"] for row in rows)


async def reset_members(conn: Connection, user_id: str) -> Reset:
    """Take the second step off a member of the connection's restaurant who has lost it.

    ``off``: there was none. ``platform``: an owner, one of the platform's staff, or a member of other restaurants, too,
    whom only ``reset`` helps. ``stranger``: no member.
    """
    how: Reset = await conn.fetchval("select reset_second_step($1)", user_id)
    return how


async def reset(conn: Connection, user_id: str) -> bool:
    """The same for anybody; False where there was none. Needs the platform role."""
    await conn.execute("delete from recovery_code where user_id = $1", user_id)
    gone = await conn.fetchval(
        "delete from second_factor where user_id = $1 and confirmed_at is not null returning user_id", user_id
    )
    return gone is not None


async def has_one(conn: Connection, user_id: str) -> bool:
    """``is_asked_for`` of anybody. Needs the platform role."""
    found: bool = await conn.fetchval(
        "select exists (select from second_factor where user_id = $1 and confirmed_at is not null)", user_id
    )
    return found


def _grouped(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def _hash(user_id: str, code: str) -> bytes:
    plain = "".join(character for character in code.upper() if character.isalnum())
    return hashlib.sha256(f"{user_id}:{plain}".encode()).digest()
