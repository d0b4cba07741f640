"""The pages of the platform's own staff, behind HTTP."""

import html
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from eventing import letters
from stores.postgres import Postgres
from tests.conftest import run_apart
from tests.integration.web.admin import OWNER, PASSWORD, STRANGER, SUPPORT, Admin, csrf_token, execute, fetch, log_call
from tests.integration.web.api import make_token
from web import access, create_app

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
UNKNOWN = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def staff(log_in: LogIn) -> FlaskClient:
    return log_in(SUPPORT)


def post(client: FlaskClient, path: str, page: str = "/admin/tenants/new", **form: str) -> "tuple[int, str]":
    """``(status, text)`` of a form sent with the token of a page, redirects followed."""
    token = csrf_token(client.get(page).text)
    answer = client.post(path, data={**form, "csrf_token": token}, follow_redirects=True)
    return answer.status_code, answer.text


def platform_urls(app: Flask) -> Iterator[tuple[str, str]]:
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            if access.rule_of(app, rule.endpoint) == "platform":
                method = "POST" if "POST" in (rule.methods or ()) else "GET"
                yield method, adapter.build(rule.endpoint, dict.fromkeys(rule.arguments, UNKNOWN), method)


def test_nobody_but_the_platforms_staff_finds_its_pages(app: Flask, log_in: LogIn) -> None:
    client = log_in(OWNER)
    token = csrf_token(client.get("/", follow_redirects=True).text)

    statuses = {
        path: client.open(path, method=method, data={"csrf_token": token} if method == "POST" else None).status_code
        for method, path in platform_urls(app)
    }

    assert len(statuses) >= 15
    assert set(statuses.values()) == {404}


def test_without_a_role_that_sees_all_restaurants_there_are_no_such_pages(admin: Admin) -> None:
    app = create_app(admin.settings(platform_database_url=""))

    assert app.test_client().get("/admin/tenants").status_code == 404


def test_a_stranger_is_led_to_the_log_in(client: FlaskClient) -> None:
    answer = client.get("/admin/tenants")

    assert answer.status_code == 302
    assert "/login" in answer.location


def test_staff_come_to_the_restaurants_after_the_log_in(staff: FlaskClient) -> None:
    answer = staff.get("/", follow_redirects=True)

    assert answer.request.path == "/admin/tenants"
    assert "Harbour Pizza" in answer.text and "Chez Margot" in answer.text


def test_a_restaurant_is_found_by_its_name_its_city_or_its_id(staff: FlaskClient, admin: Admin) -> None:
    asked = ("harbour", admin.pizza.city.upper(), admin.pizza.id[:8])

    pages = [staff.get("/admin/tenants", query_string={"q": text}).text for text in asked]

    assert ["Harbour Pizza" in page for page in pages] == [True, True, True]
    assert ["Chez Margot" in page for page in pages] == [False, False, False]


def test_every_restaurant_is_on_one_page_of_the_list(staff: FlaskClient, admin: Admin) -> None:
    execute(
        admin,
        "insert into restaurant (name, language, currency, zone) select 'Twin ' || (n / 2), 'fr', 'EUR', 'Europe/Paris'"
        " from generate_series(1, 120) n",
    )
    seen: list[str] = []
    path = "/admin/tenants"
    while path:
        page = staff.get(path).text
        seen += re.findall(r'href="/admin/tenants/([0-9a-f-]{36})"', page)
        more = re.search(r'class="older"><a href="([^"]+)"', page)
        path = more[1].replace("&amp;", "&") if more else ""

    assert len(seen) == len(set(seen)) == 122


def test_a_crafted_link_is_refused(staff: FlaskClient) -> None:
    lists = ("after=%00", "q=%00", "id=zzz", "after=a&id=" + "-" * 36)
    logs = ("below=x", "below=" + "9" * 30, "restaurant=x", "below=%C2%B2")

    of_lists = [staff.get(f"/admin/tenants?{query}").status_code for query in lists]
    of_logs = [staff.get(f"/admin/audit?{query}").status_code for query in logs]

    assert of_lists == [400, 400, 400, 400]
    assert of_logs == [400, 400, 400, 400]


