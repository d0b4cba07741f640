"""What belongs to one user, tried by another: sessions, name and password, the second step."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from stores import second_factors, sessions, users
from stores.ciphers import SecretCipher
from stores.postgres import NO_RESTAURANT, Connection
from tests.integration.stores.samples import Tenant

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)

# Functions that name the user's row by an id: called for one user with the id of another's.
ATTEMPTS: dict[str, Callable[[Connection, str, str], Awaitable[object]]] = {
    "end one": lambda conn, me, theirs: sessions.end_one(conn, me, theirs),
    "end all": lambda conn, me, theirs: sessions.end_all(conn, me),
    "act in": lambda conn, me, theirs: sessions.act_in(conn, me, theirs, None, reason="mine", length=DAY),
    "list": lambda conn, me, theirs: sessions.of_user(conn, me),
}


async def begin(postgres: Any, user_id: str) -> tuple[str, str]:
    """A session's token and id."""
    async with postgres.app.tenant(NO_RESTAURANT) as conn:
        token = await sessions.start(conn, user_id, lifetime=DAY, address="192.0.2.1", device="a browser")
        found = await sessions.find(conn, token, idle=DAY)
    assert found is not None
    return token, found.id


async def is_open(postgres: Any, token: str) -> bool:
    async with postgres.app.tenant(NO_RESTAURANT) as conn:
        return await sessions.find(conn, token, idle=DAY) is not None


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS.keys())
async def test_nobody_touches_anothers_session(
    postgres: Any, tenants: tuple[Tenant, Tenant], attempt: Callable[[Connection, str, str], Awaitable[object]]
) -> None:
    me, other = (tenant.user_id for tenant in tenants)
    token, session_id = await begin(postgres, other)

    async with postgres.app.tenant(NO_RESTAURANT) as conn:
        answer = await attempt(conn, me, session_id)

    assert answer in (None, (), 0, False)
    assert await is_open(postgres, token)


async def test_a_transaction_that_names_nobody_sees_and_ends_no_session(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    token, _ = await begin(postgres, tenants[0].user_id)

    async with postgres.app.tenant(tenants[0].id) as conn:
        assert await conn.fetch("select id from user_session") == []
        assert await conn.execute("delete from user_session") == "DELETE 0"

    assert await is_open(postgres, token)


async def test_a_user_ends_one_session_or_all_others(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    me = tenants[0].user_id
    (here, here_id), (phone, phone_id), (tablet, _) = [await begin(postgres, me) for _ in range(3)]

    async with postgres.app.tenant(NO_RESTAURANT) as conn:
        listed = await sessions.of_user(conn, me)
        assert await sessions.end_one(conn, me, phone_id)
        ended = await sessions.end_all(conn, me, but=here_id)

    assert len(listed) == 3
    assert ended == 1
    assert [await is_open(postgres, token) for token in (here, phone, tablet)] == [True, False, False]


async def test_ending_a_session_by_its_token_leaves_the_others(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    (here, _), (phone, _) = [await begin(postgres, tenants[0].user_id) for _ in range(2)]

    async with postgres.app.tenant(NO_RESTAURANT) as conn:
        await sessions.end(conn, phone)

    assert [await is_open(postgres, token) for token in (here, phone)] == [True, False]


async def test_a_user_has_so_many_sessions_and_no_more(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    me = tenants[0].user_id
    first, _ = await begin(postgres, me)
    for _ in range(sessions.MOST_SESSIONS):
        last, _ = await begin(postgres, me)

    async with postgres.platform.platform() as conn:
        count = await conn.fetchval("select count(*) from user_session where user_id = $1", me)

    assert count == sessions.MOST_SESSIONS
    assert not await is_open(postgres, first)
    assert await is_open(postgres, last)


async def test_a_changed_password_ends_every_session_of_its_user_alone(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    me, other = (tenant.user_id for tenant in tenants)
    (mine, _), (theirs, _) = await begin(postgres, me), await begin(postgres, other)

    async with postgres.app.tenant(NO_RESTAURANT) as conn:
        await users.as_user(conn, me)
        await users.set_password(conn, me, "another long password")
        assert await users.verify(conn, "owner@harbour.example", "another long password") is not None

    assert not await is_open(postgres, mine)
    assert await is_open(postgres, theirs)


async def test_a_user_renames_only_themselves(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    me, other = (tenant.user_id for tenant in tenants)
    async with postgres.app.tenant(NO_RESTAURANT) as conn:
        await users.rename(conn, me, "New name")
        assert await conn.execute("update app_user set name = 'Eve' where id = $1", other) == "UPDATE 0"

    async with postgres.platform.platform() as conn:
        names = await conn.fetch("select name from app_user where id = any($1) order by name", [me, other])

    assert "New name" in [row["name"] for row in names]
    assert "Eve" not in [row["name"] for row in names]


async def test_the_second_step_is_its_users_alone(
    postgres: Any, tenants: tuple[Tenant, Tenant], master_key: str
) -> None:
    me, other = (tenant.user_id for tenant in tenants)
    cipher = SecretCipher(master_key, second_factors.PURPOSE)
    async with postgres.app.tenant(NO_RESTAURANT) as conn:
        await second_factors.begin(conn, other, cipher)
        await second_factors.take_step(conn, other, 7)
        codes = await second_factors.renew_recovery_codes(conn, other)

    async with postgres.app.tenant(NO_RESTAURANT) as conn:
        await users.as_user(conn, me)
        seen = await conn.fetch("select user_id from second_factor union all select user_id from recovery_code")
        removed = [await conn.execute(f"delete from {table}") for table in ("second_factor", "recovery_code")]
        taken = await second_factors.take_recovery_code(conn, me, codes[0])
        asked = await second_factors.is_asked_for(conn, me)

    assert (seen, removed, taken, asked) == ([], ["DELETE 0", "DELETE 0"], False, False)
    async with postgres.app.tenant(NO_RESTAURANT) as conn:
        assert await second_factors.recovery_codes_left(conn, other) == 10
        assert await second_factors.is_asked_for(conn, other)


@pytest.mark.parametrize(
    "statement",
    [
        "update app_user set is_platform = true",
        "update app_user set disabled_at = null",
        "update app_user set email = 'eve@x.example'",
        "select token_hash from user_session",
        "update user_session set user_id = gen_random_uuid()",
        "update user_session set expires_at = now() + interval '9 years'",
    ],
)
async def test_a_user_may_not(postgres: Any, tenants: tuple[Tenant, Tenant], statement: str) -> None:
    async with postgres.app.tenant(NO_RESTAURANT) as conn:
        await users.as_user(conn, tenants[0].user_id)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with conn.transaction():
                await conn.execute(statement)
