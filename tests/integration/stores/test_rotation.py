"""MASTER_KEY rotated under a database that is read and written meanwhile."""

import asyncio
import base64
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from stores import calls, customers, orders, rotation, second_factors
from stores.calls import CallFilter
from stores.ciphers import CipherError, PiiCipher, SecretCipher, SipPasswordCipher
from stores.rotation import TABLES, Progress, Rotation, RotationError
from tests.conftest import Database, Pools
from tests.integration.stores.samples import Tenant, make_order, seed_both, write_call
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

NEW = base64.b64encode(bytes(range(1, 33))).decode()


@pytest.fixture
def both(master_key: str) -> str:
    return f"{NEW},{master_key}"


@pytest.fixture
async def tenants(postgres: Pools, master_key: str) -> tuple[Tenant, Tenant]:
    """Two restaurants, written with the old key."""
    own, other = await seed_both(postgres.platform, PiiCipher(master_key), SipPasswordCipher(master_key))
    secret = SecretCipher(master_key, second_factors.PURPOSE).encrypt(own.user_id, b"a second factor")
    async with postgres.app.tenant(own.id) as conn:
        await conn.execute("select set_config('app.user_id', $1, true)", own.user_id)
        await conn.execute("insert into second_factor (user_id, secret_encrypted) values ($1, $2)", own.user_id, secret)
    async with postgres.platform.platform() as conn:
        password = SipPasswordCipher(master_key).encrypt(own.line_id, "a SIP password")
        await conn.execute("update phone_line set sip_password = $2 where id = $1", own.line_id, password)
    return own, other


async def test_every_column_that_holds_something_sealed_is_rotated(postgres: Pools) -> None:
    async with postgres.platform.platform() as conn:
        rows = await conn.fetch(
            "select c.relname || '.' || a.attname as name from pg_class c join pg_attribute a on a.attrelid = c.oid"
            " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition"
            " and (a.attname like '%\\_encrypted' or a.attname in ('sip_password', 'twilio_auth_token'))"
        )

    assert {f"{table.name}.{column}" for table in TABLES for column in table.columns} == {row["name"] for row in rows}


async def unreadable(postgres: Pools, master_key: str) -> list[str]:
    """The columns of which something is not as the first key of ``master_key`` alone writes it."""
    alone = Rotation(postgres.platform, f"{master_key},{base64.b64encode(bytes(32)).decode()}")
    outcome = await alone.run()
    return [str(outcome)] if outcome.last.unreadable or outcome.renewed else []


async def test_everything_is_renewed_while_it_is_read_and_written_and_the_old_key_can_go(
    postgres: Pools, tenants: tuple[Tenant, Tenant], master_key: str, both: str
) -> None:
    own = tenants[0]
    stop = asyncio.Event()
    written: list[str] = []

    async def write(keys: str) -> None:
        pii, number = PiiCipher(keys), 0
        while not stop.is_set():
            number += 1
            order = make_order(own.menu, f"call-{uuid.uuid4()}", order_id=str(uuid.uuid4()))
            async with postgres.platform.platform() as conn:
                await customers.remember(conn, own.id, f"+3361234{number % 20:04}", f"Guest {number}", pii)
                await orders.insert_confirmed(conn, order, pii)
                await write_call(conn, own.id, f"call-{uuid.uuid4()}", own.line_id, f"+3361234{number % 20:04}", pii)
            written.append(order.id)

    async def read() -> int:
        pii, rounds = PiiCipher(both), 0
        while not stop.is_set():
            async with postgres.app.tenant(own.id) as conn:
                for order in await orders.recent(conn, 50, wanted=orders.OrderFilter(), pii=pii):
                    assert order.customer_name and not order.unreadable
                assert await customers.by_phone(conn, own.id, [own.phone], pii=pii)
            rounds += 1
        return rounds

    # As in a deployment: first some write with the old key and others with the new one, then all with the new one.
    early = [asyncio.create_task(write(keys)) for keys in (f"{master_key},{NEW}", both)]
    reading = asyncio.create_task(read())
    async with asyncio.timeout(PATIENCE_S * 2):
        await Rotation(postgres.platform, both, batch=20).run()
        stop.set()
        await asyncio.gather(*early)
        assert await reading > 0
        stop.clear()
        late = asyncio.create_task(write(both))
        outcome = await Rotation(postgres.platform, both, batch=20).run()
        stop.set()
        await late

    assert outcome.done and outcome.last.unreadable == 0
    assert await unreadable(postgres, NEW) == []
    pii = PiiCipher(NEW)
    async with postgres.app.tenant(own.id) as conn:
        found = [await customers.by_phone(conn, own.id, [f"+3361234{number:04}"], pii=pii) for number in range(1, 4)]
        assert [len(one) for one in found] == [1, 1, 1]  # one number is one customer, whoever wrote it
        assert await conn.fetchval('select count(*) from "order" where id = any($1::uuid[])', written) == len(written)
        hashes = pii.phone_hashes(own.id, own.phone)
        assert await calls.recent(conn, 10, wanted=CallFilter(caller_hashes=hashes), pii=pii)
    async with postgres.platform.platform() as conn:
        password = await conn.fetchval("select sip_password from phone_line where id = $1", own.line_id)
        sealed = await conn.fetchval("select secret_encrypted from second_factor where user_id = $1", own.user_id)
    assert SipPasswordCipher(NEW).decrypt(own.line_id, password) == "a SIP password"
    assert SecretCipher(NEW, second_factors.PURPOSE).decrypt(own.user_id, sealed) == b"a second factor"


