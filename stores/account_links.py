"""Links by e-mail to a new password and to a new account: each answers whoever has it, once, until it expires."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from stores.bearer_tokens import hash_of, new_token
from stores.postgres import Connection
from stores.users import hash_password

Purpose = Literal["reset", "sign_up"]


@dataclass(frozen=True, slots=True)
class Link:
    """Whose link it is; ``name`` is what somebody who signs up has called themselves."""

    email: str
    name: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The account that a link has led to."""

    user_id: str
    email: str


async def make(conn: Connection, purpose: Purpose, email: str, *, good_for: timedelta, name: str = "") -> str:
    """Returns the token for the link. Links that have expired go."""
    token = new_token()
    await conn.execute("select keep_account_link($1, $2, $3, $4, $5)", hash_of(token), purpose, email, name, good_for)
    return token


async def look_at(conn: Connection, purpose: Purpose, token: str) -> Link | None:
    """Whose link it is; uses nothing up, as mail programs open links to look at them. None for one that is over."""
    row = await conn.fetchrow("select * from account_link_of($1, $2)", hash_of(token), purpose)
    return Link(row["email"], row["name"]) if row else None


async def reset_password(conn: Connection, token: str, password: str) -> Opened | None:
    """Set the password and end all sessions; None for a link that is over. Raises ValueError for a short password."""
    row = await conn.fetchrow(
        "select * from reset_password_by_link($1, $2)", hash_of(token), await hash_password(password)
    )
    return Opened(row["id"], row["email"]) if row else None


async def sign_up(conn: Connection, token: str, name: str, password: str) -> Opened | None:
    """Make the account; None for a link that is over. Raises ValueError for a short password."""
    row = await conn.fetchrow(
        "select * from sign_up_by_link($1, $2, $3)", hash_of(token), name, await hash_password(password)
    )
    return Opened(row["id"], row["email"]) if row else None