def test_a_limit_is_changed_and_told_and_logged(staff: FlaskClient, admin: Admin) -> None:
    page = f"/admin/tenants/{admin.pizza.id}"

    status, text = post(staff, f"{page}/plan", page, max_calls="25", plan="Pro", plan_notes="Until spring")

    assert status == 200 and "Saved." in text and 'value="25"' in text
    row = fetch(
        admin, "select r.max_calls, p.plan, p.notes from restaurant r join tenant_plan p on p.restaurant_id = r.id"
    )
    assert row == [{"max_calls": 25, "plan": "Pro", "notes": "Until spring"}]
    told = fetch(admin, "select event from outbox where type = 'com.alloresto.restaurant.changed'")
    assert [one["event"]["data"]["fields"] for one in told] == [["max_calls"]]  # type: ignore[index]
    logged = fetch(admin, "select actor, before, after from audit_log where action = 'tenant.plan_changed'")
    assert [(one["actor"], one["before"]["max_calls"], one["after"]["max_calls"]) for one in logged] == [  # type: ignore[index]
        (SUPPORT, admin.pizza.max_calls, 25)
    ]


def test_a_limit_that_is_none_is_refused_with_what_was_typed(staff: FlaskClient, admin: Admin) -> None:
    page = f"/admin/tenants/{admin.pizza.id}"

    answers = [
        post(staff, f"{page}/plan", page, max_calls=typed, plan="Pro", plan_notes="kept words")
        for typed in ("", "0", "1001", "²", "-1", "9" * 30, "many")
    ]

    assert {status for status, _ in answers} == {422}
    for _, text in answers:
        assert "Calls at once: type a number from 1 to 1000." in text and "kept words" in text
    assert fetch(admin, "select plan from tenant_plan") == []


def test_a_disabled_restaurant_shuts_its_members_out_and_its_lines_off(
    staff: FlaskClient, app: Flask, admin: Admin
) -> None:
    page = f"/admin/tenants/{admin.pizza.id}"
    before = fetch(admin, "select id from phone_line where restaurant_id = $1 and is_active", admin.pizza.id)
    owner = app.test_client()
    token = csrf_token(owner.get("/login").text)
    owner.post("/login", data={"email": OWNER, "password": PASSWORD, "csrf_token": token})
    assert owner.get(f"/place/{admin.pizza.id}/").status_code == 200
    execute(admin, "delete from outbox")

    status, text = post(staff, f"{page}/disable", page)

    assert status == 200 and "Disabled. Its members are out." in text
    assert owner.get(f"/place/{admin.pizza.id}/").status_code == 404
    assert owner.get(f"/place/{admin.margot.id}/").status_code == 200
    active = fetch(admin, "select id from phone_line where restaurant_id = $1 and is_active", admin.pizza.id)
    assert before and active == []
    told = fetch(admin, "select event from outbox where type = 'com.alloresto.line.changed'")
    assert {one["event"]["data"]["change"] for one in told} == {"deactivated"}  # type: ignore[index]
    assert len(told) == len(before)

    post(staff, f"{page}/enable", page)

    assert owner.get(f"/place/{admin.pizza.id}/").status_code == 200
    assert fetch(admin, "select id from phone_line where restaurant_id = $1 and is_active", admin.pizza.id) == before
    assert [one["action"] for one in fetch(admin, "select action from audit_log order by id")] == [
        "tenant.disabled",
        "tenant.enabled",
    ]


def test_a_number_that_went_to_another_line_meanwhile_stays_off(staff: FlaskClient, admin: Admin) -> None:
    page = f"/admin/tenants/{admin.pizza.id}"
    post(staff, f"{page}/disable", page)
    execute(
        admin,
        "insert into phone_line (restaurant_id, number, provider) select $1, number, 'sip' from phone_line"
        " where restaurant_id = $2 order by created_at, id limit 1",
        admin.margot.id,
        admin.pizza.id,
    )

    status, text = post(staff, f"{page}/enable", page)

    assert status == 200 and "belong to another active line" in text


def test_a_new_restaurant_gets_an_owner_who_can_log_in(staff: FlaskClient, app: Flask, admin: Admin) -> None:
    form = {"name": "Le Phare", "city": "Brest", "language": "fr", "currency": "eur", "zone": "Europe/Paris"}

    status, text = post(staff, "/admin/tenants", **form, country="fr", email="Yann@Phare.example")

    assert status == 200
    found = re.search(r'<output class="secret">([^<]+)</output>', text)
    assert found
    client = app.test_client()
    token = csrf_token(client.get("/login").text)
    answer = client.post(
        "/login", data={"email": "yann@phare.example", "password": found[1], "csrf_token": token}, follow_redirects=True
    )
    assert answer.status_code == 200 and "Le Phare" in answer.text
    assert len(fetch(admin, "select id from audit_log where action = 'tenant.created'")) == 1
    assert found[1] not in str(fetch(admin, "select after from audit_log"))


