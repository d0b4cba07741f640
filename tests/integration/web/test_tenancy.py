"""Every URL of a restaurant, tried by somebody of another one."""

import uuid
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.integration.web.admin import OWNER, STRANGER, Admin, csrf_token, fetch, log_call, make_order, take_order

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]


@pytest.fixture
def things(admin: Admin) -> dict[str, str]:
    """Ids of Harbour Pizza, by the name that the URLs give them."""
    order = make_order(admin)
    stored = take_order(admin, order, tell=False)
    log_call(admin, order.call_id, order_id=stored.id)
    return {
        "order_id": stored.id,
        "call_id": order.call_id,
        "size_id": admin.size_id("Margherita", "Large"),
        "item_id": admin.item("Margherita").id,
    }


def urls(app: Flask, restaurant_id: str, things: dict[str, str]) -> Iterator[tuple[str, str, Rule]]:
    """``(method, path, rule)`` of what is below ``/place/<restaurant_id>`` and needs no ids but those of ``things``."""
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            if rule.rule.startswith("/place/<uuid:restaurant_id>") and rule.arguments <= {"restaurant_id", *things}:
                values = {name: things[name] for name in rule.arguments - {"restaurant_id"}}
                method = "POST" if "POST" in (rule.methods or ()) else "GET"
                yield method, adapter.build(rule.endpoint, {"restaurant_id": restaurant_id, **values}, method), rule


def status(client: FlaskClient, method: str, path: str, token: str) -> int:
    form = {"csrf_token": token, "price": "1,00", "available": "no"}
    answer = client.open(path, method=method, data=form if method == "POST" else None, buffered=False)
    answer.close()
    return answer.status_code


def test_nothing_of_another_restaurant_can_be_reached(
    app: Flask, admin: Admin, log_in: LogIn, things: dict[str, str]
) -> None:
    client = log_in(STRANGER)
    token = csrf_token(client.get(f"/place/{admin.margot.id}/menu").text)

    statuses = {path: status(client, method, path, token) for method, path, _ in urls(app, admin.pizza.id, things)}

    assert len(statuses) >= 12
    assert set(statuses.values()) == {404}


def test_ids_of_another_restaurant_are_unknown_inside_ones_own(
    app: Flask, admin: Admin, log_in: LogIn, things: dict[str, str]
) -> None:
    client = log_in(STRANGER)
    token = csrf_token(client.get(f"/place/{admin.margot.id}/menu").text)

    statuses = {
        path: status(client, method, path, token)
        for method, path, rule in urls(app, admin.margot.id, things)
        if len(rule.arguments) > 1
    }

    assert len(statuses) >= 5
    assert set(statuses.values()) <= {400, 404}  # 400: what was sent is no form of that page
    assert fetch(admin, "select price_cents from item_size where id = $1", things["size_id"]) == [{"price_cents": 1300}]
    assert fetch(admin, "select available from menu_item where id = $1", things["item_id"]) == [{"available": True}]
    assert fetch(admin, "select id from outbox where type = 'com.alloresto.menu.changed'") == []


def test_the_same_urls_work_for_a_member(app: Flask, admin: Admin, log_in: LogIn, things: dict[str, str]) -> None:
    client = log_in(OWNER)
    token = csrf_token(client.get(f"/place/{admin.pizza.id}/menu").text)

    statuses = {
        rule.endpoint: status(client, method, path, token)
        for method, path, rule in urls(app, admin.pizza.id, things)
        if method == "GET"
    }

    assert statuses.pop("calls.play_recording") == 404  # nothing was recorded
    # Without a moment, and without a greeting of its own, there is nothing to show.
    assert (statuses.pop("menu.version_at"), statuses.pop("voice.play")) == (400, 404)
    assert {endpoint: got for endpoint, got in statuses.items() if got not in (200, 303)} == {}


def test_a_restaurant_that_does_not_exist_looks_like_one_of_others(admin: Admin, log_in: LogIn) -> None:
    client = log_in(STRANGER)

    unknown = client.get(f"/place/{uuid.uuid4()}/orders")
    of_others = client.get(f"/place/{admin.pizza.id}/orders")

    assert unknown.status_code == of_others.status_code == 404
    assert unknown.text.replace(unknown.request.path, "") == of_others.text.replace(of_others.request.path, "")


def test_a_visitor_gets_no_page_and_no_stream(
    app: Flask, client: FlaskClient, admin: Admin, things: dict[str, str]
) -> None:
    for method, path, _ in urls(app, admin.pizza.id, things):
        if method == "GET":
            assert "/login" in client.get(path).location
    stream = client.get(f"/place/{admin.pizza.id}/orders/stream", headers={"Accept": "text/event-stream"})
    assert stream.status_code == 401
