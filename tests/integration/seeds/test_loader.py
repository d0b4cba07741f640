from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from domain.hours import is_open
from seeds import SEED_FILES, SeedError, SeedResult, loader, seed
from stores import dining, lines, menus, orders, restaurants, users
from stores.ciphers import SipPasswordCipher
from tests.conftest import Database, Pools

pytestmark = pytest.mark.integration


async def run(postgres: Pools, master_key: str, *, always_open: bool = False) -> SeedResult:
    cipher = SipPasswordCipher(master_key)
    return await seed(postgres.platform, always_open=always_open, cipher=cipher, admin_password="a long password")


async def test_two_restaurants_are_written_with_all_that_a_call_needs(postgres: Pools, master_key: str) -> None:
    result = await run(postgres, master_key)

    assert {restaurant.name for restaurant in result.restaurants} == {"Harbour Pizza", "Chez Margot"}
    for restaurant in result.restaurants:
        async with postgres.app.tenant(restaurant.id) as connection:
            menu = await menus.load(connection, restaurant.id)
            assert len(menu.items) >= 30
            assert len(await restaurants.faq(connection, restaurant.id)) >= 6
            assert len(await dining.tables(connection, restaurant.id)) >= 8
            assert await connection.fetchval("select count(*) from phone_line") == 1
            assert await orders.recent(connection) == ()
        assert restaurant.openings
        assert restaurant.delivery_zones


async def test_a_modifier_group_is_shared_by_the_items_that_use_it(postgres: Pools, master_key: str) -> None:
    result = await run(postgres, master_key)
    pizza = next(restaurant for restaurant in result.restaurants if restaurant.name == "Harbour Pizza")

    async with postgres.app.tenant(pizza.id) as connection:
        items = {item.name: item for item in (await menus.load(connection, pizza.id)).items}

    assert items["Margherita"].modifier_groups == items["Pepperoni"].modifier_groups
    assert [size.price_cents for size in items["Margherita"].sizes] == [900, 1100, 1300]
    assert items["Cheeseburger"].sizes[0].name == ""


async def test_seeding_again_changes_nothing_that_was_edited(postgres: Pools, master_key: str) -> None:
    first = await run(postgres, master_key)
    pizza = first.restaurants[1]
    async with postgres.platform.platform() as connection:
        size = (await menus.load(connection, pizza.id)).items[0].sizes[0]
        await connection.execute("update item_size set price_cents = 4242 where id = $1", size.id)
        await restaurants.set_faq(connection, pizza.id, ())

    second = await run(postgres, master_key)

    async with postgres.platform.platform() as connection:
        menu = await menus.load(connection, pizza.id)
        counts = await connection.fetchrow(
            "select (select count(*) from restaurant) as restaurants, (select count(*) from menu_item) as items,"
            " (select count(*) from phone_line) as lines, (select count(*) from app_user) as users,"
            " (select count(*) from membership) as memberships, (select count(*) from dining_table) as tables"
        )
        faq = await restaurants.faq(connection, pizza.id)
    assert menu.items[0].sizes[0].price_cents == 4242
    assert faq == ()
    assert dict(counts or {}) == {
        "restaurants": 2,
        "items": 69,
        "lines": 2,
        "users": 1,
        "memberships": 2,
        "tables": 17,
    }
    assert (first.created, second.created) == (("Chez Margot", "Harbour Pizza"), ())
    assert [user.password for user in first.users] == ["a long password"]
    assert [user.password for user in second.users] == [None]
    assert [line.id for line in first.lines] == [line.id for line in second.lines]


async def test_the_password_that_was_returned_logs_in(postgres: Pools, master_key: str) -> None:
    result = await run(postgres, master_key)

    async with postgres.platform.platform() as connection:
        user = await users.verify(connection, result.users[0].email, "a long password")
        assert user is not None
        assert len(await users.memberships(connection, user.id)) == 2


async def test_the_seeds_register_nowhere(postgres: Pools, master_key: str) -> None:
    result = await run(postgres, master_key)

    async with postgres.platform.platform() as connection:
        stored = [await lines.get(connection, line.id) for line in result.lines]

    assert [line.sip_domain for line in stored] == ["", ""]
    assert [line.password for line in result.lines] == ["", ""]


async def test_a_lines_sip_password_can_be_read_back_with_the_key(
    postgres: Pools, master_key: str, tmp_path: Path
) -> None:
    content = yaml.safe_load(SEED_FILES[0].read_text(encoding="utf-8"))
    content["phone_lines"][0]["domain"] = "trunk.test"
    with_trunk = tmp_path / "with_trunk.yaml"
    with_trunk.write_text(yaml.safe_dump(content), encoding="utf-8")
    cipher = SipPasswordCipher(master_key)
    result = await seed(postgres.platform, always_open=False, cipher=cipher, files=(with_trunk,))
    line = result.lines[0]

    async with postgres.platform.platform() as connection:
        (stored,) = await lines.active_lines(connection)

    assert len(line.password) >= 16
    assert SipPasswordCipher(master_key).decrypt(line.id, stored.sip_password) == line.password


async def test_the_greeting_is_asked_for_at_every_run(postgres: Pools, master_key: str) -> None:
    await run(postgres, master_key)
    await run(postgres, master_key)

    async with postgres.platform.platform() as connection:
        rows = await connection.fetch("select event from outbox where type = 'com.alloresto.greeting.changed'")
    texts = sorted(row["event"]["data"]["text"] for row in rows)
    assert len(texts) == 4
    assert texts[-1] == "Hello, this is the AI assistant of Harbour Pizza. How can I help you?"


async def test_always_open_holds_at_any_hour_of_today(postgres: Pools, master_key: str) -> None:
    usual = await run(postgres, master_key)
    opened = await run(postgres, master_key, always_open=True)

    now = datetime.now(UTC)
    hours = [now + timedelta(hours=hour) for hour in range(24)]
    for restaurant in opened.restaurants:
        assert all(is_open(restaurant, hour) for hour in hours)
    for restaurant in usual.restaurants:
        assert not all(is_open(restaurant, hour) for hour in hours)


async def test_nothing_is_written_when_one_file_is_wrong(postgres: Pools, master_key: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    content = yaml.safe_load(SEED_FILES[0].read_text(encoding="utf-8"))
    content["menu"][0]["items"][0]["modifiers"] = ["unknown"]
    broken.write_text(yaml.safe_dump(content), encoding="utf-8")

    with pytest.raises(SeedError, match=r"broken\.yaml"):
        await seed(
            postgres.platform,
            always_open=False,
            cipher=SipPasswordCipher(master_key),
            files=(*SEED_FILES, broken),
        )

    async with postgres.platform.platform() as connection:
        assert await connection.fetchval("select count(*) from restaurant") == 0


def test_the_command_prints_the_accounts_once(
    database: Database, master_key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLATFORM_DATABASE_URL", database.platform_url)
    monkeypatch.setenv("MASTER_KEY", master_key)

    first, first_lines = loader.main(always_open=False), capsys.readouterr().out
    second, second_lines = loader.main(always_open=False), capsys.readouterr().out

    assert (first, second) == (0, 0)
    assert "Harbour Pizza: written" in first_lines
    assert "left as it is" in second_lines
    assert "keeps its password" in second_lines
