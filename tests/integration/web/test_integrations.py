"""The owner's page of tokens and webhooks: what it makes opens the API, what it changes is logged."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from stores.ciphers import PiiCipher
from tests.integration.web.admin import OWNER, Admin, csrf_token, execute, fetch

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
URL = "https://till.example/hook"


def send(client: FlaskClient, admin: Admin, path: str, fields: dict[str, object] | None = None) -> TestResponse:
    token = csrf_token(client.get(f"/place/{admin.pizza.id}/integrations").text)
    return client.post(f"/place/{admin.pizza.id}/integrations{path}", data={"csrf_token": token, **(fields or {})})


def add(client: FlaskClient, admin: Admin, **fields: object) -> str:
    """The new webhook's id."""
    answer = send(client, admin, "/webhooks/new", {"url": URL, **fields})
    assert answer.status_code == 200, answer.text
    (row,) = fetch(admin, "select id from webhook_endpoint")
    return str(row["id"])


def shown(answer: TestResponse) -> str:
    found = re.search(r'<code class="secret">([^<]+)</code>', answer.text)
    assert found, answer.text
    return found[1]


def test_a_token_is_shown_once_and_opens_what_it_may(log_in: LogIn, admin: Admin) -> None:
    client = log_in(OWNER)

    made = send(client, admin, "/tokens", {"name": "Till", "lifetime": "365", "scope": ["menu:read", "orders:read"]})
    token = shown(made)

    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get(f"/api/v1/restaurants/{admin.pizza.id}/menu", headers=bearer).status_code == 200
    assert client.get(f"/api/v1/restaurants/{admin.pizza.id}/calls", headers=bearer).status_code == 403
    page = client.get(f"/place/{admin.pizza.id}/integrations").text
    assert token not in page and token[:12] in page
    (entry,) = fetch(admin, "select action, actor, after from audit_log")
    assert (entry["action"], entry["actor"]) == ("tokens.created", OWNER)
    assert token not in str(entry)


def test_a_revoked_token_opens_nothing(log_in: LogIn, admin: Admin) -> None:
    client = log_in(OWNER)
    token = shown(send(client, admin, "/tokens", {"name": "Till", "lifetime": "never", "scope": "menu:read"}))
    (row,) = fetch(admin, "select id from api_token")

    assert send(client, admin, f"/tokens/{row['id']}/revoke").status_code == 303
    assert send(client, admin, f"/tokens/{row['id']}/revoke").status_code == 404

    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get(f"/api/v1/restaurants/{admin.pizza.id}/menu", headers=bearer).status_code == 401


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "", "lifetime": "365", "scope": "menu:read"},
        {"name": "Till", "lifetime": "365"},
        {"name": "Till", "lifetime": "365", "scope": "restaurants:create"},
        {"name": "Till", "lifetime": "1000000", "scope": "menu:read"},
        {"name": "T" * 81, "lifetime": "365", "scope": "menu:read"},
    ],
)
def test_a_token_that_can_not_be_is_refused_and_nothing_typed_is_lost(
    log_in: LogIn, admin: Admin, fields: dict[str, object]
) -> None:
    answer = send(log_in(OWNER), admin, "/tokens", fields)

    assert answer.status_code == 422
    assert str(fields["name"]) in answer.text
    assert fetch(admin, "select from api_token") == []


def test_a_webhook_is_added_with_a_secret_that_is_shown_once_and_sealed(log_in: LogIn, admin: Admin) -> None:
    client = log_in(OWNER)
    answer = send(
        client,
        admin,
        "/webhooks/new",
        {"url": URL, "type": ["com.alloresto.order.confirmed", "nonsense"], "personal": "yes"},
    )
    secret = shown(answer)

    (row,) = fetch(admin, "select * from webhook_endpoint")
    assert (row["url"], row["types"], row["personal"]) == (URL, ["com.alloresto.order.confirmed"], True)
    assert PiiCipher(admin.master_key).decrypt(admin.pizza.id, row["secret_encrypted"]) == secret  # type: ignore[arg-type]
    page = client.get(f"/place/{admin.pizza.id}/integrations/webhooks/{row['id']}").text
    assert URL in page and secret not in page


@pytest.mark.parametrize(
    "url", ["", "till", "http://till.example/", "https://127.0.0.1/", "https://localhost/", "https://a:b@till.example/"]
)
def test_an_address_that_may_not_be_called_is_refused_at_its_field(log_in: LogIn, admin: Admin, url: str) -> None:
    answer = send(log_in(OWNER), admin, "/webhooks/new", {"url": url})

    assert answer.status_code == 422
    assert "Address" in answer.text and 'id="url-problem"' in answer.text
    assert f'value="{url}"' in answer.text
    assert fetch(admin, "select from webhook_endpoint") == []


def test_a_test_is_told_to_the_sender_for_this_webhook(log_in: LogIn, admin: Admin) -> None:
    client = log_in(OWNER)
    endpoint = add(client, admin)

    assert send(client, admin, f"/webhooks/{endpoint}/test").status_code == 303

    (row,) = fetch(admin, "select event from outbox where type = 'com.alloresto.webhook.tested'")
    assert row["event"]["data"]["endpointId"] == endpoint  # type: ignore[index]


