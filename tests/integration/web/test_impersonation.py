"""The platform's staff inside a restaurant that is not theirs."""

import pytest
from flask import Flask

from tests.integration.web.admin import OWNER, Admin, execute, fetch, leave_cart, make_order, take_order
from tests.integration.web.people import Browser, add_person, sign_in
from web import create_app

pytestmark = pytest.mark.integration

SUPPORT = "eve@support.example"


@pytest.fixture
def support(app: Flask, admin: Admin) -> Browser:
    add_person(admin, SUPPORT, is_platform=True)
    return sign_in(app, admin, SUPPORT)


def menu_of(admin: Admin) -> str:
    return f"/place/{admin.pizza.id}/menu"


def change_holidays(admin: Admin, support: Browser) -> int:
    return support.post(f"/place/{admin.pizza.id}/hours/holidays", day="all")[0]


def test_without_being_asked_in_a_restaurant_stays_closed(admin: Admin, support: Browser) -> None:
    assert support.get(menu_of(admin))[0] == 404


def test_looking_is_said_on_the_page_and_written_into_the_log(admin: Admin, support: Browser) -> None:
    began = support.post("/admin/impersonation", restaurant_id=admin.pizza.id)
    status, page = support.get(menu_of(admin))
    elsewhere = support.get(f"/place/{admin.margot.id}/menu")[0]

    assert began == (303, f"/place/{admin.pizza.id}/")
    assert status == 200
    assert "You are in Harbour Pizza as support" in page
    assert "It ends in 30 minutes" in page
    assert elsewhere == 404
    assert fetch(admin, "select actor, acting_for, action, restaurant_id from audit_log") == [
        {
            "actor": "support",
            "acting_for": SUPPORT,
            "action": "support.entered",
            "restaurant_id": admin.pizza.id,
        }
    ]


def test_without_a_reason_nothing_can_be_changed(admin: Admin, support: Browser) -> None:
    support.post("/admin/impersonation", restaurant_id=admin.pizza.id)

    refused = change_holidays(admin, support)
    support.post("/admin/impersonation", restaurant_id=admin.pizza.id, reason="the owner asked on the phone")
    allowed = change_holidays(admin, support)
    page = support.get(menu_of(admin))[1]

    assert (refused, allowed) == (403, 303)
    assert "the owner asked on the phone" in page


def test_it_ends_by_itself_after_half_an_hour(admin: Admin, support: Browser) -> None:
    support.post("/admin/impersonation", restaurant_id=admin.pizza.id)
    left = fetch(admin, "select acting_until - now() as left from user_session where acting_in is not null")
    execute(admin, "update user_session set acting_until = acting_until - interval '30 minutes'")

    assert 29 * 60 < left[0]["left"].total_seconds() <= 30 * 60  # type: ignore[attr-defined]
    assert support.get(menu_of(admin))[0] == 404


def test_leaving_closes_the_restaurant_and_is_logged(admin: Admin, support: Browser) -> None:
    support.post("/admin/impersonation", restaurant_id=admin.pizza.id)
    support.post("/admin/impersonation/end")

    assert support.get(menu_of(admin))[0] == 404
    actions = fetch(admin, "select action from audit_log order by id")
    assert [row["action"] for row in actions] == ["support.entered", "support.left"]


def test_who_is_no_longer_of_the_platform_is_out_at_once(admin: Admin, support: Browser) -> None:
    support.post("/admin/impersonation", restaurant_id=admin.pizza.id)
    execute(admin, "update app_user set is_platform = false where email = $1", SUPPORT)

    assert support.get(menu_of(admin))[0] == 404


def test_a_restaurants_owner_can_not_do_this(app: Flask, admin: Admin) -> None:
    owner = sign_in(app, admin, OWNER)

    assert owner.post("/admin/impersonation", restaurant_id=admin.margot.id)[0] == 404


@pytest.mark.parametrize(
    ("restaurant_id", "status"), [("x", 400), ("", 400), ("00000000-0000-4000-8000-000000000000", 404)]
)
def test_a_restaurant_that_is_none_is_refused(support: Browser, restaurant_id: str, status: int) -> None:
    assert support.post("/admin/impersonation", restaurant_id=restaurant_id)[0] == status


def test_what_support_does_says_support_and_never_who(app: Flask, admin: Admin, support: Browser) -> None:
    order = make_order(admin)
    order_id = take_order(admin, order, tell=False).id
    left = leave_cart(admin)
    support.post("/admin/impersonation", restaurant_id=admin.pizza.id, reason="the owner asked on the phone")
    place = f"/place/{admin.pizza.id}"

    support.post(f"{place}/orders/{order_id}/status", move="confirmed:preparing")
    support.post(f"{place}/calls/{left}/follow-up", follow_up="called_back")

    owner = sign_in(app, admin, OWNER)
    pages = [owner.get(f"{place}/orders/{order_id}")[1], owner.get(f"{place}/calls/{left}")[1]]
    assert ["by Support at" in page for page in pages] == [True, True]
    assert [SUPPORT in page for page in pages] == [False, False]
    assert fetch(admin, "select status_by, acting_for from \"order\", audit_log where action = 'order.moved'") == [
        {"status_by": "support", "acting_for": SUPPORT}
    ]


def test_a_process_without_the_platforms_pages_lets_nobody_look_in(admin: Admin, support: Browser) -> None:
    support.post("/admin/impersonation", restaurant_id=admin.pizza.id)
    elsewhere = create_app(admin.settings(platform_database_url=""))
    client = elsewhere.test_client()
    with support.client.session_transaction() as here, client.session_transaction() as there:
        there.update(here)

    assert support.get(menu_of(admin))[0] == 200
    assert client.get(menu_of(admin)).status_code == 404
    assert not [rule for rule in elsewhere.url_map.iter_rules() if rule.rule.startswith("/admin")]
