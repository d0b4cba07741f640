import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.integration.web.admin import (
    CALLER,
    COOK,
    OWNER,
    Admin,
    csrf_token,
    execute,
    fetch,
    log_call,
    make_order,
    take_order,
)

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]


def one_customer(admin: Admin) -> str:
    """Who ordered once, for delivery or not, and whose call was logged."""
    order = make_order(admin, name="Fionnuala")
    stored = take_order(admin, order, tell=False)
    log_call(admin, order.call_id, order_id=stored.id)
    (row,) = fetch(admin, "select id from customer where restaurant_id = $1", admin.pizza.id)
    return str(row["id"])


def test_a_customer_is_found_by_any_spelling_of_the_whole_number(admin: Admin, log_in: LogIn) -> None:
    one_customer(admin)
    client = log_in(OWNER)
    page = f"/place/{admin.pizza.id}/customers"

    listed = client.get(page).text
    spelled = client.get(page, query_string={"phone": "+353 20 911 0007"}).text
    part = client.get(page, query_string={"phone": "0007"}).text

    assert "Fionnuala" in listed
    assert "Fionnuala" in spelled
    assert "Nobody with this number" in part


def test_an_export_has_what_is_kept_and_its_log_has_nothing_of_it(admin: Admin, log_in: LogIn) -> None:
    customer = one_customer(admin)
    client = log_in(OWNER)
    page = f"/place/{admin.pizza.id}/customers/{customer}"

    answer = client.post(f"{page}/export", data={"csrf_token": csrf_token(client.get(page).text)})

    exported = json.loads(answer.text)
    logged = str(fetch(admin, "select * from audit_log where action = 'customers.exported'"))
    assert (exported["name"], exported["phone"]) == ("Fionnuala", CALLER)
    assert len(exported["orders"][0]["lines"]) > 0
    assert customer in logged
    assert "Fionnuala" not in logged
    assert CALLER not in logged


def test_an_erased_customer_is_gone_everywhere_and_the_orders_keep_their_figures(admin: Admin, log_in: LogIn) -> None:
    customer = one_customer(admin)
    client = log_in(OWNER)
    page = f"/place/{admin.pizza.id}/customers/{customer}"
    total = fetch(admin, 'select total_cents from "order"')

    client.post(f"{page}/erase", data={"csrf_token": csrf_token(client.get(page).text), "sure": "yes"})

    orders = fetch(admin, 'select customer_id, customer_name_encrypted, address_encrypted, forgotten_at from "order"')
    calls = fetch(admin, "select caller_encrypted, caller_hash, transcript from call_log")
    assert client.get(page).status_code == 404
    assert fetch(admin, "select from customer where restaurant_id = $1", admin.pizza.id) == []
    assert fetch(admin, 'select total_cents from "order"') == total
    assert [orders[0][name] for name in ("customer_id", "customer_name_encrypted", "address_encrypted")] == [None] * 3
    assert orders[0]["forgotten_at"] is not None
    assert calls == [{"caller_encrypted": None, "caller_hash": None, "transcript": []}]
    assert "Fionnuala" not in str(fetch(admin, "select * from audit_log"))


def test_nobody_is_erased_without_the_tick_and_nobody_of_another_restaurant(admin: Admin, log_in: LogIn) -> None:
    customer = one_customer(admin)
    client = log_in(OWNER)
    token = csrf_token(client.get(f"/place/{admin.pizza.id}/customers/{customer}").text)

    client.post(f"/place/{admin.pizza.id}/customers/{customer}/erase", data={"csrf_token": token})
    foreign = client.post(
        f"/place/{admin.margot.id}/customers/{customer}/erase", data={"csrf_token": token, "sure": "yes"}
    )

    assert foreign.status_code == 404
    assert len(fetch(admin, "select from customer where id = $1", customer)) == 1


def test_a_damaged_name_costs_that_field_and_not_the_page(admin: Admin, log_in: LogIn) -> None:
    customer = one_customer(admin)
    execute(admin, "update customer set name_encrypted = $1", b"\x01" + bytes(60))

    page = log_in(OWNER).get(f"/place/{admin.pizza.id}/customers")

    assert page.status_code == 200
    assert "Unreadable" in page.text
    assert customer in page.text


def test_staff_see_customers_and_neither_export_nor_erase(admin: Admin, log_in: LogIn) -> None:
    customer = one_customer(admin)
    client = log_in(COOK)
    page = f"/place/{admin.pizza.id}/customers/{customer}"
    token = csrf_token(client.get(page).text)

    assert client.post(f"{page}/export", data={"csrf_token": token}).status_code == 403
    assert client.post(f"{page}/erase", data={"csrf_token": token, "sure": "yes"}).status_code == 403
