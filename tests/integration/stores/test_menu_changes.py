"""A menu is changed with its version, its log entry and its event, or not at all; and what it was can come back."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from domain.menu import Menu
from eventing import menus as menu_changes
from eventing.catalogue import MenuChanged
from eventing.cloudevents import Event
from eventing.menus import InvalidMenuError
from functions.cache_invalidator import invalidate
from stores import audit, menu_versions, menus
from stores.audit import Actor
from stores.cache import RestaurantCache
from stores.errors import NotFoundError
from stores.redis import connect
from tests.integration.stores.samples import Tenant

pytestmark = pytest.mark.integration

ANNA = Actor("anna@example.org")
TOLD_WITHIN_S = 3.0


def named(name: str) -> Any:
    return lambda menu: replace(menu, items=(replace(menu.items[0], name=name), *menu.items[1:]))


def off(menu: Menu) -> Menu:
    return replace(menu, items=(replace(menu.items[0], available=False), *menu.items[1:]))


async def edit(conn: Any, tenant: Tenant, work: Any, reason: str = "item_changed") -> menu_changes.Changed:
    return await menu_changes.change(conn, tenant.id, ANNA, work, reason=reason, source="/web", subject=tenant.item_id)


async def events(conn: Any) -> list[Any]:
    return [row["event"] for row in await conn.fetch("select event from outbox order by id")]


async def test_a_change_is_stored_with_its_version_its_log_entry_and_its_event(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    name = own.menu.items[0].name

    async with postgres.app.tenant(own.id) as conn:
        await edit(conn, own, named("Renamed"))
    async with postgres.app.tenant(own.id) as conn:
        stored = await menus.load(conn, own.id)
        newest, first = await menu_versions.recent(conn, own.id, 10)
        (entry,) = await audit.recent(conn, 10)
        (before, after) = [await menu_versions.snapshot(conn, own.id, number) for number in (1, 2)]
    async with postgres.platform.platform() as conn:
        (event,) = [one for one in await events(conn) if one["type"] == MenuChanged.TYPE]

    assert stored.items[0].name == "Renamed"
    assert (before, after) == (own.menu, stored)
    assert (first.reason, newest.reason, newest.actor) == ("before", "item_changed", ANNA)
    assert [(one.what, one.kind, one.name) for one in newest.changes] == [("changed", "item", "Renamed")]
    assert (entry.action, entry.before, entry.after) == (
        "menu.item_changed",
        {"Renamed": {"name": name}},
        {"Renamed": {"name": "Renamed"}},
    )
    assert event["data"]["itemIds"] == [own.item_id]


async def test_a_change_that_changes_nothing_writes_nothing(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        changed = await edit(conn, own, lambda menu: menu)
        versions = await menu_versions.recent(conn, own.id, 10)

    assert (changed.changes, versions) == ((), ())


async def test_a_menu_that_breaks_a_rule_is_refused_and_one_that_broke_it_before_may_be_changed(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    second = own.menu.items[1].name

    with pytest.raises(InvalidMenuError) as refused:
        async with postgres.app.tenant(own.id) as conn:
            await edit(conn, own, named(second.upper()))
    async with postgres.app.tenant(own.id) as conn:
        await conn.execute("update menu_item set name = $2 where id = $1", own.item_id, second.upper())
        changed = await edit(conn, own, off, "item_off")

    assert {problem.reason for problem in refused.value.problems} == {"same_name"}
    assert not changed.after.items[0].available


async def test_the_last_change_is_taken_back_and_only_while_it_is_the_last(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        one = await edit(conn, own, named("One"))
        two = await edit(conn, own, named("Two"))
        with pytest.raises(NotFoundError):
            await menu_changes.undo(conn, own.id, ANNA, one.number, source="/web")
        undone = await menu_changes.undo(conn, own.id, ANNA, two.number, source="/web")
        stored = await menus.load(conn, own.id)

    assert stored == undone.after == one.after


async def test_an_earlier_version_comes_back_and_what_is_off_now_stays_off(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        await edit(conn, own, lambda menu: replace(named("Renamed")(menu), items=named("Renamed")(menu).items[:1]))
        await edit(conn, own, off, "item_off")
        await menu_changes.restore(conn, own.id, ANNA, 1, source="/web")
        stored = await menus.load(conn, own.id)

    assert stored == off(own.menu)


async def test_the_version_of_a_moment_is_the_one_that_callers_were_told(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    async with postgres.app.tenant(own.id) as conn:
        assert await menu_versions.live_at(conn, own.id, datetime.now(UTC)) is None
        await edit(conn, own, named("Renamed"))
    async with postgres.app.tenant(own.id) as conn:
        between = datetime.now(UTC)
        await edit(conn, own, off)
        now = datetime.now(UTC)

        found = [
            await menu_versions.live_at(conn, own.id, moment) for moment in (between, now, now - timedelta(days=9))
        ]

    assert found == [2, 3, 1]


async def test_only_the_newest_versions_are_kept(
    postgres: Any, tenants: tuple[Tenant, Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _ = tenants
    monkeypatch.setattr(menu_versions, "KEPT", 3)

    async with postgres.app.tenant(own.id) as conn:
        for name in "ABCDE":
            await edit(conn, own, named(name))
        kept = [version.number for version in await menu_versions.recent(conn, own.id, 10)]
        moment = await menu_versions.live_at(conn, own.id, datetime(2020, 1, 1, tzinfo=UTC))

    assert kept == [6, 5, 4]
    assert moment is None


async def test_a_dish_that_is_off_is_off_for_the_next_caller_within_three_seconds(
    postgres: Any, tenants: tuple[Tenant, Tenant], redis_url: str
) -> None:
    """As the relay does it: the event that was stored goes to the function, and the next call reads the cache."""
    own, _ = tenants
    name = own.menu.items[0].name

    def is_gone(prompt: str) -> bool:
        (line,) = (line for line in prompt.splitlines() if line.startswith(f"- {name}"))
        return ": sold out" in line

    async with connect(redis_url) as redis:
        cache = RestaurantCache(redis, postgres.app)
        assert (await cache.load(own.id)).menu.items[0].available
        assert not is_gone(await cache.prompt(own.id, datetime.now(UTC)))
        start = time.monotonic()

        async with postgres.app.tenant(own.id) as conn:
            await edit(conn, own, off, "item_off")
        async with postgres.platform.platform() as conn:
            (document,) = [one for one in await events(conn) if one["type"] == MenuChanged.TYPE]
        payload = msgspec.convert(document["data"], MenuChanged)
        await invalidate(redis, postgres.app, Event.of(payload, source="/web"))
        told = (await cache.load(own.id)).menu.items[0]
        prompt = await cache.prompt(own.id, datetime.now(UTC))
        took = time.monotonic() - start

    assert not told.available
    assert is_gone(prompt)
    assert took < TOLD_WITHIN_S
