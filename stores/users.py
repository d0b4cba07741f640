"""Who may log in, and to which restaurants. Making users needs the platform role; a user changes their own row."""

import asyncio
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stores.errors import require
from stores.postgres import Connection

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MINIMUM_PASSWORD = 10

MemberRole = Literal["owner", "manager", "staff"]


@dataclass(frozen=True, slots=True)
class User:
    """``is_platform`` users see every restaurant."""

    id: str
    email: str
    name: str
    password_hash: str
    is_platform: bool


@dataclass(frozen=True, slots=True)
class Membership:
    restaurant_id: str
    restaurant_name: str
    role: MemberRole


@functools.cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher  # the web extra's: no function needs it

    return PasswordHasher()


@functools.cache
def _unknown_users_hash() -> str:
    return _hasher().hash("nobody has this password")


async def create(conn: Connection, *, email: str, password: str, name: str = "", is_platform: bool = False) -> str:
    """Returns the user's id. Raises ValueError for a short password, asyncpg.UniqueViolationError for a known
    address, CheckViolationError for a malformed one."""
    user_id: str = await conn.fetchval(
        "insert into app_user (email, name, password_hash, is_platform) values (lower($1), $2, $3, $4) returning id",
        email,
        name,
        await hash_password(password),
        is_platform,
    )
    return user_id


async def as_user(conn: Connection, user_id: str) -> None:
    """Until the transaction's end the app role sees and changes this user's own rows."""
    await conn.execute("select set_config('app.user_id', $1, true)", user_id)


async def rename(conn: Connection, user_id: str, name: str) -> None:
    """The user's own doing, on the app role."""
    await as_user(conn, user_id)
    await conn.execute("update app_user set name = $2 where id = $1", user_id, name)


async def set_password(conn: Connection, user_id: str, password: str) -> None:
    """On the app role only ``as_user``. All the user's sessions end. Raises ValueError for a short password,
    NotFoundError."""
    done = await conn.fetchval(
        "update app_user set password_hash = $2 where id = $1 returning id", user_id, await hash_password(password)
    )
    require(done, "user", user_id)


async def hash_password(password: str) -> str:
    """What the table keeps of a password. Raises ValueError for a short one."""
    if len(password) < MINIMUM_PASSWORD:
        raise ValueError(f"password: at least {MINIMUM_PASSWORD} characters")
    return await asyncio.to_thread(_hasher().hash, password)


async def by_email(conn: Connection, email: str) -> User | None:
    """A user who may log in. Either role may ask, one address at a time."""
    row = await conn.fetchrow("select * from login_user($1)", email)
    if row is None:
        return None
    return User(row["id"], row["email"], row["name"], row["password_hash"], row["is_platform"])


async def verify(conn: Connection, email: str, password: str) -> User | None:
    """The user when the password is right; as slow for an unknown address as for a wrong password."""
    user = await by_email(conn, email)
    right = await asyncio.to_thread(_matches, user.password_hash if user else None, password)
    return user if right else None


def _matches(stored: str | None, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(stored or _unknown_users_hash(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


async def add_membership(conn: Connection, restaurant_id: str, user_id: str, role: MemberRole) -> None:
    """A member's role is replaced. A restaurant's own role does it for its restaurant only."""
    await conn.execute(
        "insert into membership (restaurant_id, user_id, role) values ($1, $2, $3)"
        " on conflict (restaurant_id, user_id) do update set role = excluded.role",
        restaurant_id,
        user_id,
        role,
    )


async def memberships(conn: Connection, user_id: str) -> tuple[Membership, ...]:
    """The restaurants of a user, by name. Either role may ask."""
    rows = await conn.fetch("select * from memberships_of($1)", user_id)
    return tuple(Membership(row["restaurant_id"], row["restaurant_name"], row["role"]) for row in rows)