def test_a_new_restaurant_with_mistakes_gives_every_one_back_at_its_field(staff: FlaskClient, admin: Admin) -> None:
    form = {"name": "", "city": "Brest", "language": "de", "currency": "E", "zone": "Mars/Base", "country": "F"}

    status, text = post(staff, "/admin/tenants", **form, email="nobody")

    assert status == 422
    for name in ("name", "language", "currency", "zone", "country", "email"):
        assert f'id="about-{name}" role="alert"' in text
    assert 'value="Brest"' in text and 'value="Mars/Base"' in text
    assert len(fetch(admin, "select id from restaurant")) == 2


def test_a_disabled_person_is_out_at_the_next_request(staff: FlaskClient, app: Flask, admin: Admin) -> None:
    user_id = str(fetch(admin, "select id from app_user where email = $1", STRANGER)[0]["id"])
    margot = app.test_client()
    token = csrf_token(margot.get("/login").text)
    margot.post("/login", data={"email": STRANGER, "password": PASSWORD, "csrf_token": token})
    page = f"/admin/people/{user_id}"

    status, text = post(staff, f"{page}/disable", page)

    assert status == 200 and "Disabled" in text
    assert margot.get(f"/place/{admin.margot.id}/").status_code == 302
    post(staff, f"{page}/enable", page)
    actions = [one["action"] for one in fetch(admin, "select action from audit_log order by id")]
    assert actions == ["user.disabled", "user.enabled"]


def test_a_password_that_staff_reset_replaces_the_old_one(staff: FlaskClient, app: Flask, admin: Admin) -> None:
    user_id = fetch(admin, "select id from app_user where email = $1", STRANGER)[0]["id"]
    page = f"/admin/people/{user_id}"

    status, text = post(staff, f"{page}/password", page)

    found = re.search(r'<output class="secret">([^<]+)</output>', text)
    assert status == 200 and found
    statuses = {}
    for password in (PASSWORD, found[1]):
        client = app.test_client()
        token = csrf_token(client.get("/login").text)
        statuses[password] = client.post(
            "/login", data={"email": STRANGER, "password": password, "csrf_token": token}
        ).status_code
    assert statuses == {PASSWORD: 401, found[1]: 303}


def test_staff_can_not_shut_themselves_out(staff: FlaskClient, admin: Admin) -> None:
    user_id = fetch(admin, "select id from app_user where email = $1", SUPPORT)[0]["id"]

    statuses = [post(staff, f"/admin/people/{user_id}/{action}")[0] for action in ("disable", "password")]

    assert statuses == [403, 403]
    assert staff.get("/admin/people").status_code == 200


def test_people_are_found_by_a_part_of_their_address(staff: FlaskClient) -> None:
    page = staff.get("/admin/people?q=MARGOT").text

    assert STRANGER in page and OWNER not in page
    assert SUPPORT in staff.get("/admin/people?staff=yes").text


def keep_letter(admin: Admin, *, truncated: bool = False, body: bytes = b'{"caller": "<script>x</script>"}') -> str:
    letter = letters.Letter(
        headers={"content-type": "application/json", "ce-id": "1", "ce-type": "com.alloresto.order.confirmed"},
        body=body,
        truncated=truncated,
        event_id="1",
        type="com.alloresto.order.confirmed",
        source="/x",
        restaurant_id=admin.pizza.id,
        subscriber="order-logger",
        reason="500 it broke",
    )

    async def work() -> str:
        postgres = Postgres(admin.database.platform_url)
        await postgres.open()
        try:
            async with postgres.platform() as connection:
                return await letters.keep(connection, letter)
        finally:
            await postgres.close()

    return run_apart(work)


def test_a_dead_letter_is_read_and_published_again_once(staff: FlaskClient, admin: Admin) -> None:
    letter_id = keep_letter(admin)
    page = f"/admin/letters/{letter_id}"

    listed, shown = staff.get("/admin/letters").text, staff.get(page).text
    post(staff, f"{page}/replay", page)
    status, text = post(staff, f"{page}/replay", page)

    assert "order-logger" in listed and "500 it broke" in listed and "&lt;script&gt;" not in listed
    assert "&lt;script&gt;x" in shown and "<script>x" not in shown
    assert status == 200 and "published again" in text
    waiting = fetch(admin, "select dead_letter_id::text from outbox where dead_letter_id is not null")
    assert waiting == [{"dead_letter_id": letter_id}]
    actions = {str(one["action"]) for one in fetch(admin, "select action from audit_log where subject = $1", letter_id)}
    assert actions == {"letter.read", "letter.replayed"}


