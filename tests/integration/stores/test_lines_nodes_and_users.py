from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from domain.assignment import Move
from domain.trunks import InvalidTrunkError, TrunkOptions
from stores import lines, nodes, users
from stores.ciphers import SipPasswordCipher
from tests.integration.stores.samples import Tenant, new_id

pytestmark = pytest.mark.integration


async def test_a_bridge_gets_what_it_registers_a_line_with(
    postgres: Any, tenants: tuple[Tenant, Tenant], sip: SipPasswordCipher
) -> None:
    own, other = tenants

    async with postgres.platform.platform() as conn:
        by_id = {line.id: line for line in await lines.active_lines(conn)}

    line = by_id[own.line_id]
    assert by_id.keys() == {own.line_id, other.line_id}
    assert (line.restaurant_id, line.number, line.sip_username) == (own.id, own.phone, "user-harbour")
    assert sip.decrypt(line.id, line.sip_password) == "line secret"


async def test_an_inactive_line_is_not_registered_and_its_number_is_free_for_another(
    postgres: Any, tenants: tuple[Tenant, Tenant], sip: SipPasswordCipher
) -> None:
    own, other = tenants

    async with postgres.platform.platform() as conn:
        await lines.set_active(conn, own.line_id, False)
        moved = await lines.create(conn, restaurant_id=other.id, number=own.phone, cipher=sip)
        assert {line.id for line in await lines.active_lines(conn)} == {other.line_id, moved.id}
        with pytest.raises(lines.NumberTakenError, match=r"^number: an active line has"):
            await lines.set_active(conn, own.line_id, True)


async def test_a_line_that_is_switched_off_still_rings_until_another_has_its_number(
    postgres: Any, tenants: tuple[Tenant, Tenant], sip: SipPasswordCipher
) -> None:
    own, other = tenants

    async with postgres.app.tenant(own.id) as conn:
        assert (await lines.get(conn, own.line_id)).transfers == "auto"
        await conn.execute("update phone_line set transfers = 'second_leg' where id = $1", own.line_id)
    async with postgres.platform.platform() as conn:
        await lines.set_active(conn, own.line_id, False)
        ringing = {line.id: line for line in await lines.ringing_lines(conn)}
        assert (ringing[own.line_id].is_active, ringing[own.line_id].transfers) == (False, "second_leg")
        moved = await lines.create(conn, restaurant_id=other.id, number=own.phone, cipher=sip)
        assert {line.id for line in await lines.ringing_lines(conn)} == {other.line_id, moved.id}
        await lines.set_active(conn, moved.id, False)
        assert {line.id for line in await lines.ringing_lines(conn)} == {other.line_id, moved.id}


@pytest.mark.parametrize("spelling", ["{number}", "00{bare}", "{bare}", "+{country} (0){national}", "0{national}"])
async def test_a_number_in_another_spelling_is_taken_and_the_field_is_named(
    postgres: Any, tenants: tuple[Tenant, Tenant], sip: SipPasswordCipher, spelling: str
) -> None:
    own, other = tenants
    bare = own.phone.removeprefix("+")
    written = spelling.format(number=own.phone, bare=bare, country=bare[:2], national=bare[2:])

    async with postgres.platform.platform() as conn:
        await conn.execute("update restaurant set country = 'FR'")

    async with postgres.app.tenant(other.id) as conn:
        with pytest.raises(lines.NumberTakenError, match=r"^number: "):
            await lines.create(conn, restaurant_id=other.id, number=written, cipher=sip)
        there = await lines.create(conn, restaurant_id=other.id, number="04 65 71 09 99", cipher=sip)

    assert there.number == "+33465710999"


