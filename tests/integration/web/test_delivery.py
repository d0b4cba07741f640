from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.integration.web.admin import COOK, OWNER, Admin, csrf_token, fetch

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
ZONE = {"name": "Harbour", "postcodes": "D01, Dublin 1; D02", "minimum": "20", "fee": "2.50", "minutes": "25"}
OFFERS = {"pickup": "yes", "prep_minutes": "20", "max_order": "300", "max_order_items": "40", "max_load_minutes": "90"}
OFFERS |= {"changes_until": "ready"}


def send(client: FlaskClient, admin: Admin, path: str, fields: dict[str, str]) -> TestResponse:
    token = csrf_token(client.get(f"/place/{admin.pizza.id}/questions").text)
    return client.post(f"/place/{admin.pizza.id}/{path}", data={"csrf_token": token, **fields})


def zone(number: int, **changes: str) -> dict[str, str]:
    return {f"zone-{number}-{field}": value for field, value in {**ZONE, **changes}.items()}


def told(admin: Admin) -> list[str]:
    rows = fetch(admin, "select event from outbox where event->>'source' = '/web' order by id")
    return [row["event"]["type"] for row in rows]  # type: ignore[index]


def test_zones_are_saved_in_their_order_with_each_postcode_once_and_an_emptied_one_is_gone(
    admin: Admin, log_in: LogIn
) -> None:
    client = log_in(OWNER)

    answer = send(client, admin, "delivery/zones", {**zone(0), **zone(1, name="", postcodes=""), **zone(4, name="Far")})
    send(client, admin, "delivery/zones", {**zone(0), **zone(4, name="Far")})

    rows = fetch(admin, "select * from delivery_zone where restaurant_id = $1 order by position", admin.pizza.id)
    assert answer.status_code == 303
    assert [row["name"] for row in rows] == ["Harbour", "Far"]
    assert rows[0]["postcodes"] == ["Dublin 1", "D02"]
    assert (rows[0]["minimum_cents"], rows[0]["fee_cents"], rows[0]["minutes"]) == (2000, 250, 25)
    assert told(admin) == ["com.alloresto.restaurant.changed"]
    assert len(fetch(admin, "select from audit_log where action = 'delivery.zones_changed'")) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": ""}, "Name: please fill this in."),
        ({"postcodes": ""}, "Postcodes: at least one"),
        ({"minimum": "-1"}, "Minimum: it cannot be negative."),
        ({"fee": "free"}, "Fee: this is not an amount."),
        ({"minutes": "soon"}, "On the way: a whole number from 0 to 600."),
    ],
)
def test_a_zone_that_makes_no_sense_is_refused_at_its_field_and_nothing_typed_is_lost(
    changes: dict[str, str], says: str, admin: Admin, log_in: LogIn
) -> None:
    answer = send(log_in(OWNER), admin, "delivery/zones", {**zone(0, name="The docks"), **zone(1, **changes)})

    assert answer.status_code == 422
    assert says in answer.text
    assert 'value="The docks"' in answer.text
    assert told(admin) == []


def test_offers_and_limits_are_saved(admin: Admin, log_in: LogIn) -> None:
    answer = send(log_in(OWNER), admin, "delivery/offers", OFFERS)

    columns = "pickup, delivery, max_order_cents, changes_until"
    row = fetch(admin, f"select {columns} from restaurant where id = $1", admin.pizza.id)[0]
    assert answer.status_code == 303
    assert row == {"pickup": True, "delivery": False, "max_order_cents": 30_000, "changes_until": "ready"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"max_order": "0"}, "Largest order: more than zero"),
        ({"pickup": ""}, "tick at least one"),
        ({"prep_minutes": "1e3"}, "Preparation: a whole number"),
        ({"max_order_items": "99999999999999999999"}, "Most portions: a whole number"),
    ],
)
def test_limits_that_make_no_sense_are_refused(changes: dict[str, str], says: str, admin: Admin, log_in: LogIn) -> None:
    answer = send(log_in(OWNER), admin, "delivery/offers", {**OFFERS, **changes})

    assert answer.status_code == 422
    assert says in answer.text


def test_questions_are_saved_told_and_logged_once(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    fields = {"question-0": "Parking?", "answer-0": "Across the road.", "question-3": "Dogs?", "answer-3": "Yes."}

    answer = send(client, admin, "questions", fields)
    send(client, admin, "questions", fields)
    half = send(client, admin, "questions", {**fields, "question-4": "Cash?", "answer-4": ""})

    rows = fetch(admin, "select question, answer from faq where restaurant_id = $1 order by position", admin.pizza.id)
    assert answer.status_code == 303
    assert rows == [
        {"question": "Parking?", "answer": "Across the road."},
        {"question": "Dogs?", "answer": "Yes."},
    ]
    assert told(admin) == ["com.alloresto.faq.changed"]
    assert half.status_code == 422
    assert "Answer: please fill this in." in half.text
    assert 'value="Cash?"' in half.text


def test_staff_read_and_do_not_change(admin: Admin, log_in: LogIn) -> None:
    client = log_in(COOK)
    token = csrf_token(client.get(f"/place/{admin.pizza.id}/delivery").text)

    assert "Save the questions" not in client.get(f"/place/{admin.pizza.id}/questions").text
    assert client.post(f"/place/{admin.pizza.id}/questions", data={"csrf_token": token}).status_code == 403