def test_a_letter_that_was_cut_off_is_not_published_again(staff: FlaskClient, admin: Admin) -> None:
    page = f"/admin/letters/{keep_letter(admin, truncated=True, body=bytes([255, 0, 254]))}"

    status, text = post(staff, f"{page}/replay")

    assert status == 200 and "cut off" in text
    assert fetch(admin, "select id from outbox where dead_letter_id is not null") == []


def test_all_open_letters_are_published_again_at_once(staff: FlaskClient, admin: Admin) -> None:
    keep_letter(admin)

    status, text = post(staff, "/admin/letters/replay", "/admin/letters")

    assert status == 200 and "1 letter is published again." in text


def test_the_audit_log_is_over_all_restaurants_and_narrowed_by_person_and_action(
    staff: FlaskClient, admin: Admin
) -> None:
    insert = 'insert into audit_log (restaurant_id, actor, action, after) values ($1, $2, $3, \'{"price": "<b>9"}\')'
    execute(admin, insert, admin.pizza.id, OWNER, "menu.price_changed")
    execute(admin, insert, admin.margot.id, STRANGER, "hours.week_changed")

    everything = staff.get("/admin/audit").text
    by_person = staff.get("/admin/audit", query_string={"actor": STRANGER.upper()}).text
    by_action = staff.get("/admin/audit?action=menu.").text
    of_one = staff.get(f"/admin/audit?restaurant={admin.margot.id}").text

    assert "menu.price_changed" in everything and "hours.week_changed" in everything and "<b>9" not in everything
    for narrowed in (by_person, of_one):
        assert "hours.week_changed" in narrowed and "menu.price_changed" not in narrowed
    assert "menu.price_changed" in by_action and "hours.week_changed" not in by_action


def test_the_audit_log_pages_by_key(staff: FlaskClient, admin: Admin) -> None:
    execute(
        admin,
        "insert into audit_log (restaurant_id, actor, action, subject) select $1::uuid, 'a@b', 'menu.price_changed',"
        " 'n' || n || 'n' from generate_series(1, 60) n",
        admin.pizza.id,
    )
    page = staff.get("/admin/audit").text
    older = re.search(r'class="older"><a href="([^"]+)"', page)
    assert older

    subjects = re.findall(r"n\d+n", page + staff.get(older[1].replace("&amp;", "&")).text)

    assert len(subjects) == len(set(subjects)) == 60


def test_what_does_not_exist_is_not_found(staff: FlaskClient) -> None:
    paths = [f"/admin/{area}/{UNKNOWN}" for area in ("tenants", "people", "letters")]

    assert [staff.get(path).status_code for path in paths] == [404, 404, 404]


def test_costs_add_up_by_model_however_often_a_call_is_written(staff: FlaskClient, admin: Admin) -> None:
    log_call(admin, "call-1")
    execute(admin, "update call_log set model = 'gpt-realtime-2.1', cost_dollars = 0.05 where id = 'call-1'")
    execute(admin, "update call_log set cost_dollars = 0.07, transcript = '[]' where id = 'call-1'")

    sums = fetch(admin, "select model, calls, duration_ms, cost_dollars::text as cost from daily_cost")
    page = staff.get(f"/admin/tenants/{admin.pizza.id}").text

    assert sums == [{"model": "gpt-realtime-2.1", "calls": 1, "duration_ms": 74_000, "cost": "0.070000"}]
    assert "gpt-realtime-2.1" in page and "US$0.07" in page


def test_staff_look_into_a_restaurant_and_its_own_history_says_so(staff: FlaskClient, admin: Admin) -> None:
    page = f"/admin/tenants/{admin.pizza.id}"

    assert f'name="restaurant_id" value="{admin.pizza.id}"' in staff.get(page).text
    status, text = post(staff, "/admin/impersonation", page, restaurant_id=admin.pizza.id)

    assert status == 200 and "Harbour Pizza" in text
    logged = fetch(admin, "select acting_for from audit_log where restaurant_id = $1", admin.pizza.id)
    assert logged == [{"acting_for": SUPPORT}]


