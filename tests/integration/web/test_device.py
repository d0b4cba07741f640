"""The staff's device: paired by a manager, let in to its own pages alone, each tap done once."""

import re
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.integration.web.admin import COOK, OWNER, Admin, csrf_token, execute, fetch, make_order, take_order

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
HEADERS = {"X-Kitchen-Device": "1"}


def code_for(owner: FlaskClient, admin: Admin, name: str = "Kitchen tablet") -> str:
    page = f"/place/{admin.pizza.id}/devices"
    token = csrf_token(owner.get(page).text)
    found = re.search(
        r'<output class="code">([0-9 ]+)<', owner.post(page, data={"name": name, "csrf_token": token}).text
    )
    assert found
    return found[1]


def pair(tablet: FlaskClient, restaurant_id: str, code: str) -> int:
    page = f"/place/{restaurant_id}/device/"
    tablet.set_cookie("alloresto_language", "en")
    answer = tablet.post(f"{page}pair", data={"code": code, "csrf_token": csrf_token(tablet.get(page).text)})
    return answer.status_code


@pytest.fixture
def owner(log_in: LogIn) -> FlaskClient:
    return log_in(OWNER)


@pytest.fixture
def tablet(app: Flask, owner: FlaskClient, admin: Admin) -> FlaskClient:
    """Paired with Harbour Pizza; nobody is logged in on it."""
    client = app.test_client()
    assert pair(client, admin.pizza.id, code_for(owner, admin)) == 303
    return client


def tap(tablet: FlaskClient, admin: Admin, *actions: dict[str, str]) -> list[str]:
    answer = tablet.post(f"/place/{admin.pizza.id}/device/actions", json={"actions": list(actions)}, headers=HEADERS)
    assert answer.status_code == 200, answer.text
    return [one["result"] for one in answer.get_json()["results"]]


def action(order_id: str, seen: str = "confirmed", to: str = "preparing", action_id: str = "") -> dict[str, str]:
    return {"id": action_id or str(uuid.uuid4()), "order": order_id, "seen": seen, "to": to}


def status_of(admin: Admin, order_id: str) -> Any:
    return fetch(admin, 'select status from "order" where id = $1', order_id)[0]["status"]


def test_a_paired_device_sees_the_open_orders_without_number_or_address(tablet: FlaskClient, admin: Admin) -> None:
    stored = take_order(admin, make_order(admin, name="Fionnuala"), tell=False)

    page = tablet.get(f"/place/{admin.pizza.id}/device/").text
    answer = tablet.get(f"/place/{admin.pizza.id}/device/orders")

    assert "Harbour Pizza" in page and 'id="orders"' in page
    (order,) = answer.get_json()["orders"]
    assert (order["id"], order["number"], order["name"]) == (stored.id, stored.number, "Fionnuala")
    assert order["lines"][0]["name"] == "Margherita Large" and order["lines"][0]["note"] == "well done"
    assert "1 Margherita Large" in order["spoken"] and "Fionnuala" not in order["spoken"]
    assert "Abbey" not in answer.text and "353" not in answer.text


def test_a_device_gets_nowhere_else(tablet: FlaskClient, admin: Admin) -> None:
    pages = [f"/place/{admin.pizza.id}/orders", f"/place/{admin.pizza.id}/menu", f"/place/{admin.pizza.id}/devices"]

    assert [tablet.get(page).status_code for page in pages] == [302, 302, 302]
    assert tablet.get(f"/place/{admin.margot.id}/device/orders").status_code == 401
    with tablet.session_transaction() as session:
        assert "session" not in session


@pytest.mark.parametrize("path", ["orders", "stream", "alive"])
def test_nobody_reads_orders_without_a_paired_device(client: FlaskClient, admin: Admin, path: str) -> None:
    client.set_cookie("alloresto_kitchen", "guessed", path=f"/place/{admin.pizza.id}/device/")

    assert client.get(f"/place/{admin.pizza.id}/device/{path}").status_code == 401


def test_a_code_pairs_one_device_once(app: Flask, owner: FlaskClient, admin: Admin) -> None:
    code = code_for(owner, admin)

    statuses = [pair(app.test_client(), admin.pizza.id, code) for _ in range(2)]

    assert statuses == [303, 422]
    kept = str(fetch(admin, "select * from device"))
    assert code.replace(" ", "") not in kept


def test_a_code_is_over_after_a_while_and_opens_no_other_restaurant(
    app: Flask, owner: FlaskClient, admin: Admin
) -> None:
    code = code_for(owner, admin)
    assert pair(app.test_client(), admin.margot.id, code) == 422
    execute(admin, "update device set code_expires_at = now()")

    assert pair(app.test_client(), admin.pizza.id, code) == 422


def test_codes_can_not_be_guessed_on_and_on(app: Flask, admin: Admin) -> None:
    guesser = app.test_client()

    statuses = [pair(guesser, admin.pizza.id, f"{n:08}") for n in range(12)]

    assert statuses[:10] == [422] * 10 and statuses[10:] == [429, 429]


