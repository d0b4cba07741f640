"""Roles, removal and the log of who changed what."""

import asyncio

import pytest
from flask import Flask

from stores import team
from stores.postgres import Postgres
from stores.team import LastOwnerError
from tests.conftest import run_apart
from tests.integration.web.admin import COOK, OWNER, Admin, execute, fetch
from tests.integration.web.people import Browser, add_person, sign_in

pytestmark = pytest.mark.integration


def id_of(admin: Admin, email: str) -> str:
    return str(fetch(admin, "select id from app_user where email = $1", email)[0]["id"])


def path(admin: Admin, email: str, what: str) -> str:
    return f"/place/{admin.pizza.id}/team/{id_of(admin, email)}/{what}"


@pytest.fixture
def owner(app: Flask, admin: Admin) -> Browser:
    return sign_in(app, admin, OWNER)


def test_an_owner_changes_a_role_and_it_is_written_down(admin: Admin, owner: Browser) -> None:
    owner.post(path(admin, COOK, "role"), role="manager")

    page = owner.get(f"/place/{admin.pizza.id}/history")[1]
    entries = fetch(admin, "select actor, before, after from audit_log where action = 'team.role_changed'")
    assert entries == [
        {"actor": OWNER, "before": {"email": COOK, "role": "staff"}, "after": {"email": COOK, "role": "manager"}}
    ]
    assert "<del>staff</del> <ins>manager</ins>" in page


def test_a_removed_member_is_out_at_the_next_request(app: Flask, admin: Admin, owner: Browser) -> None:
    cook = sign_in(app, admin, COOK)
    before = cook.get(f"/place/{admin.pizza.id}/orders")[0]

    owner.post(path(admin, COOK, "remove"))

    assert before == 200
    assert cook.get(f"/place/{admin.pizza.id}/orders")[0] == 404
    assert COOK not in owner.get(f"/place/{admin.pizza.id}/team")[1].split("<main", 1)[1].replace("removed", "")


@pytest.mark.parametrize("change", [("role", {"role": "staff"}), ("remove", {})], ids=["demoted", "removed"])
def test_the_last_owner_stays(admin: Admin, owner: Browser, change: tuple[str, dict[str, str]]) -> None:
    what, form = change
    owner.post(path(admin, OWNER, what), **form)

    page = owner.get(f"/place/{admin.pizza.id}/team")[1]
    assert "keeps at least one owner" in page
    assert fetch(admin, "select 1 from audit_log") == []


def test_one_of_two_owners_may_go(app: Flask, admin: Admin, owner: Browser) -> None:
    add_person(admin, "second@owner.example", role="owner")

    left = owner.post(path(admin, OWNER, "remove"))

    assert left == (303, "/")
    assert owner.get(f"/place/{admin.pizza.id}/team")[0] == 404


def test_two_owners_who_demote_each_other_leave_one(admin: Admin) -> None:
    second = add_person(admin, "second@owner.example", role="owner")
    first = id_of(admin, OWNER)

    async def demote(postgres: Postgres, user_id: str) -> bool:
        async with postgres.tenant(admin.pizza.id) as connection:
            try:
                await team.set_role(connection, admin.pizza.id, user_id, "staff")
                await connection.fetchval("select pg_sleep(0.05)")  # both transactions are open at once
            except LastOwnerError:
                return False
            return True

    async def work() -> list[bool]:
        postgres = Postgres(admin.database.app_url, min_size=2)
        await postgres.open()
        done = await asyncio.gather(demote(postgres, first), demote(postgres, second))
        await postgres.close()
        return list(done)

    assert sorted(run_apart(work)) == [False, True]


def test_a_manager_looks_and_an_owner_changes(app: Flask, admin: Admin) -> None:
    add_person(admin, "manager@harbour.example", role="manager")
    manager = sign_in(app, admin, "manager@harbour.example")

    page = manager.get(f"/place/{admin.pizza.id}/team")[1]

    assert COOK in page
    assert "An owner invites and removes." in page
    assert "<select" not in page.split("<main", 1)[1]
    assert manager.post(path(admin, COOK, "remove"))[0] == 403


def test_nobody_of_another_restaurant_can_be_changed(app: Flask, admin: Admin, owner: Browser) -> None:
    stranger = "stranger@elsewhere.example"
    add_person(admin, stranger)

    assert owner.post(path(admin, stranger, "role"), role="owner")[0] == 404
    assert owner.post(path(admin, stranger, "remove"))[0] == 404
    assert owner.post(path(admin, COOK, "role"), role="king")[0] == 400


def test_the_log_is_paged_and_names_support(admin: Admin, owner: Browser) -> None:
    execute(
        admin,
        "insert into audit_log (restaurant_id, actor, acting_for, action, after)"
        " select $1::uuid, 'support', 'eve@platform.example', 'support.entered', jsonb_build_object('reason', n::text)"
        " from generate_series(1, 60) n",
        admin.pizza.id,
    )
    first = owner.get(f"/place/{admin.pizza.id}/history")[1]
    below = first.rsplit("below=", 1)[1].split('"')[0]
    second = owner.get(f"/place/{admin.pizza.id}/history?below={below}")[1]

    assert first.count("Support looked in") == 50
    assert second.count("Support looked in") == 10
    assert "Support (eve@platform.example)" in first
    assert owner.get(f"/place/{admin.pizza.id}/history?below=x")[0] == 400


def test_an_empty_log_says_what_will_be_there(owner: Browser, admin: Admin) -> None:
    assert "Nothing here yet" in owner.get(f"/place/{admin.pizza.id}/history")[1]