async def test_an_interrupted_rotation_goes_on_where_it_stopped(
    postgres: Pools, tenants: tuple[Tenant, Tenant], both: str
) -> None:
    def stop_at(table: str) -> Callable[[Progress], None]:
        def told(progress: Progress) -> None:
            if progress.table == table:
                raise ConnectionResetError

        return told

    with pytest.raises(ConnectionResetError):
        await Rotation(postgres.platform, both, batch=1).run(stop_at("call_log"))
    steps: list[Progress] = []
    outcome = await Rotation(postgres.platform, both, batch=1).run(steps.append)

    first = steps[0]
    assert (first.table, first.counts.seen) == ("call_log", 2)  # the first call was looked at before
    assert outcome.done
    assert await unreadable(postgres, NEW) == []


async def test_what_no_key_reads_is_told_by_its_table_and_id_and_stays(
    postgres: Pools, tenants: tuple[Tenant, Tenant], both: str, caplog: pytest.LogCaptureFixture
) -> None:
    own = tenants[0]
    stranger = PiiCipher(base64.b64encode(bytes(32)).decode()).encrypt(own.id, "Zoé of another key")
    async with postgres.platform.platform() as conn:
        await conn.execute("update customer set name_encrypted = $2 where id = $1", own.customer_id, stranger)

    outcome = await Rotation(postgres.platform, both).run()

    assert outcome.done and outcome.last.unreadable == 1
    told = [vars(record)["alloresto_fields"] for record in caplog.records if record.message == "no key reads a value"]
    assert told[0] == {"table": "customer", "column": "name_encrypted", "id": own.customer_id}
    async with postgres.platform.platform() as conn:
        kept = await conn.fetchval("select name_encrypted from customer where id = $1", own.customer_id)
    assert kept == stranger
    with pytest.raises(CipherError):
        PiiCipher(both).decrypt(own.id, kept)


async def test_a_value_that_is_written_meanwhile_is_kept(
    postgres: Pools, tenants: tuple[Tenant, Tenant], both: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, read = tenants[0], Rotation._read
    meanwhile = PiiCipher(both).encrypt(own.id, "Written meanwhile")

    async def read_and_then_be_overtaken(self: Rotation, *about: Any) -> Any:
        batch = await read(self, *about)
        if "name_encrypted" not in batch.changes or about[1].name != "customer":
            return batch
        async with postgres.app.tenant(own.id) as conn:
            await conn.execute("update customer set name_encrypted = $2 where id = $1", own.customer_id, meanwhile)
        return batch

    monkeypatch.setattr(Rotation, "_read", read_and_then_be_overtaken)
    outcome = await Rotation(postgres.platform, both).run()

    assert outcome.done
    async with postgres.platform.platform() as conn:
        assert await conn.fetchval("select name_encrypted from customer where id = $1", own.customer_id) == meanwhile


async def test_two_rotations_at_once_and_a_single_key_are_refused_with_what_to_do(
    postgres: Pools, master_key: str, both: str
) -> None:
    async with Rotation(postgres.platform, both)._alone():
        with pytest.raises(RotationError, match="another rotation is under way"):
            await Rotation(postgres.platform, both).run()
    with pytest.raises(RotationError, match="give the new one and the old one"):
        Rotation(postgres.platform, master_key)
    with pytest.raises(RotationError, match="a key stands in it twice"):
        Rotation(postgres.platform, f"{master_key},{master_key}")


async def test_a_number_that_became_two_customers_is_told_as_what_holds_the_rotation_up(
    database: Database,
    postgres: Pools,
    tenants: tuple[Tenant, Tenant],
    both: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    own, pii = tenants[0], PiiCipher(both)
    async with postgres.platform.platform() as conn:
        sealed = await conn.fetchval("select phone_encrypted from customer where id = $1", own.customer_id)
    number = pii.decrypt(own.id, sealed)
    async with postgres.app.tenant(own.id) as conn:
        await conn.execute(
            "insert into customer (restaurant_id, phone_hash, phone_encrypted) values ($1, $2, $3)",
            own.id,
            pii.phone_hash(own.id, number),
            pii.encrypt(own.id, number),
        )
    monkeypatch.setenv("PLATFORM_DATABASE_URL", database.platform_url)
    monkeypatch.setenv("MASTER_KEY", both)

    outcome = await Rotation(postgres.platform, both).run()
    with pytest.raises(SystemExit):
        await asyncio.to_thread(rotation.main)

    assert not outcome.done
    assert "a number has become two customers" in capsys.readouterr().out
    told = [vars(one)["alloresto_fields"] for one in caplog.records if "keep the old key's hash" in one.message]
    assert told[0] == {"table": "customer", "count": 1}


async def test_with_a_wrong_old_key_the_command_fails_and_has_no_key_thrown_away(
    database: Database,
    tenants: tuple[Tenant, Tenant],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PLATFORM_DATABASE_URL", database.platform_url)
    monkeypatch.setenv("MASTER_KEY", f"{NEW},{base64.b64encode(b'?' * 32).decode()}")

    with pytest.raises(SystemExit) as ended:
        await asyncio.to_thread(rotation.main)

    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "are read by no key of MASTER_KEY" in said and "Keep every key" in said
    assert "Take it out" not in said


async def test_the_command_says_when_the_old_key_can_go(
    database: Database,
    tenants: tuple[Tenant, Tenant],
    both: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PLATFORM_DATABASE_URL", database.platform_url)
    monkeypatch.setenv("MASTER_KEY", both)

    await asyncio.to_thread(rotation.main)

    assert (
        "values written anew; nothing is left that the old key has written. Take it out of" in capsys.readouterr().out
    )