def test_only_managers_add_devices_and_take_them_away(app: Flask, log_in: LogIn, admin: Admin) -> None:
    cook = log_in(COOK)

    assert cook.get(f"/place/{admin.pizza.id}/devices").status_code == 403


def test_a_device_that_is_taken_away_is_out_at_once(tablet: FlaskClient, owner: FlaskClient, admin: Admin) -> None:
    page = f"/place/{admin.pizza.id}/devices"
    device_id = fetch(admin, "select id from device")[0]["id"]

    owner.post(f"{page}/{device_id}/remove", data={"csrf_token": csrf_token(owner.get(page).text)})

    assert tablet.get(f"/place/{admin.pizza.id}/device/orders").status_code == 401
    actions = [one["action"] for one in fetch(admin, "select action from audit_log order by id")]
    assert actions == ["device.added", "device.removed"]


def test_a_device_of_a_disabled_restaurant_is_out(tablet: FlaskClient, admin: Admin) -> None:
    execute(admin, "update restaurant set disabled_at = now() where id = $1", admin.pizza.id)

    assert tablet.get(f"/place/{admin.pizza.id}/device/alive").status_code == 401


def test_a_tap_moves_the_order_once_however_often_it_is_sent(tablet: FlaskClient, admin: Admin) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    first = action(stored.id)

    results = tap(tablet, admin, first, first) + tap(tablet, admin, first, action(stored.id, "preparing", "ready"))

    assert results == ["done", "done", "done", "done"]
    assert status_of(admin, stored.id) == "ready"
    moved = fetch(admin, "select event from outbox where type = 'com.alloresto.order.moved' order by id")
    assert [one["event"]["data"]["status"] for one in moved] == ["preparing", "ready"]  # type: ignore[index]
    logged = fetch(admin, "select actor from audit_log where action = 'order.moved'")
    assert logged == [{"actor": "Kitchen tablet"}] * 2


def test_one_tap_that_is_sent_twice_at_the_same_moment_is_one(app: Flask, tablet: FlaskClient, admin: Admin) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    cookie = tablet.get_cookie("alloresto_kitchen", path=f"/place/{admin.pizza.id}/device/")
    assert cookie is not None
    one = action(stored.id)
    results: list[str] = []

    def send() -> None:
        twin = app.test_client()
        twin.set_cookie("alloresto_kitchen", cookie.value, path=f"/place/{admin.pizza.id}/device/")
        results.extend(tap(twin, admin, one))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert results == ["done"] * 4
    assert len(fetch(admin, "select id from outbox where type = 'com.alloresto.order.moved'")) == 1


def test_a_tap_on_an_order_that_another_screen_moved_changes_nothing(tablet: FlaskClient, admin: Admin) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    execute(admin, "update \"order\" set status = 'ready' where id = $1", stored.id)

    results = tap(
        tablet,
        admin,
        action(stored.id),
        action(str(uuid.uuid4())),
        action(stored.id, "ready", "cancelled"),
        action(stored.id, "confirmed", "done"),
    )

    assert results == ["conflict", "unknown", "unknown", "unknown"]
    assert status_of(admin, stored.id) == "ready"


def test_a_request_that_is_not_the_pages_own_is_refused(tablet: FlaskClient, admin: Admin) -> None:
    path = f"/place/{admin.pizza.id}/device/actions"
    good = action(str(uuid.uuid4()))

    assert tablet.post(path, json={"actions": [good]}).status_code == 400
    bodies: tuple[Any, ...] = ({"actions": [good] * 51}, {"actions": [{**good, "id": "x"}]}, {"x": 1}, [])
    for body in bodies:
        assert tablet.post(path, json=body, headers=HEADERS).status_code == 400
    assert tablet.post(path, data=b"\xff", headers=HEADERS).status_code == 400


def test_the_page_can_be_installed_and_its_worker_reaches_no_further(client: FlaskClient, admin: Admin) -> None:
    scope = f"/place/{admin.pizza.id}/device/"

    manifest = client.get(f"{scope}manifest.webmanifest")
    worker = client.get(f"{scope}worker.js")

    assert manifest.content_type == "application/manifest+json"
    assert (manifest.get_json()["scope"], manifest.get_json()["start_url"]) == (scope, scope)
    assert [client.get(icon["src"]).status_code for icon in manifest.get_json()["icons"]] == [200, 200, 200]
    assert worker.content_type.startswith("text/javascript")
    assert "Service-Worker-Allowed" not in worker.headers
    policy = worker.headers["Content-Security-Policy"]
    assert "worker-src 'self'" in policy and "manifest-src 'self'" in policy


def test_there_is_a_limit_of_devices(owner: FlaskClient, admin: Admin) -> None:
    execute(
        admin,
        "insert into device (restaurant_id, name, token_hash, paired_at, last_seen_at)"
        " select $1::uuid, 'n', sha256(n::text::bytea), now(), now() from generate_series(1, 30) n",
        admin.pizza.id,
    )
    page = f"/place/{admin.pizza.id}/devices"

    answer = owner.post(page, data={"name": "One more", "csrf_token": csrf_token(owner.get(page).text)})

    assert answer.status_code == 422
    assert "There are 30 devices already." in answer.text and 'value="One more"' in answer.text