async def test_a_restaurant_sets_its_lines_password_and_its_node_reads_it(
    postgres: Any, tenants: tuple[Tenant, Tenant], sip: SipPasswordCipher
) -> None:
    own, _ = tenants
    async with postgres.platform.platform() as conn:
        await nodes.heartbeat(conn, "edge-0", hostname="edge-0")
        await lines.move(conn, [Move(own.line_id, "edge-0")])

    async with postgres.app.tenant(own.id) as conn:
        await lines.set_password(conn, own.line_id, "a new one", sip)
        assert (await lines.get(conn, own.line_id)).sip_password == ""

    async with postgres.platform.platform() as conn:
        (held,) = await lines.lines_of_node(conn, "edge-0")
    assert (held.id, held.bridge_node_id) == (own.line_id, "edge-0")
    assert sip.decrypt(held.id, held.sip_password) == "a new one"


async def test_a_trunks_account_is_kept_as_it_was_entered_and_refused_where_it_is_mistyped(
    postgres: Any, tenants: tuple[Tenant, Tenant], sip: SipPasswordCipher
) -> None:
    own, _ = tenants
    account = TrunkOptions("account-17", "proxy.trunk.test:5070", "tls", "optional")
    given: dict[str, Any] = {"restaurant_id": own.id, "number": "+33100000411", "cipher": sip, "sip_username": "anna"}

    async with postgres.app.tenant(own.id) as conn:
        made = await lines.create(conn, sip_domain="trunk.test", trunk=account, **given)
        assert (await lines.get(conn, made.id)).trunk == account
        with pytest.raises(InvalidTrunkError, match=r"^outbound_proxy: "):
            await lines.create(conn, sip_domain="trunk.test", trunk=TrunkOptions(outbound_proxy="a b"), **given)

    async with postgres.platform.platform() as conn:
        by_id = {line.id: line for line in await lines.active_lines(conn)}
    assert by_id[made.id].trunk == account
    assert by_id[own.line_id].trunk == TrunkOptions()


async def test_lines_of_the_other_entrances_have_what_their_calls_are_known_by(
    postgres: Any, tenants: tuple[Tenant, Tenant], sip: SipPasswordCipher
) -> None:
    own, _ = tenants
    async with postgres.platform.platform() as conn:
        asterisk = await lines.create(
            conn, restaurant_id=own.id, number="+33100000401", cipher=sip, provider="audiosocket"
        )
        twilio = await lines.create(
            conn,
            restaurant_id=own.id,
            number="+33100000402",
            cipher=sip,
            provider="twilio",
            twilio_auth_token="a token",
        )

    async with postgres.app.tenant(own.id) as conn:
        assert (await lines.get(conn, asterisk.id)).audiosocket_uuid == asterisk.audiosocket_uuid
        await lines.set_twilio_auth_token(conn, twilio.id, "a new token", sip)
        assert (await lines.get(conn, twilio.id)).twilio_auth_token == ""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with postgres.app.tenant(own.id) as conn:
            await conn.fetchval("select twilio_auth_token from phone_line where id = $1", twilio.id)

    async with postgres.platform.platform() as conn:
        by_id = {line.id: line for line in await lines.active_lines(conn)}
    assert by_id[asterisk.id].audiosocket_uuid == asterisk.audiosocket_uuid != ""
    assert sip.decrypt(twilio.id, by_id[twilio.id].twilio_auth_token) == "a new token"


