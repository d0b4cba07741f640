"""The API as other programs use it: tokens, scopes, pages, keys, limits, and what it says when it refuses."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from stores import tokens, webhooks
from stores.ciphers import PiiCipher
from stores.postgres import Postgres
from tests.conftest import run_apart
from tests.integration.web.admin import (
    COOK,
    OWNER,
    PASSWORD,
    Admin,
    execute,
    fetch,
    lent,
    log_call,
    make_order,
    take_order,
)
from tests.integration.web.api import ApiClient, make_token
from web import create_app

pytestmark = pytest.mark.integration


@pytest.fixture
def app(standing_app: Flask, admin: Admin) -> Iterator[Flask]:
    with lent(standing_app, admin.settings(web_api_requests_per_minute=40)):
        yield standing_app


@pytest.fixture
def api(app: Flask, admin: Admin) -> ApiClient:
    """With every scope of Harbour Pizza."""
    return ApiClient(app.test_client(), make_token(admin))


@pytest.fixture
def with_scopes(app: Flask, admin: Admin) -> Callable[..., ApiClient]:
    return lambda *scopes: ApiClient(app.test_client(), make_token(admin, *scopes))


def test_a_token_opens_its_own_restaurant_and_no_other(api: ApiClient, admin: Admin) -> None:
    own = api.get(f"/restaurants/{admin.pizza.id}")
    other = api.get(f"/restaurants/{admin.margot.id}")
    unknown = api.get(f"/restaurants/{uuid.uuid4()}")

    assert own.status_code == 200
    assert own.get_json()["name"] == "Harbour Pizza"
    assert own.get_json()["prepMinutes"] == admin.pizza.prep_minutes
    assert other.status_code == unknown.status_code == 404
    assert other.get_json() == unknown.get_json()


def test_the_token_is_kept_as_a_hash_and_says_when_it_was_used(api: ApiClient, admin: Admin) -> None:
    api.get(f"/restaurants/{admin.pizza.id}")

    (row,) = fetch(admin, "select t::text as whole, last_used_at, prefix from api_token t")

    assert api.token.removeprefix(tokens.MARK) not in str(row["whole"])
    assert api.token.startswith(tokens.MARK + str(row["prefix"]))
    assert row["last_used_at"] is not None


@pytest.mark.parametrize(
    "header",
    ["", "Basic abc", "Bearer", "Bearer alr_unknown", "Bearer é", "Bearer " + "a" * 3000, "Bearer eyJ.e30.x"],
)
def test_without_a_valid_token_nothing_is_open(app: Flask, admin: Admin, header: str) -> None:
    answer = app.test_client().get(
        f"/api/v1/restaurants/{admin.pizza.id}", headers={"Authorization": header} if header else {}
    )

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["type"] == "urn:alloresto:problem:unauthorized"


def test_a_revoked_and_an_expired_token_open_nothing(api: ApiClient, admin: Admin) -> None:
    assert api.get("/auth/whoami").status_code == 200

    execute(admin, "alter table api_token no force row level security")
    execute(admin, "update api_token set expires_at = now() - interval '1 second'")
    assert api.get("/auth/whoami").status_code == 401

    execute(admin, "update api_token set expires_at = null, revoked_at = now()")
    assert api.get("/auth/whoami").status_code == 401


def test_a_cookie_counts_for_nothing(log_in: Callable[[str], FlaskClient], admin: Admin) -> None:
    client = log_in(OWNER)

    assert client.get(f"/api/v1/restaurants/{admin.pizza.id}").status_code == 401


def test_a_scope_that_is_missing_is_named(with_scopes: Callable[..., ApiClient], admin: Admin) -> None:
    api = with_scopes("menu:read")

    assert api.get(f"/restaurants/{admin.pizza.id}/menu").status_code == 200
    refused = api.get(f"/restaurants/{admin.pizza.id}/orders")

    assert refused.status_code == 403
    assert "orders:read" in refused.get_json()["detail"]


def test_a_member_gets_an_access_token_that_their_role_limits(app: Flask, admin: Admin) -> None:
    client = app.test_client()
    asked = client.post("/api/v1/auth/token", json={"email": COOK, "password": PASSWORD})
    cook = ApiClient(client, asked.get_json()["accessToken"])

    assert asked.get_json()["expiresIn"] == 900
    assert cook.get(f"/restaurants/{admin.pizza.id}/orders").status_code == 200
    assert cook.get(f"/restaurants/{admin.margot.id}/orders").status_code == 404
    assert cook.post(f"/restaurants/{admin.pizza.id}/lines", {"number": "+33123456789"}).status_code == 403

    execute(admin, "alter table membership no force row level security")
    execute(admin, "delete from membership where role = 'staff'")
    assert cook.get(f"/restaurants/{admin.pizza.id}/orders").status_code == 404


def test_a_wrong_password_gets_no_access_token_and_a_new_one_ends_the_old(app: Flask, admin: Admin) -> None:
    client = app.test_client()
    assert client.post("/api/v1/auth/token", json={"email": COOK, "password": "wrong"}).status_code == 401
    right = client.post("/api/v1/auth/token", json={"email": COOK, "password": PASSWORD})
    cook = ApiClient(client, right.get_json()["accessToken"])
    assert cook.get("/auth/whoami").status_code == 200

    execute(admin, "alter table app_user no force row level security")
    execute(admin, "update app_user set password_hash = password_hash || 'x' where email = $1", COOK)

    assert cook.get("/auth/whoami").status_code == 401


def test_orders_come_a_page_at_a_time_each_once(api: ApiClient, admin: Admin) -> None:
    made = [take_order(admin, make_order(admin, minutes_ago=age), tell=False).id for age in (1, 2, 3, 3, 5)]
    path = f"/restaurants/{admin.pizza.id}/orders?limit=2"

    seen, cursor = [], ""
    while True:
        page = api.get(f"{path}&cursor={cursor}").get_json()
        seen += [order["id"] for order in page["data"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break

    assert sorted(seen) == sorted(made)
    assert seen[0] == made[0]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "WyJ4Il0", "bnVsbA", "é", "eyJhIjoxfQ", "a" * 500])
def test_a_cursor_that_is_none_is_refused(api: ApiClient, admin: Admin, cursor: str) -> None:
    answer = api.get(f"/restaurants/{admin.pizza.id}/orders?cursor={cursor}")

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["parameter"] == "cursor"


def test_who_ordered_is_told_with_the_scope_for_it_only(with_scopes: Callable[..., ApiClient], admin: Admin) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    path = f"/restaurants/{admin.pizza.id}/orders/{stored.id}"

    without, personal = with_scopes("orders:read").get(path), with_scopes("orders:read", "personal").get(path)

    assert without.get_json()["customerName"] is None and without.get_json()["address"] is None
    assert "Abbey" not in without.text and "well done" not in without.text
    assert personal.get_json()["customerName"] == "Aoife"
    assert personal.get_json()["address"]["street"] == "3 Abbey Street"
    assert without.headers["ETag"] == '"confirmed"'
    assert without.get_json()["totalCents"] == sum(line["totalCents"] for line in without.get_json()["lines"]) + 200


def test_what_was_said_in_a_call_is_told_with_the_scope_for_it_only(
    with_scopes: Callable[..., ApiClient], admin: Admin
) -> None:
    log_call(admin, "call-1")
    path = f"/restaurants/{admin.pizza.id}/calls"

    without, full = with_scopes("calls:read"), with_scopes("calls:read", "calls:transcript", "personal")

    assert without.get(f"{path}/call-1").get_json()["transcript"] is None
    assert without.get(f"{path}/call-1").get_json()["caller"] is None
    said = full.get(f"{path}/call-1").get_json()
    assert said["transcript"][0] == {**said["transcript"][0], "who": "assistant"}
    assert said["caller"].startswith("+353")
    assert [call["id"] for call in without.get(path).get_json()["data"]] == ["call-1"]
    assert without.get(f"{path}/call-2").status_code == 404


def test_an_item_goes_off_the_menu_with_its_event_and_a_line_in_the_log(api: ApiClient, admin: Admin) -> None:
    item = admin.item("Margherita")
    path = f"/restaurants/{admin.pizza.id}/menu/items/{item.id}"

    off = api.patch(path, {"available": False})
    again = api.patch(path, {"available": False})

    assert off.status_code == again.status_code == 200
    assert off.get_json()["available"] is False
    assert len(fetch(admin, "select from outbox where type = 'com.alloresto.menu.changed'")) == 1
    (entry,) = fetch(admin, "select actor, action, subject from audit_log")
    assert entry == {
        "actor": f"till ({api.token[:12]}…)",
        "action": "menu.availability_changed",
        "subject": item.id,
    }


def test_a_menu_that_is_put_as_it_was_read_changes_nothing(api: ApiClient, admin: Admin) -> None:
    path = f"/restaurants/{admin.pizza.id}/menu"
    read = api.get(path)
    body = {name: read.get_json()[name] for name in ("categories", "items", "spareGroups")}

    put = api.send("PUT", path, body, {"If-Match": read.headers["ETag"]})

    assert put.status_code == 200, put.text
    assert put.get_json() == read.get_json()
    assert fetch(admin, "select from audit_log") == []


def test_a_whole_menu_is_put_in_the_place_of_the_one_that_was_seen(api: ApiClient, admin: Admin) -> None:
    path = f"/restaurants/{admin.pizza.id}/menu"
    read = api.get(path)
    body = {name: read.get_json()[name] for name in ("categories", "items", "spareGroups")}
    gone = body["items"].pop()
    body["items"][0]["name"] = "Reine des reines"

    assert api.send("PUT", path, body).status_code == 428
    put = api.send("PUT", path, body, {"If-Match": read.headers["ETag"]})
    late = api.send("PUT", path, body, {"If-Match": read.headers["ETag"]})

    assert put.status_code == 200, put.text
    assert put.get_json()["items"][0]["name"] == "Reine des reines"
    assert gone["id"] not in put.text
    assert late.status_code == 412
    broken = {**body, "items": [{**body["items"][0], "categoryId": str(uuid.uuid4())}]}
    refused = api.send("PUT", path, broken, {"If-Match": put.headers["ETag"]})
    assert refused.status_code == 422


def test_an_order_moves_on_from_the_status_that_was_seen(api: ApiClient, admin: Admin) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    path = f"/restaurants/{admin.pizza.id}/orders/{stored.id}"

    unseen = api.patch(path, {"status": "preparing"})
    moved = api.patch(path, {"status": "preparing"}, seen="confirmed")
    late = api.patch(path, {"status": "preparing"}, seen="confirmed")
    leap = api.patch(path, {"status": "done"}, seen="preparing")
    reasonless = api.patch(path, {"status": "cancelled"}, seen="preparing")
    cancelled = api.patch(path, {"status": "cancelled", "reason": "customer"}, seen="preparing")

    answers = [one.status_code for one in (unseen, moved, late, leap, reasonless, cancelled)]
    assert answers == [428, 200, 412, 409, 422, 200]
    assert moved.headers["ETag"] == '"preparing"'
    assert "preparing" in late.get_json()["detail"]
    moves = fetch(admin, "select type from outbox where type like 'com.alloresto.order.%' order by id")
    assert [row["type"] for row in moves] == ["com.alloresto.order.moved", "com.alloresto.order.cancelled"]


def test_a_restaurant_is_changed_where_it_differs(api: ApiClient, admin: Admin) -> None:
    path = f"/restaurants/{admin.pizza.id}"

    changed = api.patch(path, {"prepMinutes": 33, "city": admin.pizza.city})
    same = api.patch(path, {"prepMinutes": 33})

    assert changed.get_json()["prepMinutes"] == same.get_json()["prepMinutes"] == 33
    (event,) = fetch(admin, "select event from outbox where type = 'com.alloresto.restaurant.changed'")
    assert event["event"]["data"]["fields"] == ["prep_minutes"]  # type: ignore[index]
    assert api.patch(path, {"maxCalls": 99}).status_code == 422
    assert api.patch(path, {"name": ""}).status_code == 422


def test_a_reservation_is_made_at_a_free_table_and_cancelled(api: ApiClient, admin: Admin) -> None:
    execute(admin, "alter table restaurant no force row level security")
    execute(admin, "update restaurant set dine_in = true")
    execute(
        admin,
        "set role alloresto_platform; delete from reservation; delete from dining_room;"
        f" insert into dining_room (restaurant_id, name) values ('{admin.pizza.id}', 'Hall');"
        " insert into dining_table (restaurant_id, room_id, name, seats)"
        f" select restaurant_id, id, 'T1', 4 from dining_room where restaurant_id = '{admin.pizza.id}' limit 1",
    )
    at = (datetime.now(UTC) + timedelta(days=2)).replace(hour=19, minute=0, second=0, microsecond=0)
    path = f"/restaurants/{admin.pizza.id}/reservations"
    body = {"startsAt": at.isoformat(), "covers": 3, "name": "Nora", "phone": "+33612345678"}

    made, full = api.post(path, body, "book-1"), api.post(path, body)
    again = api.post(path, body, "book-1")

    assert (made.status_code, full.status_code, again.status_code) == (201, 409, 201), made.text
    assert made.get_json() == again.get_json()
    others = [datetime.fromisoformat(one) - at for one in full.get_json()["alternatives"]]
    assert others == [timedelta(minutes=minutes) for minutes in (-120, -105, 105)]
    span = {"since": (at - timedelta(hours=1)).isoformat(), "until": (at + timedelta(days=1)).isoformat()}
    listed = api.client.get(f"/api/v1{path}", query_string=span, headers={"Authorization": f"Bearer {api.token}"})
    assert [one["id"] for one in listed.get_json()["data"]] == [made.get_json()["id"]]
    assert api.send("DELETE", f"{path}/{made.get_json()['id']}").status_code == 204
    after = api.post(path, {**body, "phone": "+33 (0)6 12-34-56-78"})
    assert len(fetch(admin, "select from reservation r join customer c on c.id = r.customer_id group by c.id")) == 1
    assert (after.status_code, after.get_json()["status"], len(after.get_json()["tableIds"])) == (201, "confirmed", 1)
    told = fetch(admin, "select type from outbox where type like 'com.alloresto.reservation.%' order by id")
    assert [str(row["type"]).rpartition(".")[2] for row in told] == ["made", "cancelled", "made"]
    assert api.post(path, {**body, "covers": 50}).get_json()["errors"][0]["pointer"] == "/covers"


def test_events_are_listed_with_who_called_for_those_who_may_know(
    with_scopes: Callable[..., ApiClient], admin: Admin
) -> None:
    async def work() -> None:
        postgres = Postgres(admin.database.app_url)
        await postgres.open()
        try:
            async with postgres.tenant(admin.pizza.id) as connection:
                for number in ("1", "2", "3"):
                    event = {"id": number, "source": "/x", "type": "call.missed", "data": {"caller": ""}}
                    pii = PiiCipher(admin.master_key)
                    await webhooks.keep_event(connection, admin.pizza.id, event, {"caller": "+3361"}, pii=pii)
        finally:
            await postgres.close()

    run_apart(work)
    path = f"/restaurants/{admin.pizza.id}/events?limit=2"

    first = with_scopes("events:read").get(path).get_json()
    rest = with_scopes("events:read", "personal").get(f"{path}&cursor={first['nextCursor']}").get_json()

    assert [one["event"]["id"] for one in first["data"]] == ["3", "2"]
    assert first["data"][0]["event"]["data"]["caller"] == ""
    assert [one["event"]["id"] for one in rest["data"]] == ["1"]
    assert rest["data"][0]["event"]["data"]["caller"] == "+3361"
    assert rest["nextCursor"] is None


def test_a_price_is_changed_for_one_size(api: ApiClient, admin: Admin) -> None:
    item, size_id = admin.item("Margherita"), admin.size_id("Margherita", "Large")

    answer = api.patch(f"/restaurants/{admin.pizza.id}/menu/items/{item.id}/sizes/{size_id}", {"priceCents": 1234})

    assert {size["id"]: size["priceCents"] for size in answer.get_json()["sizes"]}[size_id] == 1234
    missing = api.patch(f"/restaurants/{admin.pizza.id}/menu/items/{item.id}/sizes/{uuid.uuid4()}", {"priceCents": 1})
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"number": 7}, "/number"),
        (
            {"number": "+33123456789", "sip": {"domain": "sip.x.example", "username": 1, "password": ""}},
            "/sip/username",
        ),
        ({"number": "+33123456789", "colour": "red"}, ""),
        ({"number": "+33123456789"}, "/sip"),
        ({"number": "+33123456789", "provider": "twilio"}, "/twilioAuthToken"),
        ({"number": "+33123456789", "sip": {"domain": "not a host", "username": "a", "password": "b"}}, "/sip"),
        ([], ""),
    ],
)
def test_a_problem_names_the_field(api: ApiClient, admin: Admin, body: object, pointer: str) -> None:
    answer = api.post(f"/restaurants/{admin.pizza.id}/lines", body)

    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["errors"][0].get("pointer", "") == pointer
    assert answer.get_json()["errors"][0]["detail"]


def test_what_is_no_json_is_refused(api: ApiClient, admin: Admin) -> None:
    path = f"/api/v1/restaurants/{admin.pizza.id}/lines"
    headers = {"Authorization": f"Bearer {api.token}"}

    form = api.client.post(path, data={"number": "1"}, headers=headers)
    broken = api.client.post(path, data=b'{"number": ', content_type="application/json", headers=headers)
    nul = api.client.post(path, data=b'{"number": "\\u0000"}', content_type="application/json", headers=headers)
    long = api.client.post(path, data=b'"' + b"a" * 70_000 + b'"', content_type="application/json", headers=headers)

    assert [one.status_code for one in (form, broken, nul, long)] == [415, 400, 400, 413]


def test_paths_and_methods_that_are_none_are_problems_too(api: ApiClient, admin: Admin) -> None:
    nowhere, method = api.get("/nowhere"), api.send("DELETE", f"/restaurants/{admin.pizza.id}")

    assert (nowhere.status_code, method.status_code) == (404, 405)
    assert nowhere.get_json()["type"] == "urn:alloresto:problem:not-found"
    assert method.get_json()["type"] == "urn:alloresto:problem:method-not-allowed"
    assert "GET" in method.headers["Allow"]


SIP_LINE = {"number": "+33123456789", "sip": {"domain": "sip.x.example", "username": "u", "password": "secret"}}


def test_a_key_gives_a_repeated_request_one_effect_and_one_answer(api: ApiClient, admin: Admin) -> None:
    path = f"/restaurants/{admin.pizza.id}/lines"
    before = len(api.get(path).get_json()["data"])

    first, again = api.post(path, SIP_LINE, "key-1"), api.post(path, SIP_LINE, "key-1")
    other = api.post(path, {**SIP_LINE, "number": "+33123456780"}, "key-1")

    assert first.status_code == again.status_code == 201
    assert first.data == again.data
    assert first.headers["Location"] == again.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers and again.headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 422
    assert other.get_json()["type"] == "urn:alloresto:problem:key-reused"
    assert len(api.get(path).get_json()["data"]) == before + 1
    assert "secret" not in first.text


def test_a_refused_request_leaves_its_key_free(api: ApiClient, admin: Admin) -> None:
    path = f"/restaurants/{admin.pizza.id}/lines"

    assert api.post(path, {**SIP_LINE, "number": "?"}, "key-2").status_code == 422
    assert api.post(path, SIP_LINE, "key-2").status_code == 201
    assert api.post(path, SIP_LINE, "key-3").status_code == 409


def test_a_key_is_free_again_after_a_day(api: ApiClient, admin: Admin) -> None:
    path = f"/restaurants/{admin.pizza.id}/lines"
    api.post(path, SIP_LINE, "key-4")
    execute(admin, "alter table idempotency_key no force row level security")
    execute(admin, "update idempotency_key set created_at = created_at - interval '25 hours'")

    again = api.post(path, {**SIP_LINE, "number": "+33123456780"}, "key-4")

    assert again.status_code == 201
    assert again.get_json()["number"] == "+33123456780"


def test_a_client_has_so_many_requests_a_minute_and_is_told(api: ApiClient, admin: Admin) -> None:
    answers = [api.get("/auth/whoami") for _ in range(41)]

    assert [one.status_code for one in answers] == [200] * 40 + [429]
    assert answers[0].headers["RateLimit-Policy"] == '"default";q=40;w=60'
    assert answers[0].headers["RateLimit"].startswith('"default";r=39;t=')
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    other = ApiClient(api.client, make_token(admin))
    assert other.get("/auth/whoami").status_code == 200


def test_a_platform_token_makes_a_restaurant_whose_lines_are_to_be_registered(app: Flask, admin: Admin) -> None:
    platform = ApiClient(
        app.test_client(), make_token(admin, "restaurants:create", "lines:read", "restaurant:read", restaurant_id=None)
    )
    body = {"name": "Le Neuf", "language": "fr", "zone": "Europe/Paris", "country": "FR", "lines": [SIP_LINE]}

    made, again = platform.post("/restaurants", body, "one"), platform.post("/restaurants", body, "one")

    assert made.status_code == again.status_code == 201
    assert made.get_json() == again.get_json()
    assert made.headers["Location"] == f"/api/v1/restaurants/{made.get_json()['id']}"
    status = platform.get(made.get_json()["statusUrl"].removeprefix("/api/v1"))
    assert status.get_json()["status"] == "registering"
    assert platform.get(f"/restaurants/{made.get_json()['id']}").get_json()["name"] == "Le Neuf"
    events = fetch(admin, "select type from outbox where restaurant_id = $1", made.get_json()["id"])
    assert [row["type"] for row in events] == ["com.alloresto.line.changed"]
    assert platform.get(f"/restaurants/{uuid.uuid4()}").status_code == 404


def test_the_lines_of_a_restaurant_are_registered_once_its_trunk_says_so(api: ApiClient, admin: Admin) -> None:
    line = api.post(f"/restaurants/{admin.pizza.id}/lines", SIP_LINE).get_json()

    execute(
        admin,
        "set role alloresto_platform; insert into sip_bridge_node (id, hostname) values ('n', 'n');"
        " insert into sip_registration (restaurant_id, phone_line_id, bridge_node_id, sip_uri, status)"
        f" values ('{admin.pizza.id}', '{line['id']}', 'n', 'sip:u@x', 'registered')",
    )

    assert line["registration"] == "registering"
    assert api.get(f"/restaurants/{admin.pizza.id}/lines/{line['id']}").get_json()["registration"] == "registered"
    off = api.patch(f"/restaurants/{admin.pizza.id}/lines/{line['id']}", {"active": False})
    assert off.get_json()["registration"] == "off"


def test_only_the_platform_makes_restaurants(api: ApiClient) -> None:
    assert api.post("/restaurants", {"name": "x", "language": "fr", "zone": "Europe/Paris"}).status_code == 403


def test_nothing_is_open_to_other_sites(api: ApiClient, admin: Admin) -> None:
    answer = api.send("GET", f"/restaurants/{admin.pizza.id}", headers={"Origin": "https://elsewhere.example"})

    assert not [name for name in answer.headers if name[0].startswith("Access-Control")]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_request_is_answered_while_redis_is_away(admin: Admin) -> None:
    app = create_app(admin.settings(redis_url="redis://127.0.0.1:1/0"))
    api = ApiClient(app.test_client(), make_token(admin))

    answer = api.get(f"/restaurants/{admin.pizza.id}")

    app.extensions["alloresto.database"].close()
    assert answer.status_code == 200
    assert "RateLimit" not in answer.headers


def test_the_app_role_reads_no_tokens_hash(admin: Admin) -> None:
    async def work() -> None:
        postgres = Postgres(admin.database.app_url)
        await postgres.open()
        try:
            async with postgres.tenant(admin.pizza.id) as connection:
                await connection.fetch("select secret_hash from api_token")
        finally:
            await postgres.close()

    with pytest.raises(Exception, match="permission denied"):
        run_apart(work)
