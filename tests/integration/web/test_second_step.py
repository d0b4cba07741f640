"""Signing in with a code after the password, and one's own account."""

import re
import time
from base64 import b32decode

import pytest
from flask import Flask

from tests.integration.web.admin import COOK, OWNER, PASSWORD, SUPPORT, Admin, csrf_token, execute, fetch
from tests.integration.web.people import Browser, as_platform, sign_in
from web.identity import totp

pytestmark = pytest.mark.integration

NEW_PASSWORD = "another long password"


@pytest.fixture
def cook(app: Flask, admin: Admin) -> Browser:
    return sign_in(app, admin, COOK)


def turn_on(cook: Browser) -> tuple[bytes, list[str]]:
    """The app's secret and the recovery codes."""
    cook.post("/account/two-step", password=PASSWORD)
    page = cook.get("/account/two-step/set-up")[1]
    found = re.search(r'class="secret">([A-Z2-7 ]+)<', page)
    assert found
    secret = b32decode(found[1].replace(" ", ""))
    answers = (cook.post("/account/two-step/set-up", code=code(secret, -1)) for _ in range(2))
    status, page = next((one for one in answers if one[0] == 200), (422, ""))  # a step may have ended on the way
    assert status == 200
    return secret, re.findall(r"<li><code>([A-Z2-7-]+)</code>", page)


