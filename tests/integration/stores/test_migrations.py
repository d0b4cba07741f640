import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import pytest

from devstack.servers.embedded import EmbeddedPostgres
from domain.phone_numbers import one_form
from stores import menus, orders, partitions, restaurants, users
from stores import migrate as migrations
from stores.ciphers import PiiCipher, SipPasswordCipher
from stores.migrate import Migration, MigrationError, migrate, shipped_migrations
from stores.postgres import NO_RESTAURANT, Connection, Postgres, PostgresUnavailableError, connect
from tests.integration.stores.samples import Tenant, make_order, seed_both
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

FAR = datetime.now(UTC).year + 20  # no migration has made its partitions


@dataclass
class Blank:
    """A database that does not exist yet."""

    url: str


@pytest.fixture
def blank(postgres_server: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[Blank]:
    name = f"blank-{request.node.name[:40]}"
    yield Blank(postgres_server.url(database=name))

    async def drop() -> None:
        connection = await connect(postgres_server.url(database="postgres"))
        await connection.execute(f'drop database if exists "{name}" with (force)')
        await connection.close()

    asyncio.run(drop())


async def test_migrating_makes_the_database_and_is_safe_to_repeat(blank: Blank) -> None:
    names = [migration.name for migration in shipped_migrations()]

    assert await migrate(blank.url) == names
    assert await migrate(blank.url) == []


async def test_two_migrators_at_once_apply_each_file_once(blank: Blank) -> None:
    both = await asyncio.gather(migrate(blank.url), migrate(blank.url))

    assert sorted(both, key=len) == [[], [migration.name for migration in shipped_migrations()]]


async def test_a_file_changed_after_it_was_applied_is_refused_by_name(blank: Blank) -> None:
    await migrate(blank.url, migrations=(Migration("0001_a.sql", "create table a (i int)"),))

    with pytest.raises(MigrationError, match=r"0001_a\.sql was changed"):
        await migrate(blank.url, migrations=(Migration("0001_a.sql", "create table a (i bigint)"),))


async def test_a_database_of_a_newer_release_is_refused(blank: Blank) -> None:
    await migrate(blank.url, migrations=(Migration("0001_a.sql", "select 1"), Migration("0002_b.sql", "select 1")))

    with pytest.raises(MigrationError, match=r"0002_b\.sql"):
        await migrate(blank.url, migrations=(Migration("0001_a.sql", "select 1"),))


async def test_a_file_that_fails_leaves_no_trace_and_is_named(blank: Blank) -> None:
    good = Migration("0001_a.sql", "create table a (i int)")
    bad = Migration("0002_b.sql", "create table b (i int); select nonsense")

    with pytest.raises(asyncpg.UndefinedColumnError) as failed:
        await migrate(blank.url, migrations=(good, bad))

    assert failed.value.__notes__ == ["in 0002_b.sql"]
    connection = await connect(blank.url)
    assert await connection.fetchval("select to_regclass('b')") is None
    assert await connection.fetchval("select count(*) from schema_migration") == 1
    await connection.close()


async def test_the_command_sets_the_roles_passwords_and_is_quiet_about_them(
    blank: Blank,
    migrated_template: EmbeddedPostgres,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    password = migrated_template.password("alloresto_app")
    monkeypatch.setenv("MIGRATE_DATABASE_URL", blank.url)
    monkeypatch.setenv("APP_DATABASE_PASSWORD", password)

    await asyncio.to_thread(migrations.main)

    connection = await connect(
        blank.url.replace("postgres:", "alloresto_app:", 1).replace(migrated_template.password("postgres"), password)
    )
    assert await connection.fetchval("select current_user") == "alloresto_app"
    await connection.close()
    printed = "".join(capfd.readouterr())
    assert "up to date" in printed
    assert password not in printed


async def test_the_command_says_in_one_line_why_it_could_not(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_DATABASE_URL", "postgresql://postgres:x@127.0.0.1:1/alloresto")
    monkeypatch.setenv("CONNECT_TIMEOUT_S", "0.2")

    with pytest.raises(SystemExit):
        await asyncio.to_thread(migrations.main)

    printed = capfd.readouterr().err.strip().splitlines()
    assert len(printed) == 1
    assert printed[0].startswith("migrate: Postgres takes no connection")


async def make_owner(server: EmbeddedPostgres) -> None:
    """The role ``owner``, which is no superuser and may make roles and databases."""
    superuser = await connect(server.url(database="postgres"))
    await superuser.execute(f"create role owner login createrole createdb password '{server.password('owner')}'")
    await superuser.close()


async def test_an_owner_who_is_no_superuser_can_migrate_and_is_bound_by_row_level_security(
    own_server: EmbeddedPostgres, pii: PiiCipher, sip: SipPasswordCipher
) -> None:
    await make_owner(own_server)

    await migrate(
        own_server.url("owner"),
        app_password=own_server.password("alloresto_app"),
        platform_password=own_server.password("alloresto_platform"),
    )

    platform = Postgres(own_server.url("alloresto_platform"))
    await platform.open()
    own, other = await seed_both(platform, pii, sip)
    app = Postgres(own_server.url("alloresto_app"))
    await app.open()
    async with app.tenant(NO_RESTAURANT) as conn:
        assert {one.id for one in await restaurants.greeted(conn)} == {own.id, other.id}
    await app.close()
    async with platform.platform() as conn:
        assert await users.verify(conn, "owner@harbour.example", "long enough") is not None
        assert len(await users.memberships(conn, own.user_id)) == 1
        assert await partitions.ensure(conn, date(FAR, 1, 1), 1) == 3
    await platform.close()
    owner = await connect(own_server.url("owner"))
    assert await owner.fetchval('select count(*) from "order"') == 0
    await owner.close()


def shipped_before(name: str) -> tuple[Migration, ...]:
    return tuple(one for one in shipped_migrations() if one.name < name)


async def migrated_by_owner(server: EmbeddedPostgres, *, before: str) -> Connection:
    """The platform role at a database that its owner, who is no superuser, has migrated so far."""
    await make_owner(server)
    await migrate(
        server.url("owner"),
        app_password=server.password("alloresto_app"),
        platform_password=server.password("alloresto_platform"),
        migrations=shipped_before(before),
    )
    return await connect(server.url("alloresto_platform"))


async def test_what_was_there_gets_the_country_of_its_zone_and_one_vat_rate_for_both(
    own_server: EmbeddedPostgres,
) -> None:
    """By an owner who is no superuser: one is not bound by row-level security, and would see nothing of this."""
    platform = await migrated_by_owner(own_server, before="0010")
    for zone in ("Europe/Paris", "Europe/Dublin", "Indian/Reunion", "America/Lima"):
        restaurant_id = await platform.fetchval(
            "insert into restaurant (name, language, currency, zone) values ($1, 'fr', 'EUR', $1) returning id", zone
        )
        category_id = await platform.fetchval(
            "insert into menu_category (restaurant_id, name) values ($1, 'Drinks') returning id", restaurant_id
        )
        await platform.execute(
            "insert into menu_item (restaurant_id, category_id, name, vat_rate_bp) values ($1, $2, 'Cola', 550)",
            restaurant_id,
            category_id,
        )

    await migrate(own_server.url("owner"))

    rows = await platform.fetch("select zone, country, max_order_cents from restaurant")
    rates = await platform.fetch("select vat_rate_bp, vat_dine_in_bp from menu_item")
    forced = await platform.fetch("select relname from pg_class where relname = 'restaurant' and relforcerowsecurity")
    await platform.close()
    assert {row["zone"]: row["country"] for row in rows} == {
        "Europe/Paris": "FR",
        "Europe/Dublin": "IE",
        "Indian/Reunion": "RE",
        "America/Lima": "ZZ",
    }
    assert {row["max_order_cents"] for row in rows} == {50_000}
    assert [tuple(row) for row in rates] == [(550, 550)] * 4
    assert len(forced) == 1


async def test_only_a_country_that_was_guessed_is_taken_back_and_the_operator_is_told(
    blank: Blank, caplog: pytest.LogCaptureFixture
) -> None:
    insert = "insert into restaurant (name, language, currency, zone) values ($1, 'fr', 'EUR', $1) returning id"
    for until, zone in (("0010", "America/Lima"), ("0014", "Etc/UTC")):
        await migrate(blank.url, migrations=shipped_before(until))
        connection = await connect(blank.url)
        restaurant_id = await connection.fetchval(insert, zone)
        if until == "0014":
            await connection.execute("update restaurant set country = 'FR' where id = $1", restaurant_id)
        await connection.close()

    await migrate(blank.url)

    connection = await connect(blank.url)
    await connection.execute(insert, "Europe/Paris")
    countries = {row["zone"]: row["country"] for row in await connection.fetch("select zone, country from restaurant")}
    guessed = await connection.fetchval("select id from restaurant where zone = 'America/Lima'")
    await connection.close()
    assert countries == {"America/Lima": "ZZ", "Etc/UTC": "FR", "Europe/Paris": "ZZ"}
    told = [record for record in caplog.records if (record.name, record.levelname) == ("stores.migrate", "WARNING")]
    assert len(told) == 1
    assert str(guessed) in str(told[0].__dict__)


async def test_numbers_of_before_get_their_one_form_and_two_spellings_of_one_are_reported_and_kept(
    own_server: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    """By an owner who is no superuser, as above."""
    platform = await migrated_by_owner(own_server, before="0016")
    written: dict[str, tuple[str, str]] = {}
    for country, *numbers in (
        ("FR", "+33465710042", "0033465710042", "0465710043", "33465710044", "04.65.71.00.45", "200", "pizzeria"),
        ("IE", "0209110042", "00353209110043"),
        ("IT", "0612345678"),
        ("ES", "612345678", "34612345679"),
        ("HU", "0612345679"),
        ("US", "2125550142", "12125550143"),
    ):
        owner = await platform.fetchval(
            "insert into restaurant (name, language, currency, zone, country)"
            " values ('A', 'fr', 'EUR', 'Europe/Paris', $1) returning id",
            country,
        )
        for number in numbers:
            line_id = await platform.fetchval(
                "insert into phone_line (restaurant_id, number, provider) values ($1, $2, 'sip') returning id",
                owner,
                number,
            )
            written[line_id] = (country, number)

    await migrate(own_server.url("owner"))

    rows = {row["id"]: row["number"] for row in await platform.fetch("select id, number from phone_line")}
    await platform.close()
    (kept,) = [line_id for line_id, (_, number) in written.items() if number == "0033465710042"]
    assert rows == {
        line_id: number if line_id == kept else one_form(number, country)
        for line_id, (country, number) in written.items()
    }
    assert any(kept in repr(vars(record)) for record in caplog.records if record.levelname == "WARNING")


async def test_a_server_that_is_away_is_waited_for_until_the_deadline() -> None:
    why: list[str] = []

    with pytest.raises(PostgresUnavailableError):
        await connect("postgresql://x:x@127.0.0.1:1/x", timeout_s=0.4, waiting=why.append)

    assert len(why) >= 2


async def test_an_order_beyond_the_partitions_is_kept_in_the_default_and_found(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    far = datetime(FAR, 5, 5, tzinfo=UTC)
    async with postgres.app.tenant(own.id) as conn:
        stored = await orders.insert_confirmed(conn, make_order(own.menu, "far", confirmed_at=far), pii)

    async with postgres.platform.platform() as conn:
        made = await partitions.ensure(conn, date(FAR, 4, 30), 3)
        where = await conn.fetch('select tableoid::regclass::text as part from "order" where id = $1', stored.id)
        order = await orders.get(conn, stored.id)

    assert made == 7  # three months of three tables, less May of the orders and of their lines
    assert where[0]["part"] == "order_default"
    assert len(order.lines) == 1


async def test_partitions_are_made_once_and_hold_the_rows_of_their_month(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    async with postgres.platform.platform() as conn:
        assert await partitions.ensure(conn, date(FAR, 12, 31), 2) == 6
        assert await partitions.ensure(conn, date(FAR, 12, 1), 2) == 0
        with pytest.raises(asyncpg.InvalidParameterValueError, match="months"):
            async with conn.transaction():
                await partitions.ensure(conn, date(FAR, 12, 1), 0)
    last = datetime(FAR, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

    async with postgres.app.tenant(own.id) as conn:
        await orders.insert_confirmed(conn, make_order(own.menu, "last", confirmed_at=last), pii)

    async with postgres.platform.platform() as conn:
        parts = await conn.fetch('select tableoid::regclass::text as part from "order" where call_id = $1', "last")
    assert [row["part"] for row in parts] == [f"order_{FAR}_12"]


async def test_this_month_and_the_next_have_their_partitions_after_a_migration(postgres: Any) -> None:
    async with postgres.platform.platform() as conn:
        month = await conn.fetchval(
            "select 'call_log_' || to_char(now() at time zone 'UTC' + interval '1 month', 'YYYY_MM')"
        )
        assert await conn.fetchval("select to_regclass($1) is not null", month)


async def test_an_outbox_row_is_announced_when_its_transaction_commits(
    database: Any, postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    heard = asyncio.Event()
    listener = await connect(database.platform_url)
    await listener.add_listener("outbox", lambda *_: heard.set())

    async with postgres.app.tenant(own.id) as conn:
        await conn.execute("insert into outbox (event_id, type, event) values ('1', 't', $1)", {"id": "1"})
        await asyncio.sleep(0.05)
        assert not heard.is_set()
    await asyncio.wait_for(heard.wait(), PATIENCE_S)

    await listener.close()
    async with postgres.platform.platform() as conn:
        assert await conn.fetchval("select restaurant_id from outbox") == own.id


async def test_a_menu_of_before_keeps_its_meaning_and_two_names_may_be_exchanged(own_server: EmbeddedPostgres) -> None:
    """By an owner who is no superuser, as above."""
    platform = await migrated_by_owner(own_server, before="0028")
    owner = await platform.fetchval(
        "insert into restaurant (name, language, currency, zone) values ('A', 'fr', 'EUR', 'Europe/Paris') returning id"
    )
    category = await platform.fetchval(
        "insert into menu_category (restaurant_id, name) values ($1, 'Pizzas') returning id", owner
    )
    for name in ("Regina", "Margherita"):
        item = await platform.fetchval(
            "insert into menu_item (restaurant_id, category_id, name, vat_rate_bp, vat_dine_in_bp, available)"
            " values ($1, $2, $3, 1000, 1000, $3 = 'Regina') returning id",
            owner,
            category,
            name,
        )
        await platform.execute(
            "insert into item_size (restaurant_id, item_id, price_cents) values ($1, $2, 900)", owner, item
        )

    await migrate(own_server.url("owner"))

    menu = await menus.load(platform, owner)
    async with platform.transaction():
        await menus.save(platform, menu, replace(menu, items=tuple(reversed(menu.items))))
    await platform.close()
    assert [(item.name, item.available, item.off_until) for item in menu.items] == [
        ("Margherita", False, None),
        ("Regina", True, None),
    ]
    assert (menu.items[0].ingredients, menu.items[0].combo, menu.items[0].served) == ((), (), ())


async def test_a_reservation_of_before_keeps_its_table_and_holds_it(own_server: EmbeddedPostgres) -> None:
    """By an owner who is no superuser, as above."""
    platform = await migrated_by_owner(own_server, before="0038")
    owner = await platform.fetchval(
        "insert into restaurant (name, language, currency, zone) values ('A', 'fr', 'EUR', 'Europe/Paris') returning id"
    )
    table = await platform.fetchval(
        "with room as (insert into dining_room (restaurant_id, name) values ($1, 'Salle') returning id)"
        " insert into dining_table (restaurant_id, room_id, name, seats) select $1, id, '1', 4 from room returning id",
        owner,
    )
    for status in ("confirmed", "cancelled"):
        await platform.execute(
            "insert into reservation (restaurant_id, table_id, starts_at, ends_at, covers, status)"
            " values ($1, $2, '2026-11-21 19:00+00', '2026-11-21 21:00+00', 2, $3)",
            owner,
            table,
            status,
        )

    await migrate(own_server.url("owner"))

    rows = await platform.fetch(
        "select r.status, t.table_id, t.holds from reservation r join reservation_table t on t.reservation_id = r.id"
        " order by r.status"
    )
    await platform.close()
    assert [tuple(row) for row in rows] == [("cancelled", table, False), ("confirmed", table, True)]