def test_the_log_shows_how_each_sending_went_and_sends_again(log_in: LogIn, admin: Admin) -> None:
    client = log_in(OWNER)
    endpoint = add(client, admin)
    execute(
        admin,
        "set role alloresto_platform; insert into integration_event (restaurant_id, event_id, source, type, event)"
        f" values ('{admin.pizza.id}', '1', '/x', 'com.alloresto.call.missed', '{{}}');"
        " insert into webhook_delivery (restaurant_id, endpoint_id, integration_event_id, state, attempts, last_status,"
        f" last_error, last_ms) select restaurant_id, '{endpoint}', id, 'failed', 8, 500, 'answered 500', 12"
        " from integration_event",
    )

    page = client.get(f"/place/{admin.pizza.id}/integrations/webhooks/{endpoint}").text
    (row,) = fetch(admin, "select id from webhook_delivery")
    again = send(client, admin, f"/webhooks/{endpoint}/deliveries/{row['id']}/again")

    assert "Call missed" in page and "answered 500" in page and "8 attempts" in page and "Given up" in page
    assert again.status_code == 303
    (row,) = fetch(admin, "select state, attempts from webhook_delivery")
    assert row == {"state": "waiting", "attempts": 0}


def test_a_webhook_is_changed_switched_given_a_new_secret_and_deleted(log_in: LogIn, admin: Admin) -> None:
    client = log_in(OWNER)
    endpoint = add(client, admin)
    path = f"/webhooks/{endpoint}"

    assert send(client, admin, path, {"url": URL + "/2", "description": "Caisse"}).status_code == 303
    assert send(client, admin, f"{path}/switch", {"on": "no"}).status_code == 303
    assert "Off" in client.get(f"/place/{admin.pizza.id}/integrations").text
    assert send(client, admin, f"{path}/switch", {"on": "yes"}).status_code == 303
    secret = shown(send(client, admin, f"{path}/secret"))
    (row,) = fetch(admin, "select *, old_secret_until > now() as both from webhook_endpoint")
    assert (row["url"], row["description"], row["disabled_at"], row["both"]) == (URL + "/2", "Caisse", None, True)
    assert PiiCipher(admin.master_key).decrypt(admin.pizza.id, row["secret_encrypted"]) == secret  # type: ignore[arg-type]
    assert send(client, admin, f"{path}/delete").status_code == 303
    assert client.get(f"/place/{admin.pizza.id}/integrations{path}").status_code == 404
    actions = [row["action"] for row in fetch(admin, "select action from audit_log order by id")]
    assert actions == [
        "webhooks.created",
        "webhooks.changed",
        "webhooks.switched",
        "webhooks.switched",
        "webhooks.secret_changed",
        "webhooks.deleted",
    ]


def test_a_webhook_that_was_switched_off_for_its_failures_says_so(log_in: LogIn, admin: Admin) -> None:
    client = log_in(OWNER)
    endpoint = add(client, admin)
    execute(
        admin,
        "set role alloresto_platform; update webhook_endpoint set disabled_at = now(), disabled_because = 'failing'",
    )

    for page in ("", f"/webhooks/{endpoint}"):
        assert "it failed for five days" in client.get(f"/place/{admin.pizza.id}/integrations{page}").text


def test_what_is_not_there_is_not_found(log_in: LogIn, admin: Admin) -> None:
    client = log_in(OWNER)

    assert client.get(f"/place/{admin.pizza.id}/integrations/webhooks/{uuid.uuid4()}").status_code == 404
    assert send(client, admin, f"/webhooks/{uuid.uuid4()}/test").status_code == 404


def test_what_has_happened_is_sent_again_from_a_point_in_time(log_in: LogIn, admin: Admin) -> None:
    """Under the id that it had; what this endpoint never saw, or does not want, is told apart."""
    client = log_in(OWNER)
    made = add(client, admin, type=["com.alloresto.menu.changed"])
    kept = "insert into integration_event (restaurant_id, event_id, source, type, event, at) values"
    for number, (kind, age) in enumerate((("menu", "2 days"), ("menu", "1 hour"), ("menu", "0"), ("line", "0"))):
        at = f"now() - interval '{age}'"
        execute(admin, f"{kept} ('{admin.pizza.id}', '{number}', '/t', 'com.alloresto.{kind}.changed', '{{}}', {at})")
    execute(
        admin,
        "insert into webhook_delivery (restaurant_id, endpoint_id, integration_event_id, state, attempts)"
        f" select restaurant_id, '{made}', id, 'delivered', 1 from integration_event where event_id = '1'",
    )
    (before,) = fetch(admin, "select id from webhook_delivery")

    assert send(client, admin, f"/webhooks/{made}/replay", {"hours": "24"}).status_code == 303
    rows = fetch(
        admin,
        "select d.id, d.state, e.event_id from webhook_delivery d join integration_event e"
        " on e.id = d.integration_event_id order by e.id",
    )

    assert [(row["event_id"], row["state"]) for row in rows] == [("1", "waiting"), ("2", "waiting")]
    assert rows[0]["id"] == before["id"]
    assert send(client, admin, f"/webhooks/{made}/replay", {"hours": "9999"}).status_code == 422