def code(secret: bytes, ahead: int = 0) -> str:
    return totp.code_at(secret, int(time.time()) // totp.STEP_S + ahead)


def log_in(browser: Browser, password: str = PASSWORD) -> tuple[int, str]:
    """Up to the second step, with a form token of the page that asks for it."""
    browser.token = csrf_token(browser.client.get("/login").text)
    answer = browser.post("/login?next=/account", email=COOK, password=password)
    if "/login/code" in answer[1]:
        browser.token = csrf_token(browser.client.get(answer[1]).text)
    return answer


def is_in(browser: Browser) -> bool:
    return browser.get("/account")[0] == 200


def test_a_password_alone_no_longer_opens_the_account(app: Flask, cook: Browser) -> None:
    secret, _ = turn_on(cook)
    browser = Browser(app)

    asked = log_in(browser)
    before = is_in(browser)
    wrong = browser.post("/login/code?next=/account", code="000000")[0]
    right = browser.post("/login/code?next=/account", code=code(secret))

    assert asked == (303, "/login/code?next=/account")
    assert not before
    assert wrong == 401
    assert right == (303, "/account")
    assert is_in(browser)


def test_a_code_opens_once(app: Flask, cook: Browser) -> None:
    secret, _ = turn_on(cook)
    typed = code(secret)
    first, second = Browser(app), Browser(app)
    for browser in (first, second):
        log_in(browser)

    assert first.post("/login/code", code=typed)[0] == 303
    assert second.post("/login/code", code=typed)[0] == 401
    assert second.post("/login/code", code=code(secret, -1))[0] == 401  # an older one neither


def test_a_recovery_code_opens_once_however_it_is_written(app: Flask, cook: Browser) -> None:
    _, codes = turn_on(cook)
    first, second = Browser(app), Browser(app)
    for browser in (first, second):
        log_in(browser)

    assert len(set(codes)) == 10
    assert first.post("/login/code", code=codes[3].lower().replace("-", " "))[0] == 303
    assert second.post("/login/code", code=codes[3])[0] == 401
    assert "9 codes are left" in first.get("/account/two-step")[1]


def test_codes_can_not_be_guessed_without_end(app: Flask, cook: Browser) -> None:
    secret, _ = turn_on(cook)
    browser = Browser(app)
    log_in(browser)

    statuses = [browser.post("/login/code", code="000000")[0] for _ in range(8)]

    assert statuses == [401] * 8
    assert browser.post("/login/code", code=code(secret))[0] == 429


def test_whose_password_was_right_is_forgotten_after_five_minutes(app: Flask, cook: Browser) -> None:
    secret, _ = turn_on(cook)
    browser = Browser(app)
    log_in(browser)
    with browser.client.session_transaction() as kept:
        user_id, email, since = kept["pending"]
        kept["pending"] = [user_id, email, since - 301]

    assert browser.post("/login/code", code=code(secret)) == (303, "/login")
    assert not is_in(browser)


def test_it_is_not_asked_for_before_a_first_code_was_right(app: Flask, cook: Browser) -> None:
    cook.post("/account/two-step", password=PASSWORD)
    wrong = cook.post("/account/two-step/set-up", code="000000")
    browser = Browser(app)

    assert wrong[0] == 422
    assert "This code is not right" in wrong[1]
    assert log_in(browser) == (303, "/account")


def test_nothing_of_it_is_readable_in_the_tables(admin: Admin, cook: Browser) -> None:
    secret, codes = turn_on(cook)
    execute(admin, "grant select on second_factor, recovery_code to alloresto_platform")
    rows = fetch(admin, "select f::text as f, r::text as r from second_factor f join recovery_code r using (user_id)")

    assert len(rows) == 10
    for kept in (secret.hex(), codes[0], codes[0].replace("-", "")):
        assert kept not in str(rows)


def test_each_change_of_it_asks_for_the_password(cook: Browser) -> None:
    begun = cook.post("/account/two-step", password="wrong")
    secret, _ = turn_on(cook)
    renewed = cook.post("/account/two-step/recovery-codes", password="wrong")
    off = cook.post("/account/two-step/off", password="wrong", code=code(secret))
    off_without = cook.post("/account/two-step/off", password=PASSWORD, code="000000")

    assert [status for status, _ in (begun, renewed, off, off_without)] == [422] * 4
    assert "This is not your password." in begun[1]


def test_new_recovery_codes_replace_the_old_ones(app: Flask, cook: Browser) -> None:
    _, old = turn_on(cook)
    page = cook.post("/account/two-step/recovery-codes", password=PASSWORD)[1]
    new = re.findall(r"<li><code>([A-Z2-7-]+)</code>", page)
    browser = Browser(app)
    log_in(browser)

    assert len(new) == 10
    assert browser.post("/login/code", code=old[0])[0] == 401
    assert browser.post("/login/code", code=new[0])[0] == 303


def test_turned_off_the_password_is_enough(app: Flask, cook: Browser) -> None:
    secret, _ = turn_on(cook)
    off = cook.post("/account/two-step/off", password=PASSWORD, code=code(secret))

    assert off == (303, "/account")
    assert log_in(Browser(app)) == (303, "/account")


def test_the_picture_is_an_svg_of_ones_own_secret_until_it_is_confirmed(app: Flask, cook: Browser) -> None:
    before = cook.get("/account/two-step/qr.svg")[0]
    cook.post("/account/two-step", password=PASSWORD)
    picture = cook.client.get("/account/two-step/qr.svg")
    turn_on(cook)

    assert before == 404
    assert picture.mimetype == "image/svg+xml"
    assert picture.text.startswith("<svg")
    assert "viewBox" in picture.text  # drawn to the page's size, however long the address is
    assert "style=" not in picture.text
    assert cook.get("/account/two-step/qr.svg")[0] == 404


def test_a_changed_password_logs_out_everywhere_but_here(app: Flask, admin: Admin, cook: Browser) -> None:
    phone = sign_in(app, admin, COOK)

    changed = cook.post("/account/password", password=PASSWORD, new_password=NEW_PASSWORD)

    assert changed == (303, "/account")
    assert is_in(cook)
    assert not is_in(phone)
    assert log_in(Browser(app), NEW_PASSWORD)[0] == 303


@pytest.mark.parametrize(
    ("password", "new", "said"),
    [("wrong", NEW_PASSWORD, "This is not your password."), (PASSWORD, "short", "At least 10 characters")],
)
def test_a_password_is_changed_by_its_owner_to_a_long_one(cook: Browser, password: str, new: str, said: str) -> None:
    status, page = cook.post("/account/password", password=password, new_password=new)

    assert status == 422
    assert said in page
    assert new not in page


def test_one_sees_where_one_is_logged_in_and_ends_it(app: Flask, admin: Admin, cook: Browser) -> None:
    phone, tablet = sign_in(app, admin, COOK), sign_in(app, admin, COOK)
    page = cook.get("/account")[1]
    first = re.findall(r"/account/sessions/([0-9a-f-]{36})/end", page)[0]

    cook.post(f"/account/sessions/{first}/end")
    left = [is_in(phone), is_in(tablet)]
    cook.post("/account/sessions/end-others")

    assert page.count('/end"') == 2
    assert sorted(left) == [False, True]
    assert (is_in(cook), is_in(phone), is_in(tablet)) == (True, False, False)


def test_a_name_is_saved_and_a_long_one_given_back(cook: Browser) -> None:
    saved = cook.post("/account/name", name=" Anna ")
    long = cook.post("/account/name", name="x" * 81)

    assert saved == (303, "/account")
    assert 'value="Anna"' in cook.get("/account")[1]
    assert long[0] == 422
    assert "x" * 81 in long[1]


def test_the_api_gives_its_token_for_a_password_only_with_the_code(app: Flask, cook: Browser) -> None:
    secret, _ = turn_on(cook)
    asked = {"email": COOK, "password": PASSWORD}

    without = app.test_client().post("/api/v1/auth/token", json=asked)
    given = app.test_client().post("/api/v1/auth/token", json={**asked, "code": code(secret)})
    again = app.test_client().post("/api/v1/auth/token", json={**asked, "code": code(secret)})

    assert (without.status_code, given.status_code, again.status_code) == (401, 200, 401)
    assert "second step" in without.text


def test_an_owner_takes_a_lost_second_step_off_a_member(app: Flask, admin: Admin, cook: Browser) -> None:
    turn_on(cook)
    owner = sign_in(app, admin, OWNER)
    team = f"/place/{admin.pizza.id}/team"
    offered = "Take the second step off" in owner.get(team)[1]

    owner.post(f"{team}/{id_of(admin, COOK)}/second-step/reset")

    browser = Browser(app)
    assert offered
    assert log_in(browser)[1] == "/account"
    assert is_in(browser)
    assert fetch(admin, "select count(*) as left from recovery_code") == [{"left": 0}]
    assert fetch(admin, "select actor, subject, before from audit_log") == [
        {"actor": OWNER, "subject": id_of(admin, COOK), "before": {"email": COOK}}
    ]
    assert "Take the second step off" not in owner.get(team)[1]


@pytest.mark.parametrize(
    "more",
    [
        "update membership set role = 'owner' where user_id = '{cook}'",
        "insert into membership (restaurant_id, user_id, role) values ('{margot}', '{cook}', 'staff')",
        "update app_user set is_platform = true where id = '{cook}'",
    ],
    ids=["an owner", "of another restaurant, too", "the platform's staff"],
)
def test_whose_account_opens_more_than_the_team_is_not_the_owners_to_open(
    app: Flask, admin: Admin, cook: Browser, more: str
) -> None:
    turn_on(cook)
    as_platform(admin, lambda conn: conn.execute(more.format(cook=id_of(admin, COOK), margot=admin.margot.id)))
    owner = sign_in(app, admin, OWNER)

    owner.post(f"/place/{admin.pizza.id}/team/{id_of(admin, COOK)}/second-step/reset")

    assert "Only AlloResto’s support" in owner.get(f"/place/{admin.pizza.id}/team")[1]
    assert fetch(admin, "select count(*) as kept from second_factor") == [{"kept": 1}]
    assert fetch(admin, "select from audit_log") == []


def test_the_platforms_staff_take_an_owners_off_and_never_their_own(app: Flask, admin: Admin, cook: Browser) -> None:
    turn_on(cook)
    support, helped = sign_in(app, admin, SUPPORT), f"/admin/people/{id_of(admin, COOK)}"
    as_platform(admin, lambda conn: conn.execute("update membership set role = 'owner' where true"))
    offered = "Take the second step off" in support.get(helped)[1]

    own = support.post(f"/admin/people/{id_of(admin, SUPPORT)}/second-step/reset")[0]
    done = support.post(f"{helped}/second-step/reset")

    assert (offered, own, done) == (True, 403, (303, helped))
    assert fetch(admin, "select from second_factor") == []
    assert fetch(admin, "select actor, action from audit_log") == [
        {"actor": SUPPORT, "action": "user.second_step_reset"}
    ]


def id_of(admin: Admin, email: str) -> str:
    return str(fetch(admin, "select id from app_user where email = $1", email)[0]["id"])
