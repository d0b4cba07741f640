"""The owner's page of connections: what is typed is kept, sealed where it is a secret, and what it was told is seen."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.integration.web.admin import COOK, OWNER, Admin, csrf_token, execute, fetch, lent

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
FIELDS = {"url": "https://till.example/api", "token": "a secret of the till", "name": "Front till"}


def send(client: FlaskClient, admin: Admin, path: str, fields: dict[str, str] | None = None) -> TestResponse:
    token = csrf_token(client.get(f"/place/{admin.pizza.id}/connections/new/store_api").text)
    return client.post(f"/place/{admin.pizza.id}/connections{path}", data={"csrf_token": token, **(fields or {})})


def connect(client: FlaskClient, admin: Admin) -> str:
    assert send(client, admin, "/new/store_api", FIELDS).status_code == 303
    (row,) = fetch(admin, "select id from service_connection")
    return str(row["id"])


def test_a_till_is_connected_changed_and_disconnected_and_its_secret_is_never_shown(
    log_in: LogIn, admin: Admin
) -> None:
    client = log_in(OWNER)
    made = connect(client, admin)
    (before,) = fetch(admin, "select secrets_encrypted from service_connection")

    page = client.get(f"/place/{admin.pizza.id}/connections/{made}").text
    assert FIELDS["url"] in page and FIELDS["token"] not in page
    assert send(client, admin, f"/{made}", FIELDS | {"token": "", "name": "Bar"}).status_code == 303
    (kept,) = fetch(admin, "select secrets_encrypted, name from service_connection")
    assert (kept["secrets_encrypted"], kept["name"]) == (before["secrets_encrypted"], "Bar")
    assert send(client, admin, f"/{made}", FIELDS | {"token": "another"}).status_code == 303
    (changed,) = fetch(admin, "select secrets_encrypted from service_connection")
    assert changed["secrets_encrypted"] != before["secrets_encrypted"]
    send(client, admin, f"/{made}/switch", {"on": "no"})
    assert [row["off"] for row in fetch(admin, "select disabled_at is not null as off from service_connection")] == [
        True
    ]
    send(client, admin, f"/{made}/delete")
    assert fetch(admin, "select 1 from service_connection") == []

    entries = fetch(admin, "select action, after::text from audit_log order by id")
    done = ("created", "changed", "changed", "switched", "deleted")
    assert [row["action"] for row in entries] == [f"connections.{one}" for one in done]
    assert FIELDS["token"] not in str([dict(row) for row in entries])


def test_a_secret_goes_to_no_other_address_than_it_was_typed_for(log_in: LogIn, admin: Admin) -> None:
    client = log_in(OWNER)
    made = connect(client, admin)
    elsewhere = FIELDS | {"url": "https://reads-secrets.example"}

    assert send(client, admin, f"/{made}", elsewhere | {"token": ""}).status_code == 422
    (row,) = fetch(admin, "select settings from service_connection")
    assert "reads-secrets" not in str(row["settings"])
    assert send(client, admin, f"/{made}", elsewhere | {"token": "typed again"}).status_code == 303


def test_where_a_service_sends_its_notices_is_the_public_address(
    standing_app: Flask, log_in: LogIn, admin: Admin
) -> None:
    fields = {"account": "AC1", "sender": "+33612345678", "token": "t"}
    with lent(standing_app, admin.settings(web_public_url="https://admin.example/")):
        client = log_in(OWNER)
        assert send(client, admin, "/new/twilio", fields).status_code == 303
        (row,) = fetch(admin, "select id from service_connection")
        path = f"/place/{admin.pizza.id}/connections/{row['id']}"
        page = client.get(path).text
        assert f"<code>https://admin.example/hooks/twilio/{row['id']}</code>" in page and "localhost/hooks" not in page
    with lent(standing_app, admin.settings()):
        assert "hooks/twilio" not in client.get(path).text


def test_a_second_till_is_refused_and_a_wrong_field_is_named(log_in: LogIn, admin: Admin) -> None:
    client = log_in(OWNER)

    wrong = send(client, admin, "/new/store_api", FIELDS | {"url": "http://10.0.0.1/", "token": ""})
    assert wrong.status_code == 422
    assert "https://" in wrong.text and "http://10.0.0.1/" in wrong.text

    connect(client, admin)
    second = send(client, admin, "/new/store_api", FIELDS)
    assert second.status_code == 422
    assert len(fetch(admin, "select 1 from service_connection")) == 1


def test_what_the_till_refused_is_seen_and_tried_again(log_in: LogIn, admin: Admin) -> None:
    client = log_in(OWNER)
    made, errand = connect(client, admin), str(uuid.uuid4())
    execute(
        admin,
        "insert into errand (id, restaurant_id, connection_id, kind, subject, key, state, settled_at, attempts,"
        " last_error, give_up_at) values"
        f" ('{errand}', '{admin.pizza.id}', '{made}', 'order.place', 'x', 'x', 'refused', now(), 2,"
        " 'The kitchen is closed.', now())",
    )

    page = client.get(f"/place/{admin.pizza.id}/connections/{made}").text
    assert "The kitchen is closed." in page and "2 attempts" in page
    assert send(client, admin, f"/{made}/errands/{errand}/again").status_code == 303
    (row,) = fetch(admin, "select state, give_up_at > now() as goes_on from errand")
    assert (row["state"], row["goes_on"]) == ("waiting", True)
    assert send(client, admin, f"/{made}/errands/{uuid.uuid4()}/again").status_code == 404


def test_only_owners_connect(log_in: LogIn, admin: Admin) -> None:
    assert log_in(COOK).get(f"/place/{admin.pizza.id}/connections").status_code in (403, 404)


def test_what_messages_have_cost_is_seen_by_month(log_in: LogIn, admin: Admin) -> None:
    client = log_in(OWNER)
    fields = {"account": "AC1", "sender": "+33612345678", "token": "t"}
    assert send(client, admin, "/new/twilio", fields).status_code == 303
    (row,) = fetch(admin, "select id from service_connection")
    month, owner = "date_trunc('month', now())::date", admin.pizza.id
    for currency, messages, micros in (("", 12, 0), ("EUR", 11, 825_000), ("credits", 1, 2_000_000)):
        execute(
            admin,
            "insert into message_cost (restaurant_id, month, provider, currency, messages, parts, micros) values"
            f" ('{owner}', {month}, 'twilio', '{currency}', {messages}, 20, {micros})",
        )

    page = " ".join(client.get(f"/place/{admin.pizza.id}/connections/{row['id']}").text.split())
    assert "12 messages, 20 parts" in page and "€0.83" in page.replace("\u00a0", "") and "2 credits" in page


def test_a_store_needs_no_address_where_the_operator_has_set_one(
    standing_app: Flask, log_in: LogIn, admin: Admin
) -> None:
    client = log_in(OWNER)
    assert send(client, admin, "/new/store_api", FIELDS | {"url": ""}).status_code == 422
    with lent(standing_app, admin.settings(store_api_url="https://store.example")):
        assert send(client, admin, "/new/store_api", FIELDS | {"url": ""}).status_code == 303
    (row,) = fetch(admin, "select settings::text from service_connection")
    assert row["settings"] == "{}"


def test_old_secrets_are_said_to_be_old_until_new_ones_are_typed(log_in: LogIn, admin: Admin) -> None:
    client, hint = log_in(OWNER), "over 90 days ago"
    made = connect(client, admin)
    path = f"/place/{admin.pizza.id}/connections/{made}"
    assert "Its secrets were typed on" in client.get(path).text and hint not in client.get(path).text

    execute(admin, "update service_connection set secrets_at = now() - interval '91 days'")
    # A rotation of MASTER_KEY seals what is there anew.
    execute(admin, "update service_connection set secrets_encrypted = secrets_encrypted || 'x'")
    assert hint in client.get(path).text
    send(client, admin, f"/{made}", FIELDS | {"token": ""})
    assert hint in client.get(path).text
    send(client, admin, f"/{made}", FIELDS | {"token": "a new one"})
    assert hint not in client.get(path).text


def test_what_a_calendar_closes_is_seen_with_how_old_that_is(log_in: LogIn, admin: Admin) -> None:
    client, place = log_in(OWNER), f"/place/{admin.pizza.id}"
    fields = {"url": "https://dav.example/", "user": "lea", "password": "p"}
    assert send(client, admin, "/new/caldav", fields).status_code == 303
    (row,) = fetch(admin, "select id from service_connection")
    page = f"{place}/connections/{row['id']}"
    assert "Not read yet" in client.get(page).text

    execute(
        admin,
        "set role alloresto_platform; insert into calendar_copy (connection_id, restaurant_id, read_at, known, busy)"
        " select id, restaurant_id, now(), tstzrange(now() - interval '1 day', now() + interval '30 days'),"
        " tstzmultirange(tstzrange(now() - interval '1 hour', now() + interval '13 days')) from service_connection",
    )
    assert "No table is promised" in client.get(page).text
    day = f"{place}/reservations?day={datetime.now(UTC).date() + timedelta(days=5)}"
    assert "Closed by your calendar" in client.get(day).text

    execute(
        admin,
        "set role alloresto_platform; update calendar_copy set read_at = now() - interval '1 hour', last_error = '503'",
    )
    old = client.get(page).text
    assert "That is too long ago" in old and "503" in old and "No table is promised" not in old
    assert "Closed by your calendar" not in client.get(day).text
