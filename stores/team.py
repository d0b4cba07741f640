"""Who belongs to a restaurant, and who is invited. One owner always stays."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stores.account_links import Opened
from stores.bearer_tokens import hash_of, new_token
from stores.errors import NotFoundError, require
from stores.postgres import Connection
from stores.users import MemberRole, hash_password

MOST_MEMBERS = 200
MOST_INVITATIONS = 50


class LastOwnerError(ValueError):
    """The restaurant would be left without an owner."""


@dataclass(frozen=True, slots=True)
class TeamMember:
    user_id: str
    email: str
    name: str
    role: MemberRole
    since: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    email: str
    role: MemberRole
    invited_by: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invited:
    """What a link of an invitation says to whoever has it."""

    restaurant_id: str
    restaurant_name: str
    email: str
    role: MemberRole
    invited_by: str
    has_account: bool


_SELECT = "select u.id, u.email, u.name, m.role, m.created_at from membership m join app_user u on u.id = m.user_id"


async def members(conn: Connection, restaurant_id: str) -> tuple[TeamMember, ...]:
    """Owners, managers, staff; each by address."""
    rows = await conn.fetch(
        f"{_SELECT} where m.restaurant_id = $1"
        " order by array_position(array['owner', 'manager', 'staff'], m.role), u.email limit $2",
        restaurant_id,
        MOST_MEMBERS,
    )
    return tuple(TeamMember(*row) for row in rows)


async def member(conn: Connection, restaurant_id: str, user_id: str) -> TeamMember:
    """Raises NotFoundError."""
    row = await conn.fetchrow(
        f"{_SELECT} where m.restaurant_id = $1 and m.user_id = $2",
        restaurant_id,
        user_id,
    )
    if row is None:
        raise NotFoundError("member", user_id)
    return TeamMember(*row)


async def set_role(conn: Connection, restaurant_id: str, user_id: str, role: MemberRole) -> None:
    """Raises NotFoundError, LastOwnerError."""
    if role != "owner":
        await _another_owner(conn, restaurant_id, user_id)
    done = await conn.fetchval(
        "update membership set role = $3 where restaurant_id = $1 and user_id = $2 returning user_id",
        restaurant_id,
        user_id,
        role,
    )
    require(done, "member", user_id)


async def remove(conn: Connection, restaurant_id: str, user_id: str) -> None:
    """Raises NotFoundError, LastOwnerError."""
    await _another_owner(conn, restaurant_id, user_id)
    done = await conn.fetchval(
        "delete from membership where restaurant_id = $1 and user_id = $2 returning user_id", restaurant_id, user_id
    )
    require(done, "member", user_id)


async def _another_owner(conn: Connection, restaurant_id: str, user_id: str) -> None:
    # Locked in one order: two owners who demote each other at once must not both find the other still there.
    rows = await conn.fetch(
        "select user_id from membership where restaurant_id = $1 and role = 'owner' order by user_id for update",
        restaurant_id,
    )
    if [row["user_id"] for row in rows] == [user_id]:
        raise LastOwnerError("a restaurant keeps an owner")


async def invitations(conn: Connection, restaurant_id: str) -> tuple[Invitation, ...]:
    """The newest first, with those that have expired."""
    rows = await conn.fetch(
        "select email, role, invited_by, created_at, expires_at from invitation where restaurant_id = $1"
        " order by created_at desc, email limit $2",
        restaurant_id,
        MOST_INVITATIONS,
    )
    return tuple(Invitation(*row) for row in rows)


async def invite(
    conn: Connection, restaurant_id: str, email: str, role: MemberRole, *, invited_by: str, good_for: timedelta
) -> str:
    """Returns the token for the link; an earlier link of this invitation opens nothing any more."""
    token = new_token()
    await conn.execute(
        "insert into invitation (restaurant_id, email, role, token_hash, invited_by, expires_at)"
        " values ($1, lower($2), $3, $4, $5, now() + $6::interval) on conflict (restaurant_id, email) do update"
        " set role = excluded.role, token_hash = excluded.token_hash, invited_by = excluded.invited_by,"
        " created_at = now(), expires_at = excluded.expires_at",
        restaurant_id,
        email,
        role,
        hash_of(token),
        invited_by,
        good_for,
    )
    return token


async def withdraw(conn: Connection, restaurant_id: str, email: str) -> bool:
    """Whether there was such an invitation."""
    gone = await conn.fetchval(
        "delete from invitation where restaurant_id = $1 and email = lower($2) returning email", restaurant_id, email
    )
    return gone is not None


async def look_at(conn: Connection, token: str) -> Invited | None:
    """What a link's token invites to, without using it up; None for one that is over. No restaurant needs be named."""
    row = await conn.fetchrow("select * from invitation_of($1)", hash_of(token))
    return Invited(*row) if row else None


async def sign_up(conn: Connection, token: str, name: str, password: str) -> Opened | None:
    """An account for whoever was invited; None when the link is over or the address has one. The invitation stays to
    be accepted. Raises ValueError for a short password."""
    row = await conn.fetchrow(
        "select * from sign_up_by_invitation($1, $2, $3)", hash_of(token), name, await hash_password(password)
    )
    return Opened(row["id"], row["email"]) if row else None


async def accept(conn: Connection, restaurant_id: str, token: str, user_id: str) -> MemberRole | None:
    """Become a member, in the restaurant's own transaction; None for a link that is over.

    Who is a member already keeps the role: no invitation takes an owner's away.
    """
    role: MemberRole | None = await conn.fetchval(
        "delete from invitation where restaurant_id = $1 and token_hash = $2 and expires_at > now() returning role",
        restaurant_id,
        hash_of(token),
    )
    if role is not None:
        await conn.execute(
            "insert into membership (restaurant_id, user_id, role) values ($1, $2, $3) on conflict do nothing",
            restaurant_id,
            user_id,
            role,
        )
    return role