async def test_an_audiosocket_line_has_a_uuid_and_no_other_line_has(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    with pytest.raises(asyncpg.CheckViolationError):
        async with postgres.platform.platform() as conn:
            await conn.execute("update phone_line set provider = 'audiosocket' where id = $1", own.line_id)
    with pytest.raises(asyncpg.CheckViolationError):
        async with postgres.platform.platform() as conn:
            await conn.execute("update phone_line set audiosocket_uuid = gen_random_uuid() where id = $1", own.line_id)


async def test_a_node_that_lost_a_line_can_not_report_on_it(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants
    async with postgres.platform.platform() as conn:
        for node in ("edge-0", "edge-1"):
            await nodes.heartbeat(conn, node, hostname=node)
            await lines.move(conn, [Move(own.line_id, node)])

        assert not (await lines.set_registration(conn, own.line_id, "edge-0", 1, "registered")).written
        assert not (await lines.set_registration(conn, own.line_id, "edge-1", 1, "registered")).written
        assert (await lines.set_registration(conn, own.line_id, "edge-1", 2, "error", "403 Forbidden")).written
        row = await conn.fetchrow("select bridge_node_id, status, error from sip_registration")

    assert row is not None
    assert tuple(row) == ("edge-1", "error", "403 Forbidden")


async def test_a_leaving_node_keeps_the_line_until_the_next_one_has_registered_it(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    async with postgres.platform.platform() as conn:
        for node in ("edge-0", "edge-1"):
            await nodes.heartbeat(conn, node, hostname=node)
        await lines.move(conn, [Move(own.line_id, "edge-0")])
        await lines.move(conn, [Move(own.line_id, "edge-1", leaving="edge-0")])

        failed = await lines.set_registration(conn, own.line_id, "edge-1", 2, "error", "the trunk is away")
        (before,) = [line for line in await lines.active_lines(conn) if line.id == own.line_id]
        registered = await lines.set_registration(conn, own.line_id, "edge-1", 2, "registered")
        (after,) = [line for line in await lines.active_lines(conn) if line.id == own.line_id]

    assert (failed.handed_over, registered.handed_over) == (False, True)
    assert (before.bridge_node_id, before.leaving_node_id) == ("edge-1", "edge-0")
    assert (after.bridge_node_id, after.leaving_node_id) == ("edge-1", None)


async def test_a_silent_node_is_down_until_it_speaks_again(postgres: Any) -> None:
    async with postgres.platform.platform() as conn:
        await nodes.heartbeat(conn, "edge-0", hostname="edge-0")
        await conn.execute("update sip_bridge_node set last_heartbeat = now() - interval '31 s'")

        assert await nodes.silent(conn, timedelta(seconds=30)) == ("edge-0",)
        assert await nodes.mark_down(conn, timedelta(seconds=30), spared=["edge-0"]) == ()
        assert await nodes.mark_down(conn, timedelta(seconds=30)) == ("edge-0",)
        assert await nodes.mark_down(conn, timedelta(seconds=30)) == ()
        await nodes.heartbeat(conn, "edge-0", hostname="edge-0")
        assert await conn.fetchval("select status from sip_bridge_node") == "healthy"


async def test_a_user_logs_in_on_either_role_and_is_told_the_restaurants(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        user = await users.verify(conn, "Owner@Harbour.example", "long enough")
        assert user is not None
        memberships = await users.memberships(conn, user.id)
    async with postgres.platform.platform() as conn:
        assert await users.by_email(conn, "owner@harbour.example") == user

    assert (user.id, user.is_platform) == (own.user_id, False)
    assert [(one.restaurant_id, one.restaurant_name, one.role) for one in memberships] == [(own.id, "harbour", "owner")]


async def test_a_wrong_password_an_unknown_address_and_a_disabled_user_are_all_nobody(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants

    async with postgres.platform.platform() as conn:
        assert await users.verify(conn, "owner@harbour.example", "wrong password") is None
        assert await users.verify(conn, "nobody@harbour.example", "nobody has this password") is None
        await conn.execute("update app_user set disabled_at = now() where id = $1", own.user_id)
        assert await users.verify(conn, "owner@harbour.example", "long enough") is None


async def test_a_changed_password_is_the_only_one_that_opens(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    async with postgres.platform.platform() as conn:
        await users.set_password(conn, own.user_id, "an even longer one")
        assert await users.verify(conn, "owner@harbour.example", "long enough") is None
        assert await users.verify(conn, "owner@harbour.example", "an even longer one") is not None
        with pytest.raises(ValueError, match="password: at least"):
            await users.set_password(conn, own.user_id, "short")
        with pytest.raises(LookupError):
            await users.set_password(conn, new_id(), "long enough")