def test_a_token_of_the_platform_is_shown_once_opens_every_restaurant_and_is_revoked(
    staff: FlaskClient, admin: Admin
) -> None:
    page = "/admin/tokens"
    status, text = post(staff, page, page, name="Onboarding", lifetime="30", scope="restaurant:read")
    token = re.search(r"alr_[\w-]+", text)
    assert status == 200 and token
    bearer = {"Authorization": f"Bearer {token[0]}"}
    places = [f"/api/v1/restaurants/{one.id}" for one in (admin.pizza, admin.margot)]
    opened = [staff.get(place, headers=bearer).status_code for place in places]
    listed = staff.get(page).text
    (row,) = fetch(admin, "select id, restaurant_id, created_by from api_token")

    post(staff, f"{page}/{row['id']}/revoke", page)

    assert opened == [200, 200]
    assert "Onboarding" in listed and token[0] not in listed
    assert (row["restaurant_id"], row["created_by"]) == (None, SUPPORT)
    assert staff.get(places[0], headers=bearer).status_code == 401
    assert "Revoked" in staff.get(page).text
    logged = fetch(admin, "select action, actor from audit_log order by id")
    assert [(one["action"], one["actor"]) for one in logged] == [
        ("tokens.created", SUPPORT),
        ("tokens.revoked", SUPPORT),
    ]


def test_a_restaurants_token_is_not_the_platforms_to_revoke_here(staff: FlaskClient, admin: Admin) -> None:
    make_token(admin)
    (row,) = fetch(admin, "select id from api_token")

    assert post(staff, f"/admin/tokens/{row['id']}/revoke", "/admin/tokens")[0] == 404
    assert fetch(admin, "select revoked_at from api_token") == [{"revoked_at": None}]


def test_a_platform_token_without_a_right_is_refused_and_its_name_kept(staff: FlaskClient, admin: Admin) -> None:
    status, text = post(staff, "/admin/tokens", "/admin/tokens", name="Onboarding", lifetime="30")

    assert status == 422 and 'value="Onboarding"' in text and "Rights: choose at least one." in text
    assert fetch(admin, "select from api_token") == []


def test_the_tokens_of_a_disabled_restaurant_open_nothing(staff: FlaskClient, admin: Admin) -> None:
    bearer = {"Authorization": f"Bearer {make_token(admin)}"}
    before = staff.get("/api/v1/auth/whoami", headers=bearer).status_code
    page = f"/admin/tenants/{admin.pizza.id}"

    post(staff, f"{page}/disable", page, name="Harbour Pizza", confirmed="yes")

    assert fetch(admin, "select from restaurant where disabled_at is not null and id = $1", admin.pizza.id)
    assert before == 200
    assert staff.get("/api/v1/auth/whoami", headers=bearer).status_code == 401


def pages_of(staff: FlaskClient, path: str, row: str) -> list[list[str]]:
    """The ids of each page's rows, from the first page on to that without a link to an older one."""
    found: list[list[str]] = []
    while path and len(found) < 9:  # a link that leads to its own page would lead on for ever
        page = html.unescape(staff.get(path).text)
        found.append(re.findall(row, page))
        older = re.search(r'<p class="older"><a href="([^"]+)"', page)
        path = older[1] if older else ""
    return found


def test_all_dead_letters_are_on_some_page_those_of_one_moment_too(staff: FlaskClient, admin: Admin) -> None:
    keep_letter(admin)
    execute(
        admin,
        "insert into dead_letter (event_id, type, source, headers, body, subscriber, reason, failed_at)"
        " select n::text, type, source, headers, body, subscriber, reason, now() - n / 50 * interval '1 hour'"
        " from dead_letter, generate_series(1, 230) n",
    )

    pages = pages_of(staff, "/admin/letters", r"/admin/letters/([0-9a-f-]{36})")

    assert [len(page) for page in pages] == [100, 100, 31]
    assert len({letter for page in pages for letter in page}) == 231
    assert "The newest" in staff.get("/admin/letters?before=2020-01-01T00:00:00Z").text


def test_all_calls_are_on_some_page_and_the_next_one_keeps_the_search(staff: FlaskClient, admin: Admin) -> None:
    log_call(admin, "first")
    execute(
        admin,
        "insert into call_log (id, restaurant_id, started_at, outcome)"
        " select 'call ' || n, restaurant_id, started_at - n / 50 * interval '1 minute', 'lost'"
        " from call_log, generate_series(1, 120) n where id = 'first'",
    )

    everything = pages_of(staff, "/admin/calls", r'"/admin/calls/([^"?]+)"')
    missed = pages_of(staff, "/admin/calls?q=harbour&missed=yes", r'"/admin/calls/([^"?]+)"')

    assert [len(page) for page in everything] == [100, 21]
    assert len({call for page in everything for call in page}) == 121
    assert [len(page) for page in missed] == [100, 20]
    assert "first" not in missed[0] + missed[1]
