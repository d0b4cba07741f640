"""Everybody who may log in, as the platform's staff see them. All of it needs the platform role."""

from dataclasses import dataclass
from datetime import datetime

from stores.errors import NotFoundError, require
from stores.postgres import Connection
from stores.users import Membership


@dataclass(frozen=True, slots=True)
class Person:
    """``disabled_at`` is None while they may log in."""

    id: str
    email: str
    name: str
    is_platform: bool
    disabled_at: datetime | None
    created_at: datetime
    restaurants: int


_SELECT = (
    "select u.id, u.email, u.name, u.is_platform, u.disabled_at, u.created_at,"
    " (select count(*) from membership m where m.user_id = u.id) as restaurants from app_user u"
)


async def search(
    conn: Connection, text: str, limit: int, *, after: str = "", staff: bool = False
) -> tuple[Person, ...]:
    """By address; those whose address or name has ``text`` in it. ``after`` is the last address of the page before."""
    rows = await conn.fetch(
        f"{_SELECT} where u.email > $2 and ($1 = '' or strpos(u.email, $1) > 0 or strpos(lower(u.name), $1) > 0)"
        " and (not $3 or u.is_platform) order by u.email limit $4",
        text.strip().lower(),
        after,
        staff,
        limit,
    )
    return tuple(Person(*row.values()) for row in rows)


async def get(conn: Connection, user_id: str) -> Person:
    """Raises NotFoundError."""
    row = await conn.fetchrow(f"{_SELECT} where u.id = $1", user_id)
    if row is None:
        raise NotFoundError("user", user_id)
    return Person(*row.values())


async def by_address(conn: Connection, email: str) -> str | None:
    """The id of the user with this address, disabled or not."""
    user_id: str | None = await conn.fetchval("select id from app_user where email = lower($1)", email)
    return user_id


async def set_disabled(conn: Connection, user_id: str, disabled: bool) -> None:
    """Somebody disabled is out at their next request. Raises NotFoundError."""
    done = await conn.fetchval(
        "update app_user set disabled_at = case when $2 then coalesce(disabled_at, now()) end where id = $1"
        " returning id",
        user_id,
        disabled,
    )
    require(done, "user", user_id)


async def set_platform(conn: Connection, user_id: str, is_platform: bool) -> None:
    """Raises NotFoundError."""
    done = await conn.fetchval("update app_user set is_platform = $2 where id = $1 returning id", user_id, is_platform)
    require(done, "user", user_id)


async def memberships(conn: Connection, user_id: str) -> tuple[Membership, ...]:
    """Those in disabled restaurants, too, unlike ``users.memberships``."""
    rows = await conn.fetch(
        "select r.id, r.name, m.role from membership m join restaurant r on r.id = m.restaurant_id"
        " where m.user_id = $1 order by r.name, r.id",
        user_id,
    )
    return tuple(Membership(*row.values()) for row in rows)
