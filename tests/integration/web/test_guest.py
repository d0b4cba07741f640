"""The page of an order for whoever ordered: by its address alone, until it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from stores.order_links import OrderLinks
from tests.integration.web.admin import Admin, csrf_token, execute, fetch, make_order, take_order
from tests.integration.web.test_status import text

pytestmark = pytest.mark.integration


def address(admin: Admin, order_id: str, *, ends: timedelta = timedelta(hours=1)) -> str:
    until = datetime.now(UTC) + ends
    return f"/o/{OrderLinks(admin.master_key, '').token(admin.pizza.id, order_id, until)}"


def cancel(client: FlaskClient, path: str) -> TestResponse:
    return client.post(f"{path}/cancel", data={"csrf_token": csrf_token(client.get("/status").text)})


def ordered(admin: Admin) -> str:
    return take_order(admin, make_order(admin, name="Aoife")).id


def set_status(admin: Admin, order_id: str, status: str) -> None:
    execute(admin, f"update \"order\" set status = '{status}' where id = '{order_id}'")


def test_a_guest_sees_the_order_and_how_it_stands_and_no_name(admin: Admin, client: FlaskClient) -> None:
    order_id = ordered(admin)
    path = address(admin, order_id)

    french = text(client, path)
    assert admin.pizza.name in french and "La cuisine a votre commande." in french and "Aoife" not in french
    assert "Allergènes" in french

    set_status(admin, order_id, "ready")
    assert "Your order is ready." in text(client, path, "en")


def test_a_guest_cancels_once_and_the_kitchen_hears_of_it(admin: Admin, client: FlaskClient) -> None:
    order_id = ordered(admin)
    path = address(admin, order_id)

    for _ in range(2):
        assert cancel(client, path).status_code == 303

    assert "Votre commande est annulée." in text(client, path)
    (row,) = fetch(admin, 'select status, status_by, cancel_reason from "order"')
    assert tuple(row.values()) == ("cancelled", "guest", "customer")
    events = fetch(admin, "select 1 from outbox where event::text like '%order.cancelled%'")
    assert len(events) == 1
    assert [row["actor"] for row in fetch(admin, "select actor from audit_log")] == ["guest"]


@pytest.mark.parametrize("status", ["preparing", "ready", "done"])
def test_what_the_kitchen_has_begun_is_cancelled_by_phone(status: str, admin: Admin, client: FlaskClient) -> None:
    order_id = ordered(admin)
    set_status(admin, order_id, status)
    path = address(admin, order_id)

    answer = cancel(client, path)

    assert answer.status_code == 409 and 'role="alert"' in answer.text
    assert f"{path}/cancel" not in client.get(path).text
    (row,) = fetch(admin, 'select status from "order"')
    assert row["status"] == status


@pytest.mark.parametrize(("until", "status", "may"), [("ready", "preparing", True), ("never", "confirmed", False)])
def test_the_page_and_the_telephone_have_one_rule(
    until: str, status: str, may: bool, admin: Admin, client: FlaskClient
) -> None:
    execute(admin, f"update restaurant set changes_until = '{until}' where id = '{admin.pizza.id}'")
    order_id = ordered(admin)
    set_status(admin, order_id, status)
    path = address(admin, order_id)

    assert (f"{path}/cancel" in client.get(path).text) is may
    assert cancel(client, path).status_code == (303 if may else 409)
    (row,) = fetch(admin, 'select status from "order"')
    assert row["status"] == ("cancelled" if may else status)


def test_what_is_due_is_not_cancelled_here_although_no_board_says_that_it_is_made(
    admin: Admin, client: FlaskClient
) -> None:
    order_id = ordered(admin)
    path = address(admin, order_id)
    assert f"{path}/cancel" in client.get(path).text
    execute(admin, 'update "order" set promised_at = confirmed_at')

    assert cancel(client, path).status_code == 409
    assert f"{path}/cancel" not in client.get(path).text
    (row,) = fetch(admin, 'select status from "order"')
    assert row["status"] == "confirmed"


def test_a_page_that_gets_out_is_not_found_by_searching_and_kept_by_nobody(admin: Admin, client: FlaskClient) -> None:
    headers = client.get(address(admin, ordered(admin))).headers
    assert (headers["X-Robots-Tag"], headers["Cache-Control"]) == ("noindex, nofollow", "no-store")
    assert headers["Referrer-Policy"] == "same-origin"


def test_another_address_shows_nothing(admin: Admin, client: FlaskClient) -> None:
    order_id = ordered(admin)
    good = address(admin, order_id)
    elsewhere = OrderLinks(admin.master_key, "").token(
        admin.margot.id, order_id, datetime.now(UTC) + timedelta(hours=1)
    )

    over = address(admin, order_id, ends=timedelta(seconds=-1))
    for path in (over, good[:-1] + ("A" if good[-1] != "A" else "B"), "/o/x", f"/o/{elsewhere}"):
        assert client.get(path).status_code == 404
        assert cancel(client, path).status_code == 404
    (row,) = fetch(admin, 'select status from "order"')
    assert row["status"] == "confirmed"


def connect_mail(admin: Admin) -> None:
    execute(
        admin,
        "insert into service_connection (restaurant_id, service, provider, created_by)"
        f" values ('{admin.pizza.id}', 'mail', 'smtp', 'x')",
    )


def test_a_guest_has_the_news_by_mail_until_they_want_no_more(admin: Admin, client: FlaskClient) -> None:
    order_id = ordered(admin)
    path = address(admin, order_id)
    assert "e-mail" not in text(client, path)
    connect_mail(admin)

    def leave(typed: str) -> TestResponse:
        token = csrf_token(client.get("/status").text)
        return client.post(f"{path}/email", data={"csrf_token": token, "email": typed})

    for wrong in ("", "anna", "a@b", "anna@x.example\r\nBcc: b@c.example"):
        assert leave(wrong).status_code == 422
    assert leave(" Anna@X.example ").status_code == 303

    (kept,) = fetch(admin, "select email_encrypted from guest_email")
    assert b"anna" not in kept["email_encrypted"]  # type: ignore[operator]
    page = client.get(path).text
    assert "anna@" not in page.lower() and f"{path}/stop" in page
    assert len(fetch(admin, "select 1 from outbox where event::text like '%order.followed%'")) == 1
    assert fetch(admin, "select 1 from outbox where event::text ilike '%anna@%'") == []

    # What a mail program sends: a form of its own, no cookie.
    assert client.get(f"{path}/stop").status_code == 303
    assert len(fetch(admin, "select 1 from guest_email")) == 1
    stopped = client.post(f"{path}/stop", data={"List-Unsubscribe": "One-Click"})
    assert stopped.status_code == 303 and fetch(admin, "select 1 from guest_email") == []


def test_who_booked_has_the_news_by_mail_until_they_want_no_more(admin: Admin, client: FlaskClient) -> None:
    execute(
        admin,
        "insert into reservation (restaurant_id, starts_at, ends_at, covers, status)"
        f" values ('{admin.pizza.id}', now() + interval '20 days', now() + interval '20 days 2 hours', 2, 'confirmed')",
    )
    (row,) = fetch(admin, "select id from reservation")
    path = address(admin, str(row["id"])).replace("/o/", "/b/")
    assert "e-mail" not in text(client, path)
    connect_mail(admin)

    def leave(typed: str) -> TestResponse:
        token = csrf_token(client.get("/status").text)
        return client.post(f"{path}/email", data={"csrf_token": token, "email": typed})

    assert leave("anna").status_code == 422
    assert [leave(f"Anna{one}@x.example").status_code for one in range(5)] == [303] * 5
    assert leave("anna@x.example").status_code == 429

    page = client.get(path).text
    assert "anna" not in page.lower() and f"{path}/stop" in page
    assert len(fetch(admin, "select 1 from guest_email")) == 1
    assert len(fetch(admin, "select 1 from outbox where event::text like '%reservation.followed%'")) == 5

    assert client.get(f"{path}/stop").status_code == 303 and len(fetch(admin, "select 1 from guest_email")) == 1
    stopped = client.post(f"{path}/stop", data={"List-Unsubscribe": "One-Click"})
    assert stopped.status_code == 303 and fetch(admin, "select 1 from guest_email") == []


def test_an_order_has_few_addresses_and_only_its_own(admin: Admin, client: FlaskClient) -> None:
    order_id = ordered(admin)
    path = address(admin, order_id)
    connect_mail(admin)
    token = csrf_token(client.get("/status").text)
    answers = [
        client.post(f"{path}/email", data={"csrf_token": token, "email": f"a{one}@x.example"}).status_code
        for one in range(7)
    ]
    assert answers == [303] * 5 + [429] * 2

    over = address(admin, order_id, ends=timedelta(seconds=-1))
    assert client.post(f"{over}/email", data={"csrf_token": token, "email": "a@x.example"}).status_code == 404
    assert client.post(f"{over}/stop").status_code == 404
