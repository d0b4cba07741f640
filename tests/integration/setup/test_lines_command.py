"""``alloresto lines`` as the operator runs it, on a real Postgres."""

import subprocess
import uuid

import pytest

from stores import lines, restaurants
from stores.ciphers import SipPasswordCipher
from tests.conftest import Database, Pools
from tests.integration.setup import commands
from tests.integration.stores.samples import make_restaurant

pytestmark = pytest.mark.integration


def command(database: Database, master_key: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return commands.command(database, "lines", *arguments, MASTER_KEY=master_key, **more)


async def test_lines_of_both_entrances_are_made_and_listed(
    database: Database, postgres: Pools, master_key: str
) -> None:
    owner = make_restaurant("Owner")
    async with postgres.platform.platform() as connection:
        await restaurants.create(connection, owner)

    asterisk = command(database, master_key, "add", owner.id, "+33100000501", "--provider", "audiosocket")
    twilio = command(
        database, master_key, "add", owner.id, "+33100000502", "--provider", "twilio", TWILIO_AUTH_TOKEN="the token"
    )
    listed = command(database, master_key, "list").stdout

    assert (asterisk.returncode, twilio.returncode) == (0, 0), asterisk.stderr + twilio.stderr
    line_uuid = asterisk.stdout.split()[-1]
    assert [line.split()[1:3] for line in listed.splitlines()] == [
        ["audiosocket", "+33100000501"],
        ["twilio", "+33100000502"],
    ]
    assert listed.splitlines()[0].endswith(str(uuid.UUID(line_uuid)))
    assert "the token" not in listed + twilio.stdout
    async with postgres.platform.platform() as connection:
        stored = {line.number: line for line in await lines.active_lines(connection)}["+33100000502"]
        told = await connection.fetchval("select count(*) from outbox where type = 'com.alloresto.line.changed'")
    assert SipPasswordCipher(master_key).decrypt(stored.id, stored.twilio_auth_token) == "the token"
    assert told == 2

    changed = command(database, master_key, "twilio-token", stored.id, TWILIO_AUTH_TOKEN="a new token")
    assert changed.returncode == 0, changed.stderr
    async with postgres.platform.platform() as connection:
        stored = {line.number: line for line in await lines.active_lines(connection)}["+33100000502"]
    assert SipPasswordCipher(master_key).decrypt(stored.id, stored.twilio_auth_token) == "a new token"


async def test_a_line_that_registers_is_made_with_all_that_its_trunk_needs(
    database: Database, postgres: Pools, master_key: str
) -> None:
    owner = make_restaurant("Owner")
    async with postgres.platform.platform() as connection:
        await restaurants.create(connection, owner)

    made = command(
        database,
        master_key,
        *("add", owner.id, "+33100000511", "--provider", "sip", "--domain", "trunk.test", "--username", "anna"),
        *("--auth-username", "account-17", "--proxy", "proxy.test:5070", "--transport", "tls", "--srtp", "required"),
        SIP_PASSWORD="the password",
    )

    assert made.returncode == 0, made.stderr
    listed = command(database, master_key, "list").stdout
    assert "anna@trunk.test as account-17 via proxy.test:5070 tls srtp required" in listed
    async with postgres.platform.platform() as connection:
        (stored,) = await lines.active_lines(connection)
    assert SipPasswordCipher(master_key).decrypt(stored.id, stored.sip_password) == "the password"


async def test_a_trunk_without_a_username_is_said_to_call_from_its_addresses(
    database: Database, postgres: Pools, master_key: str
) -> None:
    owner = make_restaurant("Owner")
    async with postgres.platform.platform() as connection:
        await restaurants.create(connection, owner)
    by_number = ("add", owner.id, "--provider", "sip", "--domain")

    static = command(database, master_key, *by_number, "trunk.test", "+33100000521")
    registering = command(
        database, master_key, *by_number, "trunk.test", "+33100000522", "--username", "anna", SIP_PASSWORD="secret"
    )
    listed, standing = (command(database, master_key, *one).stdout for one in (("list",), ()))

    assert "the addresses of trunk.test, without a registration" in static.stdout
    assert "registers at trunk.test as anna" in registering.stdout
    assert "called by trunk.test" in listed
    assert "takes calls from the addresses of trunk.test, without a registration" in standing
    assert "waits for a node to take it" in standing


async def test_what_can_not_be_made_is_one_line(database: Database, postgres: Pools, master_key: str) -> None:
    owner = make_restaurant("Owner")
    async with postgres.platform.platform() as connection:
        await restaurants.create(connection, owner)
    taken = ("add", owner.id, "+33100000503", "--provider", "audiosocket")
    assert command(database, master_key, *taken).returncode == 0

    for arguments, why in (
        (taken, "an active line has +33100000503 already"),
        (("add", str(uuid.uuid4()), "+33100000504", "--provider", "audiosocket"), "there is no restaurant"),
        (("add", "margot", "+33100000504", "--provider", "audiosocket"), "there is no restaurant margot"),
        (("add", owner.id, "not a number", "--provider", "audiosocket"), "number: "),
        (("add", owner.id, "+33100000504", "--provider", "twilio"), "TWILIO_AUTH_TOKEN: not set"),
        (
            ("add", owner.id, "+33100000504", "--provider", "sip", "--domain", "sip:a", "--username", "a"),
            "sip_domain: ",
        ),
        (("add", owner.id, "+33100000504", "--provider", "sip", "--srtp", "maybe"), "srtp: one of off, "),
        (("add", owner.id, "+33100000504", "--provider", "sip", "--username", "a"), "--domain: not set"),
        (("twilio-token", str(uuid.uuid4())), "TWILIO_AUTH_TOKEN: not set"),
    ):
        done = command(database, master_key, *arguments, TWILIO_AUTH_TOKEN="", SIP_PASSWORD="secret")
        assert done.returncode == 1, arguments
        assert why in done.stderr
        assert len(done.stderr.splitlines()) == 1
    unknown = command(database, master_key, "twilio-token", str(uuid.uuid4()), TWILIO_AUTH_TOKEN="a token")
    assert (unknown.returncode, "there is no line" in unknown.stderr) == (1, True)
